//! `late`: chunks of another chunker, each encoded within its document.
//!
//! The encoder reads a stretch of the document once, and a chunk's vector is
//! the mean of its tokens' vectors in that run ([`engine::Encoder::encode_spans`]).
//! A document that fits the encoder's window is one stretch. A longer one is
//! read in stretches of a whole window that overlap: each serves as many chunks
//! in a row as leave an eighth of the window on either side, so that no chunk
//! stands at a border with nothing to be read beyond it, except at the ends of
//! the document. Room that one side has no text for goes to the other. A chunk
//! too long for both margins has what is left; one that is longer than the
//! window is read alone, from its start.
//!
//! # Source
//! Guenther et al., "Late Chunking", arXiv 2409.04701, 2024. Differs in long
//! documents: theirs repeats tokens of the stretch before only, so that the
//! last chunks of a stretch see nothing of what follows.

use std::ops::Range;
use std::sync::Arc;

use engine::{Document, Span};

use super::token_map::TokenMap;
use super::tokenizer::{TokenSizer, Window};
use super::{ChunkError, Chunker, SizedChunk};

/// The margin on either side as a share of the window. The encoder then reads
/// 1 / (1 - 2/8) of the text, a third more than once; a quarter would double it.
const MARGIN_SHARE: usize = 8;

/// Has another chunker's chunks encoded within their document.
pub struct LateChunker {
    inner: Box<dyn Chunker>,
    sizer: Arc<dyn TokenSizer>,
}

impl LateChunker {
    /// # Arguments
    /// * `inner` - cuts; its SPEC already says `late`.
    /// * `sizer` - the encoder's, whatever tokens the SPEC counts.
    pub(super) fn new(inner: Box<dyn Chunker>, sizer: Arc<dyn TokenSizer>) -> Self {
        Self { inner, sizer }
    }
}

impl Chunker for LateChunker {
    fn spec(&self) -> String {
        self.inner.spec()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let mut chunks = self.inner.cut(document)?;
        let map = TokenMap::new(&document.text, &*self.sizer)
            .map_err(|source| ChunkError::Tokenize { document: document.id.clone(), source })?;
        // What holds no token has no place in a mean, and is encoded alone.
        let mut held: Vec<_> =
            chunks.iter_mut().filter(|sized| map.count(sized.chunk.span) > 0).collect();
        let ranges: Vec<_> = held.iter().map(|sized| map.range(sized.chunk.span)).collect();
        let window = self.sizer.window();
        let usable = window.map_or(usize::MAX, Window::usable);
        for Stretch { chunks: served, before, after } in stretches(&ranges, map.len(), usable) {
            let served = &mut held[served];
            let ends = served.iter().map(|sized| sized.chunk.span.end).max();
            let core = served[0].chunk.span;
            let core = Span { end: ends.unwrap_or(core.end), ..core };
            let within = map.widen(core, before, after);
            for sized in served.iter_mut() {
                (sized.within, sized.n_tokens) = (Some(within), 0);
            }
            let n_tokens = map.count(within);
            served[0].n_tokens = window.map_or(n_tokens, |window| window.read_of(n_tokens));
        }
        Ok(chunks)
    }
}

/// Chunks that are encoded in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    /// Which.
    chunks: Range<usize>,
    /// Tokens read before the first of them.
    before: usize,
    /// And after the last.
    after: usize,
}

/// Divides chunks into stretches.
///
/// # Arguments
/// * `chunks` - the tokens `[first, last)` of each, in order of `first`.
/// * `total` - tokens of the document.
/// * `usable` - tokens of the window.
fn stretches(chunks: &[(usize, usize)], total: usize, usable: usize) -> Vec<Stretch> {
    let margin = usable / MARGIN_SHARE;
    // At the ends of a document there is less than a margin to be read.
    let fits = |first: usize, last: usize| {
        let margins = margin.min(first) + margin.min(total - last);
        last - first + margins <= usable
    };
    let mut stretches = Vec::new();
    let mut at = 0;
    while let Some(&(first, mut last)) = chunks.get(at) {
        let start = at;
        at += 1;
        while let Some(next) = chunks.get(at).filter(|next| fits(first, last.max(next.1))) {
            last = last.max(next.1);
            at += 1;
        }
        let spare = usable.saturating_sub(last - first);
        let after = (total - last).min(spare - first.min(spare / 2));
        let before = first.min(spare - after);
        stretches.push(Stretch { chunks: start..at, before, after });
    }
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_that_fits_is_one_stretch() {
        let chunks = [(0, 10), (10, 20), (20, 25)];
        assert_eq!(stretches(&chunks, 25, 25), [Stretch { chunks: 0..3, before: 0, after: 0 }]);
        assert_eq!(stretches(&chunks, 25, usize::MAX).len(), 1);
        assert!(stretches(&[], 25, 25).is_empty());
    }

    #[test]
    fn borders_by_hand() {
        // A window of 16 has margins of 2.
        let chunks: Vec<_> = (0..8).map(|at| (at * 5, at * 5 + 5)).collect();
        let found = stretches(&chunks, 40, 16);
        let expected = [
            Stretch { chunks: 0..2, before: 0, after: 6 },
            Stretch { chunks: 2..4, before: 3, after: 3 },
            Stretch { chunks: 4..6, before: 3, after: 3 },
            Stretch { chunks: 6..8, before: 6, after: 0 },
        ];
        assert_eq!(found, expected);
        // 14 of 16 leave one on either side, 20 none.
        let long = stretches(&[(4, 18), (18, 38)], 40, 16);
        assert_eq!(long[0], Stretch { chunks: 0..1, before: 1, after: 1 });
        assert_eq!(long[1], Stretch { chunks: 1..2, before: 0, after: 0 });
    }

    proptest! {
        #[test]
        fn every_chunk_has_its_margins_and_fits(
            steps in prop::collection::vec((1_usize..40, 1_usize..60), 1..60),
            tail in 0_usize..50,
            usable in 8_usize..120,
        ) {
            let mut start = 0;
            let mut chunks: Vec<(usize, usize)> = Vec::new();
            for (step, length) in steps {
                let end = chunks.last().map_or(0, |last| last.1 + 1);
                chunks.push((start, (start + length).max(end)));
                start += step;
            }
            let total = chunks.last().unwrap().1 + tail;
            let found = stretches(&chunks, total, usable);
            let served: Vec<_> = found.iter().flat_map(|stretch| stretch.chunks.clone()).collect();
            prop_assert_eq!(served, (0..chunks.len()).collect::<Vec<_>>());
            let margin = usable / MARGIN_SHARE;
            for Stretch { chunks: served, before, after } in found {
                let (first, last) = (chunks[served.start].0, chunks[served.end - 1].1);
                let read = before + (last - first) + after;
                if last - first + 2 * margin <= usable || served.len() > 1 {
                    prop_assert!(before >= margin.min(first) && after >= margin.min(total - last));
                }
                let whole = usable.min(total).max(last - first);
                prop_assert_eq!(read, whole, "all the room there is");
                prop_assert!(before <= first && after <= total - last);
            }
        }
    }
}
