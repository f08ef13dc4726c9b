//! From chunks to rows and back: a segment's chunks as a bitmap with ranks.

use crate::document::ChunkOrd;
use crate::ord_set::OrdSet;

const BITS: u32 = u64::BITS;

/// Which chunks a segment holds, and in which row each lies.
///
/// A bitmap over the range of its chunks with the number of chunks before each
/// word: 12 bytes for 64 chunk numbers. A chunk's row is then one lookup and one
/// count of bits, and a filter's rows come out word by word, where a binary
/// search among the rows costs a filter of a tenth more than scoring them.
#[derive(Debug)]
pub(super) struct OrdRanks {
    /// The word of an [`OrdSet`] that the first of ours lies over.
    first_word: usize,
    words: Vec<u64>,
    /// Rows before each word.
    ranks: Vec<u32>,
    n_rows: usize,
}

impl OrdRanks {
    /// Of strictly ascending chunks, row by row.
    pub(super) fn new(ords: &[u32]) -> Self {
        let (Some(&first), Some(&last)) = (ords.first(), ords.last()) else {
            return Self { first_word: 0, words: Vec::new(), ranks: Vec::new(), n_rows: 0 };
        };
        let first_word = (first / BITS) as usize;
        let mut words = vec![0_u64; (last / BITS) as usize - first_word + 1];
        for &ord in ords {
            words[(ord / BITS) as usize - first_word] |= 1 << (ord % BITS);
        }
        let ranks = words
            .iter()
            .scan(0, |before, word| {
                let rank = *before;
                *before += word.count_ones();
                Some(rank)
            })
            .collect();
        Self { first_word, words, ranks, n_rows: ords.len() }
    }

    /// The row of a chunk.
    pub(super) fn row(&self, ord: ChunkOrd) -> Option<usize> {
        let at = ((ord.0 / BITS) as usize).checked_sub(self.first_word)?;
        let (word, bit) = (*self.words.get(at)?, ord.0 % BITS);
        let below = word & ((1 << bit) - 1);
        (word >> bit & 1 == 1).then(|| (self.ranks[at] + below.count_ones()) as usize)
    }

    /// How many rows are allowed.
    pub(super) fn count(&self, allowed: &OrdSet) -> usize {
        self.words
            .iter()
            .zip(self.allowed_words(allowed))
            .fold(0, |count, (word, allowed)| count + (word & allowed).count_ones() as usize)
    }

    /// The allowed rows, ascending.
    pub(super) fn allowed(&self, allowed: &OrdSet) -> Vec<u32> {
        let mut rows = Vec::with_capacity(allowed.len().min(self.n_rows));
        let words = self.words.iter().zip(&self.ranks).zip(self.allowed_words(allowed));
        for ((&word, &rank), allowed) in words {
            let mut rest = word & allowed;
            if rest == word {
                rows.extend(rank..rank + word.count_ones());
                continue;
            }
            while rest != 0 {
                let below = word & ((1 << rest.trailing_zeros()) - 1);
                rows.push(rank + below.count_ones());
                rest &= rest - 1;
            }
        }
        rows
    }

    /// The words of `allowed` that lie over ours.
    fn allowed_words(&self, allowed: &OrdSet) -> impl Iterator<Item = u64> {
        let words = allowed.words();
        let from = self.first_word.min(words.len());
        words[from..].iter().copied().chain(std::iter::repeat(0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_places_among_the_chunks(
            first in 0_u32..500,
            gaps in prop::collection::vec(1_u32..90, 0..200),
            allowed in prop::collection::btree_set(0_u32..4_000, 0..400),
            capacity in 0_u32..4_000,
        ) {
            let ords: Vec<u32> = gaps
                .iter()
                .scan(first, |ord, gap| {
                    *ord += gap;
                    Some(*ord)
                })
                .collect();
            let ranks = OrdRanks::new(&ords);
            let place: BTreeSet<(u32, usize)> = ords.iter().copied().zip(0..).collect();
            for ord in 0..first + 64 + ords.last().copied().unwrap_or(0) {
                let expected = place.range((ord, 0)..(ord, usize::MAX)).next().map(|pair| pair.1);
                prop_assert_eq!(ranks.row(ChunkOrd(ord)), expected);
            }
            let allowed = OrdSet::from_ords(capacity, allowed.into_iter().map(ChunkOrd));
            let expected: Vec<u32> = (0..ords.len() as u32)
                .filter(|&at| allowed.contains(ChunkOrd(ords[at as usize])))
                .collect();
            prop_assert_eq!(ranks.count(&allowed), expected.len());
            prop_assert_eq!(ranks.allowed(&allowed), expected);
        }
    }
}
