//! The encoder's sessions: many callers at once, and refusals of what cannot
//! run. One process loads one runtime, so the refusals live together here.

use std::path::{Path, PathBuf};

use engine::{
    EncodeError, Encoder, EncoderFiles, EncoderSpec, OnnxEncoder, Pooling, Precision, Span,
    TextRole,
};
use models::Silent;

fn spec() -> EncoderSpec {
    let model = models::resolve("all-MiniLM-L6-v2@int8-onnx", &Silent)
        .unwrap_or_else(|error| panic!("{error}"));
    EncoderSpec {
        name: model.name,
        files: EncoderFiles::Graph { path: model.files.path().to_owned() },
        tokenizer_path: model.tokenizer_path,
        pooling: Pooling::Mean,
        query_prefix: model.query_prefix,
        passage_prefix: model.passage_prefix,
        max_tokens: model.max_tokens,
        dim: model.dim,
        precision: Precision::Int8Onnx,
        fingerprint: model.fingerprint,
    }
}

fn runtime() -> PathBuf {
    models::locate_runtime(&Silent).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn more_callers_than_sessions_get_the_same_vectors() {
    let encoder = OnnxEncoder::load(&spec(), &runtime(), 2).unwrap();
    let texts: Vec<String> =
        (0..24).map(|n| format!("passage {n} {}", "word ".repeat(n))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let expected = encoder.encode(&texts, TextRole::Passage).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                assert_eq!(encoder.encode(&texts, TextRole::Passage).unwrap(), expected);
                let alone = encoder.encode(&texts[7..8], TextRole::Query).unwrap();
                assert_eq!(alone.row(0), expected.row(7), "this model has no prefixes");
            });
        }
    });
}

#[test]
fn prefixes_choose_the_vector_and_no_text_is_no_row() {
    let spec = EncoderSpec { query_prefix: "query: ".into(), ..spec() };
    let encoder = OnnxEncoder::load(&spec, &runtime(), 1).unwrap();
    let encode = |text, role| encoder.encode(&[text], role).unwrap();
    let prefixed = encode("calcium", TextRole::Query);
    assert_eq!(prefixed, encode("query: calcium", TextRole::Passage));
    assert_ne!(prefixed, encode("calcium", TextRole::Passage));
    assert!(encoder.encode(&[], TextRole::Query).unwrap().is_empty());
    // Only special tokens are left of it, which still have a direction.
    assert_eq!(encode("", TextRole::Passage).len(), 1);
    assert_eq!(encoder.name(), "all-MiniLM-L6-v2@int8-onnx");
}

#[test]
fn passages_are_pooled_from_one_run_of_their_document() {
    let spec = EncoderSpec { passage_prefix: "passage: ".into(), ..spec() };
    let encoder = OnnxEncoder::load(&spec, &runtime(), 1).unwrap();
    let berlin = "Berlin is the capital of Germany. The city has 3.8 million inhabitants.";
    let paris = "Paris is the capital of France. The city has 2.1 million inhabitants.";
    let second = |text: &str| Span::new(text.find("The city").unwrap(), text.len());
    let all = Span::new(0, berlin.len());
    let late = encoder.encode_spans(berlin, &[second(berlin), all]).unwrap();
    let whole = encoder.encode(&[berlin], TextRole::Passage).unwrap();
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    assert!(dot(late.row(1).unwrap(), whole.row(0).unwrap()) > 1.0 - 1e-6);

    // "The city" is Berlin in one document and Paris in the other.
    let city = encoder.encode_spans(paris, &[second(paris)]).unwrap();
    let asked = encoder.encode(&["Berlin population"], TextRole::Query).unwrap();
    let near = |row: &[f32]| dot(asked.row(0).unwrap(), row);
    let texts = [&berlin[second(berlin).range()], &paris[second(paris).range()]];
    let alone = encoder.encode(&texts, TextRole::Passage).unwrap();
    let margin_alone = near(alone.row(0).unwrap()) - near(alone.row(1).unwrap());
    let margin_late = near(late.row(0).unwrap()) - near(city.row(0).unwrap());
    assert!(margin_late > margin_alone + 0.05, "{margin_late} {margin_alone}");

    let cls = EncoderSpec { pooling: Pooling::Cls, ..spec };
    let cls = OnnxEncoder::load(&cls, &runtime(), 1).unwrap();
    let error = cls.encode_spans(berlin, &[]).unwrap_err();
    assert!(error.to_string().contains("leave `late` out"), "{error}");
}

#[test]
fn what_cannot_run_is_refused_by_cause() {
    let runtime = runtime();
    let load = |spec: &EncoderSpec| OnnxEncoder::load(spec, &runtime, 1).unwrap_err();
    let missing = PathBuf::from("no-such-file");

    let error =
        load(&EncoderSpec { files: EncoderFiles::Graph { path: missing.clone() }, ..spec() });
    assert!(matches!(&error, EncodeError::Load { path, .. } if *path == missing), "{error}");
    let error = load(&EncoderSpec { tokenizer_path: missing.clone(), ..spec() });
    assert!(matches!(&error, EncodeError::Load { path, .. } if *path == missing), "{error}");
    // A mean-pooled graph read as one that pools by itself.
    let error = load(&EncoderSpec { pooling: Pooling::InGraph, ..spec() });
    assert!(error.to_string().contains("sentence_embedding"), "{error}");
    let error = load(&EncoderSpec { max_tokens: 2, ..spec() });
    assert!(error.to_string().contains("no room"), "{error}");

    let wrong = EncoderSpec { dim: 383, ..spec() };
    let wrong = OnnxEncoder::load(&wrong, &runtime, 1).unwrap();
    let error = wrong.encode(&["a"], TextRole::Query).unwrap_err();
    assert!(matches!(error, EncodeError::Shape { dim: 383, .. }), "{error}");

    let other = Path::new("another-runtime");
    let error = OnnxEncoder::load(&spec(), other, 1).unwrap_err();
    let conflict = matches!(&error, EncodeError::RuntimeConflict { asked, .. } if asked == other);
    assert!(conflict, "{error}");
}
