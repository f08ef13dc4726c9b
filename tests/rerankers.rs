//! Rerankers on the real tokenizer and runtime: a graph made here that computes
//! something that can be checked by hand, and late interaction over the default
//! encoder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine::{
    CrossEncoderFiles, CrossEncoderSpec, LateInteraction, OnnxCrossEncoder, Precision, RerankError,
    RerankPassage, RerankQuery, Reranker, ScoreActivation, Span, TokenWeighting, WordWeight,
};
use models::Silent;
use tokenizers::Tokenizer;

/// Fields of Protocol Buffers, as ONNX files are made of them.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// An integer attribute.
fn integer(name: &str, value: u64) -> Message {
    Message::default().text(1, name).number(3, value).number(20, 2)
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    let node = node.text(2, output).text(4, operator);
    attributes.iter().fold(node, |node, attribute| node.message(5, attribute))
}

/// A tensor of two dimensions: `element` 1 is f32, 7 is i64.
fn tensor(name: &str, element: u64, second: &str) -> Message {
    let dim = |name: &str| Message::default().text(2, name);
    let shape = Message::default().message(1, &dim("batch"));
    let shape = match second.parse() {
        Ok(size) => shape.message(1, &Message::default().number(1, size)),
        Err(_) => shape.message(1, &dim(second)),
    };
    let kind = Message::default().number(1, element).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &kind))
}

/// A graph whose one logit is the mean over tokens of id times type: the ids of the
/// passage and of the separator behind it, over the length of the pair.
fn write_graph(path: &Path, output: &str) {
    let float = || [integer("to", 1)];
    let mean =
        [Message::default().text(1, "axes").number(8, 1).number(20, 7), integer("keepdims", 1)];
    let graph = Message::default()
        .message(1, &node("Cast", &["input_ids"], "ids", &float()))
        .message(1, &node("Cast", &["token_type_ids"], "types", &float()))
        .message(1, &node("Mul", &["ids", "types"], "products", &[]))
        .message(1, &node("ReduceMean", &["products"], output, &mean))
        .text(2, "pair")
        .message(11, &tensor("input_ids", 7, "tokens"))
        .message(11, &tensor("attention_mask", 7, "tokens"))
        .message(11, &tensor("token_type_ids", 7, "tokens"))
        .message(12, &tensor(output, 1, "1"));
    let opset = Message::default().text(1, "").number(2, 13);
    let model = Message::default().number(1, 8).message(7, &graph).message(8, &opset);
    fs::write(path, model.0).unwrap();
}

/// A matrix of numbers between -1 and 1 that differ from place to place.
fn matrix(name: &str, rows: usize, columns: usize) -> Message {
    let values = (0..rows * columns).map(|at| ((at * 7 + rows) as f32).sin());
    let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    let dims = Message::default().number(1, rows as u64).number(1, columns as u64);
    dims.number(2, 1).text(8, name).bytes(9, &bytes)
}

/// A graph with layers: a row for each token, widened and narrowed, their mean, a head.
fn write_layers(path: &Path) {
    let mean =
        [Message::default().text(1, "axes").number(8, 1).number(20, 7), integer("keepdims", 0)];
    let graph = Message::default()
        .message(1, &node("Gather", &["words", "input_ids"], "rows", &[]))
        .message(1, &node("MatMul", &["rows", "widen"], "wide", &[]))
        .message(1, &node("Tanh", &["wide"], "curved", &[]))
        .message(1, &node("MatMul", &["curved", "narrow"], "narrowed", &[]))
        .message(1, &node("ReduceMean", &["narrowed"], "pooled", &mean))
        .message(1, &node("MatMul", &["pooled", "head"], "logits", &[]))
        .text(2, "layers")
        .message(5, &matrix("words", 30_522, 8))
        .message(5, &matrix("widen", 8, 24))
        .message(5, &matrix("narrow", 24, 8))
        .message(5, &matrix("head", 8, 1))
        .message(11, &tensor("input_ids", 7, "tokens"))
        .message(11, &tensor("attention_mask", 7, "tokens"))
        .message(12, &tensor("logits", 1, "1"));
    let opset = Message::default().text(1, "").number(2, 13);
    let model = Message::default().number(1, 8).message(7, &graph).message(8, &opset);
    fs::write(path, model.0).unwrap();
}

fn tokenizer_path() -> std::path::PathBuf {
    let model = models::resolve("all-MiniLM-L6-v2", &Silent);
    model.unwrap_or_else(|error| panic!("{error}")).tokenizer_path
}

fn spec(graph: &Path, max_tokens: usize) -> CrossEncoderSpec {
    CrossEncoderSpec {
        name: "mean".into(),
        files: CrossEncoderFiles::Graph { path: graph.to_owned() },
        tokenizer_path: tokenizer_path(),
        max_tokens,
        activation: ScoreActivation::linear(0.0, 30_000.0).unwrap(),
        precision: Precision::Fp32,
        fingerprint: "mean".into(),
    }
}

#[test]
fn a_graph_reads_pairs_with_their_types_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let graph = directory.path().join("model.onnx");
    write_graph(&graph, "logits");
    let runtime = models::locate_runtime(&Silent).unwrap_or_else(|error| panic!("{error}"));
    let model = OnnxCrossEncoder::load(&spec(&graph, 32), &runtime, 2).unwrap();
    let query = "who owns a value";
    let long = "ownership of values ".repeat(30);
    let passages =
        ["Every value has one owner.", "", long.as_str(), "Cargo"].map(RerankPassage::from);
    let scores = model.score(&RerankQuery::plain(query), &passages).unwrap();
    let mut library = Tokenizer::from_file(tokenizer_path()).unwrap();
    library.with_padding(None).with_truncation(None).unwrap();
    for (passage, score) in passages.iter().zip(&scores) {
        let pair = library.encode((query, passage.text), true).unwrap();
        let (ids, types) = (pair.get_ids().to_vec(), pair.get_type_ids());
        // A long passage loses its end, but not the separator behind it.
        let kept = ids.len().min(32);
        let end = *ids.last().unwrap();
        let sum: u32 = (0..kept - 1).map(|at| ids[at] * types[at]).sum::<u32>() + end;
        let expected = sum as f32 / kept as f32 / 30_000.0;
        assert!((score - expected).abs() < 1e-5, "{passage:?}: {score} {expected}");
        assert_eq!(model.score(&RerankQuery::plain(query), &[*passage]).unwrap(), [*score]);
    }
    assert!(model.estimate_ms(100) > 0.0);

    write_graph(&graph, "probabilities");
    let error = OnnxCrossEncoder::load(&spec(&graph, 32), &runtime, 1).unwrap_err();
    assert!(error.to_string().contains("no output logits"), "{error}");
    let weights = CrossEncoderFiles::Weights { path: graph, pooling: engine::ScorePooling::Mean };
    let other = CrossEncoderSpec { files: weights, ..spec(Path::new("unused"), 32) };
    let error = OnnxCrossEncoder::load(&other, &runtime, 1).unwrap_err();
    assert!(matches!(error, RerankError::Unsuitable { .. }), "{error}");
}

#[test]
fn a_graph_of_ones_own_is_quantised_and_scores_nearly_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let at = |file: &str| directory.path().join(file);
    write_layers(&at("model.onnx"));
    fs::copy(tokenizer_path(), at("tokenizer.json")).unwrap();
    let config = r#"{"model_type": "layers", "max_position_embeddings": 128, "num_labels": 1}"#;
    fs::write(at("config.json"), config).unwrap();
    let passages = ["Every value has one owner.", "", "Cargo builds a package", "moved values"]
        .map(RerankPassage::from);
    let scores = |suffix: &str| {
        let name = format!("{}{suffix}", directory.path().display());
        let pipeline = eval::load_reranker(&name, None, &Silent);
        let pipeline = pipeline.unwrap_or_else(|error| panic!("{error}")).unwrap();
        let query = RerankQuery::plain("who owns a value");
        (pipeline.name().to_owned(), pipeline.reranker().score(&query, &passages).unwrap())
    };
    let ((floats, exact), (bytes, quantised)) = (scores("@fp32"), scores(""));
    assert!(floats.ends_with("@fp32") && bytes.ends_with("@int8-onnx"), "{floats} {bytes}");
    for (exact, quantised) in exact.iter().zip(&quantised) {
        assert!((exact - quantised).abs() < 0.02, "{exact} {quantised}");
    }
    assert_ne!(exact, quantised);
    let spread = exact.iter().fold(0.0_f32, |most, x| most.max((x - exact[0]).abs()));
    assert!(spread > 0.05, "a test of equal scores would show nothing: {exact:?}");
}

#[test]
fn late_interaction_finds_the_passage_that_answers() {
    let loaded = eval::load_encoder("all-MiniLM-L6-v2", &Silent);
    let encoder = loaded.unwrap_or_else(|error| panic!("{error}")).encoder;
    let query = "how do I free memory";
    let passages = [
        "Dropping a value returns its allocation to the system.",
        "The train to the coast leaves at nine.",
        "how do I",
    ]
    .map(RerankPassage::from);
    let even = LateInteraction::new(Arc::clone(&encoder), TokenWeighting::Even).unwrap();
    let scores = even.score(&RerankQuery::plain(query), &passages).unwrap();
    assert!(scores[0] > scores[1], "{scores:?}");
    assert_eq!(scores, even.score(&RerankQuery::plain(query), &passages).unwrap());
    let itself = even.score(&RerankQuery::plain(query), &[query.into()]).unwrap()[0];
    assert!((itself - 1.0).abs() < 1e-3, "a text is as near to itself as can be: {itself}");

    // "how", "do" and "I" are in every passage; "free" and "memory" are not.
    let word = |start, end, idf| WordWeight { span: Span::new(start, end), idf };
    let weights =
        [word(0, 3, 0.1), word(4, 6, 0.1), word(7, 8, 0.1), word(9, 13, 5.0), word(14, 20, 6.0)];
    let weighted = RerankQuery { text: query, word_weights: &weights };
    let by_idf = LateInteraction::new(encoder, TokenWeighting::Idf).unwrap();
    let rare = by_idf.score(&weighted, &passages).unwrap();
    let lead = |scores: &[f32]| scores[0] - scores[2];
    assert!(lead(&rare) > lead(&scores), "{rare:?} {scores:?}");
    assert_ne!(even.fingerprint(), by_idf.fingerprint());
}

#[test]
fn the_reranker_in_the_program_is_the_one_of_the_repository() {
    let load = |name: &str| {
        let loaded = eval::load_reranker(name, None, &Silent);
        loaded.unwrap_or_else(|error| panic!("{name}: {error}")).expect("a reranker")
    };
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/models/rerankers/trovato-rerank-xs.safetensors");
    let default = load(eval::DEFAULT_RERANKER);
    assert_eq!(default.name(), "trovato-rerank-xs@int8");
    for name in [models::SHIPPED_RERANKER, file] {
        assert_eq!(load(name).fingerprint(), default.fingerprint(), "{name}");
    }
}
