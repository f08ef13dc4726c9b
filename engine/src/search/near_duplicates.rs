//! Recognising passages that are nearly the same.
//!
//! Works on the few texts a result shows, not on the index: a passage is turned
//! into its set of word five-grams (shingles; Broder, "On the resemblance and
//! containment of documents", 1997) and two passages are near-duplicates when
//! the Jaccard similarity of their sets reaches [`THRESHOLD`]. MinHash over the
//! whole index was rejected: it would cost 128 bytes a chunk to save
//! microseconds on twenty passages.

use std::cell::OnceCell;

/// Jaccard similarity from which two passages count as one.
const THRESHOLD: f64 = 0.8;

/// Words of a shingle.
const SHINGLE_WORDS: usize = 5;

/// Words of a [`Shingles::sketch`].
const SKETCH_WORDS: usize = 16;

/// The hashed shingles of a passage.
pub(super) struct Shingles {
    /// As they come in the text, repeated ones too.
    hashes: Vec<u64>,
    /// Sorted and distinct; made when two sketches cannot tell.
    sorted: OnceCell<Vec<u64>>,
    /// A bit for each shingle, set by its hash: a bit that only one of two
    /// passages has stands for a shingle that only that one has.
    sketch: [u64; SKETCH_WORDS],
}

impl Shingles {
    /// Shingles of the lower-cased words of `text`; a shorter text is one
    /// shingle, one without words has none.
    pub(super) fn of(text: &str) -> Self {
        let mut words = Vec::with_capacity(text.len() / 5);
        let mut word = WordHash::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                word.push(c.to_ascii_lowercase());
            } else if !c.is_ascii() && c.is_alphanumeric() {
                c.to_lowercase().for_each(|c| word.push(c));
            } else {
                words.extend(word.take());
            }
        }
        words.extend(word.take());
        let shingle = |words: &[u64]| words.iter().fold(FNV_OFFSET, |hash, &word| step(hash, word));
        let hashes: Vec<u64> = if words.is_empty() {
            Vec::new()
        } else {
            words.windows(SHINGLE_WORDS.min(words.len())).map(shingle).collect()
        };
        Self::of_hashes(hashes)
    }

    fn of_hashes(hashes: Vec<u64>) -> Self {
        let mut sketch = [0; SKETCH_WORDS];
        for hash in &hashes {
            // The upper bits: a product's lower ones depend on few of the factors'.
            let bit = (hash >> 32) as usize % (64 * SKETCH_WORDS);
            sketch[bit / 64] |= 1_u64 << (bit % 64);
        }
        Self { hashes, sorted: OnceCell::new(), sketch }
    }

    fn sorted(&self) -> &[u64] {
        self.sorted.get_or_init(|| {
            let mut sorted = self.hashes.clone();
            sorted.sort_unstable();
            sorted.dedup();
            sorted
        })
    }

    /// Whether so many shingles are in one passage alone that the two cannot be
    /// near. Two passages on different things are told apart here, without being
    /// sorted; the bound only grows with repeated shingles.
    fn is_clearly_far(&self, other: &Self) -> bool {
        let alone = self.sketch.iter().zip(&other.sketch).map(|(a, b)| (a ^ b).count_ones());
        alone.sum::<u32>() as usize > most_alone(self.hashes.len() + other.hashes.len())
    }

    /// Whether the Jaccard similarity, `|a ∩ b| / |a ∪ b|` and 0 where both are
    /// empty, reaches [`THRESHOLD`].
    ///
    /// Gives up as soon as too much differs: ten hits are compared in pairs.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        if self.is_clearly_far(other) {
            return false;
        }
        let (a, b) = (self.sorted(), other.sorted());
        let total = a.len() + b.len();
        let most_alone = most_alone(total);
        let (mut at_a, mut at_b, mut common) = (0, 0, 0);
        while at_a < a.len() && at_b < b.len() {
            let (x, y) = (a[at_a], b[at_b]);
            at_a += usize::from(x <= y);
            at_b += usize::from(y <= x);
            common += usize::from(x == y);
            if at_a + at_b - 2 * common > most_alone {
                return false;
            }
        }
        let union = total - common;
        union > 0 && common as f64 / union as f64 >= THRESHOLD
    }
}

/// Of `total` shingles in two passages, the most that may be in one alone if they
/// are near: `common / (total - common) >= t` needs `total - 2 * common` to be at
/// most `total * (1 - t) / (1 + t)`. One more makes up for rounding; the end
/// decides exactly.
fn most_alone(total: usize) -> usize {
    (total as f64 * (1.0 - THRESHOLD) / (1.0 + THRESHOLD)) as usize + 1
}

// FNV-1a, of words in eight bytes and not of bytes: short inputs, no adversary
// who gains by a collision, and the result must not change between runs as the
// standard library's hasher may.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x0100_0000_01b3)
}

/// The hash of a word whose characters come one by one, eight to a step while
/// they are ASCII: a step a character is a chain of multiplications.
struct WordHash {
    hash: u64,
    pending: u64,
    n_pending: u32,
    is_empty: bool,
}

impl WordHash {
    fn new() -> Self {
        Self { hash: FNV_OFFSET, pending: 0, n_pending: 0, is_empty: true }
    }

    #[inline]
    fn push(&mut self, c: char) {
        self.is_empty = false;
        if c.is_ascii() && self.n_pending < 8 {
            self.pending = self.pending << 8 | u64::from(u32::from(c));
            self.n_pending += 1;
            return;
        }
        self.hash = step(self.hash, self.pending);
        (self.pending, self.n_pending) = (u64::from(u32::from(c)), 1);
        if !c.is_ascii() {
            self.hash = step(self.hash, self.pending);
            (self.pending, self.n_pending) = (0, 0);
        }
    }

    /// The word's hash, none before its first character; the next word begins.
    fn take(&mut self) -> Option<u64> {
        let Self { hash, pending, is_empty, .. } = std::mem::replace(self, Self::new());
        (!is_empty).then(|| step(hash, pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_word_in_a_long_passage_is_a_near_duplicate() {
        let words: Vec<String> = (0..100).map(|n| format!("word{n}")).collect();
        let text = words.join(" ");
        let changed = text.replace("word50 ", "other ");
        let is_near = |a: &str, b: &str| Shingles::of(a).is_near(&Shingles::of(b));
        // 96 shingles, 5 of them touched: 91 common, 101 together.
        assert!(is_near(&text, &changed));
        assert!(!is_near(&text, "something else"));
        assert!(!is_near("", ""));
        assert!(is_near("Vec push", "vec.PUSH()"));
    }

    #[test]
    fn words_are_told_apart_by_all_their_letters_and_not_by_case() {
        let words = |text: &str| Shingles::of(text).hashes;
        for (a, b) in [("abcdefgh", "abcdefghi"), ("é", "e"), ("aé", "éa"), ("a b", "ab")] {
            assert_ne!(words(a), words(b), "{a} {b}");
        }
        assert_eq!(words("L'École NORMALE"), words("l école, normale"));
        assert_eq!(words("internationalisation"), words("INTERNATIONALISATION"));
        assert!(words("... !").is_empty());
    }

    #[test]
    fn giving_up_early_changes_no_verdict() {
        let sets = |only_a: u64, common: u64, only_b: u64| {
            let all: Vec<u64> =
                (0..only_a + common + only_b).map(|n| step(FNV_OFFSET, n)).collect();
            let (a, b) = (only_a as usize, (only_a + common) as usize);
            let sorted = |part: &[u64]| Shingles::of_hashes(part.to_vec());
            (sorted(&all[..b]), sorted(&all[a..]))
        };
        for common in 0..60 {
            for alone in 0..20 {
                for only_a in 0..=alone {
                    let (a, b) = sets(only_a, common, alone - only_a);
                    let union = common + alone;
                    let expected = union > 0 && common as f64 / union as f64 >= THRESHOLD;
                    assert_eq!(a.is_near(&b), expected, "{common} common, {alone} alone");
                    assert_eq!(b.is_near(&a), expected);
                }
            }
        }
    }
}
