//! The forward pass of a BERT encoder over one text.
//!
//! Rows go through a layer in blocks, so that what a block needs stays in the
//! cache between its products; only attention looks at the whole text. The
//! residual stream, normalisation and activation are `f32`; every product is
//! of bytes, quantised row by row. Nothing is allocated once an [`Arena`] has
//! seen a text as long.
//!
//! Devlin et al., BERT, NAACL 2019.

use super::attention::{Attention, HeadShape};
use super::kernels::{Kernels, Norm};
use super::matrix::{ByteRows, Finish, Linear, padded};

/// Rows that go through a layer together: with the widest layer of
/// all-MiniLM-L6-v2 they take 400 KB of a processor's second cache.
const BLOCK: usize = 64;

/// A text encoder without its word embeddings.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) shape: HeadShape,
    pub(super) embedding_norm: Norm,
    pub(super) layers: Vec<Layer>,
}

/// A transformer layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Query, key and value in one matrix: their input is quantised once.
    pub(super) qkv: Linear,
    pub(super) attended: Linear,
    pub(super) attended_norm: Norm,
    pub(super) widen: Linear,
    pub(super) narrow: Linear,
    pub(super) narrow_norm: Norm,
}

/// Room for one text at a time.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// `[tokens, hidden]`: the residual stream.
    states: Vec<f32>,
    /// `[tokens, hidden]`.
    context: Vec<f32>,
    /// `[BLOCK, ...]`, as wide as the widest product.
    wide: Vec<f32>,
    bytes: ByteRows,
    attention: Attention,
}

impl Encoder {
    /// Runs a text and returns its token vectors, `[tokens, hidden]`.
    ///
    /// # Arguments
    /// * `embed` - writes the summed embeddings of a token, given its position,
    ///   to a row of `hidden` components.
    pub(super) fn run<'a, Error>(
        &self,
        kernels: &Kernels,
        arena: &'a mut Arena,
        tokens: usize,
        mut embed: impl FnMut(usize, &mut [f32]) -> Result<(), Error>,
    ) -> Result<&'a [f32], Error> {
        let hidden = self.shape.heads * self.shape.width;
        arena.states.resize(tokens * hidden, 0.0);
        arena.context.resize(tokens * hidden, 0.0);
        for (position, row) in arena.states.chunks_exact_mut(hidden).enumerate() {
            embed(position, row)?;
            kernels.normalise(row, &self.embedding_norm);
        }
        for layer in &self.layers {
            self.layer(kernels, layer, arena);
        }
        Ok(&arena.states)
    }

    fn layer(&self, kernels: &Kernels, layer: &Layer, arena: &mut Arena) {
        let shape = self.shape;
        let hidden = shape.heads * shape.width;
        let Arena { states, context, wide, bytes, attention } = arena;
        let tokens = states.len() / hidden;
        wide.resize(BLOCK * padded(layer.qkv.outputs().max(layer.widen.outputs())), 0.0);

        attention.start(shape, tokens);
        for (block, rows) in states.chunks(BLOCK * hidden).enumerate() {
            quantise(kernels, rows, hidden, bytes);
            layer.qkv.multiply(kernels, bytes, Finish::Store, wide);
            let stride = padded(layer.qkv.outputs());
            for (at, row) in wide.chunks_exact(stride).take(rows.len() / hidden).enumerate() {
                attention.set(kernels, shape, block * BLOCK + at, &row[..3 * hidden]);
            }
        }
        attention.attend(kernels, shape, context);

        for (rows, context) in states.chunks_mut(BLOCK * hidden).zip(context.chunks(BLOCK * hidden))
        {
            quantise(kernels, context, hidden, bytes);
            layer.attended.multiply(kernels, bytes, Finish::Add, rows);
            normalise(kernels, rows, hidden, &layer.attended_norm);
            quantise(kernels, rows, hidden, bytes);
            layer.widen.multiply(kernels, bytes, Finish::Gelu, wide);
            let (width, stride) = (layer.widen.outputs(), padded(layer.widen.outputs()));
            let count = rows.len() / hidden;
            bytes.resize(count, width);
            for (at, row) in wide.chunks_exact(stride).take(count).enumerate() {
                bytes.set(kernels, at, &row[..width]);
            }
            layer.narrow.multiply(kernels, bytes, Finish::Add, rows);
            normalise(kernels, rows, hidden, &layer.narrow_norm);
        }
    }
}

fn quantise(kernels: &Kernels, rows: &[f32], width: usize, bytes: &mut ByteRows) {
    bytes.resize(rows.len() / width, width);
    for (at, row) in rows.chunks_exact(width).enumerate() {
        bytes.set(kernels, at, row);
    }
}

fn normalise(kernels: &Kernels, rows: &mut [f32], width: usize, norm: &Norm) {
    for row in rows.chunks_exact_mut(width) {
        kernels.normalise(row, norm);
    }
}
