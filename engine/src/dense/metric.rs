//! Dot products: `f32` for every score that is shown, `i8` for walking a graph.
//!
//! The instruction set is chosen once per process (AVX-512, AVX2 with FMA, NEON,
//! or plain Rust). All `f32` kernels follow one summation order, 64 lanes of
//! fused multiply-adds folded in halves, and `i8` sums are exact integers: a
//! score has the same bits on every machine. The usual alternative, letting
//! each kernel sum as it likes, is no faster and lets two machines disagree
//! about a tie.
//!
//! This is the one module of the dense side that may use `unsafe`.
#![allow(unsafe_code)]

use std::sync::LazyLock;

/// Lanes of the common summation order: four AVX-512 registers.
const LANES: usize = 64;

/// Longest vectors whose `i8` dot product cannot overflow: the largest partial
/// sum is `255 · 127` per component.
pub(super) const MAX_DIM: usize = i32::MAX as usize / (255 * 127);

/// One instruction set's implementations.
struct Kernels {
    /// Callable only where the instruction set exists.
    dot: unsafe fn(&[f32], &[f32]) -> f32,
    /// Callable only where the instruction set exists.
    dot_codes: unsafe fn(&[i8], &[i8]) -> i32,
}

/// The best kernels of this machine.
static KERNELS: LazyLock<Kernels> =
    LazyLock::new(|| available().pop().expect("plain Rust is always there").1);

/// The kernels this machine can run by name, from the plainest to the best.
fn available() -> Vec<(&'static str, Kernels)> {
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(unused_mut, reason = "only the plain kernel exists there")
    )]
    let mut kernels = vec![("plain", Kernels { dot: plain::dot, dot_codes: plain::dot_codes })];
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx2") && has!("fma") {
            let avx2 = Kernels { dot: x86::dot_avx2, dot_codes: x86::dot_codes_avx2 };
            kernels.push(("avx2", avx2));
        }
        if has!("avx512f") && has!("avx512bw") && has!("avx512vnni") {
            let avx512 = Kernels { dot: x86::dot_avx512, dot_codes: x86::dot_codes_avx512 };
            kernels.push(("avx512", avx512));
        }
    }
    #[cfg(target_arch = "aarch64")]
    kernels.push(("neon", Kernels { dot: neon::dot, dot_codes: neon::dot_codes }));
    kernels
}

/// The dot product of two vectors of equal length; of unit vectors, their cosine.
///
/// The bits depend on nothing but the arguments. Callers check lengths where
/// vectors enter; here the shorter one counts, so that no input can read
/// outside a slice.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: `available` lists a kernel only after its instruction set was detected.
    unsafe { (KERNELS.dot)(a, b) }
}

/// The exact dot product of two code rows of equal length, at most [`MAX_DIM`].
#[inline]
pub(super) fn dot_codes(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: as in `dot`.
    unsafe { (KERNELS.dot_codes)(a, b) }
}

/// Asks the processor to bring `row` into its cache; a hint without effect on
/// any result.
#[inline]
pub(super) fn prefetch(row: &[i8]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Fills a block of 64 lanes with the rest of a vector and zeros.
fn padded(rest: &[f32]) -> [f32; LANES] {
    let mut block = [0.0; LANES];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The definition the other kernels must equal bit by bit.
mod plain {
    use super::{LANES, padded};

    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<LANES>();
        let (b, b_rest) = b[..n].as_chunks::<LANES>();
        let mut lanes = [0.0_f32; LANES];
        let mut add = |a: &[f32; LANES], b: &[f32; LANES]| {
            for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane = x.mul_add(*y, *lane);
            }
        };
        for (a, b) in a.iter().zip(b) {
            add(a, b);
        }
        if !a_rest.is_empty() {
            add(&padded(a_rest), &padded(b_rest));
        }
        let mut width = LANES / 2;
        while width > 0 {
            for at in 0..width {
                lanes[at] += lanes[at + width];
            }
            width /= 2;
        }
        lanes[0]
    }

    pub(super) fn dot_codes(a: &[i8], b: &[i8]) -> i32 {
        a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512i, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehl_ps,
        _mm_shuffle_ps, _mm256_add_epi32, _mm256_add_ps, _mm256_castpd_ps, _mm256_castps256_ps128,
        _mm256_cvtepi8_epi16, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_madd_epi16, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_si256,
        _mm512_add_ps, _mm512_castps_pd, _mm512_castps512_ps256, _mm512_dpbusd_epi32,
        _mm512_extractf64x4_pd, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_mask_reduce_add_epi32, _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_ps,
        _mm512_set1_epi8, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_sub_epi32,
        _mm512_xor_si512,
    };

    use super::{LANES, padded, plain};

    /// Folds the last eight lanes in halves.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn fold(eight: __m256) -> f32 {
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<LANES>();
        let (b, b_rest) = b[..n].as_chunks::<LANES>();
        let mut lanes = [_mm256_setzero_ps(); 8];
        for (a, b) in a.iter().zip(b) {
            add_avx2(&mut lanes, a, b);
        }
        if !a_rest.is_empty() {
            add_avx2(&mut lanes, &padded(a_rest), &padded(b_rest));
        }
        for width in [4, 2, 1] {
            for at in 0..width {
                lanes[at] = _mm256_add_ps(lanes[at], lanes[at + width]);
            }
        }
        fold(lanes[0])
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add_avx2(lanes: &mut [__m256; 8], a: &[f32; LANES], b: &[f32; LANES]) {
        for (lane, (a, b)) in
            lanes.iter_mut().zip(a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0))
        {
            // SAFETY: both point at eight values.
            let (x, y) = unsafe { (_mm256_loadu_ps(a.as_ptr()), _mm256_loadu_ps(b.as_ptr())) };
            *lane = _mm256_fmadd_ps(x, y, *lane);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn dot_codes_avx2(a: &[i8], b: &[i8]) -> i32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<16>();
        let (b, b_rest) = b[..n].as_chunks::<16>();
        let mut sum = _mm256_setzero_si256();
        for (a, b) in a.iter().zip(b) {
            // Widened to 16 bits and not `maddubs`: that one saturates.
            // SAFETY: both point at sixteen bytes.
            let (x, y) =
                unsafe { (_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast())) };
            let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(x), _mm256_cvtepi8_epi16(y));
            sum = _mm256_add_epi32(sum, products);
        }
        let mut lanes = [0_i32; 8];
        // SAFETY: `lanes` has room for eight values.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
        lanes.iter().sum::<i32>() + plain::dot_codes(a_rest, b_rest)
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<LANES>();
        let (b, b_rest) = b[..n].as_chunks::<LANES>();
        let mut lanes = [_mm512_setzero_ps(); 4];
        for (a, b) in a.iter().zip(b) {
            for (lane, (a, b)) in
                lanes.iter_mut().zip(a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0))
            {
                // SAFETY: both point at sixteen values.
                let (x, y) = unsafe { (_mm512_loadu_ps(a.as_ptr()), _mm512_loadu_ps(b.as_ptr())) };
                *lane = _mm512_fmadd_ps(x, y, *lane);
            }
        }
        if !a_rest.is_empty() {
            for (at, lane) in lanes.iter_mut().enumerate() {
                let left = a_rest.len().saturating_sub(at * 16).min(16);
                let mask = ((1_u32 << left) - 1) as u16;
                // SAFETY: the mask admits only values inside both slices, which
                // are equally long; the pointers stay within them or one past.
                let (x, y) = unsafe {
                    let from = (at * 16).min(a_rest.len());
                    (
                        _mm512_maskz_loadu_ps(mask, a_rest.as_ptr().add(from)),
                        _mm512_maskz_loadu_ps(mask, b_rest.as_ptr().add(from)),
                    )
                };
                *lane = _mm512_fmadd_ps(x, y, *lane);
            }
        }
        let [a, b, c, d] = lanes;
        let sixteen = _mm512_add_ps(_mm512_add_ps(a, c), _mm512_add_ps(b, d));
        // Extracted as doubles: the `f32x8` form needs AVX-512 DQ.
        let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sixteen)));
        fold(_mm256_add_ps(_mm512_castps512_ps256(sixteen), high))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn dot_codes_avx512(a: &[i8], b: &[i8]) -> i32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<64>();
        let (b, b_rest) = b[..n].as_chunks::<64>();
        // The instruction multiplies unsigned by signed bytes, so it is given
        // a + 128 and the surplus of 128 Σ b is summed beside it.
        let offset = _mm512_set1_epi8(i8::MIN);
        let (mut sum, mut surplus) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let mut add = |x: __m512i, y: __m512i| {
            sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(x, offset), y);
            surplus = _mm512_dpbusd_epi32(surplus, offset, y);
        };
        for (a, b) in a.iter().zip(b) {
            // SAFETY: both point at 64 bytes.
            let (x, y) = unsafe {
                (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast()))
            };
            add(x, y);
        }
        if !a_rest.is_empty() {
            let mask = (1_u64 << a_rest.len()) - 1;
            // SAFETY: the mask admits only bytes inside both slices.
            let (x, y) = unsafe {
                (
                    _mm512_maskz_loadu_epi8(mask, a_rest.as_ptr()),
                    _mm512_maskz_loadu_epi8(mask, b_rest.as_ptr()),
                )
            };
            add(x, y);
        }
        _mm512_mask_reduce_add_epi32(u16::MAX, _mm512_sub_epi32(sum, surplus))
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{
        float32x4_t, vaddq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vget_high_s8,
        vget_low_s8, vgetq_lane_f32, vld1q_f32, vld1q_s8, vmull_s8, vpadalq_s16,
    };

    use super::{LANES, padded, plain};

    #[target_feature(enable = "neon")]
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<LANES>();
        let (b, b_rest) = b[..n].as_chunks::<LANES>();
        let mut lanes = [vdupq_n_f32(0.0); 16];
        for (a, b) in a.iter().zip(b) {
            add(&mut lanes, a, b);
        }
        if !a_rest.is_empty() {
            add(&mut lanes, &padded(a_rest), &padded(b_rest));
        }
        for width in [8, 4, 2, 1] {
            for at in 0..width {
                lanes[at] = vaddq_f32(lanes[at], lanes[at + width]);
            }
        }
        let four = lanes[0];
        let even = vgetq_lane_f32::<0>(four) + vgetq_lane_f32::<2>(four);
        let odd = vgetq_lane_f32::<1>(four) + vgetq_lane_f32::<3>(four);
        even + odd
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn add(lanes: &mut [float32x4_t; 16], a: &[f32; LANES], b: &[f32; LANES]) {
        for (lane, (a, b)) in
            lanes.iter_mut().zip(a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0))
        {
            // SAFETY: both point at four values.
            let (x, y) = unsafe { (vld1q_f32(a.as_ptr()), vld1q_f32(b.as_ptr())) };
            *lane = vfmaq_f32(*lane, x, y);
        }
    }

    #[target_feature(enable = "neon")]
    pub(super) fn dot_codes(a: &[i8], b: &[i8]) -> i32 {
        let n = a.len().min(b.len());
        let (a, a_rest) = a[..n].as_chunks::<16>();
        let (b, b_rest) = b[..n].as_chunks::<16>();
        let mut sum = vdupq_n_s32(0);
        for (a, b) in a.iter().zip(b) {
            // SAFETY: both point at sixteen bytes.
            let (x, y) = unsafe { (vld1q_s8(a.as_ptr()), vld1q_s8(b.as_ptr())) };
            sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
            sum = vpadalq_s16(sum, vmull_s8(vget_high_s8(x), vget_high_s8(y)));
        }
        vaddvq_s32(sum) + plain::dot_codes(a_rest, b_rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dot_with(kernel: &Kernels, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: the kernel comes from `available`.
        unsafe { (kernel.dot)(a, b) }
    }

    fn dot_codes_with(kernel: &Kernels, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: the kernel comes from `available`.
        unsafe { (kernel.dot_codes)(a, b) }
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_same_bits(
            pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..800),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let expected = plain::dot(&a, &b);
            for (name, kernel) in available() {
                let found = dot_with(&kernel, &a, &b);
                prop_assert_eq!(found.to_bits(), expected.to_bits(), "{}", name);
            }
            let exact: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            prop_assert!((f64::from(expected) - exact).abs() < 1e-4);
        }

        #[test]
        fn every_code_kernel_is_exact(
            pairs in prop::collection::vec((-127_i8..=127, -127_i8..=127), 0..800),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let expected: i64 = a.iter().zip(&b).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum();
            for (name, kernel) in available() {
                prop_assert_eq!(i64::from(dot_codes_with(&kernel, &a, &b)), expected, "{}", name);
            }
        }
    }

    #[test]
    fn the_longest_vectors_do_not_overflow() {
        for (x, y) in [(127, 127), (127, -127), (-127, -127)] {
            let (a, b) = (vec![x; MAX_DIM], vec![y; MAX_DIM]);
            let expected = i32::from(x) * i32::from(y) * MAX_DIM as i32;
            for (name, kernel) in available() {
                assert_eq!(dot_codes_with(&kernel, &a, &b), expected, "{name}");
            }
        }
    }

    #[test]
    fn unequal_lengths_and_extreme_values_stay_inside_the_slices() {
        let a = vec![f32::MAX; 70];
        for (name, kernel) in available() {
            assert_eq!(dot_with(&kernel, &a, &[]), 0.0, "{name}");
            assert_eq!(dot_with(&kernel, &a, &[1.0, 0.0]), f32::MAX, "{name}");
            assert_eq!(dot_with(&kernel, &a, &a), f32::INFINITY, "{name}");
            assert_eq!(dot_codes_with(&kernel, &[1; 70], &[2; 3]), 6, "{name}");
        }
    }
}
