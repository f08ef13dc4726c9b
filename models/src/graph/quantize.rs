//! Symmetric 8-bit quantisation of weight matrices, one scale per output column.
//!
//! A single scale for the whole matrix lets its largest column set the step of
//! all others; on all-MiniLM-L6-v2 that costs .06 of cosine against .005.

use super::ConvertError;
use super::proto::ElementType;

/// The largest magnitude of a quantised weight.
const LIMIT: f32 = 127.0;

/// How a graph stores 8-bit weights. Both give the same products, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightCode {
    /// As they are.
    Signed,
    /// Plus 128, unsigned. For x86 processors without VNNI: there ONNX Runtime
    /// multiplies unsigned by signed bytes with an instruction that adds two
    /// products in 16 bits and saturates, and takes a wider one for two
    /// unsigned operands. The other way out, weights of 7 bits, would save
    /// time on those processors but cost .002 of cosine and make vectors
    /// depend on the processor. With VNNI this code is half as fast.
    Offset,
}

impl WeightCode {
    /// What suits the processor this runs on.
    pub(crate) fn of_this_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        if !(std::arch::is_x86_feature_detected!("avx512vnni")
            || std::arch::is_x86_feature_detected!("avxvnni"))
        {
            return Self::Offset;
        }
        Self::Signed
    }

    /// What a graph calls such bytes.
    pub(crate) fn element(self) -> ElementType {
        match self {
            Self::Signed => ElementType::Int8,
            Self::Offset => ElementType::UInt8,
        }
    }

    /// The byte that stands for a weight.
    pub(crate) fn byte(self, weight: i8) -> u8 {
        match self {
            Self::Signed => weight as u8,
            Self::Offset => (i16::from(weight) + 128) as u8,
        }
    }
}

/// `values[r, c] * scales[c]` approximates the original `[rows, columns]` matrix.
pub(crate) struct QuantizedMatrix {
    /// Row-major.
    pub(crate) values: Vec<i8>,
    /// One per column, positive.
    pub(crate) scales: Vec<f32>,
}

/// Quantises a row-major `[rows, columns]` matrix.
///
/// `scale = max |w| / 127` per column (1 for a column of zeros), then round
/// half to even. The error of an entry is at most half its column's scale.
///
/// # Errors
/// [`ConvertError::NonFinite`] when an entry is NaN or infinite.
pub(crate) fn quantize_columns(
    name: &str,
    weights: &[f32],
    columns: usize,
) -> Result<QuantizedMatrix, ConvertError> {
    let mut scales = vec![0.0_f32; columns];
    for row in weights.chunks_exact(columns) {
        for (scale, weight) in scales.iter_mut().zip(row) {
            if !weight.is_finite() {
                return Err(ConvertError::NonFinite { tensor: name.to_owned() });
            }
            *scale = scale.max(weight.abs());
        }
    }
    for scale in &mut scales {
        *scale = if *scale == 0.0 { 1.0 } else { *scale / LIMIT };
    }
    let mut values = Vec::with_capacity(weights.len());
    for row in weights.chunks_exact(columns) {
        values.extend(row.iter().zip(&scales).map(|(weight, scale)| {
            // At most 127 in magnitude: -128 would lose the symmetry.
            (weight / scale).round_ties_even().clamp(-LIMIT, LIMIT) as i8
        }));
    }
    Ok(QuantizedMatrix { values, scales })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_column_keeps_its_own_scale() {
        let weights = [127.0, 0.001, -63.5, -0.002];
        let quantized = quantize_columns("w", &weights, 2).unwrap();
        assert_eq!(quantized.values, [127, 64, -64, -127]);
        assert_eq!(quantized.scales, [1.0, 0.002 / 127.0]);
    }

    #[test]
    fn both_codes_stand_for_the_same_weight() {
        for weight in [-127, -1, 0, 1, 127] {
            assert_eq!(WeightCode::Signed.byte(weight) as i8, weight);
            assert_eq!(i16::from(WeightCode::Offset.byte(weight)) - 128, i16::from(weight));
        }
    }

    #[test]
    fn not_a_number_is_refused_by_name() {
        let error = quantize_columns("w", &[1.0, f32::NAN], 2).err().unwrap();
        assert!(error.to_string().contains('w'), "{error}");
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_a_step(
            weights in prop::collection::vec(-1e3_f32..1e3, 12),
        ) {
            let quantized = quantize_columns("w", &weights, 3).unwrap();
            for (index, weight) in weights.iter().enumerate() {
                let scale = quantized.scales[index % 3];
                let restored = f32::from(quantized.values[index]) * scale;
                prop_assert!((restored - weight).abs() <= 0.5001 * scale);
                prop_assert!(quantized.values[index] != i8::MIN);
            }
        }
    }
}
