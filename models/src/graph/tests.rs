//! Conversion of a small checkpoint made here.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use prost::Message;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::proto::{ModelProto, TensorProto};
use super::*;

const HIDDEN: usize = 8;

/// `config.json` of [`write_checkpoint`].
pub(crate) const CONFIG: &str = r#"{"model_type": "bert", "hidden_size": 8,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 10,
    "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    "hidden_act": "gelu"}"#;

/// Writes named tensors of numbers that differ from place to place.
fn write_tensors(path: &Path, shapes: &[(String, Vec<usize>)]) {
    let data: Vec<Vec<u8>> = shapes
        .iter()
        .enumerate()
        .map(|(tensor, (_, shape))| {
            (0..shape.iter().product::<usize>())
                .flat_map(|index| (((tensor * 31 + index * 7) as f32).sin() * 0.1).to_le_bytes())
                .collect()
        })
        .collect();
    let views: Vec<(&str, TensorView<'_>)> = shapes
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
        })
        .collect();
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Components of [`write_pair_checkpoint`]: a whole tile of the engine's products.
pub(crate) const HIDDEN_IN_TILES: usize = 32;

/// A BERT checkpoint of two layers.
pub(crate) fn write_checkpoint(path: &Path) {
    write_tensors(path, &encoder_shapes(HIDDEN, ""));
}

/// The same, wider, with a pooler and a classifier of one class, as a task model
/// stores them.
pub(crate) fn write_pair_checkpoint(path: &Path) {
    let hidden = HIDDEN_IN_TILES;
    let mut shapes = encoder_shapes(hidden, "bert.");
    let mut add = |name: &str, shape: &[usize]| shapes.push((name.to_owned(), shape.to_vec()));
    add("bert.pooler.dense.weight", &[hidden, hidden]);
    add("bert.pooler.dense.bias", &[hidden]);
    add("classifier.weight", &[1, hidden]);
    add("classifier.bias", &[1]);
    write_tensors(path, &shapes);
}

fn encoder_shapes(hidden: usize, prefix: &str) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    let mut add = |name: String, shape: &[usize]| {
        shapes.push((format!("{prefix}{name}"), shape.to_vec()));
    };
    for (name, rows) in [("word", 10), ("position", 16), ("token_type", 2)] {
        add(format!("embeddings.{name}_embeddings.weight"), &[rows, hidden]);
    }
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..2 {
        let key = format!("encoder.layer.{layer}");
        for (name, inputs, outputs) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", hidden, 12),
            ("output.dense", 12, hidden),
        ] {
            add(format!("{key}.{name}.weight"), &[outputs, inputs]);
            add(format!("{key}.{name}.bias"), &[outputs]);
        }
        norms.extend(["attention.output", "output"].map(|part| format!("{key}.{part}.LayerNorm")));
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[hidden]);
        add(format!("{norm}.bias"), &[hidden]);
    }
    shapes
}

fn checkpoint(directory: &Path, head: Option<Head>) -> Checkpoint {
    let weights_path = directory.join("model.safetensors");
    write_checkpoint(&weights_path);
    let config = BertConfig::parse(CONFIG.as_bytes(), Path::new("config.json")).unwrap();
    Checkpoint { weights_path, config, head }
}

const PRECISIONS: [GraphPrecision; 3] = [
    GraphPrecision::Fp32,
    GraphPrecision::Int8(WeightCode::Signed),
    GraphPrecision::Int8(WeightCode::Offset),
];

/// Every name is defined once and before its use, and every tensor lies whole
/// in the data file.
fn check(graph: &[u8], data: &[u8]) -> ModelProto {
    let model = ModelProto::decode(graph).unwrap();
    let graph = model.graph.clone().unwrap();
    let mut defined: HashSet<String> =
        graph.input.iter().map(|input| input.name.clone().unwrap()).collect();
    for tensor in &graph.initializer {
        assert!(defined.insert(tensor.name.clone().unwrap()), "{:?} twice", tensor.name);
        if tensor.raw_data.is_none() {
            let (offset, length) = location(tensor);
            assert!(offset + length <= data.len(), "{:?}", tensor.name);
        }
    }
    for node in &graph.node {
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            assert!(defined.contains(input), "{:?} reads {input}", node.name);
        }
        for output in &node.output {
            assert!(defined.insert(output.clone()), "{output} twice");
        }
    }
    for output in &graph.output {
        assert!(defined.contains(output.name.as_ref().unwrap()), "{:?}", output.name);
    }
    model
}

fn location(tensor: &TensorProto) -> (usize, usize) {
    let number = |key: &str| {
        let entry = tensor.external_data.iter().find(|e| e.key.as_deref() == Some(key)).unwrap();
        entry.value.as_ref().unwrap().parse::<usize>().unwrap()
    };
    (number("offset"), number("length"))
}

#[test]
fn a_conversion_is_sound_and_the_same_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(directory.path(), None);
    for precision in PRECISIONS {
        let mut data = Vec::new();
        let graph = convert(&checkpoint, precision, &mut data, "x.bin").unwrap();
        check(&graph, &data);
        let mut again = Vec::new();
        assert_eq!(convert(&checkpoint, precision, &mut again, "x.bin").unwrap(), graph);
        assert_eq!(again, data);
    }
}

#[test]
fn a_head_gives_the_sentence_output() {
    let directory = tempfile::tempdir().unwrap();
    let weights_path = directory.path().join("dense.safetensors");
    write_tensors(
        &weights_path,
        &[("linear.weight".into(), vec![12, HIDDEN]), ("linear.bias".into(), vec![12])],
    );
    for pooling in [Pooling::Mean, Pooling::Cls, Pooling::LastToken] {
        for (bias, activation) in [
            (Bias::Absent, Activation::Identity),
            (Bias::Present, Activation::Identity),
            (Bias::Present, Activation::Tanh),
        ] {
            let layer = DenseLayer {
                weights_path: weights_path.clone(),
                inputs: HIDDEN,
                outputs: 12,
                bias,
                activation,
            };
            let head = Head { pooling, dense: vec![layer] };
            let checkpoint = checkpoint(directory.path(), Some(head));
            let mut data = Vec::new();
            let graph = convert(&checkpoint, GraphPrecision::Fp32, &mut data, "x.bin").unwrap();
            let outputs = check(&graph, &data).graph.unwrap().output;
            let names: Vec<_> = outputs.iter().map(|output| output.name.clone().unwrap()).collect();
            assert_eq!(names, ["last_hidden_state", "sentence_embedding"]);
        }
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_its_configuration_names_the_tensor() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = checkpoint(directory.path(), None);
    checkpoint.config.layers = 3;
    let error = convert(&checkpoint, GraphPrecision::Fp32, io::sink(), "x.bin").unwrap_err();
    assert!(error.to_string().contains("encoder.layer.2."), "{error}");
    checkpoint.config.layers = 2;
    checkpoint.config.vocabulary = 11;
    let error = convert(&checkpoint, GraphPrecision::Fp32, io::sink(), "x.bin").unwrap_err();
    assert!(error.to_string().contains("word_embeddings"), "{error}");
}

#[test]
fn a_disk_that_fills_up_is_a_failure_to_write() {
    /// Takes a while to fill.
    struct Disk(usize);
    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(directory.path(), None);
    let error = convert(&checkpoint, GraphPrecision::Fp32, Disk(2_000), "x.bin").unwrap_err();
    let full = matches!(&error, ConvertError::Write(e) if e.kind() == io::ErrorKind::StorageFull);
    assert!(full, "{error}");
}
