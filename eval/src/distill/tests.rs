//! A toy teacher whose text vectors are weighted sums: what a distillation must
//! find out about it is the weights, which no single word shows.

use std::fs;
use std::path::Path;

use engine::{Embeddings, EncodeError, Encoder, HashEncoder, TextRole, Vocabulary};
use ingest::source::{FormatChoice, open};

use super::*;

const WORDS: [&str; 12] = [
    "the", "of", "and", "owner", "value", "borrow", "thread", "lock", "cargo", "crate", "trait",
    "lifetime",
];

const DIM: usize = 16;

/// Sums directions of words, the first three hardly at all.
struct Bag(HashEncoder);

impl Bag {
    fn new() -> Self {
        Self(HashEncoder::new(DIM, 100))
    }
}

impl Encoder for Bag {
    fn name(&self) -> &'static str {
        "bag"
    }

    fn fingerprint(&self) -> &'static str {
        "bag-1"
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn max_tokens(&self) -> usize {
        100
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        let mut values = Vec::new();
        for text in texts {
            let mut sum = [0.0_f32; DIM];
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
                let weight = if WORDS[..3].contains(&word) { 0.05 } else { 1.0 };
                let row = self.0.encode(&[&word.repeat(3)], role)?;
                sum.iter_mut().zip(row.values()).for_each(|(sum, x)| *sum += weight * x);
            }
            let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            if norm == 0.0 {
                sum[0] = 1.0;
            }
            values.extend(sum.iter().map(|x| if norm > 0.0 { x / norm } else { *x }));
        }
        Embeddings::new(values, DIM)
    }
}

/// A tokenizer of whole words.
fn vocabulary(dir: &Path) -> Vocabulary {
    let mut words: Vec<String> = vec!["[UNK]".into()];
    words.extend(WORDS.map(str::to_owned));
    let entries: Vec<String> =
        words.iter().enumerate().map(|(id, word)| format!("\"{word}\": {id}")).collect();
    let json = format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {{"type": "Whitespace"}}, "post_processor": null,
            "decoder": null,
            "model": {{"type": "WordLevel", "vocab": {{{}}}, "unk_token": "[UNK]"}}}}"#,
        entries.join(", ")
    );
    let path = dir.join("tokenizer.json");
    fs::write(&path, json).unwrap();
    Vocabulary::load(&path, 100).unwrap()
}

/// Sentences in which frequent words stand between two or three that matter.
fn write_corpus(dir: &Path) {
    let mut text = String::new();
    for at in 0..400_usize {
        let pick = |k: usize| WORDS[3 + (at * (2 * k + 3) + at / 9 + k) % 9];
        let (a, b, c) = (pick(0), pick(1), pick(2));
        let sentence = match at % 3 {
            0 => format!("the {a} of the {b} and of the {c}\n\n"),
            1 => format!("the {a} and the {b} and the owner\n\n"),
            _ => format!("of the {c} of the {b} of the {a} of\n\n"),
        };
        text.push_str(&sentence);
    }
    fs::write(dir.join("corpus.txt"), text).unwrap();
}

const OPTIONS: DistillOptions = DistillOptions { max_texts: 300, dim: None };

fn distilled(options: DistillOptions) -> Result<Distilled, DistillError> {
    let dir = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary(dir.path());
    write_corpus(dir.path());
    let mut source = open(&[dir.path().join("corpus.txt")], FormatChoice::Auto).unwrap();
    distill(&Bag::new(), &vocabulary, Some(source.as_mut()), options, &|_| {})
}

fn cosine(distilled: &Distilled, text: &str) -> f32 {
    let mut sum = vec![0.0; distilled.dim];
    for word in text.split(' ') {
        let id = 1 + WORDS.iter().position(|known| *known == word).unwrap();
        let row = &distilled.values[id * distilled.dim..(id + 1) * distilled.dim];
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let said = Bag::new().encode(&[text], TextRole::Passage).unwrap();
    let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    sum.iter().zip(said.values()).map(|(a, b)| a * b).sum::<f32>() / norm
}

#[test]
fn a_corpus_teaches_the_weights_that_single_words_do_not_show() {
    let taught = distilled(OPTIONS).unwrap();
    assert_eq!((taught.dim, taught.values.len()), (DIM, (1 + WORDS.len()) * DIM));
    assert_eq!((taught.n_documents, taught.n_skipped), (1, 0));
    assert!(taught.fidelity.unwrap() > 0.99, "{:?}", taught.fidelity);

    let dir = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary(dir.path());
    let untaught = distill(&Bag::new(), &vocabulary, None, OPTIONS, &|_| {}).unwrap();
    assert_eq!((untaught.n_texts, untaught.fidelity), (0, None));
    let text = "and the of the of the borrow and of lifetime of the and";
    let (with, without) = (cosine(&taught, text), cosine(&untaught, text));
    assert!(with > 0.95 && without < 0.6, "{with} {without}");
}

#[test]
fn fewer_components_keep_what_is_compared() {
    let whole = distilled(OPTIONS).unwrap();
    let small = distilled(DistillOptions { dim: Some(10), ..OPTIONS }).unwrap();
    assert_eq!((small.dim, small.values.len()), (10, (1 + WORDS.len()) * 10));
    let dot = |distilled: &Distilled, a: usize, b: usize| -> f32 {
        let row = |id: usize| &distilled.values[id * distilled.dim..(id + 1) * distilled.dim];
        row(a).iter().zip(row(b)).map(|(x, y)| x * y).sum()
    };
    for (a, b) in [(4, 4), (5, 6), (10, 12)] {
        // Nine words that matter span nine dimensions.
        assert!((dot(&whole, a, b) - dot(&small, a, b)).abs() < 0.05, "{a} {b}");
    }
}

#[test]
fn equal_arguments_give_equal_bits_on_any_number_of_threads() {
    let with = |threads| {
        let pool = rayon_pool(threads);
        pool.install(|| distilled(OPTIONS).unwrap())
    };
    assert_eq!(with(1), with(3));
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    for dim in [0, DIM + 1] {
        let error = distilled(DistillOptions { dim: Some(dim), ..OPTIONS }).unwrap_err();
        assert!(matches!(error, DistillError::Dim { .. }), "{error}");
        assert!(error.to_string().contains("1 to 16"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary(dir.path());
    fs::write(dir.path().join("empty.md"), "x\n").unwrap();
    let mut source = open(&[dir.path().join("empty.md")], FormatChoice::Auto).unwrap();
    let error =
        distill(&Bag::new(), &vocabulary, Some(source.as_mut()), OPTIONS, &|_| {}).unwrap_err();
    assert!(matches!(error, DistillError::EmptyCorpus { documents: 1, .. }), "{error}");
}
