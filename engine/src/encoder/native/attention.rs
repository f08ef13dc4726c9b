//! Multi-head self-attention in 16-bit words.
//!
//! Queries and keys get a scale per token and head, values one per channel,
//! and softmax gives 13-bit weights that are normalised by their own integer
//! sum. Words and not bytes: attention is an eighth of the multiplications at
//! 256 tokens, so the saving would be small, and a weight of 1/255 of the
//! largest would be the smallest there is, which cuts off the long tails of
//! heads that attend to everything.
//!
//! Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.

use std::f32::consts::LOG2_E;

use super::kernels::{Group, Heads, Kernels, LANES, Left, Scores, Sums, TILE_ROWS, WEIGHT_LIMIT};
use super::matrix::padded;

/// Most tokens of a text: up to here a value keeps seven bits and its sign
/// when the weighted sum of all may not overflow 32 bits. At 256 tokens it
/// keeps ten, at 512 nine.
pub(super) const MAX_TOKENS: usize = 2048;

/// Sizes of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadShape {
    pub(super) heads: usize,
    /// Components of a head.
    pub(super) width: usize,
}

impl HeadShape {
    /// Components of all heads.
    fn hidden(self) -> usize {
        self.heads * self.width
    }

    /// Pairs of components.
    fn pairs(self) -> usize {
        self.width.div_ceil(2)
    }
}

/// The queries, keys and values of one text, and room to work in.
#[derive(Debug, Default)]
pub(super) struct Attention {
    tokens: usize,
    /// `[heads, tokens, pairs]`.
    queries: Vec<u32>,
    /// `[heads, tokens]`.
    query_steps: Vec<f32>,
    /// `[heads, panels of tokens, pairs]`.
    keys: Vec<Group>,
    /// `[heads, padded tokens]`.
    key_steps: Vec<f32>,
    /// `[tokens, hidden]`.
    values: Vec<f32>,
    /// `[hidden]`, the largest magnitude of each channel of the values.
    limits: Vec<f32>,
    head: Head,
    tile: Tile,
}

/// One head's values.
#[derive(Debug, Default)]
struct Head {
    /// What a channel's values are multiplied with.
    factors: Vec<f32>,
    /// What a unit of each channel is worth.
    steps: Vec<f32>,
    /// `[panels of channels, pairs of tokens]`.
    values: Vec<Group>,
}

/// Room for a tile of queries on its way through.
#[derive(Debug, Default)]
struct Tile {
    /// `[panels of tokens, rows]`.
    sums: Vec<Sums>,
    scaled: Vec<f32>,
    /// `[rows, pairs of padded tokens]`.
    weights: Vec<u32>,
    /// One token's key of one head.
    key: Vec<u32>,
}

impl Attention {
    /// Makes room for a text.
    pub(super) fn start(&mut self, shape: HeadShape, tokens: usize) {
        let HeadShape { heads, width } = shape;
        let pairs = shape.pairs();
        let (panels, room) = (tokens.div_ceil(LANES), padded(tokens));
        self.tokens = tokens;
        // Not cleared: what is read was written for this text, apart from the
        // places of tokens that the last panel lacks, which softmax masks.
        self.queries.resize(heads * tokens * pairs, 0);
        self.query_steps.resize(heads * tokens, 0.0);
        self.keys.resize(heads * panels * pairs, Group::ZERO);
        self.key_steps.resize(heads * room, 0.0);
        self.values.resize(tokens * shape.hidden(), 0.0);
        self.limits.clear();
        self.limits.resize(shape.hidden(), 0.0);
        self.head.factors.resize(width, 0.0);
        self.head.steps.resize(width, 0.0);
        self.head.values.resize(width.div_ceil(LANES) * tokens.div_ceil(2), Group::ZERO);
        self.tile.sums.resize(panels * TILE_ROWS, [0; LANES]);
        self.tile.scaled.resize(room, 0.0);
        self.tile.weights.resize(TILE_ROWS * room / 2, 0);
        self.tile.key.resize(pairs, 0);
    }

    /// Takes a token's query, key and value, `[3, hidden]`.
    pub(super) fn set(&mut self, kernels: &Kernels, shape: HeadShape, token: usize, row: &[f32]) {
        let HeadShape { heads, width } = shape;
        let (pairs, hidden) = (shape.pairs(), shape.hidden());
        let (panels, room) = (self.tokens.div_ceil(LANES), padded(self.tokens));
        let (query, rest) = row.split_at(hidden);
        let (key, value) = rest.split_at(hidden);
        let limit = word_limit(width);
        for head in 0..heads {
            let part = head * width..(head + 1) * width;
            let at = head * self.tokens + token;
            let words = &mut self.queries[at * pairs..(at + 1) * pairs];
            let words: &mut [i16] = bytemuck::cast_slice_mut(words);
            self.query_steps[at] = kernels.quantise_words(&query[part.clone()], limit, words);

            let words: &mut [i16] = bytemuck::cast_slice_mut(&mut self.tile.key);
            let step = kernels.quantise_words(&key[part], limit, words);
            self.key_steps[head * room + token] = step * LOG2_E / (width as f32).sqrt();
            let panel = (head * panels + token / LANES) * pairs;
            let groups = &mut self.keys[panel..panel + pairs];
            for (group, &pair) in groups.iter_mut().zip(&self.tile.key) {
                group.0[token % LANES] = pair;
            }
        }
        self.values[token * hidden..(token + 1) * hidden].copy_from_slice(value);
        kernels.raise_limits(value, &mut self.limits);
    }

    /// Writes every token's context, `[tokens, hidden]`.
    pub(super) fn attend(&mut self, kernels: &Kernels, shape: HeadShape, out: &mut [f32]) {
        let HeadShape { heads, width } = shape;
        let (tokens, pairs, hidden) = (self.tokens, shape.pairs(), shape.hidden());
        let (panels, room) = (tokens.div_ceil(LANES), padded(tokens));
        let depth = tokens.div_ceil(2);
        let height = tokens.div_ceil(tokens.div_ceil(TILE_ROWS).max(1));
        let mut norms = [0.0; TILE_ROWS];
        let mut context: [Sums; TILE_ROWS] = [[0; LANES]; TILE_ROWS];
        for head in 0..heads {
            self.pack_values(kernels, shape, head);
            let keys = &self.keys[head * panels * pairs..(head + 1) * panels * pairs];
            let steps = &self.key_steps[head * room..(head + 1) * room];
            for first in (0..tokens).step_by(height.max(1)) {
                let rows = height.min(tokens - first);
                let at = head * tokens + first;
                let left = Left { groups: &self.queries[at * pairs..], stride: pairs };
                let Tile { sums, scaled, weights, key: _ } = &mut self.tile;
                for (keys, sums) in keys.chunks_exact(pairs).zip(sums.chunks_exact_mut(TILE_ROWS)) {
                    kernels.dot_words(left, keys, &mut sums[..rows]);
                }
                for row in 0..rows {
                    let query = self.query_steps[at + row];
                    let sums = &sums[row..];
                    let scores = Scores { sums, stride: TILE_ROWS, query, steps, keys: tokens };
                    let weights = &mut weights[row * room / 2..(row + 1) * room / 2];
                    norms[row] =
                        kernels.softmax(&scores, scaled, bytemuck::cast_slice_mut(weights));
                }
                let left = Left { groups: weights, stride: room / 2 };
                for (panel, values) in self.head.values.chunks_exact(depth).enumerate() {
                    kernels.dot_words(left, values, &mut context[..rows]);
                    let channel = panel * LANES;
                    let steps = &self.head.steps[channel..width.min(channel + LANES)];
                    let sums = &context[..rows];
                    let heads = Heads { sums, norms: &norms, steps };
                    let out = &mut out[first * hidden + head * width + channel..];
                    kernels.weigh(&heads, out, hidden);
                }
            }
        }
    }

    /// Packs a head's values for the tiles, tokens in pairs.
    fn pack_values(&mut self, kernels: &Kernels, shape: HeadShape, head: usize) {
        let (width, hidden) = (shape.width, shape.hidden());
        let part = head * width..(head + 1) * width;
        let limit = value_limit(self.tokens);
        let Head { factors, steps, values } = &mut self.head;
        for ((factor, step), &most) in
            factors.iter_mut().zip(&mut *steps).zip(&self.limits[part.clone()])
        {
            *factor = if most > 0.0 { limit / most } else { 0.0 };
            *step = most / limit;
        }
        let depth = self.tokens.div_ceil(2);
        let nothing = [0.0; LANES];
        for pair in 0..depth {
            let row = |token: usize| {
                self.values.get(token * hidden..(token + 1) * hidden).map(|row| &row[part.clone()])
            };
            let first = row(2 * pair).unwrap_or_default();
            let second = row(2 * pair + 1);
            for (panel, first) in first.chunks(LANES).enumerate() {
                let channels = panel * LANES..panel * LANES + first.len();
                let second = second.map_or(&nothing[..first.len()], |row| &row[channels.clone()]);
                let group = &mut values[panel * depth + pair].0;
                kernels.pair_words([first, second], &factors[channels], group);
            }
        }
    }
}

/// Largest word of a query or key, so that a head's product fits 32 bits.
fn word_limit(width: usize) -> f32 {
    (i32::MAX as usize / width.max(1)).isqrt().min(i16::MAX as usize) as f32
}

/// Largest word of a value, so that the weighted sum of all tokens fits.
fn value_limit(tokens: usize) -> f32 {
    (i32::MAX as usize / (WEIGHT_LIMIT as usize * tokens.max(1))).min(i16::MAX as usize) as f32
}
