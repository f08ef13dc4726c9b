//! A linear layer of 8-bit weights, packed for the tiles.

use super::kernels::{Columns, Group, Kernels, LANES, Left, Products, Step, Sums, TILE_ROWS};

/// A packed `[outputs, inputs]` matrix with its bias.
///
/// Panels of [`LANES`] outputs; in each, the next four inputs of all its
/// outputs side by side. Missing inputs and outputs are zeros.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    groups: Vec<Group>,
    columns: Vec<Columns>,
}

/// A linear layer as it is stored.
pub(super) struct Stored<'a> {
    pub(super) inputs: usize,
    /// `[outputs, inputs]`, row-major.
    pub(super) weights: &'a [i8],
    /// `[outputs]`: what one unit of a weight is worth.
    pub(super) scales: &'a [f32],
    /// `[outputs]`.
    pub(super) bias: &'a [f32],
}

/// Rows of bytes with their scales.
#[derive(Debug, Default)]
pub(super) struct ByteRows {
    groups: Vec<u32>,
    /// Groups of a row.
    stride: usize,
    steps: Vec<Step>,
}

/// What happens to a product on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// Stored.
    Store,
    /// Stored after the activation.
    Gelu,
    /// Added to what is there.
    Add,
}

/// `width` rounded up to whole panels: the distance of rows that a product is
/// written to. What lies between is zeros.
pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl Linear {
    /// Packs a layer; the slices' lengths must agree.
    pub(super) fn pack(stored: &Stored<'_>) -> Self {
        let Stored { inputs, weights, scales, bias } = *stored;
        let outputs = scales.len();
        let depth = inputs.div_ceil(4);
        let panels = outputs.div_ceil(LANES);
        let mut groups = vec![Group::ZERO; panels * depth];
        let mut columns = Vec::with_capacity(panels);
        for (panel, groups) in groups.chunks_exact_mut(depth).enumerate() {
            let mut column =
                Columns { step: [0.0; LANES], total: [0.0; LANES], bias: [0.0; LANES] };
            for lane in 0..LANES.min(outputs - panel * LANES) {
                let output = panel * LANES + lane;
                let row = &weights[output * inputs..(output + 1) * inputs];
                for (group, bytes) in groups.iter_mut().zip(row.chunks(4)) {
                    let mut four = [0; 4];
                    four[..bytes.len()].copy_from_slice(bytemuck::cast_slice(bytes));
                    group.0[lane] = u32::from_ne_bytes(four);
                }
                let total: i32 = row.iter().map(|&weight| i32::from(weight)).sum();
                column.step[lane] = scales[output];
                column.total[lane] = total as f32 * scales[output];
                column.bias[lane] = bias[output];
            }
            columns.push(column);
        }
        Self { inputs, outputs, groups, columns }
    }

    /// Components of a product.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Components of a row.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Multiplies `rows` of `input` and writes them to `out`, whose rows lie
    /// [`padded`] outputs apart.
    ///
    /// A row's product does not depend on the other rows: sums are exact, and
    /// what follows is done number by number.
    pub(super) fn multiply(
        &self,
        kernels: &Kernels,
        input: &ByteRows,
        finish: Finish,
        out: &mut [f32],
    ) {
        let rows = input.steps.len();
        if rows == 0 {
            return;
        }
        let depth = input.stride;
        let stride = padded(self.outputs);
        // Tiles of equal height: eight and eight rows, not twelve and four.
        let height = rows.div_ceil(rows.div_ceil(TILE_ROWS));
        let mut sums: [Sums; TILE_ROWS] = [[0; LANES]; TILE_ROWS];
        for (panel, (groups, columns)) in
            self.groups.chunks_exact(depth).zip(&self.columns).enumerate()
        {
            for first in (0..rows).step_by(height) {
                let sums = &mut sums[..height.min(rows - first)];
                let left = Left { groups: &input.groups[first * depth..], stride: depth };
                kernels.dot_bytes(left, groups, sums);
                let products = Products { sums, rows: &input.steps[first..], columns };
                let out = &mut out[first * stride + panel * LANES..];
                match finish {
                    Finish::Store => kernels.linear(&products, out, stride),
                    Finish::Gelu => kernels.gelu(&products, out, stride),
                    Finish::Add => kernels.add(&products, out, stride),
                }
            }
        }
    }
}

impl ByteRows {
    /// Makes room for `rows` rows of `width` components, to be [set](Self::set).
    /// What a last group has beyond `width` may be anything: its weights are 0.
    pub(super) fn resize(&mut self, rows: usize, width: usize) {
        self.stride = width.div_ceil(4);
        self.groups.resize(rows * self.stride, 0);
        self.steps.resize(rows, Step::default());
    }

    /// Stores a row.
    pub(super) fn set(&mut self, kernels: &Kernels, row: usize, values: &[f32]) {
        let groups = &mut self.groups[row * self.stride..(row + 1) * self.stride];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(groups);
        self.steps[row] = kernels.quantise(values, &mut bytes[..values.len()]);
    }
}
