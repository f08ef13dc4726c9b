//! Batches: documents with the texts that are to be encoded for them.
//!
//! A text that was encoded a short while ago in the same run is not encoded
//! again (licence notes, navigation left in pages, tables of contents). Texts
//! get numbers in the order of the source; a batch says which number each chunk
//! needs, and up to which number vectors may be forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use engine::{Chunk, Document, DocumentId, Signature, Span};

use super::plan::Novelty;
use crate::chunk::SizedChunk;

/// Texts that make a batch worth encoding. Large enough that the encoder's
/// cores are busy most of the time, small enough that a crash or an error is
/// noticed soon.
const BATCH_TEXTS: usize = 256;

/// Texts a core, on machines with many.
const BATCH_TEXTS_PER_THREAD: usize = 16;

/// Bytes of documents after which a batch is full, whatever its texts.
const BATCH_BYTES: usize = 8 << 20;

/// Documents after which a batch is full: a source of which nothing has changed
/// shows progress, too.
const BATCH_DOCUMENTS: usize = 512;

/// Memory for vectors that a later text may repeat.
const REMEMBERED_BYTES: usize = 64 << 20;

/// Documents and texts that travel together.
#[derive(Default)]
pub(super) struct Batch {
    /// Position in the run; batches are written in this order.
    pub(super) sequence: u64,
    pub(super) entries: Vec<Entry>,
    /// Texts to encode; the first has number `first_text`.
    pub(super) texts: Vec<Text>,
    pub(super) first_text: u64,
    /// No later batch needs a text of a lower number.
    pub(super) forget_before: u64,
    /// Documents that needed nothing, since the batch before.
    pub(super) passed: usize,
}

/// A text to encode.
pub(super) struct Text {
    pub(super) reading: Reading,
    pub(super) n_tokens: usize,
}

/// What the encoder reads of a text.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// The text.
    Alone(String),
    /// A stretch of its document, in which it is `span`. Texts of one stretch
    /// follow each other and share it.
    Within { stretch: Arc<str>, span: Span },
}

impl Reading {
    /// Equal for what has equal vectors.
    fn hash(&self) -> TextHash {
        let mut hasher = blake3::Hasher::new();
        match self {
            Self::Alone(text) => hasher.update(text.as_bytes()),
            Self::Within { stretch, span } => {
                // No text ends like this: the byte is not UTF-8.
                hasher.update(stretch.as_bytes()).update(&[0xFF]);
                hasher.update(&span.start.to_le_bytes()).update(&span.end.to_le_bytes())
            }
        };
        let hash = hasher.finalize();
        std::array::from_fn(|at| hash.as_bytes()[at])
    }
}

/// Something to write.
pub(super) enum Entry {
    Document(Box<Prepared>),
    Duplicate { id: DocumentId, of: DocumentId, signature: Signature, novelty: Novelty },
}

/// A document that lacks only its vectors.
pub(super) struct Prepared {
    pub(super) document: Document,
    pub(super) signature: Signature,
    pub(super) novelty: Novelty,
    pub(super) origin: String,
    pub(super) chunks: Vec<Chunk>,
    /// Number of each chunk's text.
    pub(super) texts: Vec<u64>,
}

/// Fills batches.
pub(super) struct Batcher {
    batch: Batch,
    bytes: usize,
    batch_texts: usize,
    ledger: Ledger,
}

impl Batcher {
    pub(super) fn new(threads: usize, dim: usize) -> Self {
        Self {
            batch: Batch::default(),
            bytes: 0,
            batch_texts: BATCH_TEXTS.max(BATCH_TEXTS_PER_THREAD * threads),
            ledger: Ledger::new(REMEMBERED_BYTES / (dim.max(1) * size_of::<f32>())),
        }
    }

    pub(super) fn document(
        &mut self,
        document: Document,
        chunks: Vec<SizedChunk>,
        signed: (Signature, Novelty),
        origin: String,
    ) {
        self.bytes += document.text.len();
        let mut texts = Vec::with_capacity(chunks.len());
        let mut plain = Vec::with_capacity(chunks.len());
        let mut stretch = Stretch::default();
        for SizedChunk { chunk, n_tokens, within } in chunks {
            let (reading, bytes) = match within {
                None => {
                    let text = chunk.encoder_text(&document.text);
                    let bytes = text.len();
                    (Reading::Alone(text), bytes)
                }
                Some(within) => stretch.reading(&document.text, within, chunk.span),
            };
            let (number, standing) = self.ledger.number(reading.hash());
            if standing == Standing::New {
                self.bytes += bytes;
                self.batch.texts.push(Text { reading, n_tokens });
            }
            texts.push(number);
            plain.push(chunk);
        }
        let (signature, novelty) = signed;
        let prepared = Prepared { document, signature, novelty, origin, chunks: plain, texts };
        self.batch.entries.push(Entry::Document(Box::new(prepared)));
    }

    pub(super) fn duplicate(&mut self, entry: Entry) {
        self.batch.entries.push(entry);
    }

    pub(super) fn pass(&mut self) {
        self.batch.passed += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.batch.texts.len() >= self.batch_texts
            || self.bytes >= BATCH_BYTES
            || self.batch.entries.len() + self.batch.passed >= BATCH_DOCUMENTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.entries.is_empty() && self.batch.passed == 0
    }

    /// The batch so far; the next one begins.
    pub(super) fn take(&mut self) -> Batch {
        self.bytes = 0;
        self.batch.forget_before = self.ledger.oldest();
        let next = Batch {
            sequence: self.batch.sequence + 1,
            first_text: self.ledger.next,
            ..Batch::default()
        };
        std::mem::replace(&mut self.batch, next)
    }
}

/// The stretch of a document that its latest chunk was read within.
#[derive(Default)]
struct Stretch {
    span: Option<Span>,
    text: Arc<str>,
}

impl Stretch {
    /// How `chunk` is read, and the bytes that this adds to a batch.
    fn reading(&mut self, text: &str, within: Span, chunk: Span) -> (Reading, usize) {
        let mut bytes = 0;
        if self.span != Some(within) {
            self.text = within.slice(text).unwrap_or("").into();
            self.span = Some(within);
            bytes = self.text.len();
        }
        let from_start = |at: u32| at.saturating_sub(within.start);
        let span = Span { start: from_start(chunk.start), end: from_start(chunk.end) };
        (Reading::Within { stretch: Arc::clone(&self.text), span }, bytes)
    }
}

/// Numbers texts and remembers the latest `capacity` of them by hash.
struct Ledger {
    next: u64,
    capacity: usize,
    numbers: HashMap<TextHash, u64>,
    latest: VecDeque<TextHash>,
}

type TextHash = [u8; 16];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    New,
    Repeated,
}

impl Ledger {
    fn new(capacity: usize) -> Self {
        Self { next: 0, capacity, numbers: HashMap::new(), latest: VecDeque::new() }
    }

    fn number(&mut self, hash: TextHash) -> (u64, Standing) {
        if let Some(&number) = self.numbers.get(&hash) {
            return (number, Standing::Repeated);
        }
        let number = self.next;
        self.next += 1;
        self.numbers.insert(hash, number);
        self.latest.push_back(hash);
        if self.latest.len() > self.capacity
            && let Some(oldest) = self.latest.pop_front()
        {
            self.numbers.remove(&oldest);
        }
        (number, Standing::New)
    }

    /// The lowest number that can still be given out again.
    fn oldest(&self) -> u64 {
        self.next - self.latest.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(text: &str) -> TextHash {
        Reading::Alone(text.to_owned()).hash()
    }

    #[test]
    fn a_ledger_repeats_the_latest_texts_only() {
        let mut ledger = Ledger::new(2);
        assert_eq!(ledger.number(alone("a")), (0, Standing::New));
        assert_eq!(ledger.number(alone("b")), (1, Standing::New));
        assert_eq!(ledger.number(alone("a")), (0, Standing::Repeated));
        assert_eq!(ledger.number(alone("c")), (2, Standing::New));
        assert_eq!(ledger.oldest(), 1);
        assert_eq!(ledger.number(alone("a")), (3, Standing::New));
        assert_eq!(ledger.number(alone("c")), (2, Standing::Repeated));
        let mut none = Ledger::new(0);
        assert_eq!(none.number(alone("a")), (0, Standing::New));
        assert_eq!(none.number(alone("a")), (1, Standing::New));
        assert_eq!(none.oldest(), 2);
    }

    #[test]
    fn equal_words_within_other_stretches_are_other_texts() {
        let text = "one two. one two. three";
        let mut stretch = Stretch::default();
        let mut within =
            |stretch_end, chunk| stretch.reading(text, Span::new(0, stretch_end), chunk).0.hash();
        let first = within(16, Span::new(0, 8));
        assert_eq!(first, within(16, Span::new(0, 8)));
        for other in [within(16, Span::new(9, 16)), within(23, Span::new(0, 8)), alone("one two.")]
        {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn chunks_of_a_stretch_share_it_and_know_their_place() {
        let text = "skip. one two three";
        let mut stretch = Stretch::default();
        let within = Span::new(6, 19);
        let (one, bytes) = stretch.reading(text, within, Span::new(6, 9));
        let (two, more) = stretch.reading(text, within, Span::new(10, 13));
        assert_eq!((bytes, more), (13, 0));
        let (Reading::Within { stretch: a, .. }, Reading::Within { stretch: b, span }) = (one, two)
        else {
            panic!("both are read within a stretch");
        };
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(span.slice(&b), Some("two"));
    }
}
