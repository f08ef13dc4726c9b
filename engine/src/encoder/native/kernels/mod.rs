//! The encoder's inner loops, once for each instruction set.
//!
//! Two kinds. *Tiles* multiply a few rows of small integers by 32 columns; their
//! sums are exact, so every instruction set gives the same. They are written
//! with intrinsics, since no compiler finds `vpdpbusd`. *Row kernels* (`rows`)
//! work on `f32` and are plain Rust, compiled again for each instruction set:
//! every lane is computed by itself, what is summed is summed in one fixed
//! order, and Rust neither reorders nor contracts floating point. So an
//! encoder's vectors have the same bits on every machine, which the tests of
//! this module and of the whole encoder check.
//!
//! The instruction set is chosen once per encoder: AVX-512 with VNNI, AVX2 with
//! FMA, or what the target has at compile time (NEON on 64-bit Arm).
//!
//! These files are the only ones of the encoders that may use `unsafe`.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;
mod rows;
#[cfg(test)]
mod tests;

use std::fmt;

pub(super) use rows::{Columns, Heads, Norm, Products, Scores, Step, WEIGHT_LIMIT};

/// Columns of a tile: two AVX-512 registers of 32-bit sums.
pub(super) const LANES: usize = 32;

/// Most rows of a tile. Twelve rows by two registers leave eight of AVX-512's
/// registers for the operands; six rows by four registers read the columns
/// twice as often.
pub(super) const TILE_ROWS: usize = 12;

/// Longest products whose sums cannot overflow: `255 · 127` per byte.
pub(super) const MAX_BYTES: usize = i32::MAX as usize / (255 * 127);

/// The next four bytes, or two 16-bit words, of each of 32 columns.
///
/// An integer and not an array of bytes, so that an instruction can broadcast
/// the same stretch of a row against it; bytes keep their order in memory.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Group(pub(super) [u32; LANES]);

impl Group {
    pub(super) const ZERO: Self = Self([0; LANES]);
}

/// The sums of one row of a tile.
pub(super) type Sums = [i32; LANES];

/// Rows of groups, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) groups: &'a [u32],
    pub(super) stride: usize,
}

/// One instruction set's implementations. Private, so that [`available`] alone
/// decides which exist: each may be called only where its instructions do.
pub(super) struct Kernels {
    name: &'static str,
    dot_bytes: unsafe fn(Left<'_>, &[Group], &mut [Sums]),
    dot_words: unsafe fn(Left<'_>, &[Group], &mut [Sums]),
    linear: unsafe fn(&Products<'_>, &mut [f32], usize),
    gelu: unsafe fn(&Products<'_>, &mut [f32], usize),
    add: unsafe fn(&Products<'_>, &mut [f32], usize),
    normalise: unsafe fn(&mut [f32], &Norm),
    quantise: unsafe fn(&[f32], &mut [u8]) -> Step,
    quantise_words: unsafe fn(&[f32], f32, &mut [i16]) -> f32,
    raise_limits: unsafe fn(&[f32], &mut [f32]),
    pair_words: unsafe fn([&[f32]; 2], &[f32], &mut [u32]),
    softmax: unsafe fn(&Scores<'_>, &mut [f32], &mut [i16]) -> f32,
    weigh: unsafe fn(&Heads<'_>, &mut [f32], usize),
    busy: unsafe fn(u32) -> u64,
}

/// Fills the row kernels of a table from a module that [`rows`] compiled.
macro_rules! kernels {
    ($name:literal, $tiles:ident, $rows:ident) => {
        Kernels {
            name: $name,
            dot_bytes: $tiles::dot_bytes,
            dot_words: $tiles::dot_words,
            linear: rows::$rows::linear,
            gelu: rows::$rows::gelu,
            add: rows::$rows::add,
            normalise: rows::$rows::normalise,
            quantise: rows::$rows::quantise,
            quantise_words: rows::$rows::quantise_words,
            raise_limits: rows::$rows::raise_limits,
            pair_words: rows::$rows::pair_words,
            softmax: rows::$rows::softmax,
            weigh: rows::$rows::weigh,
            busy: $tiles::busy,
        }
    };
}

/// The kernels this machine can run, from the plainest to the best.
pub(super) fn available() -> Vec<&'static Kernels> {
    static PLAIN: Kernels = kernels!("plain", plain, plain);
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "nothing to add there"))]
    let mut kernels = vec![&PLAIN];
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        static AVX2: Kernels = kernels!("avx2", avx2, avx2);
        static AVX512: Kernels = kernels!("avx512", avx512, avx512);
        if has!("avx2") && has!("fma") {
            kernels.push(&AVX2);
        }
        let wide = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        if wide && has!("avx512vnni") {
            kernels.push(&AVX512);
        }
    }
    kernels
}

/// The best kernels of this machine.
pub(super) fn best() -> &'static Kernels {
    available().pop().expect("plain Rust is always there")
}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Kernels {
    /// The instruction set's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Unsigned bytes times signed bytes: `sums[r][c]` becomes the exact
    /// product of row `r` of `left` with column `c` of `panel`.
    ///
    /// # Panics
    /// When there are no or more than [`TILE_ROWS`] rows, or `left` is shorter
    /// than rows and panel imply.
    #[inline]
    pub(super) fn dot_bytes(&self, left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
        check_tile(left, panel, sums);
        // SAFETY: `available` hands out kernels whose instructions exist, and
        // the bounds that tiles rely on have just been checked.
        unsafe { (self.dot_bytes)(left, panel, sums) }
    }

    /// Like [`Kernels::dot_bytes`] for signed 16-bit words, whose sums must
    /// not overflow; those that do wrap around.
    #[inline]
    pub(super) fn dot_words(&self, left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
        check_tile(left, panel, sums);
        // SAFETY: as in `dot_bytes`.
        unsafe { (self.dot_words)(left, panel, sums) }
    }

    /// Writes `sums` as numbers, with their bias, to rows of `out`.
    #[inline]
    pub(super) fn linear(&self, products: &Products<'_>, out: &mut [f32], stride: usize) {
        // SAFETY: `available` hands out kernels whose instructions exist; row
        // kernels are safe code otherwise.
        unsafe { (self.linear)(products, out, stride) }
    }

    /// Like [`Kernels::linear`], with the activation applied.
    #[inline]
    pub(super) fn gelu(&self, products: &Products<'_>, out: &mut [f32], stride: usize) {
        // SAFETY: as in `linear`.
        unsafe { (self.gelu)(products, out, stride) }
    }

    /// Like [`Kernels::linear`], added to what is there.
    #[inline]
    pub(super) fn add(&self, products: &Products<'_>, out: &mut [f32], stride: usize) {
        // SAFETY: as in `linear`.
        unsafe { (self.add)(products, out, stride) }
    }

    /// Layer normalisation of a row.
    #[inline]
    pub(super) fn normalise(&self, row: &mut [f32], norm: &Norm) {
        // SAFETY: as in `linear`.
        unsafe { (self.normalise)(row, norm) }
    }

    /// A row as bytes of its own scale.
    #[inline]
    pub(super) fn quantise(&self, row: &[f32], out: &mut [u8]) -> Step {
        // SAFETY: as in `linear`.
        unsafe { (self.quantise)(row, out) }
    }

    /// A row as words between `-limit` and `limit`; returns what one is worth.
    #[inline]
    pub(super) fn quantise_words(&self, row: &[f32], limit: f32, out: &mut [i16]) -> f32 {
        // SAFETY: as in `linear`.
        unsafe { (self.quantise_words)(row, limit, out) }
    }

    /// Raises `limits` to the magnitudes of `row`.
    #[inline]
    pub(super) fn raise_limits(&self, row: &[f32], limits: &mut [f32]) {
        // SAFETY: as in `linear`.
        unsafe { (self.raise_limits)(row, limits) }
    }

    /// Two rows, each component times its factor, as pairs of words.
    #[inline]
    pub(super) fn pair_words(&self, rows: [&[f32]; 2], factors: &[f32], out: &mut [u32]) {
        // SAFETY: as in `linear`.
        unsafe { (self.pair_words)(rows, factors, out) }
    }

    /// One query's weights of all keys as words; returns one over their sum.
    #[inline]
    pub(super) fn softmax(&self, s: &Scores<'_>, scaled: &mut [f32], out: &mut [i16]) -> f32 {
        // SAFETY: as in `linear`.
        unsafe { (self.softmax)(s, scaled, out) }
    }

    /// Weighted sums of values as numbers.
    #[inline]
    pub(super) fn weigh(&self, heads: &Heads<'_>, out: &mut [f32], stride: usize) {
        // SAFETY: as in `linear`.
        unsafe { (self.weigh)(heads, out, stride) }
    }

    /// Runs `rounds` rounds of the byte product on registers alone and returns
    /// how many multiplications that were: the most this processor can do.
    pub(super) fn busy(&self, rounds: u32) -> u64 {
        // SAFETY: as in `linear`.
        unsafe { (self.busy)(rounds) }
    }
}

fn check_tile(left: Left<'_>, panel: &[Group], sums: &[Sums]) {
    let rows = sums.len();
    assert!((1..=TILE_ROWS).contains(&rows), "a tile of {rows} rows");
    assert!(left.groups.len() >= (rows - 1) * left.stride + panel.len(), "a tile past its rows");
}
