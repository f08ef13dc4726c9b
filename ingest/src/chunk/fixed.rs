//! `fixed`: windows of SIZE tokens, the baseline every chunker must beat.
//!
//! The "TokenText" of published comparisons, with one difference: a window
//! ends before a word that would be torn, so it may be a few tokens shorter.

use engine::Document;

use super::context::{HeadingPath, Ruler};
use super::spec::ChunkerSpec;
use super::{ChunkError, Chunker, SizedChunk};

/// Cuts every SIZE tokens, OVERLAP of them shared with the window before.
pub struct FixedChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
}

impl FixedChunker {
    pub(super) fn new(spec: ChunkerSpec, ruler: Ruler) -> Self {
        Self { spec, ruler }
    }
}

impl Chunker for FixedChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let limit = prepared.limit_everywhere(&self.ruler);
        let windows = prepared.map.windows(prepared.all(), limit, prepared.overlap_within(limit));
        let headings = HeadingPath::from(self.ruler.context);
        Ok(prepared.chunks(&windows, headings))
    }
}
