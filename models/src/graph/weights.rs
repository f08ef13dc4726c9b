//! Reads a BERT checkpoint's tensors from a safetensors file, as `f32`.

use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::ConvertError;
use super::delta::Delta;

/// Key prefixes under which checkpoints store the same encoder: bare, or below
/// the task model it was saved with.
const PREFIXES: [&str; 2] = ["", "bert."];

/// A checkpoint's tensors.
pub(crate) struct Weights<'a> {
    tensors: SafeTensors<'a>,
    path: PathBuf,
    /// Added to what the checkpoint holds.
    delta: Option<&'a Delta<'a>>,
}

impl<'a> Weights<'a> {
    /// Parses a safetensors file's bytes; `path` is for messages.
    pub(crate) fn parse(bytes: &'a [u8], path: &Path) -> Result<Self, ConvertError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|source| ConvertError::Safetensors { path: path.to_owned(), source })?;
        Ok(Self { tensors, path: path.to_owned(), delta: None })
    }

    /// The same with changes.
    pub(crate) fn with_delta(self, delta: &'a Delta<'a>) -> Self {
        Self { delta: Some(delta), ..self }
    }

    /// A tensor of exactly this shape, row-major; 16-bit floats are widened.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ConvertError> {
        let view = PREFIXES
            .iter()
            .find_map(|prefix| self.tensors.tensor(&format!("{prefix}{name}")).ok())
            .ok_or_else(|| ConvertError::MissingTensor {
                tensor: name.to_owned(),
                path: self.path.clone(),
            })?;
        if view.shape() != shape {
            return Err(ConvertError::TensorShape {
                tensor: name.to_owned(),
                found: view.shape().to_vec(),
                expected: shape.to_vec(),
            });
        }
        let mut values = widened(name, &view)?;
        if let Some(delta) = self.delta {
            delta.apply(name, shape, &mut values)?;
        }
        Ok(values)
    }

    /// A linear layer's `[outputs, inputs]` matrix as `[inputs, outputs]`, the
    /// order in which a graph multiplies.
    pub(crate) fn linear(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>, ConvertError> {
        let stored = self.tensor(name, &[outputs, inputs])?;
        let mut transposed = vec![0.0; stored.len()];
        for (output, row) in stored.chunks_exact(inputs).enumerate() {
            for (input, &value) in row.iter().enumerate() {
                transposed[input * outputs + output] = value;
            }
        }
        Ok(transposed)
    }
}

/// A tensor's numbers, row-major; 16-bit floats are widened.
///
/// # Errors
/// [`ConvertError::TensorType`]; [`ConvertError::NonFinite`].
pub(super) fn widened(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, ConvertError> {
    let data = view.data();
    let dtype = view.dtype();
    let values: Vec<f32> = if dtype == Dtype::F32 {
        data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    } else if dtype == Dtype::F16 {
        widen(data, half::f16::from_le_bytes)
    } else if dtype == Dtype::BF16 {
        widen(data, half::bf16::from_le_bytes)
    } else {
        let found = format!("{dtype:?}");
        return Err(ConvertError::TensorType { tensor: name.to_owned(), found });
    };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ConvertError::NonFinite { tensor: name.to_owned() });
    }
    Ok(values)
}

fn widen<T: Into<f32>>(data: &[u8], read: fn([u8; 2]) -> T) -> Vec<f32> {
    data.as_chunks().0.iter().map(|&bytes| read(bytes).into()).collect()
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn file(dtype: Dtype, shape: &[usize], data: &[u8]) -> Vec<u8> {
        let view = TensorView::new(dtype, shape.to_vec(), data).unwrap();
        safetensors::serialize([("bert.w", view)], None).unwrap()
    }

    #[test]
    fn a_prefixed_half_tensor_is_widened_and_transposed() {
        let halves: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]
            .iter()
            .flat_map(|&value| half::f16::from_f32(value).to_le_bytes())
            .collect();
        let bytes = file(Dtype::F16, &[2, 3], &halves);
        let weights = Weights::parse(&bytes, Path::new("m")).unwrap();
        assert_eq!(weights.linear("w", 3, 2).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn wrong_shape_type_name_and_values_are_named() {
        let bytes = file(Dtype::F32, &[1, 2], &[0; 8]);
        let weights = Weights::parse(&bytes, Path::new("m")).unwrap();
        let error = weights.tensor("w", &[2, 1]).unwrap_err();
        assert!(matches!(error, ConvertError::TensorShape { .. }), "{error}");
        let error = weights.tensor("v", &[2, 1]).unwrap_err();
        assert!(matches!(error, ConvertError::MissingTensor { .. }), "{error}");

        let bytes = file(Dtype::I32, &[2], &[0; 8]);
        let weights = Weights::parse(&bytes, Path::new("m")).unwrap();
        let error = weights.tensor("w", &[2]).unwrap_err();
        assert!(matches!(error, ConvertError::TensorType { .. }), "{error}");

        let bytes = file(Dtype::F32, &[1], &f32::NAN.to_le_bytes());
        let weights = Weights::parse(&bytes, Path::new("m")).unwrap();
        let error = weights.tensor("w", &[1]).unwrap_err();
        assert!(matches!(error, ConvertError::NonFinite { .. }), "{error}");
        assert!(Weights::parse(&bytes[..bytes.len() - 1], Path::new("m")).is_err());
    }
}
