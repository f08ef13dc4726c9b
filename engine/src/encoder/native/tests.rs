//! The forward pass of a small random model: against a plain `f64` pass, on
//! every instruction set, and from damaged files.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::file::{Model, WeightsError};
use super::forward::Arena;
use super::kernels::{Kernels, available, best};

pub(crate) const HIDDEN: usize = 32;
const HEADS: usize = 2;
const WIDE: usize = 44;
/// As many as the tests' tokenizer knows, and some.
const WORDS: usize = 60;
pub(crate) const POSITIONS: usize = 90;
const EPSILON: f32 = 1e-5;

/// A file's tensors before they are written.
#[derive(Clone)]
pub(crate) struct Draft {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    version: u32,
    heads: usize,
}

impl Draft {
    pub(crate) fn random() -> Self {
        let mut draft = Self { tensors: Vec::new(), version: 1, heads: HEADS };
        let mut random = ChaCha8Rng::seed_from_u64(7);
        draft.floats("embeddings.words", &[WORDS, HIDDEN], |_| random.random_range(-1.0..1.0));
        draft.floats("embeddings.positions", &[POSITIONS, HIDDEN], |_| {
            random.random_range(-0.5..0.5)
        });
        for name in ["embeddings.norm", "layer.0.attended.norm", "layer.0.narrow.norm"]
            .into_iter()
            .chain(["layer.1.attended.norm", "layer.1.narrow.norm"])
        {
            draft.floats(&format!("{name}.gamma"), &[HIDDEN], |_| random.random_range(0.5..1.5));
            draft.floats(&format!("{name}.beta"), &[HIDDEN], |_| random.random_range(-0.5..0.5));
        }
        for layer in 0..2 {
            for (part, outputs, inputs) in [
                ("qkv", 3 * HIDDEN, HIDDEN),
                ("attended", HIDDEN, HIDDEN),
                ("widen", WIDE, HIDDEN),
                ("narrow", HIDDEN, WIDE),
            ] {
                let name = format!("layer.{layer}.{part}");
                let weights = (0..outputs * inputs).map(|_| random.random_range(-127..=127_i8));
                let weights = weights.map(|weight| weight as u8).collect();
                draft.tensors.push((
                    format!("{name}.weight"),
                    Dtype::I8,
                    vec![outputs, inputs],
                    weights,
                ));
                let most = 4.0 / (127.0 * (inputs as f32).sqrt());
                draft.floats(&format!("{name}.scales"), &[outputs], |_| {
                    random.random_range(most / 2.0..most)
                });
                draft.floats(&format!("{name}.bias"), &[outputs], |_| {
                    random.random_range(-0.5..0.5)
                });
            }
        }
        draft
    }

    /// The same with what a model of pairs has.
    pub(crate) fn random_of_pairs(pooler: bool) -> Self {
        let mut draft = Self::random();
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let mut more = |name: &str, shape: &[usize]| {
            draft.floats(name, shape, |_| random.random_range(-0.5..0.5));
        };
        more("embeddings.second_type", &[HIDDEN]);
        more("head.weight", &[HIDDEN]);
        more("head.bias", &[1]);
        if pooler {
            more("pooler.weight", &[HIDDEN, HIDDEN]);
            more("pooler.bias", &[HIDDEN]);
        }
        draft
    }

    fn floats(&mut self, name: &str, shape: &[usize], mut next: impl FnMut(usize) -> f32) {
        let bytes =
            (0..shape.iter().product::<usize>()).flat_map(|at| next(at).to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), Dtype::F32, shape.to_vec(), bytes));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.tensors.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut hasher = crc32fast::Hasher::new();
        for (.., bytes) in sorted {
            hasher.update(bytes);
        }
        let header = serde_json::json!({
            "version": self.version,
            "heads": self.heads,
            "norm_epsilon": EPSILON,
            "crc32": hasher.finalize(),
        });
        let entries = HashMap::from([("bert-int8".to_owned(), header.to_string())]);
        let views = self.tensors.iter().map(|(name, dtype, shape, bytes)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize(views, Some(entries)).unwrap()
    }

    fn get(&self, name: &str) -> &(String, Dtype, Vec<usize>, Vec<u8>) {
        self.tensors.iter().find(|tensor| tensor.0 == name).unwrap()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        let (_, dtype, _, bytes) = self.get(name);
        if *dtype == Dtype::I8 {
            return bytes.iter().map(|&byte| f64::from(byte as i8)).collect();
        }
        bytes.as_chunks().0.iter().map(|&four| f64::from(f32::from_le_bytes(four))).collect()
    }
}

pub(crate) fn write(directory: &Path, draft: &Draft) -> PathBuf {
    write_bytes(directory, &draft.bytes())
}

fn write_bytes(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join("weights.safetensors");
    fs::write(&path, bytes).unwrap();
    path
}

fn open(bytes: &[u8]) -> Result<Model, WeightsError> {
    let directory = tempfile::tempdir().unwrap();
    Model::open(&write_bytes(directory.path(), bytes))
}

fn run(model: &Model, kernels: &Kernels, arena: &mut Arena, ids: &[i64]) -> Vec<u32> {
    let embed = |position: usize, row: &mut [f32]| model.embed(ids[position], position, row);
    let states = model.encoder.run(kernels, arena, ids.len(), embed).unwrap();
    states.iter().map(|x| x.to_bits()).collect()
}

/// The same model in `f64`, written as the papers have it.
///
/// # Arguments
/// * `types` - of the tokens; empty where all are 0.
pub(crate) fn reference(draft: &Draft, ids: &[i64], types: &[i64]) -> Vec<Vec<f64>> {
    let linear = |name: &str, rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let weights = draft.values(&format!("{name}.weight"));
        let scales = draft.values(&format!("{name}.scales"));
        let bias = draft.values(&format!("{name}.bias"));
        let product = |row: &Vec<f64>, output: usize| {
            let weights = &weights[output * row.len()..(output + 1) * row.len()];
            let sum: f64 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            sum * scales[output] + bias[output]
        };
        rows.iter()
            .map(|row| (0..bias.len()).map(|output| product(row, output)).collect())
            .collect()
    };
    let norm = |name: &str, rows: Vec<Vec<f64>>| -> Vec<Vec<f64>> {
        let gamma = draft.values(&format!("{name}.gamma"));
        let beta = draft.values(&format!("{name}.beta"));
        rows.into_iter()
            .map(|row| {
                let mean = row.iter().sum::<f64>() / HIDDEN as f64;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / HIDDEN as f64;
                let root = (variance + f64::from(EPSILON)).sqrt();
                row.iter()
                    .zip(&gamma)
                    .zip(&beta)
                    .map(|((x, g), b)| (x - mean) / root * g + b)
                    .collect()
            })
            .collect()
    };
    let add = |a: Vec<Vec<f64>>, b: &[Vec<f64>]| -> Vec<Vec<f64>> {
        a.into_iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
    };
    let words = draft.values("embeddings.words");
    let positions = draft.values("embeddings.positions");
    let second = if types.is_empty() { Vec::new() } else { draft.values("embeddings.second_type") };
    let embedded = ids.iter().enumerate().map(|(at, &id)| {
        let kind = |i: usize| if types.get(at) == Some(&1) { second[i] } else { 0.0 };
        let sum = |i: usize| words[id as usize * HIDDEN + i] + positions[at * HIDDEN + i] + kind(i);
        (0..HIDDEN).map(sum).collect()
    });
    let mut states = norm("embeddings.norm", embedded.collect());
    let width = HIDDEN / HEADS;
    for layer in 0..2 {
        let name = |part: &str| format!("layer.{layer}.{part}");
        let qkv = linear(&name("qkv"), &states);
        let mut context = vec![vec![0.0; HIDDEN]; ids.len()];
        for head in 0..HEADS {
            let from = head * width;
            for (query, context) in qkv.iter().zip(&mut context) {
                let score = |key: &Vec<f64>| -> f64 {
                    let dot: f64 = (from..from + width).map(|i| query[i] * key[HIDDEN + i]).sum();
                    (dot / (width as f64).sqrt()).exp()
                };
                let weights: Vec<f64> = qkv.iter().map(score).collect();
                let total: f64 = weights.iter().sum();
                for (value, weight) in qkv.iter().zip(weights) {
                    for i in from..from + width {
                        context[i] += weight / total * value[2 * HIDDEN + i];
                    }
                }
            }
        }
        let attended = add(linear(&name("attended"), &context), &states);
        states = norm(&name("attended.norm"), attended);
        let mut widened = linear(&name("widen"), &states);
        for x in widened.iter_mut().flatten() {
            // The form with a hyperbolic tangent, within .001 of the exact one.
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (*x + 0.044_715 * x.powi(3));
            *x *= 0.5 * (1.0 + inner.tanh());
        }
        let narrowed = add(linear(&name("narrow"), &widened), &states);
        states = norm(&name("narrow.norm"), narrowed);
    }
    states
}

#[test]
fn the_pass_is_that_of_the_papers() {
    let draft = Draft::random();
    let model = open(&draft.bytes()).unwrap();
    assert_eq!((model.hidden(), model.max_tokens()), (HIDDEN, POSITIONS));
    for tokens in [1, 2, 7, 33, POSITIONS] {
        let ids: Vec<i64> = (0..tokens).map(|at| (at * 7 % WORDS) as i64).collect();
        let found = run(&model, best(), &mut Arena::default(), &ids);
        let expected = reference(&draft, &ids, &[]);
        for (row, expected) in found.chunks_exact(HIDDEN).zip(&expected) {
            let row: Vec<f64> = row.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect();
            let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            let cosine = dot(&row, expected) / (dot(&row, &row) * dot(expected, expected)).sqrt();
            assert!(cosine > 0.998, "{tokens} tokens: cosine {cosine}");
            let length = dot(&row, &row).sqrt() / dot(expected, expected).sqrt();
            assert!((length - 1.0).abs() < 0.01, "{tokens} tokens: length {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn bits_depend_on_the_text_alone(
        texts in prop::collection::vec(
            prop::collection::vec(0..WORDS as i64, 1..POSITIONS), 1..4),
    ) {
        let model = open(&Draft::random().bytes()).unwrap();
        let plain = available()[0];
        let alone: Vec<_> =
            texts.iter().map(|ids| run(&model, plain, &mut Arena::default(), ids)).collect();
        for kernels in available() {
            // One arena for all texts, long ones before short ones and after.
            let mut arena = Arena::default();
            for (ids, alone) in texts.iter().chain(texts.iter().rev())
                .zip(alone.iter().chain(alone.iter().rev()))
            {
                prop_assert_eq!(&run(&model, kernels, &mut arena, ids), alone, "{}", kernels.name());
            }
        }
    }
}

#[test]
fn damaged_files_are_refused_by_their_cause() {
    let draft = Draft::random();
    let whole = draft.bytes();
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        let error = open(&whole[..length]).unwrap_err();
        assert!(
            matches!(error, WeightsError::Container(_) | WeightsError::Io(_)),
            "{length}: {error}"
        );
    }
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(open(&flipped).unwrap_err(), WeightsError::Checksum { .. }));

    let refusal = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft.clone();
        change(&mut draft);
        open(&draft.bytes()).unwrap_err().to_string()
    };
    let message = refusal(&|draft| draft.version = 9);
    assert!(message.contains("version 9"), "{message}");
    let message = refusal(&|draft| draft.heads = 5);
    assert!(message.contains("in 5 heads"), "{message}");
    let message = refusal(&|draft| draft.tensors.retain(|t| t.0 != "layer.1.widen.bias"));
    assert!(message.contains("layer.1.widen.bias"), "{message}");
    let message = refusal(&|draft| draft.tensors.retain(|t| !t.0.starts_with("layer")));
    assert!(message.contains("no layers"), "{message}");
    let message = refusal(&|draft| {
        draft.tensors.retain(|t| t.0 != "embeddings.norm.beta");
        draft.floats("embeddings.norm.beta", &[HIDDEN - 1], |_| 0.0);
    });
    assert!(message.contains("embeddings.norm.beta") && message.contains("31"), "{message}");
    let plain = safetensors::serialize(Vec::<(&str, TensorView<'_>)>::new(), None).unwrap();
    assert!(matches!(open(&plain).unwrap_err(), WeightsError::NoHeader));
}

#[test]
fn a_model_of_texts_has_no_second_type_and_no_head() {
    let model = open(&Draft::random().bytes()).unwrap();
    assert!(model.head.is_none());
    let message = model.add_second_type(&mut [0.0; HIDDEN]).unwrap_err().to_string();
    assert!(message.contains("single texts"), "{message}");
    let mut draft = Draft::random_of_pairs(true);
    draft.tensors.retain(|tensor| tensor.0 != "pooler.bias");
    let message = open(&draft.bytes()).unwrap_err().to_string();
    assert!(message.contains("pooler.bias"), "{message}");
}

#[test]
fn tokens_that_the_model_lacks_are_named() {
    let model = open(&Draft::random().bytes()).unwrap();
    let mut row = [0.0; HIDDEN];
    for id in [-1, WORDS as i64] {
        let message = model.embed(id, 0, &mut row).unwrap_err().to_string();
        assert!(message.contains(&id.to_string()) && message.contains("60"), "{message}");
    }
    let message = model.embed(0, POSITIONS, &mut row).unwrap_err().to_string();
    assert!(message.contains("90"), "{message}");
}
