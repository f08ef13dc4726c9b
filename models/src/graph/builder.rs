//! Collects nodes and tensors and writes them as an ONNX file and its data file.
//!
//! Weights go to a data file beside the graph, because ONNX Runtime maps such
//! a file: sessions of one process, and processes on one machine, share its
//! pages, where tensors inside the graph are copied for each session.

use std::io::{self, Write};

use prost::Message;

use super::proto::{
    AttributeKind, AttributeProto, Dimension, EXTERNAL, ElementType, GraphProto, IR_VERSION,
    MICROSOFT, ModelProto, NodeProto, OPSET, OperatorSetId, Shape, StringEntry, TensorProto,
    TensorType, TypeProto, ValueInfo,
};
use super::quantize::WeightCode;

/// Tensors start at multiples of this many bytes in the data file: a cache
/// line, so that SIMD kernels read whole lines of a mapped tensor.
const ALIGNMENT: u64 = 64;

/// A graph under construction. `W` receives the data file.
pub(crate) struct GraphBuilder<W> {
    graph: GraphProto,
    data: W,
    data_name: String,
    offset: u64,
}

/// An operator's attribute.
pub(crate) enum Attribute {
    Int(&'static str, i64),
    Float(&'static str, f32),
    /// A tensor of one float.
    FloatTensor(&'static str, f32),
}

/// A dimension of an input or output.
pub(crate) enum Dim {
    Fixed(usize),
    Named(&'static str),
}

impl<W: Write> GraphBuilder<W> {
    /// A graph whose weights go to `data`, a file named `data_name` that will
    /// stand beside the graph.
    pub(crate) fn new(data: W, data_name: &str) -> Self {
        let graph = GraphProto { name: Some("encoder".into()), ..GraphProto::default() };
        Self { graph, data, data_name: data_name.to_owned(), offset: 0 }
    }

    /// Adds an operator with one output and returns the output's name.
    pub(crate) fn node(&mut self, op: Op, inputs: &[&str], output: &str) -> String {
        self.node_with_outputs(op, inputs, &[output]);
        output.to_owned()
    }

    /// Adds an operator. An empty input name is an absent optional input.
    pub(crate) fn node_with_outputs(&mut self, op: Op, inputs: &[&str], outputs: &[&str]) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            name: Some(format!("{}.{}", outputs[0], op.name)),
            op_type: Some(op.name.to_owned()),
            attribute: op.attributes.into_iter().map(Attribute::into_proto).collect(),
            domain: op.microsoft.then(|| MICROSOFT.to_owned()),
        });
    }

    /// Writes a float tensor to the data file.
    pub(crate) fn floats(
        &mut self,
        name: &str,
        dims: &[usize],
        values: &[f32],
    ) -> io::Result<String> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.external(name, dims, ElementType::Float, &bytes)
    }

    /// Writes an 8-bit tensor to the data file.
    pub(crate) fn weights(
        &mut self,
        name: &str,
        dims: &[usize],
        values: &[i8],
        code: WeightCode,
    ) -> io::Result<String> {
        let bytes: Vec<u8> = values.iter().map(|&value| code.byte(value)).collect();
        self.external(name, dims, code.element(), &bytes)
    }

    /// A small integer vector, kept in the graph itself.
    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.graph.initializer.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(ElementType::Int64 as i32),
            name: Some(name.to_owned()),
            raw_data: Some(bytes),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    /// Declares a graph input.
    pub(crate) fn input(&mut self, name: &str, element: ElementType, dims: &[Dim]) {
        self.graph.input.push(value_info(name, element, dims));
    }

    /// Declares a graph output.
    pub(crate) fn output(&mut self, name: &str, element: ElementType, dims: &[Dim]) {
        self.graph.output.push(value_info(name, element, dims));
    }

    /// The graph file's bytes and the data writer, which holds all tensors.
    pub(crate) fn finish(self) -> (Vec<u8>, W) {
        let opset = |domain: &str, version| OperatorSetId {
            domain: Some(domain.to_owned()),
            version: Some(version),
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("trovato".into()),
            graph: Some(self.graph),
            opset_import: vec![opset("", OPSET), opset(MICROSOFT, 1)],
        };
        (model.encode_to_vec(), self.data)
    }

    fn external(
        &mut self,
        name: &str,
        dims: &[usize],
        element: ElementType,
        bytes: &[u8],
    ) -> io::Result<String> {
        let padding = (ALIGNMENT - self.offset % ALIGNMENT) % ALIGNMENT;
        self.data.write_all(&[0; ALIGNMENT as usize][..padding as usize])?;
        self.data.write_all(bytes)?;
        let start = self.offset + padding;
        self.offset = start + bytes.len() as u64;
        let entry = |key: &str, value: String| StringEntry {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(element as i32),
            name: Some(name.to_owned()),
            external_data: vec![
                entry("location", self.data_name.clone()),
                entry("offset", start.to_string()),
                entry("length", bytes.len().to_string()),
            ],
            data_location: Some(EXTERNAL),
            ..TensorProto::default()
        });
        Ok(name.to_owned())
    }
}

/// An operator: its name, where it is defined, its attributes.
pub(crate) struct Op {
    name: &'static str,
    microsoft: bool,
    attributes: Vec<Attribute>,
}

impl Op {
    /// An operator of the ONNX standard.
    pub(crate) fn onnx(name: &'static str) -> Self {
        Self { name, microsoft: false, attributes: Vec::new() }
    }

    /// An operator of ONNX Runtime.
    pub(crate) fn microsoft(name: &'static str) -> Self {
        Self { name, microsoft: true, attributes: Vec::new() }
    }

    /// Adds an attribute.
    pub(crate) fn with(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }
}

impl Attribute {
    fn into_proto(self) -> AttributeProto {
        let mut proto = AttributeProto::default();
        let (name, kind) = match self {
            Self::Int(name, value) => {
                proto.i = Some(value);
                (name, AttributeKind::Int)
            }
            Self::Float(name, value) => {
                proto.f = Some(value);
                (name, AttributeKind::Float)
            }
            Self::FloatTensor(name, value) => {
                proto.t = Some(TensorProto {
                    dims: vec![1],
                    data_type: Some(ElementType::Float as i32),
                    raw_data: Some(value.to_le_bytes().to_vec()),
                    ..TensorProto::default()
                });
                (name, AttributeKind::Tensor)
            }
        };
        proto.name = Some(name.to_owned());
        proto.kind = Some(kind as i32);
        proto
    }
}

fn value_info(name: &str, element: ElementType, dims: &[Dim]) -> ValueInfo {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => Dimension { value: Some(*size as i64), parameter: None },
        Dim::Named(name) => Dimension { value: None, parameter: Some((*name).to_owned()) },
    };
    ValueInfo {
        name: Some(name.to_owned()),
        kind: Some(TypeProto {
            tensor: Some(TensorType {
                element: Some(element as i32),
                shape: Some(Shape { dim: dims.iter().map(dim).collect() }),
            }),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_aligned_and_named_by_offset() {
        let mut builder = GraphBuilder::new(Vec::new(), "weights.bin");
        builder.weights("a", &[3], &[1, -1, 2], WeightCode::Signed).unwrap();
        builder.floats("b", &[1, 1], &[1.5]).unwrap();
        let (graph, data) = builder.finish();
        assert_eq!(data.len(), 68);
        assert_eq!(data[..3], [1, 255, 2]);
        assert_eq!(data[64..], 1.5_f32.to_le_bytes());
        let model = ModelProto::decode(graph.as_slice()).unwrap();
        let tensors = model.graph.unwrap().initializer;
        let offset = |tensor: &TensorProto| tensor.external_data[1].value.clone().unwrap();
        assert_eq!(tensors.iter().map(offset).collect::<Vec<_>>(), ["0", "64"]);
    }
}
