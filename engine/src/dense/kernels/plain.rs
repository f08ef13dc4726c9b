//! The definition that the other kernels must equal bit by bit.

use half::f16;

use super::{Kernels, LANES, SIGNS_PER_WORD, code_row, padded};

pub(super) const KERNELS: Kernels = Kernels {
    dot: |query, row| dot_of(query, row, |x| x),
    dot_halves: |query, row| dot_of(query, row, half),
    dot_bytes: |query, row| dot_of(query, row, f32::from),
    dot_signs,
    dot_codes: |query, codes, rows, products| {
        for (product, &at) in products[..rows.len()].iter_mut().zip(rows) {
            *product = dot_code_row(query, code_row(codes, query.len(), at));
        }
    },
};

/// Half precision to single; exact.
pub(super) fn half(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

fn dot_of<T: Copy>(query: &[f32], row: &[T], value: impl Fn(T) -> f32 + Copy) -> f32 {
    let n = query.len().min(row.len());
    let mut lanes = [0.0_f32; LANES];
    for (query, row) in query[..n].chunks(LANES).zip(row[..n].chunks(LANES)) {
        let (query, row) = (padded(query, |x| x), padded(row, value));
        add_product(&mut lanes, &query, &row);
    }
    fold(lanes)
}

fn dot_signs(query: &[f32], row: &[u64]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (query, &signs) in query.chunks(SIGNS_PER_WORD).zip(row) {
        let query = padded(query, |x| x);
        let signs: [f32; LANES] =
            std::array::from_fn(|at| if signs >> at & 1 == 1 { 1.0 } else { -1.0 });
        add_product(&mut lanes, &query, &signs);
    }
    fold(lanes)
}

fn add_product(lanes: &mut [f32; LANES], a: &[f32; LANES], b: &[f32; LANES]) {
    for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
        *lane = x.mul_add(*y, *lane);
    }
}

fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for at in 0..width {
            lanes[at] += lanes[at + width];
        }
        width /= 2;
    }
    lanes[0]
}

pub(super) fn dot_code_row(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}
