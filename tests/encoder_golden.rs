//! The default encoder against an oracle: vectors from the float64 forward pass
//! in `models/golden/forward.py`, and 8-bit against 32-bit on real passages.
//! Fetches the model as a user's first command would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use engine::{
    Embeddings, Encoder, EncoderFiles, EncoderSpec, OnnxEncoder, Pooling, Precision, TextRole,
};
use models::{GraphOutput, ModelFiles, Settings, Silent, Store};

const FP32: &str = "all-MiniLM-L6-v2@fp32";
const INT8: &str = "all-MiniLM-L6-v2@int8";
const INT8_ONNX: &str = "all-MiniLM-L6-v2@int8-onnx";
/// A digest of the golden texts' 8-bit vectors.
const INT8_BITS: &str = "a6a5a2db5111cdbc";

#[derive(serde::Deserialize)]
struct Golden {
    name: String,
    text: String,
    tokens: usize,
    vector: Vec<f64>,
}

fn encoder(name: &str) -> Arc<dyn Encoder> {
    eval::load_encoder(name, &Silent).unwrap_or_else(|error| panic!("{error}")).encoder
}

fn golden() -> Vec<Golden> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/golden/all-MiniLM-L6-v2.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn encode(encoder: &dyn Encoder, texts: &[&str]) -> Embeddings {
    encoder.encode(texts, TextRole::Passage).unwrap()
}

fn cosine(a: &[f32], b: impl Iterator<Item = f64>) -> f64 {
    a.iter().zip(b).map(|(&a, b)| f64::from(a) * b).sum()
}

#[test]
fn fp32_is_the_oracle_to_1e_4() {
    let golden = golden();
    let lengths: Vec<usize> = golden.iter().map(|golden| golden.tokens).collect();
    assert_eq!(lengths, [3, 3, 36, 35, 256, 256], "two languages, three lengths");
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let found = encode(&*encoder(FP32), &texts);
    assert_eq!(found.n_truncated, 2, "both long texts go beyond 256 tokens");
    for (index, golden) in golden.iter().enumerate() {
        let row = found.row(index).unwrap();
        assert_eq!(row.len(), golden.vector.len());
        let worst = row
            .iter()
            .zip(&golden.vector)
            .map(|(&found, expected)| (f64::from(found) - expected).abs())
            .fold(0.0, f64::max);
        assert!(worst < 1e-4, "{}: a component differs by {worst:e}", golden.name);
    }
}

#[test]
fn int8_is_close_to_the_oracle_and_not_fp32_under_another_name() {
    let golden = golden();
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let found = encode(&*encoder(INT8), &texts);
    for (index, golden) in golden.iter().enumerate() {
        let cosine = cosine(found.row(index).unwrap(), golden.vector.iter().copied());
        assert!((0.997..0.99999).contains(&cosine), "{}: cosine {cosine}", golden.name);
    }
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let golden = golden();
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    for name in [INT8, INT8_ONNX] {
        let encoder = encoder(name);
        let together = encode(&*encoder, &texts);
        for (index, text) in texts.iter().enumerate() {
            let alone = encode(&*encoder, &[text]);
            assert_eq!(alone.row(0), together.row(index), "not one bit differs");
        }
    }
}

/// The whole path from text to vector is meant to give the same bits on every
/// machine, so the sum of all bits is a constant of this project.
#[test]
fn int8_vectors_are_the_same_everywhere() {
    let golden = golden();
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let found = encode(&*encoder(INT8), &texts);
    let sum = found
        .values()
        .iter()
        .fold(0_u64, |sum, value| sum.wrapping_mul(31).wrapping_add(u64::from(value.to_bits())));
    assert_eq!(format!("{sum:016x}"), INT8_BITS, "bits differ from the ones all machines had");
}

#[test]
fn int8_keeps_the_direction_of_500_real_passages() {
    let passages = passages();
    if passages.len() < 500 {
        println!("skipped: found {} passages, 500 are needed", passages.len());
        return;
    }
    // Spread over the whole collection, the same ones each time.
    let step = passages.len() / 500;
    let texts: Vec<&str> = passages.iter().step_by(step).take(500).map(String::as_str).collect();
    let full = encode(&*encoder(FP32), &texts);
    let quantised = encode(&*encoder(INT8), &texts);
    let cosines: Vec<f64> = (0..texts.len())
        .map(|index| {
            let full = full.row(index).unwrap().iter().map(|&x| f64::from(x));
            cosine(quantised.row(index).unwrap(), full)
        })
        .collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let min = cosines.iter().copied().fold(1.0, f64::min);
    println!("cosine of int8 to fp32 over {} passages: mean {mean:.4}, min {min:.4}", texts.len());
    assert!(mean >= 0.998, "mean {mean}");
    assert!(min >= 0.997, "min {min}");
}

/// A dense layer that reverses the vector, on top of the default model: the
/// layout of models with a projection, with a result that is known.
#[test]
fn a_projection_inside_the_graph_is_applied() {
    let plain = models::resolve(FP32, &Silent).unwrap_or_else(|error| panic!("{error}"));
    let source = plain.files.path().parent().unwrap();
    let model = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(source.join(file), model.path().join(file)).unwrap();
    }
    let module = |path, kind| serde_json::json!({ "path": path, "type": format!("x.{kind}") });
    let modules = serde_json::json!([
        module("", "Transformer"),
        module("1_Pooling", "Pooling"),
        module("2_Dense", "Dense"),
        module("3_Normalize", "Normalize"),
    ]);
    let pooling = serde_json::json!({ "pooling_mode_mean_tokens": true });
    let dense = serde_json::json!({ "in_features": 384, "out_features": 384, "bias": false,
        "activation_function": "torch.nn.modules.linear.Identity" });
    let write = |path: &str, bytes: &[u8]| {
        let path = model.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("modules.json", modules.to_string().as_bytes());
    write("1_Pooling/config.json", pooling.to_string().as_bytes());
    write("2_Dense/config.json", dense.to_string().as_bytes());
    write("2_Dense/model.safetensors", &reversal(384));

    // A cache of its own: nothing but this test could use the result.
    let home = tempfile::tempdir().unwrap();
    let settings = Settings { home: home.path().to_owned(), ..Settings::from_env().unwrap() };
    let name = format!("{}@fp32", model.path().display());
    let projected = Store::new(settings).resolve(&name, &Silent).unwrap();
    assert!(matches!(projected.files, ModelFiles::Graph { output: GraphOutput::Sentence, .. }));
    let spec = EncoderSpec {
        name: projected.name,
        files: EncoderFiles::Graph { path: projected.files.path().to_owned() },
        tokenizer_path: projected.tokenizer_path,
        pooling: Pooling::InGraph,
        query_prefix: projected.query_prefix,
        passage_prefix: projected.passage_prefix,
        max_tokens: projected.max_tokens,
        dim: projected.dim,
        precision: Precision::Fp32,
        fingerprint: projected.fingerprint,
    };
    let runtime = models::locate_runtime(&Silent).unwrap();
    let projected = OnnxEncoder::load(&spec, &runtime, 1).unwrap();
    let golden = &golden()[2];
    let found = encode(&projected, &[&golden.text]);
    let row = found.row(0).unwrap();
    for (found, expected) in row.iter().zip(golden.vector.iter().rev()) {
        assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}

/// A safetensors file with the `[n, n]` matrix that reverses a vector.
fn reversal(n: usize) -> Vec<u8> {
    let header = serde_json::json!({ "linear.weight": {
        "dtype": "F32", "shape": [n, n], "data_offsets": [0, 4 * n * n] } });
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    for row in 0..n {
        for column in 0..n {
            let value = if row + column + 1 == n { 1.0_f32 } else { 0.0 };
            file.extend(value.to_le_bytes());
        }
    }
    file
}

/// Paragraphs of the Rust guides that come with the compiler.
fn passages() -> Vec<String> {
    let Some(html) = rust_docs() else {
        println!("no Rust documentation here; `rustup component add rust-docs` installs it");
        return Vec::new();
    };
    let mut pages: Vec<PathBuf> = ["book", "reference", "nomicon", "cargo"]
        .iter()
        .flat_map(|guide| fs::read_dir(html.join(guide)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        // The whole guide on one page, whose paragraphs would come twice.
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "print"))
        .collect();
    pages.sort();
    pages
        .iter()
        .filter_map(|page| fs::read_to_string(page).ok())
        .flat_map(|page| paragraphs(&page))
        .collect()
}

fn rust_docs() -> Option<PathBuf> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?.stdout;
    let sysroot = String::from_utf8(sysroot).ok()?;
    Some(Path::new(sysroot.trim()).join("share/doc/rust/html")).filter(|html| html.is_dir())
}

/// The text of a page's longer paragraphs; entities stay as they are, since an
/// encoder must bear them too.
fn paragraphs(page: &str) -> Vec<String> {
    page.split("<p>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</p>"))
        .map(|(paragraph, _)| {
            let pieces = paragraph.split('<').enumerate();
            pieces
                .map(|(index, piece)| match piece.split_once('>') {
                    Some((_tag, text)) if index > 0 => text,
                    _ => piece,
                })
                .collect::<String>()
        })
        .filter(|text| text.len() >= 200)
        .collect()
}
