//! What a question is answered from: the passages of a search, put together.
//!
//! [`assemble`] is a stage like those of a search: its options can be switched off one
//! by one, what it leaves out is listed with the reason, and equal hits give an equal
//! context. The order of work: widen each hit by its neighbours, merge what touches,
//! cap per document, keep to the budget, put in order, number.

mod assemble;

use std::fmt;

use engine::{ChunkOrd, DocumentId, Span, StoredDocument};

pub use assemble::assemble;

/// In which order passages are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextOrder {
    /// Best first.
    #[default]
    Rank,
    /// Documents best first, the passages of each as they stand in it.
    Reading,
    /// Best first and second best last, the others between: models overlook the middle
    /// of a long context (Liu et al. 2024, "Lost in the Middle").
    Edges,
}

/// How a context is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextOptions {
    /// Most tokens of all passages together, by [`crate::estimated_tokens`]. The best
    /// passage is cut to it where it alone is longer.
    pub budget_tokens: usize,
    /// Chunks before and after each hit that are shown with it.
    pub neighbours: usize,
    /// Whether passages of one document that touch become one.
    pub merge: bool,
    /// Most passages of one document, after merging; at least 1 counts.
    pub per_document: Option<usize>,
    /// In which order.
    pub order: ContextOrder,
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self {
            budget_tokens: 2000,
            neighbours: 0,
            merge: true,
            per_document: None,
            order: ContextOrder::Rank,
        }
    }
}

/// A passage that a question is answered from.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextPassage {
    /// What citations call it: 1 for the first one shown.
    pub number: u32,
    /// The document it stands in.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Headings above its best hit, outermost first.
    pub headings: Vec<String>,
    /// Its bytes in the document's canonical text.
    pub span: Span,
    /// The passage: exactly the bytes of `span`.
    pub text: String,
    /// Its size by [`crate::estimated_tokens`].
    pub tokens: usize,
    /// The rank of its best hit, from 1.
    pub rank: usize,
    /// The score of its best hit.
    pub score: f64,
    /// The chunks that were hits, best first.
    pub chunks: Vec<ChunkOrd>,
}

/// Why a hit is not in the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOutReason {
    /// It did not fit any more.
    Budget,
    /// Its document had its share.
    DocumentCap,
    /// It is nearly the same as a hit above it.
    NearDuplicate,
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Budget => "budget",
            Self::DocumentCap => "document_cap",
            Self::NearDuplicate => "near_duplicate",
        })
    }
}

/// A hit that is not in the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its document.
    pub document: DocumentId,
    /// The bytes that were left out.
    pub span: Span,
    /// Why.
    pub reason: LeftOutReason,
}

/// The passages a question is answered from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// In the order in which they are shown.
    pub passages: Vec<ContextPassage>,
    /// Hits that are not among them, best first.
    pub left_out: Vec<LeftOut>,
    /// The passages' size.
    pub tokens: usize,
    /// The documents of the passages, by first appearance.
    pub documents: Vec<StoredDocument>,
}

impl Context {
    /// The passage of this number.
    pub fn passage(&self, number: u32) -> Option<&ContextPassage> {
        self.passages.iter().find(|passage| passage.number == number)
    }

    /// The document of a passage.
    pub fn document(&self, id: &DocumentId) -> Option<&StoredDocument> {
        self.documents.iter().find(|document| document.id == *id)
    }

    /// The passages, best first.
    pub fn by_rank(&self) -> Vec<&ContextPassage> {
        let mut passages: Vec<_> = self.passages.iter().collect();
        passages.sort_by_key(|passage| passage.rank);
        passages
    }
}
