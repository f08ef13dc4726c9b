//! What an ingest tells while it runs; the command line draws it as a bar.

/// Receives what happens, from the thread that called
/// [`super::ingest`].
pub trait Progress: Send + Sync {
    /// Called for each event. Should return at once: writing waits for it.
    fn report(&self, event: Event);
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The ingest begins.
    Started {
        /// Documents and skipped files to come, where the source knows.
        documents: Option<usize>,
    },
    /// A batch is written, or part of the source was passed over.
    Advanced(Totals),
    /// A commit begins.
    Committing,
    /// Consent to a removal is about to be asked for, perhaps on the terminal.
    Asking,
    /// The index is rewritten as one segment.
    Merging,
    /// The ingest ended, well or not.
    Finished,
}

/// What has been done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents dealt with, skipped and unchanged ones included.
    pub documents: usize,
    /// Chunks written.
    pub chunks: usize,
    /// Tokens encoded.
    pub tokens: usize,
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _event: Event) {}
}
