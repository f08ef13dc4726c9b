//! Recognising passages that are nearly the same.
//!
//! Works on the few texts a result shows, not on the index: a passage is turned
//! into its set of word five-grams (shingles; Broder, "On the resemblance and
//! containment of documents", 1997) and two passages are near-duplicates when
//! the Jaccard similarity of their sets reaches [`THRESHOLD`]. MinHash over the
//! whole index was rejected: it would cost 128 bytes a chunk to save
//! microseconds on twenty passages.

/// Jaccard similarity from which two passages count as one.
pub(super) const THRESHOLD: f64 = 0.8;

/// Words of a shingle.
const SHINGLE_WORDS: usize = 5;

/// The hashed shingles of a passage, sorted and distinct.
pub(super) struct Shingles(Vec<u64>);

impl Shingles {
    /// Shingles of the lower-cased words of `text`; a shorter text is one
    /// shingle, one without words has none.
    pub(super) fn of(text: &str) -> Self {
        let words: Vec<u64> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(|word| word.chars().flat_map(char::to_lowercase).fold(FNV_OFFSET, mix))
            .collect();
        let shingle = |words: &[u64]| words.iter().fold(FNV_OFFSET, |hash, &word| step(hash, word));
        let mut hashes: Vec<u64> = if words.is_empty() {
            Vec::new()
        } else {
            words.windows(SHINGLE_WORDS.min(words.len())).map(shingle).collect()
        };
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// `|a ∩ b| / |a ∪ b|`, in `[0, 1]`; 0 when either is empty.
    pub(super) fn jaccard(&self, other: &Self) -> f64 {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = 0_usize;
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.cmp(y) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    common += 1;
                    a.next();
                    b.next();
                }
            }
        }
        let union = self.0.len() + other.0.len() - common;
        if union == 0 { 0.0 } else { common as f64 / union as f64 }
    }
}

// FNV-1a: short inputs, no adversary who gains by a collision, and the result
// must not change between runs as the standard library's hasher may.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, c: char) -> u64 {
    step(hash, u64::from(u32::from(c)))
}

fn step(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_word_in_a_long_passage_is_a_near_duplicate() {
        let words: Vec<String> = (0..100).map(|n| format!("word{n}")).collect();
        let text = words.join(" ");
        let changed = text.replace("word50 ", "other ");
        let similarity = Shingles::of(&text).jaccard(&Shingles::of(&changed));
        // 96 shingles, 5 of them touched: 91 common, 101 together.
        assert!((similarity - 91.0 / 101.0).abs() < 1e-12);
        assert!(similarity >= THRESHOLD);
        assert!(Shingles::of(&text).jaccard(&Shingles::of("something else")) < 0.01);
        assert!(Shingles::of("").jaccard(&Shingles::of("")) < 0.01);
        assert!(
            (Shingles::of("Vec push").jaccard(&Shingles::of("vec.PUSH()")) - 1.0).abs() < 1e-12
        );
    }
}
