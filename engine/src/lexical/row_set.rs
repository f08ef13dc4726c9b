//! A set of one segment's rows: what a condition or a filter holds there.

/// A bitmap over `[0, n_rows)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowSet {
    words: Vec<u64>,
    n_rows: u32,
}

impl RowSet {
    pub(super) fn empty(n_rows: u32) -> Self {
        Self { words: vec![0; (n_rows as usize).div_ceil(64)], n_rows }
    }

    pub(super) fn full(n_rows: u32) -> Self {
        let mut set = Self { words: vec![u64::MAX; (n_rows as usize).div_ceil(64)], n_rows };
        set.clear_tail();
        set
    }

    pub(super) fn from_rows(n_rows: u32, rows: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::empty(n_rows);
        rows.into_iter().for_each(|row| set.insert(row));
        set
    }

    /// Adds a row of the segment.
    #[inline]
    pub(super) fn insert(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    #[inline]
    pub(super) fn contains(&self, row: u32) -> bool {
        self.words[row as usize / 64] & (1 << (row % 64)) != 0
    }

    pub(super) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    pub(super) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    pub(super) fn and_not(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    pub(super) fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.clear_tail();
    }

    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }

    /// Bits beyond the last row would come back as rows that do not exist.
    fn clear_tail(&mut self) {
        let n_used = self.n_rows % 64;
        if n_used != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << n_used) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_set() {
        for n_rows in [0, 1, 63, 64, 65, 130] {
            let even = RowSet::from_rows(n_rows, (0..n_rows).step_by(2));
            let mut odd = even.clone();
            odd.invert();
            assert_eq!(odd.iter().collect::<Vec<_>>(), (1..n_rows).step_by(2).collect::<Vec<_>>());
            let mut all = even.clone();
            all.or(&odd);
            assert_eq!(all, RowSet::full(n_rows));
            assert_eq!(all.len(), n_rows as usize);
            all.and_not(&even);
            assert_eq!(all, odd);
            all.and(&even);
            assert_eq!(all, RowSet::empty(n_rows));
            assert!((0..n_rows).all(|row| even.contains(row) == (row % 2 == 0)));
        }
    }
}
