//! `semantic`: cuts where a sentence says something else than the one before.
//!
//! Kamradt's semantic chunking ("5 Levels of Text Splitting", 2023), as in
//! LangChain's SemanticChunker: each sentence is encoded with its neighbours
//! (`buffer` on either side); where the cosine distance of two windows in a row
//! is above the given percentile of the document's distances, a chunk ends.
//!
//! The method has no upper limit: a page that stays on its subject is one
//! chunk. Here SIZE is one, and a longer group is cut as `sentence` would.
//! Small groups stay as they are; joining them would undo the cut.
//!
//! Cost: the text is encoded `2 * buffer + 1` times to be cut, in as many runs
//! as it has sentences, and once more as chunks: with a buffer of 1, indexing
//! takes about four times as long as with `sentence`. Windows longer than the
//! encoder's limit are compared by what it reads of them.
//!
//! Differs: sentences are Unicode's, corrected for abbreviations, and not a
//! regular expression's.

use std::sync::Arc;

use engine::{Document, Encoder, Span};

use super::context::{HeadingPath, Ruler};
use super::sentences::sentences;
use super::similarity::Similarities;
use super::spec::ChunkerSpec;
use super::{ChunkError, Chunker, SizedChunk};

/// Where to cut, by distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breakpoints {
    /// A distance above this percentile of the document's ends a chunk; 0 to
    /// 100. The lower, the more cuts; 100 cuts nowhere.
    pub percentile: u8,
    /// Sentences on either side that are encoded with one; 0 to 8.
    pub buffer: usize,
}

impl Breakpoints {
    /// LangChain's defaults.
    pub const DEFAULT: Self = Self { percentile: 95, buffer: 1 };

    /// Largest buffer; a window of 17 sentences is beyond most encoders' limits.
    pub(super) const MAX_BUFFER: usize = 8;
}

/// Cuts between sentences of unlike meaning.
pub struct SemanticChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
    encoder: Arc<dyn Encoder>,
    breakpoints: Breakpoints,
}

impl SemanticChunker {
    pub(super) fn new(
        spec: ChunkerSpec,
        ruler: Ruler,
        encoder: Arc<dyn Encoder>,
        breakpoints: Breakpoints,
    ) -> Self {
        Self { spec, ruler, encoder, breakpoints }
    }

    /// Cosine distances of the windows around neighbours: one less than there
    /// are sentences.
    fn distances(&self, document: &Document, sentences: &[Span]) -> Result<Vec<f64>, ChunkError> {
        if sentences.len() < 2 {
            return Ok(Vec::new());
        }
        let buffer = self.breakpoints.buffer;
        let window = |at: usize| {
            let first = sentences[at.saturating_sub(buffer)];
            let last = sentences[(at + buffer).min(sentences.len() - 1)];
            let span = Span { start: first.start, end: last.end };
            span.slice(&document.text).unwrap_or("").trim()
        };
        let windows: Vec<&str> = (0..sentences.len()).map(window).collect();
        let alike = Similarities::of(&*self.encoder, &windows, 1)
            .map_err(|source| ChunkError::Encode { document: document.id.clone(), source })?;
        Ok((1..sentences.len()).map(|at| 1.0 - alike.before(at, 1)).collect())
    }
}

impl Chunker for SemanticChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let limit = prepared.limit_everywhere(&self.ruler);
        let map = &prepared.map;
        let sentences = sentences(map.text(), prepared.all());
        let distances = self.distances(document, &sentences)?;
        let threshold = percentile(&distances, self.breakpoints.percentile);
        let mut chunks = Vec::new();
        let mut group: Vec<Span> = Vec::new();
        for (at, &sentence) in sentences.iter().enumerate() {
            if at > 0 && distances[at - 1] > threshold {
                chunks.extend(map.pack(&group, limit, 0));
                group.clear();
            }
            group.extend(map.windows(sentence, limit, 0));
        }
        chunks.extend(map.pack(&group, limit, 0));
        let headings = HeadingPath::from(self.ruler.context);
        Ok(prepared.chunks(&chunks, headings))
    }
}

/// The `percent`-th percentile, interpolated linearly between ranks as NumPy
/// does by default; 0 of nothing.
fn percentile(values: &[f64], percent: u8) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let rank = last as f64 * f64::from(percent.min(100)) / 100.0;
    let below = rank.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * rank.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_ranks() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&values, 0), 1.0);
        assert_eq!(percentile(&values, 50), 2.5);
        // Rank 3 * 0.95 = 2.85, between 3 and 4.
        assert!((percentile(&values, 95) - 3.85).abs() < 1e-12);
        assert_eq!(percentile(&values, 100), 4.0);
        assert_eq!(percentile(&[7.0], 95), 7.0);
        assert_eq!(percentile(&[], 95), 0.0);
    }
}
