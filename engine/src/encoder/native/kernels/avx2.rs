//! Tiles of AVX2: bytes widened to words, so that nothing saturates.
//!
//! `maddubs` would multiply bytes as they are, but adds two products in 16 bits
//! and saturates; with full-range bytes its results would not be the others'.
//! With signs moved from one operand to the other it would be exact, and takes
//! as many multiplications and no less time.

use std::arch::x86_64::{
    __m256i, _mm_cvtepu8_epi16, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_loadu_si128,
    _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_hadd_epi32,
    _mm256_load_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_permute4x64_epi64,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{Group, LANES, Left, Sums};

/// Most rows that are worked on together: two registers of sums each leave
/// four of sixteen for the operands and a product.
const ROWS: usize = 6;
/// Columns of one register of sums.
const WIDTH: usize = 8;
/// Groups of a row that are widened at once: a row of 384 components. Six rows
/// take 4.6 KB, which stay in the first cache while all columns pass.
const STRETCH: usize = 96;

/// Splits the rows into equal parts of at most [`ROWS`]. Their number is a
/// constant in each arm, so that the sums stay in registers.
macro_rules! in_parts {
    ($rows:ident, $left:ident, $sums:ident $(, $argument:expr)*) => {
        let height = $sums.len().div_ceil($sums.len().div_ceil(ROWS).max(1)).max(1);
        for (part, sums) in $sums.chunks_mut(height).enumerate() {
            let groups = &$left.groups[part * height * $left.stride..];
            let left = Left { groups, stride: $left.stride };
            match sums.len() {
                1 => $rows::<1>(left, sums $(, $argument)*),
                2 => $rows::<2>(left, sums $(, $argument)*),
                3 => $rows::<3>(left, sums $(, $argument)*),
                4 => $rows::<4>(left, sums $(, $argument)*),
                5 => $rows::<5>(left, sums $(, $argument)*),
                _ => $rows::<6>(left, sums $(, $argument)*),
            }
        }
    };
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_bytes(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
    if panel.is_empty() {
        sums.fill([0; LANES]);
        return;
    }
    let mut wide = [[0; STRETCH]; ROWS];
    in_parts!(byte_rows, left, sums, panel, &mut wide);
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn byte_rows<const N: usize>(
    left: Left<'_>,
    sums: &mut [Sums],
    panel: &[Group],
    wide: &mut [[u64; STRETCH]; ROWS],
) {
    for (stretch, panel) in panel.chunks(STRETCH).enumerate() {
        // Once for all columns: widening in the loop below takes as many
        // instructions as the products.
        for (row, wide) in wide.iter_mut().enumerate().take(N) {
            let from = row * left.stride + stretch * STRETCH;
            widen(&left.groups[from..from + panel.len()], wide);
        }
        for column in (0..LANES).step_by(WIDTH) {
            let mut lanes = [[_mm256_setzero_si256(); 2]; N];
            for (at, group) in panel.iter().enumerate() {
                // SAFETY: sixteen bytes each, from a group of 32 columns of four.
                let [low, high] = unsafe {
                    let from = group.0.as_ptr().add(column);
                    [_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(4).cast())]
                };
                let (low, high) = (_mm256_cvtepi8_epi16(low), _mm256_cvtepi8_epi16(high));
                for (lanes, wide) in lanes.iter_mut().zip(&*wide) {
                    // SAFETY: a chunk of the panel has at most `STRETCH` groups.
                    let a = _mm256_set1_epi64x(unsafe { *wide.get_unchecked(at) } as i64);
                    lanes[0] = _mm256_add_epi32(lanes[0], _mm256_madd_epi16(a, low));
                    lanes[1] = _mm256_add_epi32(lanes[1], _mm256_madd_epi16(a, high));
                }
            }
            for (sums, [low, high]) in sums.iter_mut().zip(lanes) {
                // Two halves of a column's sum lie side by side; adding them
                // leaves the columns of each 128-bit half interleaved.
                let sum = _mm256_hadd_epi32(low, high);
                let sum = _mm256_permute4x64_epi64::<0b11_01_10_00>(sum);
                let to = &mut sums[column..];
                let before = if stretch == 0 { _mm256_setzero_si256() } else { load(to) };
                store(to, _mm256_add_epi32(before, sum));
            }
        }
    }
}

/// Bytes as words, four to a number that an instruction can broadcast.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn widen(groups: &[u32], wide: &mut [u64; STRETCH]) {
    let (fours, rest) = groups.as_chunks::<4>();
    let (wide_fours, _) = wide.as_chunks_mut::<4>();
    for (wide, four) in wide_fours.iter_mut().zip(fours) {
        // SAFETY: four groups are sixteen bytes, four wide ones 32.
        unsafe {
            let words = _mm256_cvtepu8_epi16(_mm_loadu_si128(four.as_ptr().cast()));
            _mm256_storeu_si256(wide.as_mut_ptr().cast(), words);
        }
    }
    for (wide, &group) in wide[fours.len() * 4..].iter_mut().zip(rest) {
        *wide = _mm_cvtsi128_si64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(group as i32))) as u64;
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_words(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
    in_parts!(word_rows, left, sums, panel);
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn word_rows<const N: usize>(left: Left<'_>, sums: &mut [Sums], panel: &[Group]) {
    for column in (0..LANES).step_by(2 * WIDTH) {
        let mut lanes = [[_mm256_setzero_si256(); 2]; N];
        for (at, group) in panel.iter().enumerate() {
            // SAFETY: eight values each, at a multiple of 32 bytes, from a
            // group of 32 columns.
            let [low, high] = unsafe {
                let from = group.0.as_ptr().add(column);
                [_mm256_load_si256(from.cast()), _mm256_load_si256(from.add(8).cast())]
            };
            for (row, lanes) in lanes.iter_mut().enumerate() {
                // SAFETY: the caller has checked that `left` holds
                // `panel.len()` groups in each of its rows.
                let a = unsafe { *left.groups.get_unchecked(row * left.stride + at) };
                let a = _mm256_set1_epi32(a as i32);
                lanes[0] = _mm256_add_epi32(lanes[0], _mm256_madd_epi16(a, low));
                lanes[1] = _mm256_add_epi32(lanes[1], _mm256_madd_epi16(a, high));
            }
        }
        for (sums, lanes) in sums.iter_mut().zip(lanes) {
            store(&mut sums[column..], lanes[0]);
            store(&mut sums[column + WIDTH..], lanes[1]);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(sums: &[i32]) -> __m256i {
    let sums: &[i32; WIDTH] = sums.first_chunk().expect("eight columns");
    // SAFETY: eight values.
    unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(sums: &mut [i32], lanes: __m256i) {
    let sums: &mut [i32; WIDTH] = sums.first_chunk_mut().expect("eight columns");
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
