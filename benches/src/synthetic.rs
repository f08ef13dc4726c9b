//! Made-up data for benchmarks that need no collection: seeded, so that every
//! machine measures the same work.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `n` unit rows scattered round 400 directions: neighbours exist, but no
/// cluster fits into a result list, as with passages on related topics.
///
/// # Arguments
/// * `seed` - of the rows; the directions are the same for all seeds, so that
///   rows of another seed are queries for these.
///
/// # Returns
/// `[n, dim]`, row-major, L2 norm 1.
pub fn clustered_rows(n: usize, dim: usize, seed: u64) -> Vec<f32> {
    let centres = gaussian(&mut ChaCha8Rng::seed_from_u64(7), CENTRES * dim);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(n * dim);
    for _ in 0..n {
        let centre = rng.random_range(0..CENTRES) * dim;
        let noise = gaussian(&mut rng, dim);
        let row: Vec<f32> =
            centres[centre..centre + dim].iter().zip(noise).map(|(c, x)| c + x).collect();
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.extend(row.iter().map(|x| x / norm));
    }
    values
}

const CENTRES: usize = 400;

/// Sums of twelve uniform numbers: near enough to normal, without a crate.
fn gaussian(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| (0..12).map(|_| rng.random_range(-0.5_f32..0.5)).sum()).collect()
}

/// Texts of words whose frequencies fall as Zipf's law says, as those of every
/// natural text do: it is what makes some posting lists long.
///
/// # Returns
/// `n` texts of 60 to 240 words, the length of an abstract.
pub fn zipf_texts(n: usize, seed: u64) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n)
        .map(|_| {
            let length = rng.random_range(60..240);
            let words: Vec<String> = (0..length).map(|_| zipf_word(&mut rng)).collect();
            words.join(" ")
        })
        .collect()
}

/// Words in the vocabulary.
const VOCABULARY: f64 = 60_000.0;

/// A word drawn by Zipf's law: of rank `r` with a probability in proportion to
/// `1 / r`, by inverting the logarithm that this sums up to.
fn zipf_word(rng: &mut ChaCha8Rng) -> String {
    let rank = VOCABULARY.powf(rng.random_range(0.0..1.0)) as usize;
    spelled(rank)
}

/// A number as letters, two a digit, so that no stemmer finds an ending.
fn spelled(mut rank: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ba", "ko", "zu", "mi", "ta", "po", "ru", "vo", "ka", "no"];
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[rank % 10]);
        rank /= 10;
        if rank == 0 {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unit_and_texts_zipfian() {
        let rows = clustered_rows(20, 8, 1);
        assert_eq!(rows, clustered_rows(20, 8, 1));
        assert_ne!(rows, clustered_rows(20, 8, 2));
        for row in rows.chunks_exact(8) {
            assert!((row.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        }
        let texts = zipf_texts(200, 1);
        let words: Vec<&str> = texts.iter().flat_map(|text| text.split(' ')).collect();
        let count = |word: &str| words.iter().filter(|other| **other == word).count();
        let (first, tenth) = (count(&spelled(1)), count(&spelled(10)));
        assert!(first > 3 * tenth && tenth > 0, "{first} {tenth}");
    }
}
