//! From names to usable files, with small models made here and no network.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::*;
use crate::graph::builder::{Dim, GraphBuilder, Op};
use crate::graph::proto::ElementType;
use crate::graph::tests::{HIDDEN_IN_TILES, write_pair_checkpoint};
use crate::progress::Silent;
use crate::settings::{Hub, Settings};

const H: usize = HIDDEN_IN_TILES;
const QUERY: &str = "encoder.layer.0.attention.self.query.weight";
const NARROW: &str = "encoder.layer.1.output.dense.weight";
const WORDS: &str = "embeddings.word_embeddings.weight";
const BIAS: &str = "encoder.layer.0.output.dense.bias";

/// A store whose models come from a folder alone.
fn store(home: &Path, models_dir: Option<&Path>) -> Store {
    Store::new(Settings {
        home: home.to_owned(),
        models_dir: models_dir.map(Path::to_owned),
        hub: Hub::Offline,
        pip: Vec::new(),
        runtime_library: None,
    })
}

fn config(more: &str) -> String {
    format!(
        r#"{{"model_type": "bert", "hidden_size": {H}, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 10,
            "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
            "hidden_act": "gelu"{more}}}"#
    )
}

/// A directory with a BERT classifier.
fn classifier(directory: &Path, more: &str) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("config.json"), config(more)).unwrap();
    fs::write(directory.join(TOKENIZER), "{}").unwrap();
    write_pair_checkpoint(&directory.join(WEIGHTS));
}

fn floats(file: &Path, name: &str) -> Vec<f32> {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    tensor.data().as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
}

/// A quantised matrix as it is multiplied with.
fn matrix(file: &Path, name: &str) -> Vec<f32> {
    let scales = floats(file, &format!("{name}.scales"));
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data = tensors.tensor(&format!("{name}.weight")).unwrap().data().to_vec();
    let width = data.len() / scales.len();
    data.iter().enumerate().map(|(at, &byte)| f32::from(byte as i8) * scales[at / width]).collect()
}

#[test]
fn a_classifiers_head_and_pooler_arrive_in_the_weights() {
    let (home, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = models.path().join("own");
    classifier(&directory, r#", "id2label": {"0": "LABEL_0"}"#);
    let store = store(home.path(), None);
    let found = store.reranker(directory.to_str().unwrap(), &Silent).unwrap();
    assert_eq!((found.name.as_str(), found.max_tokens), ("own", 16));
    assert_eq!((found.activation, found.precision), (ScoreActivation::Sigmoid, Precision::Int8));
    let RerankerFiles::Weights { path, pooling } = &found.files else { panic!("{found:?}") };
    assert_eq!(*pooling, ScorePooling::Cls);
    let source = directory.join(WEIGHTS);
    assert_eq!(floats(path, "head.weight"), floats(&source, "classifier.weight"));
    assert_eq!(floats(path, "head.bias"), floats(&source, "classifier.bias"));
    assert_eq!(floats(path, "pooler.weight"), floats(&source, "bert.pooler.dense.weight"));
    let types = floats(&source, "bert.embeddings.token_type_embeddings.weight");
    let difference: Vec<f32> = (0..H).map(|i| types[H + i] - types[i]).collect();
    assert_eq!(floats(path, "embeddings.second_type"), difference);
    assert_eq!(store.reranker(directory.to_str().unwrap(), &Silent).unwrap(), found);

    let identity =
        r#", "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}"#;
    fs::write(directory.join("config.json"), config(identity)).unwrap();
    let linear = store.reranker(directory.to_str().unwrap(), &Silent).unwrap();
    assert_eq!(linear.activation, ScoreActivation::UNSTATED_RANGE);
    assert_ne!(linear.fingerprint, found.fingerprint);
}

/// A graph of one product with a constant matrix, or of none.
fn write_graph(path: &Path, n_products: usize) {
    let mut builder = GraphBuilder::new(Vec::new(), "model.onnx_data");
    builder.input("x", ElementType::Float, &[Dim::Named("n"), Dim::Fixed(2)]);
    builder.floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let op = Op::onnx(if n_products > 0 { "MatMul" } else { "Add" });
    builder.node(op, &["x", "w"], "logits");
    let (graph, data) = builder.finish();
    fs::write(path, graph).unwrap();
    fs::write(path.with_file_name("model.onnx_data"), data).unwrap();
}

#[test]
fn a_graph_is_quantised_into_the_cache_and_kept_where_it_lies_for_floats() {
    let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |file: &str| directory.path().join(file);
    let config =
        r#"{"model_type": "xlm-roberta", "max_position_embeddings": 514, "num_labels": 1}"#;
    fs::write(at("config.json"), config).unwrap();
    fs::write(at(TOKENIZER), "{}").unwrap();
    fs::create_dir(at("onnx")).unwrap();
    write_graph(&at("onnx/model.onnx"), 1);
    let resolve = |suffix: &str| {
        let name = format!("{}{suffix}", directory.path().display());
        store(home.path(), None).reranker(&name, &Silent).unwrap()
    };
    let found = resolve("");
    assert_eq!((found.max_tokens, found.precision), (512, Precision::Int8Onnx));
    let path_of = |found: &ResolvedReranker| match &found.files {
        RerankerFiles::Graph { path } => path.clone(),
        RerankerFiles::Weights { .. } => panic!("{found:?}"),
    };
    assert!(path_of(&found).starts_with(home.path().canonicalize().unwrap()), "{found:?}");
    assert_eq!(resolve("@int8"), found);
    let floats = resolve("@fp32");
    assert_eq!(floats.precision, Precision::Fp32);
    assert!(path_of(&floats).ends_with("onnx/model.onnx") && path_of(&floats).is_file());
    assert_ne!(floats.fingerprint, found.fingerprint);

    fs::write(at("tokenizer_config.json"), r#"{"model_max_length": 128}"#).unwrap();
    let limited = resolve("");
    assert_eq!(limited.max_tokens, 128);
    fs::write(at("onnx/model.onnx_data"), [0; 16]).unwrap();
    assert_ne!(resolve("").fingerprint, limited.fingerprint);

    write_graph(&at("onnx/model.onnx"), 0);
    let nothing = resolve("");
    assert_eq!(nothing.precision, Precision::Fp32, "there is nothing to quantise");
    fs::write(at("onnx/model.onnx"), "no graph").unwrap();
    let name = directory.path().to_str().unwrap();
    let error = store(home.path(), None).reranker(name, &Silent).unwrap_err().to_string();
    assert!(error.contains("is no ONNX graph"), "{error}");
}

#[test]
fn a_precision_that_there_is_not_is_refused() {
    let (home, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = models.path().join("own");
    classifier(&directory, "");
    let store = store(home.path(), None);
    let own = directory.to_str().unwrap();
    let error = store.reranker(&format!("{own}@fp32"), &Silent).unwrap_err();
    assert!(matches!(error, ModelError::RerankerPrecision { .. }), "{error}");
    let error = store.reranker(&format!("{own}@bf16"), &Silent).unwrap_err();
    assert!(matches!(error, ModelError::UnknownPrecision { .. }), "{error}");
    let eight = store.reranker(&format!("{own}@int8"), &Silent).unwrap();
    assert_eq!(eight, store.reranker(own, &Silent).unwrap());
}

#[test]
fn what_is_no_reranker_is_named_with_what_is() {
    let (home, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = store(home.path(), None);
    let message = |name: &str| store.reranker(name, &Silent).unwrap_err().to_string();
    let unknown = message("nope");
    assert!(unknown.contains("bge-reranker-base") && unknown.contains(".safetensors"), "{unknown}");
    let name = directory.path().to_str().unwrap();
    assert!(message(name).contains(TOKENIZER), "{}", message(name));
    classifier(directory.path(), r#", "id2label": {"0": "a", "1": "b"}"#);
    assert!(message(name).contains("2 classes"), "{}", message(name));
    classifier(directory.path(), r#", "sbert_ce_default_activation_function": "torch.nn.ReLU""#);
    assert!(message(name).contains("ReLU"), "{}", message(name));
    classifier(directory.path(), "");
    fs::remove_file(directory.path().join(WEIGHTS)).unwrap();
    assert!(message(name).contains("model.onnx"), "{}", message(name));
}

/// Tensors of a delta file by name.
type Parts = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn f16s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
}

/// A change of every kind, and a head.
fn parts() -> Parts {
    let ramp = |n: usize, step: f32| -> Vec<f32> { (0..n).map(|at| at as f32 * step).collect() };
    let bytes: Vec<u8> = (0..10 * H).map(|at| (at % 200) as u8).collect();
    vec![
        (format!("{QUERY}.down"), Dtype::F16, vec![2, H], f16s(&ramp(2 * H, 0.001))),
        (format!("{QUERY}.up"), Dtype::F16, vec![H, 2], f16s(&ramp(2 * H, 0.002))),
        (format!("{NARROW}.delta"), Dtype::F32, vec![H, 12], f32s(&ramp(12 * H, 0.001))),
        (format!("{BIAS}.delta"), Dtype::F16, vec![H], f16s(&ramp(H, 0.25))),
        (format!("{WORDS}.delta"), Dtype::I8, vec![10, H], bytes),
        (format!("{WORDS}.delta_scale"), Dtype::F32, vec![10], f32s(&ramp(10, 0.01))),
        ("head.weight".to_owned(), Dtype::F32, vec![H], f32s(&ramp(H, 0.5))),
        ("head.bias".to_owned(), Dtype::F32, vec![1], f32s(&[-2.0])),
    ]
}

fn write_delta(path: &Path, parts: &Parts, metadata: &[(&str, &str)]) {
    let views = parts.iter().map(|(name, dtype, shape, data)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    let entries: HashMap<String, String> = [("format", "trovato-rerank-delta/1")]
        .iter()
        .chain(metadata)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    fs::write(path, safetensors::serialize(views, Some(entries)).unwrap()).unwrap();
}

/// A card whose files nobody vouches for, so that a small model can stand for it.
const BASE: &str = "gte-small";

/// A folder that gives [`BASE`], and the hash of its checkpoint.
fn base(models: &Path) -> (PathBuf, String) {
    let directory = models.join(BASE);
    classifier(&directory, "");
    fs::create_dir_all(directory.join("1_Pooling")).unwrap();
    fs::write(directory.join("modules.json"), "[]").unwrap();
    fs::write(directory.join("1_Pooling/config.json"), "{}").unwrap();
    let checkpoint = directory.join(WEIGHTS);
    let hash = hash::of_file(&checkpoint).unwrap();
    (checkpoint, hash)
}

#[test]
fn a_delta_is_added_to_the_base_that_is_here() {
    let (home, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (checkpoint, hash) = base(models.path());
    let store = store(home.path(), Some(models.path()));
    let file = models.path().join("ours.safetensors");
    let metadata = [("base", BASE), ("base_sha256", hash.as_str()), ("max_tokens", "16")];
    write_delta(&file, &parts(), &metadata);
    let found = store.reranker(file.to_str().unwrap(), &Silent).unwrap();
    assert_eq!((found.name.as_str(), found.max_tokens), ("ours", 16));
    assert_eq!(found.activation, ScoreActivation::UNSTATED_RANGE);
    let RerankerFiles::Weights { path, pooling } = &found.files else { panic!("{found:?}") };
    assert_eq!(*pooling, ScorePooling::Mean);

    let near = |found: &[f32], expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        // Half a step of the coarsest row.
        let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (at, (x, y)) in found.iter().zip(expected).enumerate() {
            assert!((x - y).abs() <= largest / 127.0, "{at}: {x} {y}");
        }
    };
    let source = |name: &str| floats(&checkpoint, &format!("bert.{name}"));
    let half = |x: f32| f16::from_f32(x).to_f32();
    let mut query = source(QUERY);
    for (at, x) in query.iter_mut().enumerate() {
        let (row, column) = (at / H, at % H);
        *x += (0..2)
            .map(|k| half((row * 2 + k) as f32 * 0.002) * half((k * H + column) as f32 * 0.001))
            .sum::<f32>();
    }
    near(&matrix(path, "layer.0.qkv")[..H * H], &query);
    let mut narrow = source(NARROW);
    narrow.iter_mut().enumerate().for_each(|(at, x)| *x += at as f32 * 0.001);
    near(&matrix(path, "layer.1.narrow"), &narrow);
    let mut bias = source(BIAS);
    bias.iter_mut().enumerate().for_each(|(at, x)| *x += at as f32 * 0.25);
    assert_eq!(floats(path, "layer.0.narrow.bias"), bias);
    let mut words = source(WORDS);
    for (at, x) in words.iter_mut().enumerate() {
        *x += f32::from((at % 200) as u8 as i8) * ((at / H) as f32 * 0.01);
    }
    assert_eq!(floats(path, "embeddings.words"), words);
    assert_eq!(floats(path, "head.weight")[2], 1.0);
    assert_eq!(floats(path, "head.bias"), [-2.0]);

    assert_eq!(store.reranker(file.to_str().unwrap(), &Silent).unwrap(), found);
    let hub = ("base", "thenlper/gte-small");
    let named = [hub, metadata[1], metadata[2], ("name", "xs"), ("activation", "sigmoid")];
    write_delta(&file, &parts(), &named);
    let renamed = store.reranker(file.to_str().unwrap(), &Silent).unwrap();
    assert_eq!((renamed.name.as_str(), renamed.activation), ("xs", ScoreActivation::Sigmoid));
}

#[test]
fn a_delta_that_does_not_fit_is_refused_by_its_cause() {
    let (home, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, hash) = base(models.path());
    let store = store(home.path(), Some(models.path()));
    let file = models.path().join("ours.safetensors");
    let right = [("base", BASE), ("base_sha256", hash.as_str()), ("max_tokens", "16")];
    let refusal = |parts: &Parts, metadata: &[(&str, &str)]| {
        write_delta(&file, parts, metadata);
        store.reranker(file.to_str().unwrap(), &Silent).unwrap_err().to_string()
    };
    let told = |message: String, expected: &[&str]| {
        assert!(expected.iter().all(|part| message.contains(part)), "{message}");
    };
    told(refusal(&parts(), &right[..1]), &["base_sha256"]);
    told(refusal(&parts(), &[("format", "other/2"), right[0], right[1]]), &["other/2", "delta/1"]);
    told(refusal(&parts(), &[("base", "nope"), right[1]]), &["nope"]);
    told(
        refusal(&parts(), &[right[0], ("base_sha256", "00"), right[2]]),
        &["00", &hash, "--force"],
    );
    told(refusal(&parts(), &[right[0], right[1], ("max_tokens", "17")]), &["16 positions", "17"]);
    told(refusal(&parts(), &[right[0], right[1], ("score_low", "x")]), &["score_low", "x"]);
    told(
        refusal(&parts(), &[right[0], right[1], ("score_low", "3"), ("score_high", "1")]),
        &["3 to 1"],
    );
    told(refusal(&parts(), &[right[0], right[1], ("activation", "relu")]), &["relu", "sigmoid"]);

    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        refusal(&parts, &right)
    };
    told(changed(&|parts| parts.retain(|part| part.0 != "head.bias")), &["head.bias", "missing"]);
    told(
        changed(&|parts| parts.push(("x.weight.delta".into(), Dtype::F32, vec![1], f32s(&[1.0])))),
        &["x.weight.delta", "no tensor"],
    );
    told(
        changed(&|parts| parts.retain(|part| part.0 != format!("{QUERY}.up"))),
        &[".up", "missing"],
    );
    told(changed(&|parts| parts[0].0 = "x.weight.down".into()), &[".down", "missing"]);
    told(changed(&|parts| parts[2].2 = vec![12, H]), &[NARROW, "shape"]);
    told(changed(&|parts| parts[5].0 = "head.extra".into()), &["head.extra"]);
}
