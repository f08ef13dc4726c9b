//! AVX-512 with VNNI: sixteen lanes, or 64 code products, a register.

use std::arch::x86_64::{
    __m512, __m512i, _mm_add_epi32, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi32,
    _mm256_add_ps, _mm256_castpd_ps, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_pd, _mm512_castps512_ps256,
    _mm512_castsi512_si256, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtph_ps,
    _mm512_dpbusd_epi32, _mm512_extractf64x4_pd, _mm512_extracti64x4_epi64, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_blend_ps, _mm512_mask_reduce_add_epi32,
    _mm512_maskz_loadu_epi8, _mm512_set1_epi8, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::{Kernels, LANES, SIGNS_PER_WORD, avx2, code_row, padded, plain};

pub(super) const KERNELS: Kernels = Kernels { dot, dot_halves, dot_bytes, dot_signs, dot_codes };

/// Folds 64 lanes in halves.
#[inline]
#[target_feature(enable = "avx512f,avx2,fma")]
fn fold([a, b, c, d]: [__m512; 4]) -> f32 {
    let sixteen = _mm512_add_ps(_mm512_add_ps(a, c), _mm512_add_ps(b, d));
    // Extracted as doubles: the `f32x8` form needs AVX-512 DQ.
    let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sixteen)));
    avx2::fold(_mm256_add_ps(_mm512_castps512_ps256(sixteen), high))
}

/// Adds the products of two blocks of 64.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_product(lanes: &mut [__m512; 4], a: &[f32; LANES], b: &[f32; LANES]) {
    for (at, lane) in lanes.iter_mut().enumerate() {
        // SAFETY: both point at sixteen values of a block of 64.
        let (x, y) = unsafe {
            (_mm512_loadu_ps(a.as_ptr().add(at * 16)), _mm512_loadu_ps(b.as_ptr().add(at * 16)))
        };
        *lane = _mm512_fmadd_ps(x, y, *lane);
    }
}

/// Defines a scoring kernel for rows of `$element`: `$load` brings sixteen of
/// them, from a pointer, into lanes, `$value` one of them.
macro_rules! scoring_kernel {
    ($name:ident, $element:ty, $load:expr, $value:expr) => {
        #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
        fn $name(query: &[f32], row: &[$element]) -> f32 {
            let n = query.len().min(row.len());
            let (query, query_rest) = query[..n].as_chunks::<LANES>();
            let (row, row_rest) = row[..n].as_chunks::<LANES>();
            let mut lanes = [_mm512_setzero_ps(); 4];
            for (query, row) in query.iter().zip(row) {
                for (at, lane) in lanes.iter_mut().enumerate() {
                    // SAFETY: both point at sixteen elements of a block of 64.
                    let (x, y) = unsafe {
                        (
                            _mm512_loadu_ps(query.as_ptr().add(at * 16)),
                            $load(row.as_ptr().add(at * 16)),
                        )
                    };
                    *lane = _mm512_fmadd_ps(x, y, *lane);
                }
            }
            if !query_rest.is_empty() {
                add_product(&mut lanes, &padded(query_rest, |x| x), &padded(row_rest, $value));
            }
            fold(lanes)
        }
    };
}

scoring_kernel!(dot, f32, _mm512_loadu_ps, |x| x);
scoring_kernel!(
    dot_halves,
    u16,
    |halves: *const u16| _mm512_cvtph_ps(_mm256_loadu_si256(halves.cast())),
    plain::half
);
scoring_kernel!(
    dot_bytes,
    i8,
    |bytes: *const i8| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.cast()))),
    f32::from
);

#[target_feature(enable = "avx512f,avx2,fma")]
fn dot_signs(query: &[f32], row: &[u64]) -> f32 {
    let (plus, minus) = (_mm512_set1_ps(1.0), _mm512_set1_ps(-1.0));
    let mut lanes = [_mm512_setzero_ps(); 4];
    for (query, &signs) in query.chunks(SIGNS_PER_WORD).zip(row) {
        let query = padded(query, |x| x);
        for (at, lane) in lanes.iter_mut().enumerate() {
            // SAFETY: points at sixteen values of a block of 64.
            let x = unsafe { _mm512_loadu_ps(query.as_ptr().add(at * 16)) };
            let y = _mm512_mask_blend_ps((signs >> (at * 16)) as u16, minus, plus);
            *lane = _mm512_fmadd_ps(x, y, *lane);
        }
    }
    fold(lanes)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
fn dot_codes(query: &[i8], codes: &[i8], rows: &[u32], products: &mut [i32]) {
    let dim = query.len();
    let products = &mut products[..rows.len()];
    // The instruction multiplies unsigned by signed bytes, so a row is given as
    // x + 128, and the surplus of 128 Σ query is taken off again.
    let surplus = 128 * query.iter().map(|&x| i32::from(x)).sum::<i32>();
    let (groups, rest) = rows.as_chunks::<4>();
    let (group_products, rest_products) = products.as_chunks_mut::<4>();
    for (group, products) in groups.iter().zip(group_products) {
        let rows = group.map(|at| code_row(codes, dim, at));
        *products = folded(sums(query, rows)).map(|sum| sum - surplus);
    }
    for (&at, product) in rest.iter().zip(rest_products) {
        let [sum] = sums(query, [code_row(codes, dim, at)]);
        *product = _mm512_mask_reduce_add_epi32(u16::MAX, sum) - surplus;
    }
}

/// The lane sums of `N` rows, as long as the query, whose latencies hide each other.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sums<const N: usize>(query: &[i8], rows: [&[i8]; N]) -> [__m512i; N] {
    let (blocks, rest) = query.as_chunks::<64>();
    let rows = rows.map(|row| row.as_chunks::<64>());
    let mut sums = [_mm512_setzero_si512(); N];
    for (at, block) in blocks.iter().enumerate() {
        // SAFETY: points at 64 bytes.
        let x = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        for (sum, (row, _)) in sums.iter_mut().zip(&rows) {
            // SAFETY: as above.
            let y = unsafe { _mm512_loadu_si512(row[at].as_ptr().cast()) };
            *sum = add_codes(*sum, x, y);
        }
    }
    if !rest.is_empty() {
        let mask = (1_u64 << rest.len()) - 1;
        // SAFETY: the mask admits only bytes inside the slice.
        let x = unsafe { _mm512_maskz_loadu_epi8(mask, rest.as_ptr()) };
        for (sum, (_, row)) in sums.iter_mut().zip(&rows) {
            // SAFETY: as above; all rests are equally long.
            let y = unsafe { _mm512_maskz_loadu_epi8(mask, row.as_ptr()) };
            *sum = add_codes(*sum, x, y);
        }
    }
    sums
}

/// The sums across four registers, transposed while adding.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn folded([a, b, c, d]: [__m512i; 4]) -> [i32; 4] {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64::<1>(all));
    let four = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let mut found = [0; 4];
    // SAFETY: `found` has room for four values.
    unsafe { _mm_storeu_si128(found.as_mut_ptr().cast(), four) };
    found
}

/// Adds the products of `query` and `row + 128`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn add_codes(sum: __m512i, query: __m512i, row: __m512i) -> __m512i {
    _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, _mm512_set1_epi8(i8::MIN)), query)
}
