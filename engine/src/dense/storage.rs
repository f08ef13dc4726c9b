//! The forms in which an index keeps its vectors, and rows in each of them.
//!
//! [`EncodedRows`] is what is written: unit vectors brought into an index's form
//! one by one. [`Rows`] is what is read, in place, from a mapped file. A row's
//! score is the product of the query in `f32` with the row as it is stored, so
//! what a form loses shows in scores and nowhere else. Rows move from one
//! segment to the next as they are stored: merging loses nothing more.

use std::fmt;
use std::str::FromStr;

use bytemuck::cast_slice;
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

use super::kernels::{self, SIGNS_PER_WORD};
use super::quantize::{Codes, quantize_row};
use super::{DenseError, VectorName, check_unit};

/// How an index keeps the components of its vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VectorStorage {
    /// IEEE 754 single precision, 4 bytes a component: the encoder's own.
    F32,
    /// IEEE 754 half precision, 2 bytes: scores move by less than 1e-4.
    #[default]
    F16,
    /// Eight-bit codes with a scale a row, 1 byte: the codes that a graph is
    /// walked on also give the scores.
    Int8,
    /// Signs with a scale a row, an eighth of a byte. Segments of this form are
    /// always scanned, never walked.
    ///
    /// Source: the estimator of Gao and Long, RaBitQ, SIGMOD 2024. Differs: no
    /// random rotation, since encoders of sentences spread what they know over
    /// all components by themselves.
    Binary,
}

impl VectorStorage {
    /// All forms, by falling precision.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Int8, Self::Binary];

    /// The name in manifests and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Binary => "binary",
        }
    }

    /// The number that stands for it in a segment file.
    pub(super) fn tag(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Int8 => 2,
            Self::Binary => 3,
        }
    }

    /// Whether a graph over such rows can be built: signs alone give no codes to
    /// walk on.
    pub(super) fn can_have_graph(self) -> bool {
        self != Self::Binary
    }

    /// The form that [`VectorStorage::tag`] stands for.
    pub(super) fn of_tag(tag: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.tag() == tag)
    }
}

/// What an index keeps of a vector: how many components, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VectorLayout {
    /// The form.
    pub storage: VectorStorage,
    /// Leading components kept, the rest cut off and the length brought back to
    /// 1; `None` keeps all. Encoders trained for it (Kusupati et al.,
    /// Matryoshka Representation Learning, NeurIPS 2022) lose little by it, others much.
    pub dim: Option<usize>,
}

impl fmt::Display for VectorLayout {
    /// `STORAGE` or `STORAGE:DIM`, which [`VectorLayout::from_str`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.storage.name())?;
        self.dim.map_or(Ok(()), |dim| write!(f, ":{dim}"))
    }
}

impl FromStr for VectorLayout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let (name, dim) =
            text.split_once(':').map_or((text, None), |(name, dim)| (name, Some(dim)));
        let storage = VectorStorage::ALL.into_iter().find(|form| form.name() == name);
        let storage = storage.ok_or_else(|| LayoutError::Storage { found: name.to_owned() })?;
        let dim = dim.map(|dim| match dim.parse() {
            Ok(dim) if dim > 0 => Ok(dim),
            Ok(_) | Err(_) => Err(LayoutError::Dim { found: dim.to_owned() }),
        });
        Ok(Self { storage, dim: dim.transpose()? })
    }
}

/// A layout that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    /// No form of that name.
    #[error("`{found}` is no form of vectors; there are f32, f16, int8 and binary")]
    Storage {
        /// The name.
        found: String,
    },
    /// No number of components.
    #[error("`{found}` is no number of components; write for example int8:256")]
    Dim {
        /// What stands there.
        found: String,
    },
}

impl VectorLayout {
    /// The components that an index of vectors of `encoder_dim` stores.
    ///
    /// # Errors
    /// [`DenseError::DimensionRange`] when there are none, or more than kernels
    /// can add up; [`DenseError::LayoutDim`] when the layout keeps more
    /// components than there are, or none.
    pub fn stored_dim(&self, encoder_dim: usize) -> Result<usize, DenseError> {
        let max = kernels::MAX_DIM;
        if encoder_dim == 0 || encoder_dim > max {
            return Err(DenseError::DimensionRange { dim: encoder_dim, max });
        }
        match self.dim {
            Some(dim) if dim == 0 || dim > encoder_dim => {
                Err(DenseError::LayoutDim { dim, encoder_dim })
            }
            kept => Ok(kept.unwrap_or(encoder_dim)),
        }
    }
}

/// A unit vector cut to its first `dim` components, of length 1 again.
///
/// # Errors
/// [`DenseError::Dimension`] unless it has `encoder_dim` components;
/// [`DenseError::NonFinite`], [`DenseError::Norm`] for one that is no unit
/// vector, or whose first components are all zero.
pub(super) fn kept_components(
    vector: VectorName,
    values: &[f32],
    (encoder_dim, dim): (usize, usize),
) -> Result<Vec<f32>, DenseError> {
    if values.len() != encoder_dim {
        return Err(DenseError::Dimension { found: values.len(), expected: encoder_dim });
    }
    check_unit(vector, values)?;
    if dim == encoder_dim {
        return Ok(values.to_vec());
    }
    let kept = &values[..dim];
    let norm = kept.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    let kept: Vec<f32> = kept.iter().map(|&x| (f64::from(x) / norm) as f32).collect();
    check_unit(vector, &kept)?;
    Ok(kept)
}

/// Rows in a form, read in place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows<'a> {
    /// `[n, dim]`.
    F32(&'a [f32]),
    /// `[n, dim]`, bits.
    F16(&'a [u16]),
    /// Codes and scales.
    Int8(Codes<'a>),
    /// `[n, ceil(dim / 64)]` words and `[n]` scales.
    Binary(&'a [u64], &'a [f32]),
}

impl<'a> Rows<'a> {
    /// The product of a unit query with row `at`: a cosine, as exact as the form.
    #[inline]
    pub(super) fn score(&self, query: &[f32], at: usize) -> f32 {
        let dim = query.len();
        match *self {
            Self::F32(values) => kernels::dot(query, slice(values, dim, at)),
            Self::F16(halves) => kernels::dot_halves(query, slice(halves, dim, at)),
            Self::Int8(codes) => kernels::dot_bytes(query, codes.row(at as u32)) * codes.scales[at],
            Self::Binary(words, scales) => {
                let row = slice(words, dim.div_ceil(SIGNS_PER_WORD), at);
                kernels::dot_signs(query, row) * scales[at]
            }
        }
    }

    /// Asks for row `at` ahead of [`Rows::score`].
    #[inline]
    pub(super) fn prefetch(&self, dim: usize, at: usize) {
        match *self {
            Self::F32(values) => kernels::prefetch(slice(values, dim, at)),
            Self::F16(halves) => kernels::prefetch(slice(halves, dim, at)),
            // Walked or scanned just before: in the cache.
            Self::Int8(_) | Self::Binary(..) => {}
        }
    }

    /// Writes the components of row `at` to `vector`, whose length says how many there are.
    pub(super) fn decode(&self, at: usize, vector: &mut [f32]) {
        let dim = vector.len();
        match *self {
            Self::F32(values) => vector.copy_from_slice(slice(values, dim, at)),
            Self::F16(halves) => {
                for (x, &bits) in vector.iter_mut().zip(slice(halves, dim, at)) {
                    *x = f16::from_bits(bits).to_f32();
                }
            }
            Self::Int8(codes) => {
                for (x, &code) in vector.iter_mut().zip(codes.row(at as u32)) {
                    *x = f32::from(code) * codes.scales[at];
                }
            }
            Self::Binary(words, scales) => {
                let row = slice(words, dim.div_ceil(SIGNS_PER_WORD), at);
                for (nth, x) in vector.iter_mut().enumerate() {
                    let is_set = row[nth / SIGNS_PER_WORD] >> (nth % SIGNS_PER_WORD) & 1 == 1;
                    *x = if is_set { scales[at] } else { -scales[at] };
                }
            }
        }
    }

    /// What distinguishes row `at` from any other: equal for two rows iff they
    /// are stored alike.
    pub(super) fn identity(&self, dim: usize, at: usize) -> (&'a [u8], u32) {
        match *self {
            Self::F32(values) => (cast_slice(slice(values, dim, at)), 0),
            Self::F16(halves) => (cast_slice(slice(halves, dim, at)), 0),
            Self::Int8(codes) => (cast_slice(codes.row(at as u32)), codes.scales[at].to_bits()),
            Self::Binary(words, scales) => {
                let row = slice(words, dim.div_ceil(SIGNS_PER_WORD), at);
                (cast_slice(row), scales[at].to_bits())
            }
        }
    }
}

fn slice<T>(values: &[T], width: usize, at: usize) -> &[T] {
    &values[at * width..][..width]
}

/// Rows in an index's form, on their way into a segment file.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRows {
    storage: VectorStorage,
    encoder_dim: usize,
    dim: usize,
    ords: Vec<u32>,
    components: Components,
    /// `[n]` for the forms that have scales, else empty.
    scales: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Components {
    F32(Vec<f32>),
    F16(Vec<u16>),
    Int8(Vec<i8>),
    Binary(Vec<u64>),
}

impl EncodedRows {
    /// No rows yet, for vectors of `encoder_dim` components.
    ///
    /// # Errors
    /// Those of [`VectorLayout::stored_dim`].
    pub(crate) fn new(layout: VectorLayout, encoder_dim: usize) -> Result<Self, DenseError> {
        let dim = layout.stored_dim(encoder_dim)?;
        let components = match layout.storage {
            VectorStorage::F32 => Components::F32(Vec::new()),
            VectorStorage::F16 => Components::F16(Vec::new()),
            VectorStorage::Int8 => Components::Int8(Vec::new()),
            VectorStorage::Binary => Components::Binary(Vec::new()),
        };
        let (ords, scales) = (Vec::new(), Vec::new());
        Ok(Self { storage: layout.storage, encoder_dim, dim, ords, components, scales })
    }

    /// Brings a vector into the form.
    ///
    /// # Errors
    /// [`DenseError::Order`] unless `ord` is above every earlier one;
    /// [`DenseError::Dimension`], [`DenseError::NonFinite`] or
    /// [`DenseError::Norm`] for what is no unit vector of the encoder's size.
    /// Nothing has been added.
    pub(crate) fn push(&mut self, ord: u32, values: &[f32]) -> Result<(), DenseError> {
        self.check_order(ord)?;
        let name = VectorName::Chunk(crate::document::ChunkOrd(ord));
        let kept = kept_components(name, values, (self.encoder_dim, self.dim))?;
        self.ords.push(ord);
        match &mut self.components {
            Components::F32(rows) => rows.extend_from_slice(&kept),
            Components::F16(rows) => {
                let from = rows.len();
                rows.resize(from + kept.len(), 0);
                rows[from..].reinterpret_cast_mut::<f16>().convert_from_f32_slice(&kept);
            }
            Components::Int8(rows) => self.scales.push(quantize_row(&kept, rows)),
            Components::Binary(rows) => {
                let word = |chunk: &[f32]| {
                    (0..).zip(chunk).map(|(at, &x)| u64::from(x > 0.0) << at).sum::<u64>()
                };
                rows.extend(kept.chunks(SIGNS_PER_WORD).map(word));
                // Of a vector x with signs s, x·s is the sum of magnitudes; q·s
                // over it estimates q·x without bias when errors are random.
                let magnitudes: f64 = kept.iter().map(|&x| f64::from(x).abs()).sum();
                self.scales.push((1.0 / magnitudes) as f32);
            }
        }
        Ok(())
    }

    /// Whether [`EncodedRows::push`] would take a vector.
    ///
    /// # Errors
    /// As there, but for the order.
    pub(crate) fn check(&self, values: &[f32]) -> Result<(), DenseError> {
        let name = VectorName::Chunk(crate::document::ChunkOrd(0));
        kept_components(name, values, (self.encoder_dim, self.dim)).map(drop)
    }

    /// Takes row `at` of a segment as it is stored there.
    ///
    /// # Errors
    /// [`DenseError::Order`] as for [`EncodedRows::push`].
    ///
    /// # Panics
    /// When the segment has another form or size; segments of one index have one.
    pub(super) fn push_stored(
        &mut self,
        ord: u32,
        rows: &Rows<'_>,
        at: usize,
    ) -> Result<(), DenseError> {
        self.check_order(ord)?;
        let (dim, words) = (self.dim, self.dim.div_ceil(SIGNS_PER_WORD));
        match (&mut self.components, *rows) {
            (Components::F32(to), Rows::F32(from)) => to.extend_from_slice(slice(from, dim, at)),
            (Components::F16(to), Rows::F16(from)) => to.extend_from_slice(slice(from, dim, at)),
            (Components::Int8(to), Rows::Int8(from)) => {
                to.extend_from_slice(from.row(at as u32));
                self.scales.push(from.scales[at]);
            }
            (Components::Binary(to), Rows::Binary(from, scales)) => {
                to.extend_from_slice(slice(from, words, at));
                self.scales.push(scales[at]);
            }
            _ => unreachable!("segments of one index share its layout"),
        }
        self.ords.push(ord);
        Ok(())
    }

    fn check_order(&self, ord: u32) -> Result<(), DenseError> {
        match self.ords.last() {
            Some(&previous) if previous >= ord => {
                Err(DenseError::Order { row: self.ords.len(), ord, previous })
            }
            _ => Ok(()),
        }
    }

    /// The form.
    pub(super) fn storage(&self) -> VectorStorage {
        self.storage
    }

    /// Components of a stored row.
    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// The chunks, ascending.
    pub(crate) fn ords(&self) -> &[u32] {
        &self.ords
    }

    /// The components as they are written.
    pub(super) fn component_bytes(&self) -> &[u8] {
        match &self.components {
            Components::F32(rows) => cast_slice(rows),
            Components::F16(rows) => cast_slice(rows),
            Components::Int8(rows) => cast_slice(rows),
            Components::Binary(rows) => cast_slice(rows),
        }
    }

    /// The scales as they are written; empty for forms without.
    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The rows as they are read.
    pub(super) fn view(&self) -> Rows<'_> {
        match &self.components {
            Components::F32(rows) => Rows::F32(rows),
            Components::F16(rows) => Rows::F16(rows),
            Components::Int8(rows) => {
                Rows::Int8(Codes { dim: self.dim, values: rows, scales: &self.scales })
            }
            Components::Binary(rows) => Rows::Binary(rows, &self.scales),
        }
    }

    /// Bytes held.
    pub(crate) fn len_bytes(&self) -> usize {
        self.component_bytes().len() + (self.scales.len() + self.ords.len()) * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_read_back_as_they_are_written() {
        for text in ["f32", "f16", "int8:256", "binary:64"] {
            assert_eq!(text.parse::<VectorLayout>().unwrap().to_string(), text);
        }
        let refused = |text: &str| text.parse::<VectorLayout>().unwrap_err().to_string();
        assert!(refused("f8").contains("`f8` is no form"));
        for text in ["int8:", "int8:0", "int8:-3", "int8:many"] {
            assert!(refused(text).contains("no number of components"), "{text}");
        }
    }
}
