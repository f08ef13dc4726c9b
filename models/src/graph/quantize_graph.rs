//! An ONNX graph that is there, with 8-bit weights: for models of architectures that
//! are not rebuilt here.
//!
//! Every product with a constant float matrix becomes ONNX Runtime's
//! `DynamicQuantizeMatMul`: the matrix with a scale for each column, what is multiplied
//! with it quantised when the graph runs. Everything else stays as it was, byte by
//! byte, so that operators and fields that nobody here knows survive; weights in files
//! beside the graph are taken into it. Products with the matrix on the left, and
//! `Gemm`, which exporters use for a head of one output, are left in floats.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use super::proto::{
    EXTERNAL, ElementType, MICROSOFT, NodeProto, OperatorSetId, StringEntry, TensorProto, ValueInfo,
};
use super::quantize::{WeightCode, quantize_columns};
use super::{ConvertError, read};

// Field numbers of `ModelProto`, `GraphProto` and `AttributeProto`.
const GRAPH: u32 = 7;
const OPSET_IMPORT: u32 = 8;
const NODE: u32 = 1;
const INITIALIZER: u32 = 5;
const INPUT: u32 = 11;
const ATTRIBUTE: u32 = 5;
const SUBGRAPHS: [u32; 2] = [6, 11];

/// Names of what is added begin with this.
const OURS: &str = "trovato.";

/// The graph at `path` with 8-bit weights; `None` when it has no product to quantise,
/// as one that is quantised already.
///
/// # Errors
/// [`ConvertError::Read`], also of a weights file beside it; [`ConvertError::Graph`] when
/// it is no ONNX graph; [`ConvertError::NonFinite`].
pub(crate) fn quantize_graph(
    path: &Path,
    code: WeightCode,
) -> Result<Option<Vec<u8>>, ConvertError> {
    let bytes = read(path)?;
    let broken = || ConvertError::Graph { path: path.to_owned(), reason: "is no ONNX graph" };
    let model = fields(&bytes).ok_or_else(broken)?;
    let graph = model.iter().find(|field| field.number == GRAPH).ok_or_else(broken)?;
    let parts = fields(graph.content).ok_or_else(broken)?;
    let mut graph = Graph::read(&parts, path)?;
    let products = graph.quantize(code)?;
    if products == 0 {
        return Ok(None);
    }
    let mut has_ours = false;
    let mut out = Vec::with_capacity(bytes.len() / 2);
    for field in &model {
        match field.number {
            GRAPH => put(GRAPH, &graph.written(&parts, path)?, &mut out),
            _ => out.extend_from_slice(field.whole),
        }
        has_ours |= field.number == OPSET_IMPORT
            && OperatorSetId::decode(field.content).is_ok_and(|set| set.domain() == MICROSOFT);
    }
    if !has_ours {
        let set = OperatorSetId { domain: Some(MICROSOFT.to_owned()), version: Some(1) };
        put(OPSET_IMPORT, &set.encode_to_vec(), &mut out);
    }
    Ok(Some(out))
}

/// A field of a message as it stands in the file.
struct Field<'a> {
    number: u32,
    /// Key, length and content.
    whole: &'a [u8],
    /// Of a field with a length; else empty.
    content: &'a [u8],
}

/// The fields of a message; `None` for bytes that are none.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let start = bytes;
        let (number, wire) = decode_key(&mut bytes).ok()?;
        let length = match wire {
            WireType::Varint => {
                decode_varint(&mut bytes).ok()?;
                0
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut bytes).ok()?).ok()?,
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        let (content, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        let whole = &start[..start.len() - rest.len()];
        let content = if wire == WireType::LengthDelimited { content } else { &[] };
        fields.push(Field { number, whole, content });
    }
    Some(fields)
}

/// Appends a field with a length.
fn put(number: u32, content: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

/// What is looked at, and what becomes of it.
struct Graph {
    nodes: Vec<NodeProto>,
    /// Float matrices by name.
    matrices: HashMap<String, Matrix>,
    /// Weights that nothing but quantised products refer to any more.
    unused: HashSet<String>,
    added: Vec<TensorProto>,
    has_subgraphs: bool,
    inputs: HashSet<String>,
}

struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Graph {
    fn read(parts: &[Field<'_>], path: &Path) -> Result<Self, ConvertError> {
        let broken = |_| ConvertError::Graph { path: path.to_owned(), reason: "is damaged" };
        let mut graph = Self {
            nodes: Vec::new(),
            matrices: HashMap::new(),
            unused: HashSet::new(),
            added: Vec::new(),
            has_subgraphs: false,
            inputs: HashSet::new(),
        };
        let mut weights = HashSet::new();
        for part in parts.iter().filter(|part| part.number == NODE) {
            let node = NodeProto::decode(part.content).map_err(broken)?;
            graph.has_subgraphs |= has_subgraph(part.content);
            if let Some(weight) = product_weight(&node) {
                weights.insert(weight.to_owned());
            }
            graph.nodes.push(node);
        }
        for part in parts {
            if part.number == INPUT {
                let input = ValueInfo::decode(part.content).map_err(broken)?;
                graph.inputs.extend(input.name);
            } else if part.number == INITIALIZER {
                let tensor = TensorProto::decode(part.content).map_err(broken)?;
                let name = tensor.name().to_owned();
                if !weights.contains(&name) || tensor.data_type != Some(ElementType::Float as i32) {
                    continue;
                }
                // A head of one column is no work, and all that a score is made from.
                let &[rows, columns] = &tensor.dims[..] else { continue };
                if columns < 2 {
                    continue;
                }
                let values = floats(tensor, path)?;
                let columns = columns as usize;
                if rows < 1 || values.len() != rows as usize * columns {
                    return Err(ConvertError::Graph {
                        path: path.to_owned(),
                        reason: "is damaged",
                    });
                }
                graph.matrices.insert(name, Matrix { columns, values });
            }
        }
        Ok(graph)
    }

    /// Replaces products; returns how many.
    fn quantize(&mut self, code: WeightCode) -> Result<usize, ConvertError> {
        let mut products = 0;
        for node in &mut self.nodes {
            let weight = product_weight(node).map(str::to_owned);
            let Some(weight) = weight.filter(|name| self.matrices.contains_key(name)) else {
                continue;
            };
            let of_weight = |part: &str| format!("{OURS}{weight}.{part}");
            let mut inputs = vec![node.input[0].clone(), of_weight("weight"), of_weight("scales")];
            if code == WeightCode::Offset {
                inputs.push(of_weight("zeros"));
            }
            node.input = inputs;
            node.op_type = Some("DynamicQuantizeMatMul".to_owned());
            node.domain = Some(MICROSOFT.to_owned());
            products += 1;
            if self.unused.insert(weight.clone()) {
                let matrix = &self.matrices[&weight];
                let quantized = quantize_columns(&weight, &matrix.values, matrix.columns)?;
                let rows = matrix.values.len() / matrix.columns;
                let bytes = quantized.values.iter().map(|&value| code.byte(value)).collect();
                let scales = quantized.scales.iter().flat_map(|scale| scale.to_le_bytes());
                let byte = code.element();
                self.added.push(tensor(of_weight("weight"), &[rows, matrix.columns], byte, bytes));
                let (columns, float) = (&[matrix.columns], ElementType::Float);
                self.added.push(tensor(of_weight("scales"), columns, float, scales.collect()));
                if code == WeightCode::Offset {
                    let zeros = vec![code.byte(0); matrix.columns];
                    self.added.push(tensor(of_weight("zeros"), columns, byte, zeros));
                }
            }
        }
        // What something else refers to stays: another operator, a graph within the
        // graph, whose names are not looked at, or a caller who may set it.
        for name in self.nodes.iter().flat_map(|node| &node.input) {
            self.unused.remove(name);
        }
        self.unused.retain(|name| !self.has_subgraphs && !self.inputs.contains(name));
        Ok(products)
    }

    /// The graph's fields with what has changed.
    fn written(&self, parts: &[Field<'_>], path: &Path) -> Result<Vec<u8>, ConvertError> {
        let broken = |_| ConvertError::Graph { path: path.to_owned(), reason: "is damaged" };
        let (mut out, mut nodes) = (Vec::new(), self.nodes.iter());
        for part in parts {
            match part.number {
                NODE => match nodes.next() {
                    Some(node) if is_ours(node) => put(NODE, &node.encode_to_vec(), &mut out),
                    Some(_) | None => out.extend_from_slice(part.whole),
                },
                INITIALIZER => {
                    let tensor = TensorProto::decode(part.content).map_err(broken)?;
                    if self.unused.contains(tensor.name()) {
                        continue;
                    }
                    if tensor.data_location == Some(EXTERNAL) {
                        put(INITIALIZER, &internal(tensor, path)?.encode_to_vec(), &mut out);
                    } else {
                        out.extend_from_slice(part.whole);
                    }
                }
                _ => out.extend_from_slice(part.whole),
            }
        }
        for tensor in &self.added {
            put(INITIALIZER, &tensor.encode_to_vec(), &mut out);
        }
        Ok(out)
    }
}

/// The matrix on the right of a product of the standard domain.
fn product_weight(node: &NodeProto) -> Option<&str> {
    let is_standard = matches!(node.domain(), "" | "ai.onnx");
    (is_standard && node.op_type() == "MatMul").then(|| node.input.get(1).map(String::as_str))?
}

fn is_ours(node: &NodeProto) -> bool {
    node.op_type() == "DynamicQuantizeMatMul"
        && node.input.get(1).is_some_and(|weight| weight.starts_with(OURS))
}

/// Whether an attribute of a node is a graph.
fn has_subgraph(node: &[u8]) -> bool {
    let attributes = fields(node).unwrap_or_default();
    attributes.iter().filter(|field| field.number == ATTRIBUTE).any(|attribute| {
        let parts = fields(attribute.content).unwrap_or_default();
        parts.iter().any(|part| SUBGRAPHS.contains(&part.number))
    })
}

fn tensor(name: String, dims: &[usize], element: ElementType, bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: Some(element as i32),
        name: Some(name),
        raw_data: Some(bytes),
        ..TensorProto::default()
    }
}

/// The numbers of a float tensor, wherever the exporter has put them.
fn floats(tensor: TensorProto, path: &Path) -> Result<Vec<f32>, ConvertError> {
    if !tensor.float_data.is_empty() {
        return Ok(tensor.float_data);
    }
    let bytes = internal(tensor, path)?.raw_data.unwrap_or_default();
    Ok(bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect())
}

/// The tensor with its bytes in itself.
fn internal(tensor: TensorProto, path: &Path) -> Result<TensorProto, ConvertError> {
    if tensor.data_location != Some(EXTERNAL) {
        return Ok(tensor);
    }
    let broken = || ConvertError::Graph {
        path: path.to_owned(),
        reason: "names weights that are not in the file beside it",
    };
    let entry = |key: &str| {
        tensor.external_data.iter().find(|entry| entry.key() == key).map(StringEntry::value)
    };
    let number = |key: &str| entry(key).map(str::parse::<u64>);
    let location = entry("location").ok_or_else(broken)?;
    let at = path.with_file_name(location);
    let read = |source| ConvertError::Read { path: at.clone(), source };
    let mut file = File::open(&at).map_err(read)?;
    let end = file.metadata().map_err(read)?.len();
    let from = number("offset").unwrap_or(Ok(0)).map_err(|_| broken())?;
    let length = match number("length") {
        Some(length) => length.map_err(|_| broken())?,
        None => end.saturating_sub(from),
    };
    if from.checked_add(length).is_none_or(|to| to > end) {
        return Err(broken());
    }
    // This tensor alone: the file may hold a gigabyte, and hundreds of tensors.
    let mut raw_data = vec![0; usize::try_from(length).map_err(|_| broken())?];
    file.seek(SeekFrom::Start(from)).map_err(read)?;
    file.read_exact(&mut raw_data).map_err(read)?;
    Ok(TensorProto {
        raw_data: Some(raw_data),
        external_data: Vec::new(),
        data_location: None,
        ..tensor
    })
}

#[cfg(test)]
mod tests {
    use super::super::builder::{Attribute, Dim, GraphBuilder, Op};
    use super::super::proto::ModelProto;
    use super::*;

    const CODES: [WeightCode; 2] = [WeightCode::Signed, WeightCode::Offset];

    /// `y = (x · w + b) · h`, and `w` looked up as well.
    fn write(directory: &Path) -> std::path::PathBuf {
        let mut builder = GraphBuilder::new(Vec::new(), "model.onnx_data");
        builder.input("x", ElementType::Float, &[Dim::Named("tokens"), Dim::Fixed(2)]);
        builder.input("ids", ElementType::Int64, &[Dim::Named("tokens")]);
        builder.output("y", ElementType::Float, &[Dim::Named("tokens"), Dim::Fixed(1)]);
        builder.floats("w", &[2, 3], &[1.0, -20.0, 0.5, 2.0, 10.0, -0.25]).unwrap();
        builder.floats("v", &[3, 2], &[1.0, 2.0, 3.0, -4.0, 5.0, 6.0]).unwrap();
        builder.floats("h", &[2, 1], &[1.0, 2.0]).unwrap();
        builder.node(Op::onnx("Gather").with(Attribute::Int("axis", 0)), &["w", "ids"], "looked");
        builder.node(Op::onnx("MatMul"), &["x", "w"], "xw");
        builder.node(Op::onnx("Add"), &["xw", "looked"], "sum");
        builder.node(Op::onnx("MatMul"), &["sum", "v"], "sv");
        builder.node(Op::onnx("MatMul"), &["sv", "h"], "y");
        let (graph, data) = builder.finish();
        let path = directory.join("model.onnx");
        std::fs::write(&path, graph).unwrap();
        std::fs::write(directory.join("model.onnx_data"), data).unwrap();
        path
    }

    #[test]
    fn products_with_constant_matrices_are_quantised_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path());
        let before = ModelProto::decode(&*std::fs::read(&path).unwrap()).unwrap().graph.unwrap();
        for code in CODES {
            let bytes = quantize_graph(&path, code).unwrap().unwrap();
            let after = ModelProto::decode(&*bytes).unwrap().graph.unwrap();
            let ops: Vec<_> = after.node.iter().map(NodeProto::op_type).collect();
            let ours = "DynamicQuantizeMatMul";
            assert_eq!(ops, ["Gather", ours, "Add", ours, "MatMul"], "one column stays in floats");
            assert_eq!(after.node[0], before.node[0]);
            assert_eq!((&after.input, &after.output), (&before.input, &before.output));
            let tensors: HashMap<&str, &TensorProto> =
                after.initializer.iter().map(|tensor| (tensor.name(), tensor)).collect();
            assert!(tensors.contains_key("w") && !tensors.contains_key("v"), "w is looked up too");
            assert!(after.initializer.iter().all(|tensor| tensor.data_location.is_none()));
            let weight = &tensors["trovato.w.weight"].raw_data.as_ref().unwrap()[..];
            let restored: Vec<i16> = match code {
                WeightCode::Signed => weight.iter().map(|&b| i16::from(b as i8)).collect(),
                WeightCode::Offset => weight.iter().map(|&b| i16::from(b) - 128).collect(),
            };
            assert_eq!(restored, [64, -127, 127, 127, 64, -64]);
            assert_eq!(tensors.contains_key("trovato.w.zeros"), code == WeightCode::Offset);
        }
    }

    #[test]
    fn what_is_quantised_stays_and_what_is_no_graph_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path());
        let once = quantize_graph(&path, WeightCode::Signed).unwrap().unwrap();
        std::fs::write(&path, &once).unwrap();
        assert!(quantize_graph(&path, WeightCode::Signed).unwrap().is_none());
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            quantize_graph(&path, WeightCode::Signed).unwrap_err().to_string()
        };
        for bytes in [&b"no graph at all"[..], b"", &once[..once.len() - 3]] {
            let message = refused(bytes);
            assert!(message.contains("model.onnx is no ONNX graph"), "{message}");
        }
        write(directory.path());
        std::fs::write(directory.path().join("model.onnx_data"), [0; 8]).unwrap();
        let message = quantize_graph(&path, WeightCode::Signed).unwrap_err().to_string();
        assert!(message.contains("not in the file beside it"), "{message}");
    }
}
