//! The sentences of a document: what an extractive answer is made of.
//!
//! A canonical text says where its paragraphs, items, rows and code are. A sentence
//! never crosses one of these, a heading is none, a row of a table counts as one, and
//! code counts only with the sentence that introduces it. Boundaries inside a
//! paragraph are those of Unicode Annex 29, mended after abbreviations.

use engine::{Block, BlockKind, Span};
use unicode_segmentation::UnicodeSegmentation;

/// Fewer words are a label or a scrap, not a statement.
const MIN_WORDS: usize = 4;

/// Longest code that is shown with the sentence before it, in bytes: some twenty
/// lines. More is no answer but a listing.
const MAX_CODE_BYTES: usize = 1200;

/// What is no end of a sentence, though a capital letter may follow. Lower case.
const ABBREVIATIONS: [&str; 16] = [
    "e.g.", "i.e.", "etc.", "cf.", "vs.", "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "no.",
    "fig.", "eq.", "sec.", "approx.",
];

/// A statement and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Its bytes in the canonical text, without white space around it.
    pub span: Span,
    /// The code that it introduces, where it ends in a colon.
    pub code: Option<Span>,
}

impl Sentence {
    /// The sentence with the code it introduces.
    pub fn whole(&self) -> Span {
        self.code.map_or(self.span, |code| Span { start: self.span.start, end: code.end })
    }
}

/// The sentences that begin inside a span, in order.
///
/// They may end outside: where a chunk cuts a sentence, the whole one is meant.
///
/// # Arguments
/// * `text` - the canonical text.
/// * `blocks` - its structure, in order and disjoint; may be empty, then lines are
///   paragraphs.
/// * `within` - bytes of `text`.
pub fn sentences(text: &str, blocks: &[Block], within: Span) -> Vec<Sentence> {
    let mut found: Vec<Sentence> = Vec::new();
    let mut at = 0;
    let first = blocks.partition_point(|block| block.span.end <= within.start);
    if let Some(before) = first.checked_sub(1) {
        at = blocks[before].span.end as usize;
    }
    for block in &blocks[first..] {
        if block.span.start >= within.end {
            break;
        }
        plain(text, Span::new(at, block.span.start as usize), &mut found);
        at = block.span.end as usize;
        match &block.kind {
            BlockKind::Heading { .. } => {}
            BlockKind::Code { .. } => introduce(text, block.span, &mut found),
            BlockKind::Table => rows(text, block.span, &mut found),
            BlockKind::Paragraph | BlockKind::ListItem => plain(text, block.span, &mut found),
        }
    }
    let rest = blocks.get(first..).unwrap_or_default().iter();
    let end = rest
        .map(|block| block.span.start)
        .find(|&start| start >= within.end)
        .map_or(text.len(), |start| start as usize);
    if (at as u64) < u64::from(within.end) {
        plain(text, Span::new(at, end), &mut found);
    }
    found
        .retain(|sentence| sentence.span.start >= within.start && sentence.span.start < within.end);
    found
}

/// Running text: a line is a paragraph of its own.
fn plain(text: &str, span: Span, found: &mut Vec<Sentence>) {
    let Some(part) = span.slice(text) else { return };
    let mut line_start = span.start as usize;
    for line in part.split_inclusive('\n') {
        let mut from = line_start;
        for (at, piece) in line.split_sentence_bound_indices() {
            let end = line_start + at + piece.len();
            if !ends_in_abbreviation(&text[from..end]) {
                push(text, Span::new(from, end), found);
                from = end;
            }
        }
        push(text, Span::new(from, line_start + line.len()), found);
        line_start += line.len();
    }
}

/// A row is a statement of its cells.
fn rows(text: &str, span: Span, found: &mut Vec<Sentence>) {
    let Some(part) = span.slice(text) else { return };
    let mut start = span.start as usize;
    for line in part.split_inclusive('\n') {
        push(text, Span::new(start, start + line.len()), found);
        start += line.len();
    }
}

/// Gives code to the sentence right before it, if that one ends in a colon.
fn introduce(text: &str, code: Span, found: &mut [Sentence]) {
    let Some(last) = found.last_mut() else { return };
    let between = Span { start: last.span.end, end: code.start };
    let follows = between.slice(text).is_some_and(|gap| gap.trim().is_empty());
    let announces = last.span.slice(text).is_some_and(|sentence| sentence.ends_with(':'));
    if follows && announces && code.len() <= MAX_CODE_BYTES {
        last.code = Some(code);
    }
}

fn push(text: &str, span: Span, found: &mut Vec<Sentence>) {
    let Some(part) = span.slice(text) else { return };
    let trimmed = part.trim_start();
    let start = span.start as usize + part.len() - trimmed.len();
    let trimmed = trimmed.trim_end();
    if trimmed.unicode_words().count() >= MIN_WORDS {
        found.push(Sentence { span: Span::new(start, start + trimmed.len()), code: None });
    }
}

fn ends_in_abbreviation(part: &str) -> bool {
    let last = part.trim_end().rsplit(|c: char| c.is_whitespace() || c == '(').next();
    last.is_some_and(|word| {
        let word = word.to_lowercase();
        // "J. Smith" too: a letter with a point is an initial.
        let mut letters = word.chars();
        let initial = letters.next().is_some_and(char::is_alphabetic) && letters.as_str() == ".";
        (initial && word != "i.") || ABBREVIATIONS.contains(&word.as_str())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(kind: BlockKind, text: &str, part: &str) -> Block {
        let start = text.find(part).unwrap();
        Block { kind, span: Span::new(start, start + part.len()) }
    }

    fn texts<'t>(text: &'t str, blocks: &[Block], within: Span) -> Vec<&'t str> {
        let found = sentences(text, blocks, within);
        found.into_iter().map(|sentence| sentence.whole().slice(text).unwrap()).collect()
    }

    #[test]
    fn a_document_without_structure_has_lines() {
        let text = "A short line\nOne sentence stands here. Another one, e.g. Here, follows it.\n\n\
                    By J. Smith and Dr. No it was written.";
        let all = Span::new(0, text.len());
        let expected = [
            "One sentence stands here.",
            "Another one, e.g. Here, follows it.",
            "By J. Smith and Dr. No it was written.",
        ];
        assert_eq!(texts(text, &[], all), expected);
        let second = text.find("Another").unwrap();
        assert_eq!(texts(text, &[], Span::new(second, second + 3)), expected[1..2]);
        assert!(texts(text, &[], Span::new(second + 1, second + 9)).is_empty());
    }

    #[test]
    fn code_comes_with_the_sentence_that_introduces_it() {
        let code = "let x = 1;\nlet y = x;";
        let text = format!(
            "Values are moved here always\n\nMove a value like this:\n\n{code}\n\nname | what it is for\n\
             --release | optimises the whole program\n\nThat was all of it."
        );
        let heading = BlockKind::Heading { level: 1, anchor: None };
        let blocks = [
            block(heading, &text, "Values are moved here always"),
            block(BlockKind::Paragraph, &text, "Move a value like this:"),
            block(BlockKind::Code { language: None }, &text, code),
            block(
                BlockKind::Table,
                &text,
                "name | what it is for\n--release | optimises the whole program",
            ),
            block(BlockKind::Paragraph, &text, "That was all of it."),
        ];
        let found = texts(&text, &blocks, Span::new(0, text.len()));
        let introduced = format!("Move a value like this:\n\n{code}");
        let expected = [
            introduced.as_str(),
            "name | what it is for",
            "--release | optimises the whole program",
            "That was all of it.",
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn sentences_are_in_order_and_of_the_text(
            text in "([a-zé]{1,6}[ .:\n]{1,2}){0,60}", from in 0..200_usize, to in 0..200_usize,
        ) {
            let within = Span::new(from, to);
            let found = sentences(&text, &[], within);
            let all = sentences(&text, &[], Span::new(0, text.len()));
            for sentence in &found {
                let shown = sentence.span.slice(&text).unwrap();
                prop_assert_eq!(shown.trim(), shown);
                prop_assert!(all.contains(sentence));
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            let inside = |sentence: &&Sentence| {
                sentence.span.start >= within.start && sentence.span.start < within.end
            };
            prop_assert_eq!(found.len(), all.iter().filter(inside).count());
        }
    }
}
