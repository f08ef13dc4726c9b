//! What in a document can be asked about: its sections, each by its heading or
//! by what its first sentence defines.
//!
//! English patterns over the document's structure. A draft that reads oddly
//! costs a person one line to mend, so the patterns aim at sections worth a
//! question rather than at grammar.

use corpora::QuestionKind;
use engine::{Block, BlockKind, Document, Span};
use ingest::chunk::sentences;

/// Most candidates of one document: more would let a long one fill the file.
const MAX_PER_DOCUMENT: usize = 8;

/// Shortest and longest first sentence that can be evidence, in bytes.
const SENTENCE_BYTES: std::ops::RangeInclusive<usize> = 30..=300;

/// Longest heading that is taken into a question, in words.
const MAX_HEADING_WORDS: usize = 12;

/// Longest subject of a definition, in words.
const MAX_SUBJECT_WORDS: usize = 6;

/// A question and where its evidence stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) question: String,
    pub(super) kind: QuestionKind,
    /// The first sentence of a section, without white space around it.
    pub(super) span: Span,
}

/// The candidates of a document, in its order, each question once.
pub(super) fn candidates(document: &Document) -> Vec<Candidate> {
    let text = |block: &Block| block.span.slice(&document.text).unwrap_or("").trim().to_owned();
    let mut found: Vec<Candidate> = Vec::new();
    let mut heading: Option<String> = None;
    let mut is_open = true;
    for block in &document.blocks {
        match &block.kind {
            BlockKind::Heading { level, .. } => {
                // The title's own section is asked about by the title.
                heading = (*level > 1).then(|| text(block));
                is_open = true;
            }
            BlockKind::Paragraph if is_open => {
                is_open = false;
                let Some(span) = first_sentence(&document.text, block.span) else { continue };
                let sentence = span.slice(&document.text).unwrap_or("");
                let asked = definition(sentence).or_else(|| {
                    heading.as_deref().map_or_else(
                        || about_title(&document.title),
                        |heading| about_heading(heading, &document.title),
                    )
                });
                if let Some((question, kind)) = asked
                    && !found.iter().any(|other| other.question == question)
                {
                    found.push(Candidate { question, kind, span });
                }
            }
            BlockKind::Paragraph
            | BlockKind::ListItem
            | BlockKind::Code { .. }
            | BlockKind::Table => {}
        }
        if found.len() == MAX_PER_DOCUMENT {
            break;
        }
    }
    found
}

/// The first sentence of a paragraph, if it is a whole one of a fair length.
fn first_sentence(text: &str, paragraph: Span) -> Option<Span> {
    let span = *sentences(text, paragraph).first()?;
    let sentence = span.slice(text)?;
    let trimmed = sentence.trim();
    let start = span.start as usize + (sentence.len() - sentence.trim_start().len());
    let is_whole = trimmed.ends_with(['.', '!']) && SENTENCE_BYTES.contains(&trimmed.len());
    is_whole.then(|| Span::new(start, start + trimmed.len()))
}

/// Words that begin a sentence whose "is" defines nothing by itself.
const NO_SUBJECTS: [&str; 34] = [
    "it", "this", "that", "these", "those", "there", "here", "what", "which", "who", "he", "she",
    "they", "we", "you", "i", "if", "when", "while", "in", "on", "for", "as", "at", "by", "with",
    "one", "all", "both", "each", "another", "note", "so", "now",
];

/// "A slice is a view ..." asks "What is a slice?".
fn definition(sentence: &str) -> Option<(String, QuestionKind)> {
    let verb_and_subject = [" is ", " are "].into_iter().find_map(|verb| {
        let (subject, rest) = sentence.split_once(verb)?;
        let first = rest.split_whitespace().next()?;
        ["a", "an", "the"].contains(&first).then_some((verb.trim(), subject))
    });
    let (verb, subject) = verb_and_subject?;
    let first = subject.split_whitespace().next()?;
    let n_words = subject.split_whitespace().count();
    if n_words > MAX_SUBJECT_WORDS
        || subject.contains([',', ';', ':', '(', '.'])
        || NO_SUBJECTS.contains(&first.to_lowercase().as_str())
    {
        return None;
    }
    let subject = match first {
        "A" | "An" | "The" => format!("{}{}", first.to_lowercase(), &subject[first.len()..]),
        // Any other capital may belong to a name.
        _ => subject.to_owned(),
    };
    Some((format!("What {verb} {subject}?"), QuestionKind::Fact))
}

fn about_heading(heading: &str, title: &str) -> Option<(String, QuestionKind)> {
    // Numbers of sections ("2.1 Setup") are no part of what is asked.
    let heading = heading.trim_start_matches(|c: char| c.is_ascii_digit() || ". ".contains(c));
    if heading.is_empty() || heading.split_whitespace().count() > MAX_HEADING_WORDS {
        return None;
    }
    let lower = heading.to_lowercase();
    let kind = match lower.split_whitespace().next() {
        Some("how") => QuestionKind::HowTo,
        Some("why") => QuestionKind::Why,
        _ => QuestionKind::Fact,
    };
    let question = if heading.ends_with('?') {
        heading.to_owned()
    } else if lower.starts_with("how to ") {
        format!("How do I {}?", lower_first(&heading["how to ".len()..]))
    } else if kind == QuestionKind::Why {
        format!("{heading}?")
    } else if title.is_empty() || title == heading {
        format!("What should I know about {heading}?")
    } else {
        format!("What does \u{201c}{title}\u{201d} say about {heading}?")
    };
    Some((question, kind))
}

fn about_title(title: &str) -> Option<(String, QuestionKind)> {
    let usable = !title.is_empty() && title.split_whitespace().count() <= MAX_HEADING_WORDS;
    usable.then(|| (format!("What is \u{201c}{title}\u{201d} about?"), QuestionKind::Fact))
}

/// "Install it" as it stands inside a sentence; "HTTP requests" stays.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_asks_for_its_subject() {
        let asked = |sentence| definition(sentence).map(|(question, _)| question);
        for (sentence, expected) in [
            ("A slice is a view into a contiguous sequence.", Some("What is a slice?")),
            ("Cargo is the package manager of Rust.", Some("What is Cargo?")),
            ("Traits are a way to share behaviour.", Some("What are Traits?")),
            ("It is a view into a contiguous sequence.", None),
            ("This page is the first of a series.", None),
            ("Cargo is slow on some machines with slow disks.", None),
            ("Among others, Cargo is the package manager.", None),
            // The first "is" decides, and "returned" is no article.
            ("The value that is returned is the last expression.", None),
        ] {
            assert_eq!(asked(sentence).as_deref(), expected, "{sentence}");
        }
    }

    #[test]
    fn headings_become_questions() {
        for (heading, title, expected, kind) in [
            ("2.1. Setup", "Guide", "What does “Guide” say about Setup?", QuestionKind::Fact),
            ("Guide", "Guide", "What should I know about Guide?", QuestionKind::Fact),
            ("How to Build it", "Guide", "How do I build it?", QuestionKind::HowTo),
            ("How to HTTP", "", "How do I HTTP?", QuestionKind::HowTo),
            ("Why not Go?", "Guide", "Why not Go?", QuestionKind::Why),
            ("Why it is fast", "Guide", "Why it is fast?", QuestionKind::Why),
        ] {
            assert_eq!(about_heading(heading, title), Some((expected.to_owned(), kind)));
        }
        assert_eq!(about_heading("1.2", "Guide"), None);
        assert_eq!(about_heading(&"word ".repeat(13), "Guide"), None);
    }
}
