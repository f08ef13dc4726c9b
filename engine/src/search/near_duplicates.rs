//! Recognising passages that are nearly the same.
//!
//! Works on the few texts a result shows, not on the index: a passage is turned
//! into its set of word five-grams (shingles; Broder, "On the resemblance and
//! containment of documents", 1997) and two passages are near-duplicates when
//! the Jaccard similarity of their sets reaches [`THRESHOLD`]. MinHash over the
//! whole index was rejected: it would cost 128 bytes a chunk to save
//! microseconds on twenty passages.

/// Jaccard similarity from which two passages count as one.
const THRESHOLD: f64 = 0.8;

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
            .map(|word| {
                if word.is_ascii() {
                    let lower = |byte: u8| u64::from(byte.to_ascii_lowercase());
                    word.bytes().fold(FNV_OFFSET, |hash, byte| step(hash, lower(byte)))
                } else {
                    word.chars().flat_map(char::to_lowercase).fold(FNV_OFFSET, mix)
                }
            })
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

    /// Whether the Jaccard similarity, `|a ∩ b| / |a ∪ b|` and 0 where both are
    /// empty, reaches [`THRESHOLD`].
    ///
    /// Gives up as soon as too much differs, which with two passages on different
    /// things is after a ninth of them: ten hits are compared in pairs.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        let (a, b) = (&self.0, &other.0);
        let total = a.len() + b.len();
        // `common / (total - common) >= t` needs `total - 2 * common`, the shingles
        // that only one has, to be at most `total * (1 - t) / (1 + t)`; one more
        // makes up for rounding, and the end decides exactly.
        let most_alone = (total as f64 * (1.0 - THRESHOLD) / (1.0 + THRESHOLD)) as usize + 1;
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
        let is_near = |a: &str, b: &str| Shingles::of(a).is_near(&Shingles::of(b));
        // 96 shingles, 5 of them touched: 91 common, 101 together.
        assert!(is_near(&text, &changed));
        assert!(!is_near(&text, "something else"));
        assert!(!is_near("", ""));
        assert!(is_near("Vec push", "vec.PUSH()"));
    }

    #[test]
    fn giving_up_early_changes_no_verdict() {
        let sets = |only_a: u64, common: u64, only_b: u64| {
            let all: Vec<u64> =
                (0..only_a + common + only_b).map(|n| step(FNV_OFFSET, n)).collect();
            let (a, b) = (only_a as usize, (only_a + common) as usize);
            let sorted = |part: &[u64]| {
                let mut part = part.to_vec();
                part.sort_unstable();
                Shingles(part)
            };
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
