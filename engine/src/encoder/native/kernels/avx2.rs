//! Tiles of AVX2: bytes widened to words, so that nothing saturates.
//!
//! `maddubs` would multiply bytes as they are, but adds two products in 16 bits
//! and saturates; with full-range bytes its results would not be the others'.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm_set1_epi32, _mm256_add_epi32, _mm256_cvtepi8_epi16,
    _mm256_cvtepu8_epi16, _mm256_hadd_epi32, _mm256_load_si256, _mm256_madd_epi16,
    _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{Group, Left, Sums};

/// Rows that are worked on together: with two registers each they leave room
/// for the operands.
const ROWS: usize = 4;
/// Columns of one register of sums.
const WIDTH: usize = 8;

#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_bytes(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
    for first in (0..sums.len()).step_by(ROWS) {
        let rows = (sums.len() - first).min(ROWS);
        for column in (0..super::LANES).step_by(WIDTH) {
            let mut lanes = [[_mm256_setzero_si256(); 2]; ROWS];
            for (at, group) in panel.iter().enumerate() {
                // SAFETY: sixteen bytes each, from a group of 32 columns of four.
                let [low, high] = unsafe {
                    let from = group.0.as_ptr().add(column);
                    [_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(4).cast())]
                };
                let (low, high) = (_mm256_cvtepi8_epi16(low), _mm256_cvtepi8_epi16(high));
                for (row, lanes) in lanes.iter_mut().enumerate().take(rows) {
                    let a = left.groups[(first + row) * left.stride + at];
                    let a = _mm256_cvtepu8_epi16(_mm_set1_epi32(a as i32));
                    lanes[0] = _mm256_add_epi32(lanes[0], _mm256_madd_epi16(a, low));
                    lanes[1] = _mm256_add_epi32(lanes[1], _mm256_madd_epi16(a, high));
                }
            }
            for (sums, [low, high]) in sums[first..].iter_mut().zip(lanes).take(rows) {
                // Two halves of a column's sum lie side by side; adding them
                // leaves the columns of each 128-bit half interleaved.
                let sum = _mm256_hadd_epi32(low, high);
                store(&mut sums[column..], _mm256_permute4x64_epi64::<0b11_01_10_00>(sum));
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_words(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
    for first in (0..sums.len()).step_by(ROWS) {
        let rows = (sums.len() - first).min(ROWS);
        for column in (0..super::LANES).step_by(2 * WIDTH) {
            let mut lanes = [[_mm256_setzero_si256(); 2]; ROWS];
            for (at, group) in panel.iter().enumerate() {
                // SAFETY: eight values each, at a multiple of 32 bytes, from a
                // group of 32 columns.
                let [low, high] = unsafe {
                    let from = group.0.as_ptr().add(column);
                    [_mm256_load_si256(from.cast()), _mm256_load_si256(from.add(8).cast())]
                };
                for (row, lanes) in lanes.iter_mut().enumerate().take(rows) {
                    let a = left.groups[(first + row) * left.stride + at];
                    let a = _mm256_set1_epi32(a as i32);
                    lanes[0] = _mm256_add_epi32(lanes[0], _mm256_madd_epi16(a, low));
                    lanes[1] = _mm256_add_epi32(lanes[1], _mm256_madd_epi16(a, high));
                }
            }
            for (sums, lanes) in sums[first..].iter_mut().zip(lanes).take(rows) {
                store(&mut sums[column..], lanes[0]);
                store(&mut sums[column + WIDTH..], lanes[1]);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(sums: &mut [i32], lanes: __m256i) {
    let sums: &mut [i32; WIDTH] = (&mut sums[..WIDTH]).try_into().expect("eight columns");
    // SAFETY: `sums` has room for eight values.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), lanes) };
}

/// Independent chains on registers, enough of them to hide the latency.
#[target_feature(enable = "avx2,fma")]
pub(super) fn busy(rounds: u32) -> u64 {
    const CHAINS: usize = 8;
    let a = _mm256_set1_epi32(0x0001_0002);
    let mut chains = [_mm256_setzero_si256(); CHAINS];
    for _ in 0..rounds {
        for chain in &mut chains {
            // Fed back into the product, or it would be computed once.
            *chain = _mm256_add_epi32(*chain, _mm256_madd_epi16(*chain, a));
        }
    }
    std::hint::black_box(chains);
    u64::from(rounds) * (CHAINS * 2 * WIDTH) as u64
}
