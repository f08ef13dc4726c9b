//! A set of [`ChunkOrd`]s as a bitmap: what is alive, what a filter allows.

use crate::document::ChunkOrd;

/// A fixed-capacity bitmap over `[0, capacity)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrdSet {
    words: Vec<u64>,
    capacity: u32,
    len: usize,
}

impl OrdSet {
    /// The empty set for ords below `capacity`; one bit each.
    pub fn new(capacity: u32) -> Self {
        Self { words: vec![0; (capacity as usize).div_ceil(64)], capacity, len: 0 }
    }

    /// The set of `ords`; those at or above `capacity` are ignored, since no
    /// chunk of this generation can carry them.
    pub fn from_ords(capacity: u32, ords: impl IntoIterator<Item = ChunkOrd>) -> Self {
        let mut set = Self::new(capacity);
        for ord in ords {
            set.insert(ord);
        }
        set
    }

    /// Memory of its bits.
    pub(crate) fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }

    /// Adds `ord`; returns whether it was new and within the capacity.
    pub fn insert(&mut self, ord: ChunkOrd) -> bool {
        if ord.0 >= self.capacity {
            return false;
        }
        let (word, bit) = (ord.0 as usize / 64, 1 << (ord.0 % 64));
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.len += usize::from(new);
        new
    }

    /// Whether `ord` is in the set.
    #[inline]
    pub fn contains(&self, ord: ChunkOrd) -> bool {
        self.words.get(ord.0 as usize / 64).is_some_and(|word| word & (1 << (ord.0 % 64)) != 0)
    }

    /// Keeps what `other` holds too.
    pub fn intersect(&mut self, other: &Self) {
        for (at, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(at).copied().unwrap_or(0);
        }
        self.len = self.words.iter().map(|word| word.count_ones() as usize).sum();
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One above the largest possible member.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// 64 chunks a word, the lowest in the lowest bit.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = ChunkOrd> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(ChunkOrd(at as u32 * 64 + bit))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_inserted() {
        let mut set = OrdSet::from_ords(130, [0, 63, 64, 129, 129, 130].map(ChunkOrd));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 129].map(ChunkOrd));
        assert_eq!(set.len(), 4);
        set.intersect(&OrdSet::from_ords(65, [63, 64].map(ChunkOrd)));
        assert_eq!(set.iter().collect::<Vec<_>>(), [63, 64].map(ChunkOrd));
        assert_eq!(set.len(), 2);
        assert!(!set.contains(ChunkOrd(1_000_000)));
    }
}
