//! The laws every chunker keeps, over random documents, three tokenizers and
//! texts chosen to hurt.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use engine::{BlockKind, Chunk, Document, Span};
use ingest::chunk::{
    Chunker, Cl100kSizer, EncoderSizer, SizedChunk, Token, TokenMap, TokenSizer, TokenizerError,
    Window, WordSizer,
};
use proptest::prelude::*;
use support::{CODE, PROSE, WINDOW, build, code, document, heading};

const SPECS: [&str; 26] = [
    "whole",
    "fixed:20/0",
    "fixed:40/20",
    "fixed:64/16,context=headings",
    "recursive:24/0",
    "recursive:48/16",
    "recursive:64/0,context=title",
    "sentence:32/0",
    "sentence:48/24,context=headings",
    "structure:64",
    "structure:40,min=0",
    "structure:64,context=none,min=64",
    "cluster:48",
    "cluster:60,piece=8,context=headings",
    "semantic:48",
    "code:48",
    "code:64,context=none",
    "recursive:48/0,context=title+headings+lead",
    "structure:64,context=lead,legs=lexical",
    "recursive:24/0,late",
    "fixed:40/20,late",
    "structure:64,late",
    "parent:64,child=20,late",
    "parent:64",
    "parent:200,child=24,context=none",
    "semantic:64,percentile=50,buffer=0,context=headings",
];

/// A BERT-like tokenizer whose words are spelt in letters, written to a file
/// that truncates and pads, as the default model's does.
fn word_piece() -> Arc<dyn TokenSizer> {
    let letters: Vec<String> = ('a'..='z').chain('0'..='9').map(String::from).collect();
    let continued = letters.iter().map(|letter| format!("##{letter}"));
    let marks = [".", ",", "!", "?", ":", "(", ")", "-", "漢", "字"].map(str::to_owned);
    let words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "the", "word", "##ing"].map(str::to_owned);
    let vocabulary = words.into_iter().chain(letters.clone()).chain(continued).chain(marks);
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        vocabulary.enumerate().map(|(id, token)| (token, id.into())).collect();
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "truncation": {
            "max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"
        },
        "padding": {
            "strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 3, "pad_type_id": 0, "pad_token": "[PAD]"
        },
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    Arc::new(EncoderSizer::from_file(&path, WINDOW, "").unwrap())
}

fn sizers() -> Vec<Arc<dyn TokenSizer>> {
    vec![Arc::new(WordSizer::for_encoder(WINDOW)), word_piece(), Arc::new(Cl100kSizer::new())]
}

fn check_laws(document: &Document, chunker: &dyn Chunker, sizer: &dyn TokenSizer) {
    let spec = chunker.spec();
    let text = document.text.as_str();
    let chunks = chunker.chunk(document).unwrap();
    assert_eq!(chunks, chunker.chunk(document).unwrap(), "{spec}: equal documents, equal chunks");

    let mut covered = 0;
    let mut previous = Span::new(0, 0);
    for chunk in &chunks {
        let passage = chunk.span.slice(text).expect("a span cuts no character");
        assert!(!passage.is_empty() && passage.trim() == passage, "{spec}: {passage:?}");
        assert!(
            chunk.span.start >= previous.start && chunk.span.end > previous.end,
            "{spec}: {:?} after {previous:?}",
            chunk.span
        );
        if chunk.span.start as usize > covered {
            let gap = &text[covered..chunk.span.start as usize];
            assert!(gap.trim().is_empty(), "{spec}: lost {gap:?}");
        }
        covered = chunk.span.end as usize;
        previous = chunk.span;
    }
    assert!(text[covered..].trim().is_empty(), "{spec}: lost {:?}", &text[covered..]);

    let Some(size) = spec.split([':', '/', ',']).nth(1).and_then(|size| size.parse::<usize>().ok())
    else {
        return;
    };
    let map = TokenMap::new(text, sizer).unwrap();
    check_parents(&spec, text, &chunks, |parent| map.count(parent) <= size);
    for chunk in &chunks {
        let passage = chunk.span.slice(text).unwrap();
        assert!(map.count(chunk.span) <= size, "{spec}: {} tokens", map.count(chunk.span));
        // What the encoder will see, measured afresh.
        if let Some(window) = sizer.window() {
            let alone = sizer.tokens(passage).unwrap().len();
            assert!(alone <= size, "{spec}: {alone} tokens in {passage:?}");
            let seen = sizer.tokens(&chunk.encoder_text(text)).unwrap().len();
            assert!(seen <= window.usable(), "{spec}: {seen} with context {:?}", chunk.context);
        }
    }
}

/// A chunk's stretch holds it and fits the window, unless the chunk alone does
/// not; only what holds no token is without one.
fn check_stretches(document: &Document, chunker: &dyn Chunker, sizer: &dyn TokenSizer) {
    let (spec, text) = (chunker.spec(), document.text.as_str());
    for SizedChunk { chunk, within, .. } in chunker.cut(document).unwrap() {
        let Some(within) = within else {
            let n_tokens = TokenMap::new(text, sizer).unwrap().count(chunk.span);
            assert!(!spec.ends_with("late") || n_tokens == 0, "{spec}: {:?}", chunk.span);
            continue;
        };
        assert!(spec.ends_with("late") && chunk.context.is_empty(), "{spec}");
        assert!(within.start <= chunk.span.start && chunk.span.end <= within.end, "{spec}");
        let stretch = within.slice(text).expect("a stretch cuts no character");
        let seen = sizer.tokens(stretch).unwrap().len();
        let usable = sizer.window().map_or(usize::MAX, Window::usable);
        assert!(seen <= usable, "{spec}: {seen} tokens in {stretch:?}");
    }
}

/// Parents hold their children, which follow each other; parents are disjoint.
fn check_parents(spec: &str, text: &str, chunks: &[Chunk], fits: impl Fn(Span) -> bool) {
    let returned = |chunk: &Chunk| chunk.parent.unwrap_or(chunk.span);
    for chunk in chunks {
        let Some(parent) = chunk.parent else { continue };
        assert!(spec.starts_with("parent"), "{spec}");
        assert!(parent.start <= chunk.span.start && chunk.span.end <= parent.end, "{spec}");
        assert_ne!(parent, chunk.span, "{spec}: no one is its own parent");
        let passage = parent.slice(text).expect("a span cuts no character");
        assert!(passage.trim() == passage && fits(parent), "{spec}: {passage:?}");
    }
    if spec.starts_with("parent") {
        for pair in chunks.windows(2) {
            let (a, b) = (returned(&pair[0]), returned(&pair[1]));
            assert!(a == b || !a.overlaps(b), "{spec}: {a:?} {b:?}");
        }
    }
}

fn check_all(document: &Document) {
    for sizer in sizers() {
        for spec in SPECS {
            let chunker = build(spec, &sizer);
            check_laws(document, &*chunker, &*sizer);
            check_stretches(document, &*chunker, &*sizer);
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => "[a-z]{1,9}",
        2 => "[A-Z][a-z]{1,5}[.?!]",
        1 => "[a-z]{90,300}",
        1 => "[漢字かな]{1,40}",
        1 => "[🦀👩‍💻é한글]{1,6}",
        1 => "[a-z_:().,0-9-]{5,30}",
        1 => Just("e.g.".to_owned()),
    ];
    let blank = prop_oneof![8 => Just(" "), 2 => Just("\n"), 1 => Just("\n\n"), 1 => Just("  \t ")];
    proptest::collection::vec((word, blank), 0..25)
        .prop_map(|words| words.into_iter().map(|(word, blank)| word + blank).collect())
}

fn any_document() -> impl Strategy<Value = Document> {
    let kind = prop_oneof![
        2 => (1u8..5).prop_map(|level| Some(heading(level))),
        3 => Just(PROSE),
        1 => Just(CODE),
        2 => Just(Some(code("python"))),
        1 => Just(Some(BlockKind::ListItem)),
        1 => Just(Some(BlockKind::Table)),
        1 => Just(None),
    ];
    (".{0,300}", proptest::collection::vec((kind, any_text()), 0..8)).prop_map(|(title, parts)| {
        let parts: Vec<_> =
            parts.iter().map(|(kind, text)| (kind.clone(), text.as_str())).collect();
        document(&title, &parts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_chunker_keeps_the_laws(document in any_document()) {
        check_all(&document);
    }
}

#[test]
fn texts_chosen_to_hurt() {
    for text in [
        String::new(),
        " \n\t ".to_owned(),
        "a".to_owned(),
        "\u{FEFF}\u{200B}".to_owned(),
        "漢".repeat(3_000),
        "👩‍💻".repeat(500),
        "e\u{301}".repeat(2_000),
        "가나다".repeat(500),
        "...!!!???".repeat(300),
        ".".repeat(2_000),
        format!("{}x{}", "\n".repeat(500), " ".repeat(500)),
    ] {
        check_all(&document("Title", &[(None, &text)]));
        check_all(&document("Title", &[(Some(code("rust")), &text)]));
        check_all(&document(&text, &[(Some(heading(1)), &text), (CODE, &text)]));
    }
}

/// Counts what it is shown and refuses too much at once.
struct Recorder {
    shown_bytes: AtomicUsize,
    longest: Mutex<usize>,
}

impl TokenSizer for Recorder {
    fn name(&self) -> &'static str {
        "encoder"
    }

    fn window(&self) -> Option<Window> {
        Some(Window { max_tokens: 256, reserved: 2 })
    }

    fn tokens(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        self.shown_bytes.fetch_add(text.len(), Ordering::Relaxed);
        let mut longest = self.longest.lock().unwrap();
        *longest = text.len().max(*longest);
        WordSizer::ruler().tokens(text)
    }
}

#[test]
fn a_megabyte_is_shown_to_the_tokenizer_once_and_in_pieces() {
    let line = "All in one line, without an end; ".repeat(32_000);
    let page = document("Title", &[(Some(heading(1)), "Title"), (None, &line)]);
    for spec in [
        "fixed:200/100",
        "recursive:200/0",
        "sentence:200/50",
        "structure:256",
        "cluster:200",
        "semantic:200",
        "parent:512,child=200",
        "code:256",
    ] {
        let recorder =
            Arc::new(Recorder { shown_bytes: AtomicUsize::new(0), longest: Mutex::new(0) });
        let sizer: Arc<dyn TokenSizer> = Arc::<Recorder>::clone(&recorder);
        let chunks = build(spec, &sizer).chunk(&page).unwrap();
        assert!(chunks.len() > 1_000, "{spec}: {} chunks", chunks.len());
        let shown = recorder.shown_bytes.load(Ordering::Relaxed);
        assert!(shown <= page.text.len() + 100, "{spec}: {shown} bytes shown");
        assert!(*recorder.longest.lock().unwrap() <= 16 << 10, "{spec}");
    }
}

#[test]
fn a_megabyte_without_a_blank_is_cut_small() {
    let blob = "Zm9vYmFy".repeat(1 << 17);
    for sizer in sizers() {
        let page = document("", &[(None, &blob)]);
        let chunker = build("recursive:200/0", &sizer);
        let chunks = chunker.chunk(&page).unwrap();
        assert!(chunks.iter().all(|chunk| chunk.span.len() <= 4_000), "{}", sizer.name());
        assert!(chunks.len() < 6_000, "{}: {}", sizer.name(), chunks.len());
    }
}

#[test]
fn a_broken_document_is_an_error() {
    let mut page = document("", &[(PROSE, "text")]);
    page.blocks[0].span.end = 99;
    let sizer: Arc<dyn TokenSizer> = Arc::new(WordSizer::ruler());
    for spec in SPECS {
        assert!(build(spec, &sizer).chunk(&page).is_err(), "{spec}");
    }
}
