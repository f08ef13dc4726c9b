//! The laws every chunker keeps, over random documents, three tokenizers and
//! texts chosen to hurt; then what each strategy promises of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use engine::{
    Block, BlockKind, Chunk, Document, DocumentId, Embeddings, EncodeError, Encoder, HashEncoder,
    Span, TextRole,
};
use ingest::chunk::{
    ChunkError, Chunker, ChunkerParts, ChunkerSpec, Cl100kSizer, EncoderSizer, Token, TokenMap,
    TokenSizer, TokenizerError, Window, WordSizer,
};
use proptest::prelude::*;

const WINDOW: usize = 64;

const SPECS: [&str; 20] = [
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
    "recursive:48/0,context=title+headings+lead",
    "structure:64,context=lead,legs=lexical",
    "parent:64",
    "parent:200,child=24,context=none",
    "semantic:64,percentile=50,buffer=0,context=headings",
];

/// Builds a document from blocks; `None` is text that no block claims.
fn document(title: &str, parts: &[(Option<BlockKind>, &str)]) -> Document {
    let mut text = String::new();
    let mut blocks = Vec::new();
    for (kind, part) in parts {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let start = text.len();
        text.push_str(part);
        if let Some(kind) = kind {
            blocks.push(Block { kind: kind.clone(), span: Span::new(start, text.len()) });
        }
    }
    Document {
        id: DocumentId::new("docs/page.html").unwrap(),
        title: title.to_owned(),
        text,
        blocks,
        fields: BTreeMap::new(),
    }
}

fn heading(level: u8) -> BlockKind {
    BlockKind::Heading { level, anchor: None }
}

const CODE: Option<BlockKind> = Some(BlockKind::Code { language: None });

const PROSE: Option<BlockKind> = Some(BlockKind::Paragraph);

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

/// The chunker of a SPEC, with an encoder of words.
fn build(spec: &str, sizer: &Arc<dyn TokenSizer>) -> Box<dyn Chunker> {
    let encoder = Arc::new(HashEncoder::new(32, WINDOW));
    let parts = ChunkerParts { sizer: Arc::clone(sizer), encoder };
    ChunkerSpec::parse(spec).unwrap().build(&parts)
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

/// The passages of `spec` over `document`, in words.
fn passages(spec: &str, document: &Document) -> Vec<String> {
    let chunks = chunk(spec, document);
    chunks.iter().map(|chunk| chunk.span.slice(&document.text).unwrap().to_owned()).collect()
}

fn chunk(spec: &str, document: &Document) -> Vec<Chunk> {
    let sizer: Arc<dyn TokenSizer> = Arc::new(WordSizer::for_encoder(WINDOW));
    build(spec, &sizer).chunk(document).unwrap()
}

fn words(n: usize) -> String {
    (0..n).map(|at| format!("w{at}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn fixed_windows_overlap_by_the_tokens_asked_for() {
    let text = words(50);
    let found = passages("fixed:20/10", &document("", &[(None, &text)]));
    let starts: Vec<_> = found.iter().map(|text| text.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["w0", "w10", "w20", "w30"]);
    assert!(found.iter().all(|text| text.split(' ').count() == 20));
}

#[test]
fn recursive_prefers_strong_separators_and_joins_only_within_a_run() {
    let long = format!("{}. {}.", words(12), words(9));
    let text = format!("One two.\n\nThree four.\n\n{long}\n\nFive six.");
    assert_eq!(
        passages("recursive:16/0", &document("", &[(None, &text)])),
        [
            "One two.\n\nThree four.".to_owned(),
            words(12) + ".",
            words(9) + ".",
            "Five six.".to_owned()
        ],
    );
}

#[test]
fn recursive_separators_can_be_chosen() {
    let text = format!("{} ; {} ; {}", words(8), words(8), words(8));
    let spec = "recursive:16/0,separators=;|";
    assert_eq!(
        passages(spec, &document("", &[(None, &text)])),
        [format!("{} ;", words(8)), format!("{} ;", words(8)), words(8)]
    );
}

#[test]
fn sentences_stay_whole_and_repeat_whole() {
    let text = "Dr. No has a plan. It is not good at all. We may see. The end is near now.";
    assert_eq!(
        passages("sentence:16/6", &document("", &[(None, text)])),
        ["Dr. No has a plan. It is not good at all.", "We may see. The end is near now."]
    );
    assert_eq!(
        passages("sentence:16/8", &document("", &[(None, text)])),
        [
            "Dr. No has a plan. It is not good at all.",
            "It is not good at all. We may see.",
            "We may see. The end is near now."
        ]
    );
}

#[test]
fn structure_names_the_headings_above_each_chunk() {
    let page = document(
        "The Book",
        &[
            (Some(heading(1)), "The Book"),
            (PROSE, &words(30)),
            (Some(heading(2)), "Ownership"),
            (PROSE, &words(30)),
            (Some(heading(3)), "Moves"),
            (PROSE, &words(40)),
            (PROSE, &words(40)),
            (Some(heading(2)), "Slices"),
            (PROSE, &words(30)),
        ],
    );
    let chunks = chunk("structure:64,min=16", &page);
    let told: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            let first = chunk.span.slice(&page.text).unwrap().split_whitespace().next().unwrap();
            (first, chunk.headings.join("/"), chunk.context.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            // What the passage itself begins with is not repeated before it.
            ("The", String::new(), ""),
            ("Ownership", "Ownership".to_owned(), "The Book"),
            ("Moves", "Ownership/Moves".to_owned(), "The Book > Ownership"),
            ("w0", "Ownership/Moves".to_owned(), "The Book > Ownership > Moves"),
            ("Slices", "Slices".to_owned(), "The Book"),
        ]
    );
}

#[test]
fn structure_keeps_code_whole_with_the_sentence_that_introduces_it() {
    let listing = (0..8).map(|at| format!("line {at} of code")).collect::<Vec<_>>().join("\n");
    let page = document(
        "",
        &[
            (Some(heading(2)), "Example"),
            (PROSE, &words(40)),
            (PROSE, "It looks so:"),
            (CODE, &listing),
        ],
    );
    let found = passages("structure:64", &page);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], format!("It looks so:\n\n{listing}"));
}

#[test]
fn structure_cuts_long_code_between_lines() {
    let listing =
        (0..30).map(|at| format!("    let x{at} = y{at};")).collect::<Vec<_>>().join("\n");
    let page = document("", &[(Some(heading(2)), "Example"), (CODE, &listing)]);
    let found = passages("structure:64", &page);
    assert!(found.len() > 1);
    assert!(found[0].starts_with("Example\n\n    let x0"), "a heading never stands alone");
    assert!(found.iter().all(|passage| passage.ends_with(';')));
}

#[test]
fn structure_joins_small_sections_but_never_into_the_parent_level() {
    let page = document(
        "",
        &[
            (Some(heading(2)), "A"),
            (Some(heading(3)), "A1"),
            (PROSE, "short one"),
            (Some(heading(3)), "A2"),
            (PROSE, "short two"),
            (Some(heading(1)), "B"),
            (PROSE, &words(50)),
        ],
    );
    let found = passages("structure:64", &page);
    assert_eq!(found[0], "A\n\nA1\n\nshort one\n\nA2\n\nshort two");
    assert!(found[1].starts_with("B\n\nw0"));
    let apart = passages("structure:64,min=0", &page);
    assert_eq!(apart[..2], ["A\n\nA1\n\nshort one", "A2\n\nshort two"]);
}

#[test]
fn cluster_joins_pieces_of_like_words_and_parts_them_from_others() {
    // Eight pieces of nine words each: four of one subject, four of another.
    let cats = "the cat sat on the mat with the cat. ".repeat(4);
    let taxes = "income tax rates rise when income tax rules change. ".repeat(4);
    let page = document("", &[(None, &format!("{cats}{taxes}"))]);
    let found = passages("cluster:64,piece=10", &page);
    assert_eq!(found, [cats.trim(), taxes.trim()]);
    // A chunk has at most SIZE / piece pieces.
    assert_eq!(passages("cluster:20,piece=10", &page).len(), 4);
}

#[test]
fn semantic_cuts_where_the_subject_changes_and_keeps_to_its_size() {
    let cats = "The cat sat on the mat. The mat was under the cat. The cat sat on. ";
    let taxes = "Income tax rises again. Nobody likes income tax. Tax again rises.";
    let page = document("", &[(None, &format!("{cats}{taxes}"))]);
    // Five distances; above the 80th percentile lies the largest alone.
    let spec = "semantic:64,buffer=0,percentile=80";
    assert_eq!(passages(spec, &page), [cats.trim(), taxes]);
    assert_eq!(passages("semantic:64,percentile=100", &page).len(), 1);
    // Groups beyond SIZE are cut between sentences.
    let small = passages("semantic:16,buffer=0,percentile=80", &page);
    assert_eq!(small[0], "The cat sat on the mat. The mat was under the cat.");
}

#[test]
fn parents_are_what_structure_cuts_and_children_are_sentences_of_them() {
    let page = document(
        "The Book",
        &[
            (Some(heading(2)), "Slices"),
            (PROSE, &format!("A slice borrows. Then {}. It ends.", words(14))),
            (Some(heading(2)), "Short"),
            (PROSE, &format!("{}.", words(14))),
        ],
    );
    let chunks = chunk("parent:40,child=16", &page);
    let parents: Vec<_> = chunks.iter().map(|chunk| chunk.parent).collect();
    let cut = chunk("structure:40", &page);
    assert_eq!(parents, [Some(cut[0].span), Some(cut[0].span), Some(cut[0].span), None]);
    assert_eq!(chunks[3].span, cut[1].span, "a small parent is its own child");
    let texts = passages("parent:40,child=16", &page);
    assert_eq!(texts[0], "Slices\n\nA slice borrows.");
    assert!(texts[1].starts_with("Then w0") && texts[1].ends_with("w13."));
    assert_eq!(texts[2], "It ends.");
}

#[test]
fn the_lead_goes_with_every_passage_after_it_and_to_the_legs_asked_for() {
    let page = document(
        "The Book",
        &[
            (Some(heading(1)), "The Book"),
            (PROSE, "Rust frees memory without a collector. It has owners."),
            (Some(heading(2)), "Slices"),
            (PROSE, &words(40)),
        ],
    );
    let lead = "Rust frees memory without a collector.";
    let told = |spec: &str| -> Vec<(String, String, bool)> {
        let chunks = chunk(spec, &page);
        chunks
            .into_iter()
            .map(|chunk| (chunk.context, chunk.lexical_context, chunk.headings.is_empty()))
            .collect()
    };
    let both = told("structure:64,context=headings+lead,min=0");
    assert_eq!(both[0], (String::new(), String::new(), true), "the lead is in the passage");
    assert_eq!(both[1], (format!("The Book\n{lead}"), lead.to_owned(), false));
    let dense = told("sentence:48,context=headings+lead,legs=dense");
    assert_eq!(dense[1].1, "");
    assert!(dense[1].0.ends_with(lead) && dense[1].2);
    let lexical = told("sentence:48,context=headings+lead,legs=lexical");
    assert_eq!(lexical[1].0, "");
    assert!(lexical[1].1 == lead && !lexical[1].2);
    // A window of 64 tokens leaves 16 for context: the path comes first.
    let long =
        document(&words(12), &[(PROSE, &format!("Here are {}.", words(30))), (PROSE, &words(40))]);
    let cut = chunk("structure:48,context=headings+lead,min=0", &long);
    assert_eq!(cut[1].context, format!("{}\nHere are w0 w1", words(12)));
    assert!(cut[1].lexical_context.ends_with("w29."));
}

/// Refuses every text.
struct Broken;

impl Encoder for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn fingerprint(&self) -> &'static str {
        "broken"
    }

    fn dim(&self) -> usize {
        8
    }

    fn max_tokens(&self) -> usize {
        WINDOW
    }

    fn encode(&self, _: &[&str], _: TextRole) -> Result<Embeddings, EncodeError> {
        Err(EncodeError::NonFinite { index: 0 })
    }
}

#[test]
fn an_encoder_that_fails_is_named_with_the_document() {
    let sizer = Arc::new(WordSizer::for_encoder(WINDOW));
    let parts = ChunkerParts { sizer, encoder: Arc::new(Broken) };
    for spec in ["cluster:64", "semantic:64"] {
        let chunker = ChunkerSpec::parse(spec).unwrap().build(&parts);
        let error = chunker.chunk(&document("", &[(PROSE, "One. Two.")])).unwrap_err();
        assert!(matches!(error, ChunkError::Encode { .. }), "{error:?}");
        assert!(error.to_string().contains("docs/page.html"));
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
