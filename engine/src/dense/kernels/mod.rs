//! Dot products: `f32` for every score that is shown, codes for choosing
//! candidates.
//!
//! The instruction set is chosen once per process (AVX-512, AVX2 with FMA, NEON,
//! or plain Rust). All scoring kernels follow one summation order, 64 lanes of
//! fused multiply-adds folded in halves, whatever form the stored row has, and
//! sums of codes are exact integers: a score has the same bits on every machine.
//! The usual alternative, letting each kernel sum as it likes, is no faster and
//! lets two machines disagree about a tie.
//!
//! This is the one module of the dense side that may use `unsafe`.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

/// Lanes of the common summation order: four AVX-512 registers.
const LANES: usize = 64;

/// Longest vectors whose `i8` dot product cannot overflow: the largest partial
/// sum is `255 · 127` per component.
pub(super) const MAX_DIM: usize = i32::MAX as usize / (255 * 127);

/// Components a word of sign bits stands for.
pub(super) const SIGNS_PER_WORD: usize = 64;

/// See [`dot_codes`].
type DotCodes = unsafe fn(&[i8], &[i8], &[u32], &mut [i32]);

/// One instruction set's implementations. Each is callable only where the
/// instruction set exists.
struct Kernels {
    dot: unsafe fn(&[f32], &[f32]) -> f32,
    dot_halves: unsafe fn(&[f32], &[u16]) -> f32,
    dot_bytes: unsafe fn(&[f32], &[i8]) -> f32,
    dot_signs: unsafe fn(&[f32], &[u64]) -> f32,
    dot_codes: DotCodes,
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
    let mut kernels = vec![("plain", plain::KERNELS)];
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let has_avx2 = has!("avx2") && has!("fma") && has!("f16c");
        if has_avx2 {
            kernels.push(("avx2", avx2::KERNELS));
        }
        if has_avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512vnni") {
            kernels.push(("avx512", avx512::KERNELS));
        }
    }
    #[cfg(target_arch = "aarch64")]
    kernels.push(("neon", neon::KERNELS));
    kernels
}

/// The dot product of two vectors of equal length; of unit vectors, their cosine.
///
/// The bits depend on nothing but the arguments. Callers check lengths where
/// vectors enter; here the shorter one counts, so that no input can read
/// outside a slice. The same holds for the forms below.
#[inline]
pub(crate) fn dot(query: &[f32], row: &[f32]) -> f32 {
    // SAFETY: `available` lists a kernel only after its instruction set was detected.
    unsafe { (KERNELS.dot)(query, row) }
}

/// As [`dot`], with the row in IEEE 754 half precision, as bits.
#[inline]
pub(super) fn dot_halves(query: &[f32], row: &[u16]) -> f32 {
    // SAFETY: as in `dot`.
    unsafe { (KERNELS.dot_halves)(query, row) }
}

/// As [`dot`], with the row as eight-bit codes, not yet scaled.
#[inline]
pub(super) fn dot_bytes(query: &[f32], row: &[i8]) -> f32 {
    // SAFETY: as in `dot`.
    unsafe { (KERNELS.dot_bytes)(query, row) }
}

/// As [`dot`], with the row as signs: component `i` is 1 where bit `i % 64` of
/// word `i / 64` is set, else -1.
#[inline]
pub(super) fn dot_signs(query: &[f32], row: &[u64]) -> f32 {
    // SAFETY: as in `dot`.
    unsafe { (KERNELS.dot_signs)(query, row) }
}

/// The exact dot products of `query` with the code rows `rows` of `codes`
/// (`[n, query.len()]`, row-major), written to `products`.
///
/// Several rows at once and not one: the loads of a row and the sum across a
/// register are latencies that other rows hide, and the constant part of the
/// unsigned-by-signed instruction is computed once.
///
/// `query` holds no -128, as no quantised vector does: its negative is no byte.
///
/// # Panics
/// When a row lies outside `codes` or `products` is shorter than `rows`.
#[inline]
pub(super) fn dot_codes(query: &[i8], codes: &[i8], rows: &[u32], products: &mut [i32]) {
    // SAFETY: as in `dot`.
    unsafe { (KERNELS.dot_codes)(query, codes, rows, products) }
}

/// Asks the processor to bring `bytes` into its cache; a hint without effect on
/// any result.
#[inline]
pub(super) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = values.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(values)).step_by(64) {
            // SAFETY: SSE is part of x86-64, the pointer stays inside the slice,
            // and a prefetch never faults.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Row `at` of `codes`.
#[inline]
fn code_row(codes: &[i8], dim: usize, at: u32) -> &[i8] {
    &codes[at as usize * dim..][..dim]
}

/// Fills a block of 64 lanes with the rest of a vector and zeros.
fn padded<T: Copy>(rest: &[T], value: impl Fn(T) -> f32) -> [f32; LANES] {
    let mut block = [0.0; LANES];
    for (lane, &x) in block.iter_mut().zip(rest) {
        *lane = value(x);
    }
    block
}
