//! What each chunking strategy promises of its own.

mod support;

use std::sync::Arc;

use engine::{Chunk, Document, Embeddings, EncodeError, Encoder, TextRole};
use ingest::chunk::{ChunkError, ChunkerParts, ChunkerSpec, TokenSizer, WordSizer};
#[cfg(feature = "tree-sitter")]
use support::code;
use support::{CODE, PROSE, WINDOW, build, document, heading};

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

/// A function of Python with its comment.
#[cfg(feature = "tree-sitter")]
fn function(name: &str, lines: usize) -> String {
    let body: Vec<_> = (0..lines).map(|at| format!("    x{at} = {name}({at})")).collect();
    format!("# About {name}.\ndef {name}(x):\n{}", body.join("\n"))
}

#[cfg(feature = "tree-sitter")]
#[test]
fn code_keeps_items_whole_and_cuts_long_ones_inside() {
    let (small, next, long) = (function("small", 1), function("next", 1), function("long", 20));
    let page = document(
        "tools.py",
        &[
            (Some(code("python")), &small),
            (Some(code("python")), &next),
            (Some(code("python")), &long),
        ],
    );
    let found = passages("code:64,context=none", &page);
    assert_eq!(found[0], format!("{small}\n\n{next}"), "small neighbours are joined");
    assert!(found[1].starts_with("# About long.\ndef long(x):\n    x0 = long(0)"));
    for passage in &found[1..] {
        assert!(passage.ends_with(')'), "cut between statements: {passage:?}");
    }
    // In a page of prose a long block is cut at its items, a short one is whole.
    let both = format!("{}\n\n{}", function("one", 5), function("two", 5));
    let page = document("", &[(PROSE, "Some words."), (Some(code("python")), &both)]);
    let found = passages("code:64,context=none", &page);
    assert_eq!(found[1], function("two", 5));
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
