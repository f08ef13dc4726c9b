//! `sentence`: whole sentences, joined up to SIZE.
//!
//! No chunk begins or ends inside a sentence unless the sentence alone is
//! longer than SIZE. OVERLAP repeats whole sentences.

use engine::{Document, Span};

use super::context::{HeadingPath, Ruler};
use super::sentences::sentences;
use super::spec::ChunkerSpec;
use super::{ChunkError, Chunker, SizedChunk};

/// Groups sentences.
pub struct SentenceChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
}

impl SentenceChunker {
    pub(super) fn new(spec: ChunkerSpec, ruler: Ruler) -> Self {
        Self { spec, ruler }
    }
}

impl Chunker for SentenceChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let limit = prepared.limit_everywhere(&self.ruler);
        let map = &prepared.map;
        let pieces: Vec<Span> = sentences(map.text(), prepared.all())
            .into_iter()
            .flat_map(|sentence| map.windows(sentence, limit, 0))
            .collect();
        let chunks = map.pack(&pieces, limit, prepared.overlap_within(limit));
        let headings = HeadingPath::from(self.ruler.context);
        Ok(prepared.chunks(&chunks, headings))
    }
}
