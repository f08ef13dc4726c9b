//! `cluster`: small pieces joined so that what stands together belongs together.
//!
//! Chroma's ClusterSemanticChunker (Smith and Troynikov, "Evaluating Chunking
//! Strategies for Retrieval", 2024). The text is cut into pieces of about 50
//! tokens; of all ways to join neighbours, at most SIZE / 50 of them each, the
//! one is taken whose chunks hold the largest sum of similarities, where the
//! similarity of two pieces is their cosine less the mean cosine of all pairs
//! of the document. Subtracting the mean makes a pair that is less alike than
//! average cost something; without it the longest chunks would always win.
//!
//! Cost: every piece is encoded once, so the text is encoded twice in all; the
//! search for the best way is linear in the text (dynamic programming over a
//! band, see [`Similarities`]). Memory: some hundred bytes a piece.
//!
//! Differs: a chunk is also kept within SIZE by count, since joined pieces and
//! their context must fit; where no joined pair is better than none, pieces
//! stay alone (there, a document's first pieces can be joined whatever their
//! number); pieces are those of our `recursive`, white space between them is
//! not encoded.

use std::sync::Arc;

use engine::{Document, Encoder, Span};

use super::context::{HeadingPath, Ruler};
use super::recursive::{DEFAULT_SEPARATORS, recursive_spans};
use super::similarity::Similarities;
use super::spec::ChunkerSpec;
use super::token_map::trim;
use super::{ChunkError, Chunker, SizedChunk};

/// Joins the pieces that are most alike.
pub struct ClusterChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
    encoder: Arc<dyn Encoder>,
    piece_tokens: usize,
}

impl ClusterChunker {
    pub(super) fn new(
        spec: ChunkerSpec,
        ruler: Ruler,
        encoder: Arc<dyn Encoder>,
        piece_tokens: usize,
    ) -> Self {
        Self { spec, ruler, encoder, piece_tokens }
    }
}

impl Chunker for ClusterChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let limit = prepared.limit_everywhere(&self.ruler);
        let text = prepared.map.text();
        let pieces: Vec<Span> =
            recursive_spans(&prepared, self.piece_tokens.min(limit), 0, &DEFAULT_SEPARATORS)
                .into_iter()
                .filter_map(|piece| trim(text, piece))
                .collect();
        let max_pieces = (self.ruler.size.tokens / self.piece_tokens).max(1);
        let texts: Vec<&str> = pieces.iter().filter_map(|piece| piece.slice(text)).collect();
        let alike = Similarities::of(&*self.encoder, &texts, max_pieces - 1)
            .map_err(|source| ChunkError::Encode { document: document.id.clone(), source })?;
        let join =
            |first: usize, last: usize| Span { start: pieces[first].start, end: pieces[last].end };
        let fits = |first: usize, last: usize| prepared.map.count(join(first, last)) <= limit;
        let gain = |at: usize, back: usize| alike.before(at, back) - alike.mean();
        let chunks: Vec<Span> = best_runs(pieces.len(), max_pieces, gain, fits)
            .into_iter()
            .map(|(first, last)| join(first, last))
            .collect();
        let headings = HeadingPath::from(self.ruler.context);
        Ok(prepared.chunks(&chunks, headings))
    }
}

/// The division of `0..n` into runs whose pairs sum up to the most.
///
/// Of divisions of equal sums, the one whose last run is shortest, then the one
/// before it, and so on. Time: `n * max_len²`, memory: `n`.
///
/// # Arguments
/// * `gain` - of the pair of an item and the one `back` before it, `back` from
///   1 to `max_len - 1`.
/// * `fits` - whether the run from `first` to `last` is allowed; a run of one
///   item always is, and a longer run never fits where a part of it does not.
///
/// # Returns
/// First and last item of each run, in order.
fn best_runs(
    n: usize,
    max_len: usize,
    gain: impl Fn(usize, usize) -> f64,
    fits: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    // For each end, the best sum up to it and the start of its last run.
    let mut best: Vec<(f64, usize)> = Vec::with_capacity(n);
    for last in 0..n {
        let sum_before = |first: usize| first.checked_sub(1).map_or(0.0, |end: usize| best[end].0);
        let mut found = (sum_before(last), last);
        let mut run = 0.0;
        for first in (0..last).rev().take(max_len.saturating_sub(1)) {
            if !fits(first, last) {
                break;
            }
            run += (first + 1..=last).map(|at| gain(at, at - first)).sum::<f64>();
            if sum_before(first) + run > found.0 {
                found = (sum_before(first) + run, first);
            }
        }
        best.push(found);
    }
    let mut runs = Vec::new();
    let mut end = n;
    while let Some(last) = end.checked_sub(1) {
        let first = best[last].1;
        runs.push((first, last));
        end = first;
    }
    runs.reverse();
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_above_the_mean_are_joined_and_others_are_not() {
        // 0 and 1 belong together, 2 and 3 do; 1 and 2 do not.
        let gains =
            [[0.0; 4], [0.5, 0.0, 0.0, 0.0], [-0.4, -0.3, 0.0, 0.0], [-0.2, -0.3, 0.6, 0.0]];
        let gain = |at: usize, back: usize| gains[at][at - back];
        assert_eq!(best_runs(4, 4, gain, |_, _| true), [(0, 1), (2, 3)]);
        assert_eq!(best_runs(4, 1, gain, |_, _| true), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        assert_eq!(best_runs(4, 4, gain, |first, _| first != 2), [(0, 1), (2, 2), (3, 3)]);
        assert_eq!(best_runs(3, 3, |_, _| 0.0, |_, _| true), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(best_runs(3, 2, |_, _| 1.0, |_, _| true), [(0, 1), (2, 2)]);
        assert!(best_runs(0, 3, |_, _| 1.0, |_, _| true).is_empty());
    }

    proptest! {
        #[test]
        fn no_division_is_better(
            gains in proptest::collection::vec(-1.0..1.0f64, 81),
            n in 1..9usize,
            max_len in 1..6usize,
        ) {
            let gain = |at: usize, back: usize| gains[at * 9 + at - back];
            let sum = |runs: &[(usize, usize)]| -> f64 {
                let pairs = |&(first, last): &(usize, usize)| -> f64 {
                    (first..=last)
                        .flat_map(|at| (first..at).map(move |before| gain(at, at - before)))
                        .sum()
                };
                runs.iter().map(pairs).sum()
            };
            let found = best_runs(n, max_len, gain, |_, _| true);
            let mut next = 0;
            for &(first, last) in &found {
                prop_assert!(first == next && last < first + max_len);
                next = last + 1;
            }
            prop_assert_eq!(next, n);
            // Every division is a choice of borders between neighbours.
            for borders in 0..1usize << (n - 1) {
                let mut runs = vec![(0, 0)];
                for at in 1..n {
                    if borders >> (at - 1) & 1 == 1 {
                        runs.push((at, at));
                    } else {
                        runs.last_mut().unwrap().1 = at;
                    }
                }
                if runs.iter().all(|(first, last)| last - first < max_len) {
                    prop_assert!(sum(&runs) <= sum(&found) + 1e-9);
                }
            }
        }
    }
}
