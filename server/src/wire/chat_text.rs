//! The text of an answer as a chat shows it: in pieces that stay said.
//!
//! Both forms of a chat's answer are made of the same pieces, so that whoever streams reads
//! what whoever waits does. A client may show nothing but this text: that nothing
//! answers, and what did not hold when it was looked up, is therefore said in it too.

use super::answer::{AnswerBody, CitationBody};
use super::chat_images::{as_links, settled};

/// Said instead of an answer.
const REFUSAL: &str = "Nothing that was found in these documents answers this.";

/// The pieces so far.
#[derive(Debug, Default)]
pub(crate) struct ChatText {
    /// What was told.
    pub(super) told: String,
    /// White space, or a picture without its end, that came and waits for what follows it.
    held: String,
    /// Whether pieces came: a language model's markers then name passages, not citations.
    has_pieces: bool,
}

/// A marker in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Its number.
    pub(super) number: u32,
    /// Its first character, and the one after its last.
    pub(super) chars: (usize, usize),
}

impl ChatText {
    /// Adds a piece; what of it can be told.
    pub(crate) fn push(&mut self, piece: &str) -> Option<String> {
        self.has_pieces = true;
        self.held.push_str(piece);
        let end = self.held[..settled(&self.held)].trim_end().len();
        let rest = self.held.split_off(end);
        let now = std::mem::replace(&mut self.held, rest);
        self.tell(&now)
    }

    /// What is left to tell when the answer is known.
    pub(crate) fn finish(&mut self, answer: &AnswerBody) -> Option<String> {
        let rest = if answer.abstained && self.told.is_empty() {
            REFUSAL.to_owned()
        } else if let Some(value) = &answer.value {
            value.to_string()
        } else if self.has_pieces {
            // What still waits is told as it is; white space says nothing.
            let held = std::mem::take(&mut self.held);
            format!("{}{}", held.trim_end(), unverified(&answer.citations))
        } else {
            format!("{}{}", answer.answer, unverified(&answer.citations))
        };
        self.tell(&rest)
    }

    fn tell(&mut self, text: &str) -> Option<String> {
        let text = as_links(text);
        self.told.push_str(&text);
        (!text.is_empty()).then_some(text)
    }

    /// The markers, each with its citation where it has one.
    pub(super) fn citations<'a>(
        &self,
        answer: &'a AnswerBody,
    ) -> impl Iterator<Item = (Marker, &'a CitationBody)> {
        // A value is a program's to read; `[1]` in it is a list.
        let text = if answer.value.is_some() { "" } else { self.told.as_str() };
        let of_passages = self.has_pieces && answer.written.is_some();
        markers(text).into_iter().filter_map(move |marker| {
            let citations = answer.citations.iter();
            let citation = if of_passages {
                let mut of_it = citations.filter(|it| it.passage == Some(marker.number));
                // The one that does not hold, if there is one: it must be seen.
                of_it.clone().find(|it| it.verdict != "found").or_else(|| of_it.next())
            } else {
                citations.into_iter().find(|it| it.number == marker.number)
            };
            citation.map(|citation| (marker, citation))
        })
    }
}

/// Every `[n]`.
fn markers(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, c) in text.chars().enumerate() {
        open = match (c, open.take()) {
            ('[', _) => Some((at, String::new())),
            (']', Some((start, digits))) => {
                let number = digits.parse().ok();
                markers.extend(number.map(|number| Marker { number, chars: (start, at + 1) }));
                None
            }
            (digit, Some((start, mut digits))) if digit.is_ascii_digit() => {
                digits.push(digit);
                Some((start, digits))
            }
            _ => None,
        };
    }
    markers
}

/// Says what did not hold; nothing where all did.
fn unverified(citations: &[CitationBody]) -> String {
    let lines: Vec<String> = citations.iter().filter_map(complaint).collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n\nNot verified:\n{}", lines.join("\n"))
    }
}

fn complaint(citation: &CitationBody) -> Option<String> {
    let what = match (citation.verdict.as_str(), citation.passage) {
        ("not_found", None) => return Some("- a passage is cited that was never shown".to_owned()),
        ("not_found", Some(_)) => "stands nowhere in the documents",
        ("elsewhere", _) => "stands in another passage than the one cited",
        ("stitched", _) => "is put together from several places",
        _ => return None,
    };
    Some(format!("- \"{}\" {what}", citation.quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_counted_in_characters() {
        let found = markers("Größe [1][23]. [x] [ 4] [[5]] [");
        let shown: Vec<_> = found.iter().map(|it| (it.number, it.chars)).collect();
        assert_eq!(shown, [(1, (6, 9)), (23, (9, 13)), (5, (25, 28))]);
    }

    #[test]
    fn white_space_waits_for_what_follows_it() {
        let mut text = ChatText::default();
        assert_eq!(text.push("It is\n"), Some("It is".to_owned()));
        assert_eq!(text.push(" "), None);
        assert_eq!(text.push("so."), Some("\n so.".to_owned()));
        assert_eq!(text.told, "It is\n so.");
    }
}
