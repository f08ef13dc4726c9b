//! AVX2 with FMA and F16C: eight lanes a register.

use std::arch::x86_64::{
    __m256, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32, _mm_cvtss_f32,
    _mm_loadl_epi64, _mm_loadu_si128, _mm_movehl_ps, _mm_shuffle_epi32, _mm_shuffle_ps,
    _mm_unpackhi_epi64, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps, _mm256_castps256_ps128,
    _mm256_castsi256_si128, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtph_ps,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8,
};

use super::{Kernels, LANES, code_row, padded, plain};

pub(super) const KERNELS: Kernels = Kernels {
    dot,
    dot_halves,
    dot_bytes,
    // Bits have no cheap way into lanes here.
    dot_signs: plain::KERNELS.dot_signs,
    dot_codes,
};

/// Folds the last eight lanes in halves.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn fold(eight: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

/// Defines a scoring kernel for rows of `$element`: `$load` brings eight of
/// them, from a pointer, into lanes, `$value` one of them.
///
/// A macro and not a generic function: a function passed as an argument would
/// not inherit the instruction set.
macro_rules! scoring_kernel {
    ($name:ident, $element:ty, $load:expr, $value:expr) => {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn $name(query: &[f32], row: &[$element]) -> f32 {
            let n = query.len().min(row.len());
            let (query, query_rest) = query[..n].as_chunks::<LANES>();
            let (row, row_rest) = row[..n].as_chunks::<LANES>();
            let mut lanes = [_mm256_setzero_ps(); 8];
            for (query, row) in query.iter().zip(row) {
                for (at, lane) in lanes.iter_mut().enumerate() {
                    // SAFETY: both point at eight elements of a block of 64.
                    let (x, y) = unsafe {
                        (
                            _mm256_loadu_ps(query.as_ptr().add(at * 8)),
                            $load(row.as_ptr().add(at * 8)),
                        )
                    };
                    *lane = _mm256_fmadd_ps(x, y, *lane);
                }
            }
            if !query_rest.is_empty() {
                let (query, row) = (padded(query_rest, |x| x), padded(row_rest, $value));
                for (at, lane) in lanes.iter_mut().enumerate() {
                    // SAFETY: both point at eight values of a block of 64.
                    let (x, y) = unsafe {
                        (
                            _mm256_loadu_ps(query.as_ptr().add(at * 8)),
                            _mm256_loadu_ps(row.as_ptr().add(at * 8)),
                        )
                    };
                    *lane = _mm256_fmadd_ps(x, y, *lane);
                }
            }
            for width in [4, 2, 1] {
                for at in 0..width {
                    lanes[at] = _mm256_add_ps(lanes[at], lanes[at + width]);
                }
            }
            fold(lanes[0])
        }
    };
}

scoring_kernel!(dot, f32, _mm256_loadu_ps, |x| x);
scoring_kernel!(
    dot_halves,
    u16,
    |halves: *const u16| _mm256_cvtph_ps(_mm_loadu_si128(halves.cast())),
    plain::half
);
scoring_kernel!(
    dot_bytes,
    i8,
    |bytes: *const i8| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes.cast()))),
    f32::from
);

#[target_feature(enable = "avx2")]
fn dot_codes(query: &[i8], codes: &[i8], rows: &[u32], products: &mut [i32]) {
    for (product, &at) in products[..rows.len()].iter_mut().zip(rows) {
        *product = dot_code_row(query, code_row(codes, query.len(), at));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn dot_code_row(query: &[i8], row: &[i8]) -> i32 {
    let (query, query_rest) = query.as_chunks::<32>();
    let (row, row_rest) = row.as_chunks::<32>();
    let ones = _mm256_set1_epi16(1);
    let mut sum = _mm256_setzero_si256();
    for (query, row) in query.iter().zip(row) {
        // SAFETY: both point at 32 bytes.
        let (x, y) = unsafe {
            (_mm256_loadu_si256(query.as_ptr().cast()), _mm256_loadu_si256(row.as_ptr().cast()))
        };
        // `maddubs` wants one side unsigned and saturates; with the row's signs
        // moved to the query no two products exceed 2 · 128 · 127. Widening
        // both to 16 bits takes half as many instructions again.
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(y), _mm256_sign_epi8(x, y));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    let four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<1>(two));
    _mm_cvtsi128_si32(one) + plain::dot_code_row(query_rest, row_rest)
}
