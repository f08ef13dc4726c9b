//! A fine-tuned model as what it changed: tensors to be added to a base
//! checkpoint, and a head.
//!
//! A safetensors file. For a tensor `NAME` of the base (its key without a leading
//! `bert.`), one of
//!
//! - `NAME.delta`, f16 or f32, of the base tensor's shape;
//! - `NAME.delta` i8 with `NAME.delta_scale` f32 `[rows]`, one for each row;
//! - `NAME.down` `[rank, inputs]` and `NAME.up` `[outputs, rank]`, f16 or f32: what
//!   is added is `up · down`;
//!
//! and `head.weight` `[hidden]`, `head.bias` `[1]`, f16 or f32: the head over the
//! mean of the token vectors. So a model of 90 MB ships in a few, and the base
//! stays where it is.
//!
//! # Source
//! Low-rank changes: Hu et al., LoRA, ICLR 2022. Differs: the product is taken from
//! the trained weights afterwards, and may also not be of low rank.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::ConvertError;
use super::weights::widened;

/// What belongs to a base tensor, by the end of its key.
const PARTS: [&str; 4] = [".delta", ".delta_scale", ".down", ".up"];

/// The parts of the head.
const HEAD: [&str; 2] = ["head.weight", "head.bias"];

/// The tensors of a delta file.
pub(crate) struct Delta<'a> {
    tensors: SafeTensors<'a>,
    path: PathBuf,
    /// Base tensors that have been changed.
    applied: RefCell<BTreeSet<String>>,
}

impl<'a> Delta<'a> {
    /// Parses a file's bytes; `path` is for messages.
    ///
    /// # Errors
    /// [`ConvertError::Safetensors`]; [`ConvertError::DeltaTensor`] for a tensor
    /// that is none of the above.
    pub(crate) fn parse(bytes: &'a [u8], path: &Path) -> Result<Self, ConvertError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|source| ConvertError::Safetensors { path: path.to_owned(), source })?;
        let delta = Self { tensors, path: path.to_owned(), applied: RefCell::default() };
        for name in delta.tensors.names() {
            let is_part = PARTS.iter().any(|part| name.ends_with(part));
            if !is_part && !HEAD.contains(&name) {
                return Err(delta.refused(name, "is no part of a change or of a head"));
            }
        }
        Ok(delta)
    }

    /// Adds the change of a base tensor, where there is one, to its values.
    ///
    /// # Errors
    /// [`ConvertError::DeltaTensor`] for parts that are missing, or do not fit the
    /// base tensor or each other.
    pub(super) fn apply(
        &self,
        name: &str,
        shape: &[usize],
        values: &mut [f32],
    ) -> Result<(), ConvertError> {
        let part = |part: &str| self.tensors.tensor(&format!("{name}{part}")).ok();
        let change = match (part(".delta"), part(".down"), part(".up")) {
            (None, None, None) => return Ok(()),
            (Some(delta), None, None) if delta.shape() == shape => {
                self.whole(name, &delta, part(".delta_scale"))?
            }
            (Some(_), None, None) => {
                return Err(self.refused(&format!("{name}.delta"), "has not the base's shape"));
            }
            (None, Some(down), Some(up)) => self.product(name, shape, &down, &up)?,
            (None, Some(_), None) => {
                return Err(self.refused(&format!("{name}.up"), "is missing"));
            }
            (None, None, Some(_)) => {
                return Err(self.refused(&format!("{name}.down"), "is missing"));
            }
            (Some(_), ..) => {
                return Err(self.refused(&format!("{name}.delta"), "stands beside a product"));
            }
        };
        values.iter_mut().zip(change).for_each(|(value, change)| *value += change);
        self.applied.borrow_mut().insert(name.to_owned());
        Ok(())
    }

    fn whole(
        &self,
        name: &str,
        delta: &TensorView<'_>,
        scales: Option<TensorView<'_>>,
    ) -> Result<Vec<f32>, ConvertError> {
        let Some(scales) = scales else {
            return widened(&format!("{name}.delta"), delta);
        };
        let key = format!("{name}.delta_scale");
        let rows = delta.shape().first().copied().unwrap_or(0);
        if delta.dtype() != Dtype::I8 || scales.dtype() != Dtype::F32 || scales.shape() != [rows] {
            return Err(self.refused(&key, "must be one f32 for each row of bytes"));
        }
        let scales = widened(&key, &scales)?;
        let width = delta.data().len() / rows.max(1);
        let rows = delta.data().chunks_exact(width.max(1)).zip(scales);
        let row = |(row, scale): (&[u8], f32)| -> Vec<f32> {
            row.iter().map(|&byte| f32::from(byte as i8) * scale).collect()
        };
        Ok(rows.flat_map(row).collect())
    }

    /// `up · down`.
    fn product(
        &self,
        name: &str,
        shape: &[usize],
        down: &TensorView<'_>,
        up: &TensorView<'_>,
    ) -> Result<Vec<f32>, ConvertError> {
        let fits = match (shape, up.shape(), down.shape()) {
            (&[outputs, inputs], &[rows, rank], &[inner, columns]) => {
                rows == outputs && columns == inputs && rank == inner && rank > 0
            }
            _ => false,
        };
        if !fits {
            let reason = "does not multiply with its `up` to the base's shape";
            return Err(self.refused(&format!("{name}.down"), reason));
        }
        let (rank, inputs) = (down.shape()[0], down.shape()[1]);
        let up = widened(&format!("{name}.up"), up)?;
        let down = widened(&format!("{name}.down"), down)?;
        let mut product = vec![0.0_f32; up.len() / rank * inputs];
        for (row, factors) in product.chunks_exact_mut(inputs).zip(up.chunks_exact(rank)) {
            for (factor, from) in factors.iter().zip(down.chunks_exact(inputs)) {
                row.iter_mut().zip(from).for_each(|(sum, x)| *sum += factor * x);
            }
        }
        Ok(product)
    }

    /// The head's weights and bias.
    ///
    /// # Errors
    /// [`ConvertError::DeltaTensor`] when one is missing or of another size;
    /// [`ConvertError::NonFinite`].
    pub(super) fn head(&self, hidden: usize) -> Result<(Vec<f32>, f32), ConvertError> {
        let read = |name: &str, size: usize| {
            let view = self.tensors.tensor(name).map_err(|_| self.refused(name, "is missing"))?;
            let values = widened(name, &view)?;
            let fits = values.len() == size;
            if fits { Ok(values) } else { Err(self.refused(name, "has not the model's size")) }
        };
        let [weight, bias] = HEAD;
        Ok((read(weight, hidden)?, read(bias, 1)?[0]))
    }

    /// Checks that every change met its base tensor: one that met none would be
    /// left out without a word.
    ///
    /// # Errors
    /// [`ConvertError::DeltaTensor`] naming the first that did not.
    pub(super) fn check_applied(&self) -> Result<(), ConvertError> {
        let applied = self.applied.borrow();
        let mut names = self.tensors.names();
        names.sort_unstable();
        for name in names {
            let base = PARTS.iter().find_map(|part| name.strip_suffix(part));
            if base.is_some_and(|base| !applied.contains(base)) {
                return Err(self.refused(name, "changes no tensor of the base that is used"));
            }
        }
        Ok(())
    }

    fn refused(&self, tensor: &str, reason: &'static str) -> ConvertError {
        ConvertError::DeltaTensor { path: self.path.clone(), tensor: tensor.to_owned(), reason }
    }
}
