//! An answer as a model gave it: what it claims, and what it says carries it.

use serde_json::Value;

/// A reply, read. Nothing in it has been compared with a passage yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedAnswer {
    /// The model says that the passages do not answer the question. A model may
    /// contradict itself and make claims all the same; they are kept.
    pub abstained: bool,
    /// In the order of the reply.
    pub claims: Vec<ParsedClaim>,
    /// The answer in a caller's own form, which `claims` then has as its one text. Whether
    /// it fits the caller's schema is not decided here.
    pub value: Option<Value>,
}

/// Something that a model says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedClaim {
    /// What stands before it in the reply since the claim before: white space, a list's
    /// bullet, a heading's sign, a rule. Empty where a reply has no such.
    pub lead: String,
    /// A sentence without the markers of passages and without a list's bullets;
    /// quotations stay in it. A block of code is one claim.
    pub text: String,
    /// The passages it is said to rest on, each once, in the order of the
    /// reply. Empty: the model named none, so nothing carries the claim.
    pub passages: Vec<u32>,
    /// Those of `passages` that were never shown.
    pub unknown_passages: Vec<u32>,
    /// What it quotes.
    pub quotes: Vec<ParsedQuote>,
}

/// Words that are said to stand in a passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedQuote {
    /// The words, byte for byte as the model wrote them.
    pub text: String,
    /// The passage they are said to stand in. Prose does not say: there it is
    /// `None`, and any of the claim's passages may be meant.
    pub passage: Option<u32>,
}

impl ParsedClaim {
    /// A claim whose passages may repeat and may never have been shown.
    pub(super) fn new(
        lead: String,
        text: String,
        markers: impl IntoIterator<Item = u32>,
        quotes: Vec<ParsedQuote>,
        known: &[u32],
    ) -> Self {
        let mut passages = Vec::new();
        for number in markers {
            if !passages.contains(&number) {
                passages.push(number);
            }
        }
        let unknown_passages =
            passages.iter().copied().filter(|number| !known.contains(number)).collect();
        Self { lead, text, passages, unknown_passages, quotes }
    }
}
