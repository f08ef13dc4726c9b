//! Components as a few bits each, with a scale for each vector.
//!
//! The levels are the best for a normal distribution, which components on the
//! [`super::Basis`] come near to. The scale is chosen so that a vector's product with
//! itself comes out exactly: what is lost then errs to either side and does not
//! make all products too small, as rounding to the nearest level by itself does.
//!
//! # Source
//! Levels: Max, "Quantizing for minimum distortion", IRE Trans. Inf. Theory 1960,
//! table I. Scale: the estimator of Gao and Long, "RaBitQ", SIGMOD 2024.

use half::f16;

use super::{Basis, TokenLayout};
use crate::dense;

/// Of one bit; the negative ones mirror them, here and below.
const ONE_BIT: &[f32] = &[0.7979];
const TWO_BITS: &[f32] = &[0.4528, 1.5104];
const FOUR_BITS: &[f32] = &[0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326];

/// Eight bits are evenly spaced up to here: finer than any scale's rounding, so that
/// a table of 256 would buy nothing.
const EIGHT_BITS_END: f32 = 4.0;

/// Turns vectors into codes on one basis, and codes into what they stand for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compressor {
    basis: Basis,
    layout: TokenLayout,
    /// What each code stands for, ascending.
    levels: Vec<f32>,
    /// Between each two.
    bounds: Vec<f32>,
}

impl Compressor {
    /// # Arguments
    /// * `bits` - of a component, one of [`TokenLayout::BITS`].
    pub(crate) fn new(basis: Basis, bits: u8) -> Self {
        let upper: Vec<f32> = match bits {
            1 => ONE_BIT.to_vec(),
            2 => TWO_BITS.to_vec(),
            4 => FOUR_BITS.to_vec(),
            _ => (0..128).map(|at| (at as f32 + 0.5) * EIGHT_BITS_END / 128.0).collect(),
        };
        let levels: Vec<f32> =
            upper.iter().rev().map(|x| -x).chain(upper.iter().copied()).collect();
        let bounds = levels.windows(2).map(|pair| f32::midpoint(pair[0], pair[1])).collect();
        let layout = TokenLayout { dim: basis.dim(), bits };
        Self { basis, layout, levels, bounds }
    }

    pub(crate) fn basis(&self) -> &Basis {
        &self.basis
    }

    pub(crate) fn layout(&self) -> TokenLayout {
        self.layout
    }

    /// Appends the codes of a unit vector; returns its scale, in half precision.
    pub(crate) fn encode(&self, vector: &[f32], codes: &mut Vec<u8>) -> u16 {
        let values: Vec<f32> = self.basis.project(vector).collect();
        let square = dense::dot(&values, &values);
        let deviation = (square / values.len() as f32).sqrt();
        let start = codes.len();
        codes.resize(start + self.layout.code_bytes(), 0);
        if deviation <= 0.0 {
            return f16::ZERO.to_bits();
        }
        let mut product = 0.0;
        for (at, value) in values.iter().enumerate() {
            let code = self.bounds.partition_point(|&bound| bound < value / deviation);
            let bit = at * usize::from(self.layout.bits);
            codes[start + bit / 8] |= (code << (bit % 8)) as u8;
            product += value * self.levels[code];
        }
        f16::from_f32(square / product).to_bits()
    }

    /// Writes what codes and a scale stand for into `out`, `[dim]`.
    pub(crate) fn decode(&self, codes: &[u8], scale: u16, out: &mut [f32]) {
        let scale = f16::from_bits(scale).to_f32();
        let bits = usize::from(self.layout.bits);
        let (per_byte, mask) = (8 / bits, (1_usize << bits) - 1);
        for (values, &byte) in out.chunks_mut(per_byte).zip(codes) {
            for (at, value) in values.iter_mut().enumerate() {
                *value = scale * self.levels[usize::from(byte) >> (at * bits) & mask];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const DIM: usize = 64;

    fn unit(rng: &mut ChaCha8Rng) -> Vec<f32> {
        let values: Vec<f32> =
            (0..DIM).map(|_| (0..12).map(|_| rng.random_range(-0.5_f32..0.5)).sum()).collect();
        let norm = dense::dot(&values, &values).sqrt();
        values.iter().map(|x| x / norm).collect()
    }

    fn compressor(bits: u8) -> Compressor {
        let identity = (0..DIM * DIM).map(|at| if at % (DIM + 1) == 0 { 1.0 } else { 0.0 });
        Compressor::new(Basis::stored(identity.collect(), DIM), bits)
    }

    #[test]
    fn more_bits_lose_less_and_products_stay_right_on_average() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut worst = f32::INFINITY;
        // Mean error of a product of unit vectors: a normal one of DIM components has
        // an error of sqrt(D / DIM) with the distortion D that Max's table gives.
        for (bits, bound) in [(1, 0.10), (2, 0.052), (4, 0.015), (8, 0.004)] {
            let compressor = compressor(bits);
            let (mut error, mut bias) = (0.0, 0.0);
            for _ in 0..400 {
                let (a, b) = (unit(&mut rng), unit(&mut rng));
                let mut codes = Vec::new();
                let scale = compressor.encode(&a, &mut codes);
                assert_eq!(codes.len(), compressor.layout().code_bytes());
                let mut found = vec![0.0; DIM];
                compressor.decode(&codes, scale, &mut found);
                assert!((dense::dot(&a, &found) - 1.0).abs() < 1e-3);
                let difference = dense::dot(&b, &found) - dense::dot(&b, &a);
                error += difference.abs() / 400.0;
                bias += difference / 400.0;
            }
            assert!(error < bound && bias.abs() < 0.2 * bound, "{bits}: {error} {bias}");
            assert!(error < worst);
            worst = error;
        }
    }

    #[test]
    fn a_vector_beside_the_basis_is_nothing() {
        let along = Basis::stored(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3);
        let compressor = Compressor::new(along, 4);
        let mut codes = Vec::new();
        let scale = compressor.encode(&[0.0, 0.0, 1.0], &mut codes);
        let mut found = [9.0; 2];
        compressor.decode(&codes, scale, &mut found);
        assert_eq!(found, [0.0; 2]);
    }
}
