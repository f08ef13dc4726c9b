//! `recursive`: split at the strongest separator present, and pieces that are
//! still too long at the next weaker one; then join neighbours up to SIZE.
//!
//! The method of LangChain's recursive splitter with the separator list of
//! Chroma's chunking benchmark (Smith and Troynikov, "Evaluating Chunking
//! Strategies for Retrieval", 2024), so that its published figures can be
//! reproduced. As there, pieces are joined only within the run that one split
//! produced: what a deeper split made is never joined with its neighbours.
//! Differs: sizes of joined pieces are those of the joined text, not sums; a
//! separator stays with the text before it, so that a full stop ends its own
//! sentence; a run without any separator is cut at words, never at characters.

use engine::{Document, Span};

use super::context::{HeadingPath, Prepared, Ruler};
use super::spec::ChunkerSpec;
use super::{ChunkError, Chunker, SizedChunk};

/// Paragraphs, lines, sentences, words; the empty one stands for "anywhere".
pub const DEFAULT_SEPARATORS: [&str; 7] = ["\n\n", "\n", ".", "?", "!", " ", ""];

/// Cuts at separators, strongest first.
pub struct RecursiveChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
    separators: Vec<String>,
}

impl RecursiveChunker {
    pub(super) fn new(spec: ChunkerSpec, ruler: Ruler, separators: Vec<String>) -> Self {
        Self { spec, ruler, separators }
    }
}

impl Chunker for RecursiveChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let limit = prepared.limit_everywhere(&self.ruler);
        let overlap = prepared.overlap_within(limit);
        let spans = recursive_spans(&prepared, limit, overlap, &self.separators);
        let headings = HeadingPath::from(self.ruler.context);
        Ok(prepared.chunks(&spans, headings))
    }
}

/// The document's pieces of at most `limit` tokens, `overlap` of them repeated.
pub(super) fn recursive_spans(
    prepared: &Prepared<'_>,
    limit: usize,
    overlap: usize,
    separators: &[impl AsRef<str>],
) -> Vec<Span> {
    let mut cutter = Cutter { prepared, limit, overlap, spans: Vec::new() };
    cutter.cut(prepared.all(), separators);
    cutter.spans
}

struct Cutter<'p> {
    prepared: &'p Prepared<'p>,
    limit: usize,
    overlap: usize,
    spans: Vec<Span>,
}

impl Cutter<'_> {
    fn cut(&mut self, span: Span, separators: &[impl AsRef<str>]) {
        let map = &self.prepared.map;
        let inner = span.slice(map.text()).unwrap_or("");
        let present = separators.iter().position(|separator| inner.contains(separator.as_ref()));
        let Some(strongest) = present.filter(|&at| !separators[at].as_ref().is_empty()) else {
            self.spans.extend(map.windows(span, self.limit, self.overlap));
            return;
        };
        let mut run = Vec::new();
        for piece in split_after(inner, span.start, separators[strongest].as_ref()) {
            if map.count(piece) <= self.limit {
                run.push(piece);
            } else {
                self.spans.extend(map.pack(&run, self.limit, self.overlap));
                run.clear();
                self.cut(piece, &separators[strongest + 1..]);
            }
        }
        self.spans.extend(map.pack(&run, self.limit, self.overlap));
    }
}

/// The pieces of `text`, each up to and including a separator.
fn split_after<'t>(
    text: &'t str,
    offset: u32,
    separator: &'t str,
) -> impl Iterator<Item = Span> + 't {
    let mut start = offset as usize;
    text.split_inclusive(separator).map(move |piece| {
        let span = Span::new(start, start + piece.len());
        start += piece.len();
        span
    })
}
