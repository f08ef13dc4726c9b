//! Row kernels: one source, compiled for each instruction set.
//!
//! Everything here is safe Rust over slices and arrays of [`LANES`]. A row's
//! maxima do not depend on an order, its sums run in [`LANES`] lanes that are
//! folded in halves, and `mul_add` is one rounding wherever it runs.

#![allow(clippy::inline_always, reason = "a kernel is compiled where it is inlined")]

use super::{LANES, Sums};

/// Adding and subtracting this rounds to an integer, half to even, which is
/// then in the low bits; exact below 2²². A cast would saturate and cost a
/// comparison.
const ROUNDER: f32 = 12_582_912.0;

/// How a row of bytes stands for numbers: `low + step · byte`.
///
/// `low` is the row's own minimum and no multiple of `step`: nothing here needs
/// zero to be exact, since no row is padded, and a free minimum spends no part
/// of the range on a zero that does not occur.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Step {
    pub(in super::super) step: f32,
    pub(in super::super) low: f32,
}

/// What [`LANES`] columns of a matrix need beside their bytes.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(in super::super) struct Columns {
    /// What one unit of a weight is worth.
    pub(in super::super) step: [f32; LANES],
    /// The sum of the column's weights: the share of a row's `low`.
    pub(in super::super) total: [f32; LANES],
    /// Added to the product.
    pub(in super::super) bias: [f32; LANES],
}

/// A tile of byte products on its way to numbers.
pub(in super::super) struct Products<'a> {
    pub(in super::super) sums: &'a [Sums],
    /// One per row of `sums`.
    pub(in super::super) rows: &'a [Step],
    pub(in super::super) columns: &'a Columns,
}

/// A layer normalisation's parameters.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Norm {
    pub(in super::super) gamma: Vec<f32>,
    pub(in super::super) beta: Vec<f32>,
    pub(in super::super) epsilon: f32,
}

/// The products of one query with all keys.
pub(in super::super) struct Scores<'a> {
    /// The query's row of each tile of keys, `stride` apart.
    pub(in super::super) sums: &'a [Sums],
    pub(in super::super) stride: usize,
    /// What one unit of the query is worth.
    pub(in super::super) query: f32,
    /// What one unit of a key is worth, times log₂ e over the square root of
    /// a head's size; a multiple of [`LANES`], of which `keys` count.
    pub(in super::super) steps: &'a [f32],
    pub(in super::super) keys: usize,
}

/// A tile of word products of weights and values.
pub(in super::super) struct Heads<'a> {
    pub(in super::super) sums: &'a [Sums],
    /// One over a row's sum of weights.
    pub(in super::super) norms: &'a [f32],
    /// What one unit of a value is worth, one per column, at most [`LANES`].
    pub(in super::super) steps: &'a [f32],
}

/// The largest weight: 13 bits, which leave the values ten at 256 tokens. A
/// weight below 1/16,382 of the largest counts as nothing; with the eight bits
/// of the byte product, tails that matter would vanish.
pub(in super::super) const WEIGHT_LIMIT: i32 = 8191;

/// Compiles the row kernels once with the given attribute.
macro_rules! compile {
    ($($(#[$feature:meta])? $module:ident;)*) => { $(
        pub(super) mod $module {
            use super::{Heads, Norm, Products, Scores, Step};

            compile!(@ $(#[$feature])? linear(p: &Products<'_>, out: &mut [f32], stride: usize));
            compile!(@ $(#[$feature])? gelu(p: &Products<'_>, out: &mut [f32], stride: usize));
            compile!(@ $(#[$feature])? add(p: &Products<'_>, out: &mut [f32], stride: usize));
            compile!(@ $(#[$feature])? normalise(row: &mut [f32], norm: &Norm));
            compile!(@ $(#[$feature])? quantise(row: &[f32], out: &mut [u8]) -> Step);
            compile!(@ $(#[$feature])?
                quantise_words(row: &[f32], limit: f32, out: &mut [i16]) -> f32);
            compile!(@ $(#[$feature])? raise_limits(row: &[f32], limits: &mut [f32]));
            compile!(@ $(#[$feature])?
                pair_words(rows: [&[f32]; 2], factors: &[f32], out: &mut [u32]));
            compile!(@ $(#[$feature])?
                softmax(s: &Scores<'_>, scaled: &mut [f32], out: &mut [i16]) -> f32);
            compile!(@ $(#[$feature])? weigh(h: &Heads<'_>, out: &mut [f32], stride: usize));
        }
    )* };
    (@ $(#[$feature:meta])? $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        $(#[$feature])?
        pub(in super::super) fn $name($($argument: $type),*) $(-> $result)? {
            super::$name($($argument),*)
        }
    };
}

compile! {
    plain;
}
#[cfg(target_arch = "x86_64")]
compile! {
    #[target_feature(enable = "avx2,fma")] avx2;
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")] avx512;
}

#[inline(always)]
fn linear(products: &Products<'_>, out: &mut [f32], stride: usize) {
    finish(products, out, stride, |value, _| value);
}

#[inline(always)]
fn gelu(products: &Products<'_>, out: &mut [f32], stride: usize) {
    finish(products, out, stride, |value, _| gelu_of(value));
}

#[inline(always)]
fn add(products: &Products<'_>, out: &mut [f32], stride: usize) {
    finish(products, out, stride, |value, there| value + there);
}

/// `Σ (low + step · byte) · weight + bias`, from the integer sum.
#[inline(always)]
fn finish(products: &Products<'_>, out: &mut [f32], stride: usize, last: impl Fn(f32, f32) -> f32) {
    let Columns { step, total, bias } = products.columns;
    for ((sums, row), out) in
        products.sums.iter().zip(products.rows).zip(out.chunks_mut(stride.max(1)))
    {
        let Some(out) = out.first_chunk_mut::<LANES>() else { return };
        for lane in 0..LANES {
            let sum = sums[lane] as f32 * row.step;
            let shift = row.low.mul_add(total[lane], bias[lane]);
            out[lane] = last(sum.mul_add(step[lane], shift), out[lane]);
        }
    }
}

/// Where the polynomial of [`gelu_of`] ends; beyond, the activation is the
/// identity, or zero, to within its error.
const GELU_END: f32 = 4.4;

/// `x · Φ(x)`, Hendrycks and Gimpel, GELU, 2016: the exact form, not the one
/// with a hyperbolic tangent.
///
/// `Φ(x) - 1/2` is odd, so `x` times a polynomial of `x²`, of degree 8 and
/// fitted to the least maximal error of the product (Lawson's iteration). The
/// error is at most 6e-5 up to ±12 and 1e-5 of `x` beyond, a hundredth of the
/// step of the bytes the result becomes.
#[inline(always)]
fn gelu_of(x: f32) -> f32 {
    const HALF_ERF: [f32; 9] = [
        3.572_633e-11,
        -3.756_633_2e-9,
        1.741_709_6e-7,
        -4.726_405_7e-6,
        8.430_880_6e-5,
        -1.055_086_3e-3,
        9.643_333e-3,
        -6.607_690_5e-2,
        0.398_761_87,
    ];
    let end = lesser(greater(x, -GELU_END), GELU_END);
    let square = end * end;
    let [mut value, rest @ ..] = HALF_ERF;
    for coefficient in rest {
        value = value.mul_add(square, coefficient);
    }
    x * end.mul_add(value, 0.5)
}

/// `2^x` for `x` in `[-30, 0]`, to a relative 3e-6.
#[inline(always)]
fn power_of_two(x: f32) -> f32 {
    const POLYNOMIAL: [f32; 5] =
        [9.570_102e-3, 5.591_786_3e-2, 0.240_247_44, 0.693_121_8, 0.999_999_3];
    let rounded = x + ROUNDER;
    let rest = x - (rounded - ROUNDER);
    let [mut value, coefficients @ ..] = POLYNOMIAL;
    for coefficient in coefficients {
        value = value.mul_add(rest, coefficient);
    }
    // The shift drops all of the rounder's own bits.
    f32::from_bits(value.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// One instruction; `f32::max` would look for NaN.
#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// Folds [`LANES`] lanes in halves.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for at in 0..width {
            lanes[at] = join(lanes[at], lanes[at + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Joins `of` of every component, lane by lane, then the lanes.
#[inline(always)]
fn reduce(row: &[f32], start: f32, of: impl Fn(f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = join(lanes[lane], of(chunk[lane]));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, of(x));
    }
    fold(lanes, join)
}

/// Ba, Kiros and Hinton, Layer normalization, 2016.
#[inline(always)]
fn normalise(row: &mut [f32], norm: &Norm) {
    let count = row.len() as f32;
    let sum = |a: f32, b: f32| a + b;
    let mean = reduce(row, 0.0, |x| x, sum) / count;
    let variance = reduce(row, 0.0, |x| (x - mean) * (x - mean), sum) / count;
    let factor = 1.0 / (variance + norm.epsilon).sqrt();
    for ((x, gamma), beta) in row.iter_mut().zip(&norm.gamma).zip(&norm.beta) {
        *x = ((*x - mean) * factor).mul_add(*gamma, *beta);
    }
}

#[inline(always)]
fn quantise(row: &[f32], out: &mut [u8]) -> Step {
    let low = reduce(row, f32::INFINITY, |x| x, lesser);
    let high = reduce(row, f32::NEG_INFINITY, |x| x, greater);
    let range = high - low;
    let factor = if range > 0.0 { 255.0 / range } else { 0.0 };
    for (out, x) in out.iter_mut().zip(row) {
        *out = (x - low).mul_add(factor, ROUNDER).to_bits() as u8;
    }
    Step { step: range / 255.0, low }
}

#[inline(always)]
fn quantise_words(row: &[f32], limit: f32, out: &mut [i16]) -> f32 {
    let most = reduce(row, 0.0, f32::abs, greater);
    let factor = if most > 0.0 { limit / most } else { 0.0 };
    for (out, x) in out.iter_mut().zip(row) {
        *out = x.mul_add(factor, ROUNDER).to_bits() as i16;
    }
    most / limit
}

#[inline(always)]
fn raise_limits(row: &[f32], limits: &mut [f32]) {
    for (limit, x) in limits.iter_mut().zip(row) {
        *limit = greater(x.abs(), *limit);
    }
}

#[inline(always)]
fn pair_words(rows: [&[f32]; 2], factors: &[f32], out: &mut [u32]) {
    let word = |x: f32, factor: f32| x.mul_add(factor, ROUNDER).to_bits();
    for (((out, &first), &second), &factor) in out.iter_mut().zip(rows[0]).zip(rows[1]).zip(factors)
    {
        *out = (word(first, factor) & 0xFFFF) | (word(second, factor) << 16);
    }
}

#[inline(always)]
fn softmax(scores: &Scores<'_>, scaled: &mut [f32], out: &mut [i16]) -> f32 {
    let (scaled, _) = scaled.as_chunks_mut::<LANES>();
    let (out, _) = out.as_chunks_mut::<LANES>();
    let (steps, _) = scores.steps.as_chunks::<LANES>();
    let tiles = scores.sums.iter().step_by(scores.stride.max(1));
    for ((scaled, steps), sums) in scaled.iter_mut().zip(steps).zip(tiles) {
        for lane in 0..LANES {
            scaled[lane] = sums[lane] as f32 * scores.query * steps[lane];
        }
    }
    let tiles = steps.len();
    let scaled = &mut scaled[..tiles];
    // What is no key weighs nothing.
    scaled.as_flattened_mut()[scores.keys..].fill(f32::MIN);
    let highest = reduce(scaled.as_flattened(), f32::MIN, |x| x, greater);
    let mut total = [0_i32; LANES];
    for (out, scaled) in out.iter_mut().zip(&*scaled) {
        for lane in 0..LANES {
            let power = power_of_two(greater(scaled[lane] - highest, -30.0));
            let weight = power.mul_add(WEIGHT_LIMIT as f32, ROUNDER).to_bits() as i16;
            out[lane] = weight;
            total[lane] += i32::from(weight);
        }
    }
    // The largest weight is `WEIGHT_LIMIT`, so this is no division by zero.
    1.0 / total.iter().sum::<i32>() as f32
}

#[inline(always)]
fn weigh(heads: &Heads<'_>, out: &mut [f32], stride: usize) {
    for ((sums, norm), out) in heads.sums.iter().zip(heads.norms).zip(out.chunks_mut(stride.max(1)))
    {
        for ((out, &sum), step) in out.iter_mut().zip(sums).zip(heads.steps) {
            *out = sum as f32 * norm * step;
        }
    }
}
