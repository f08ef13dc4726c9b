//! Tiles in plain Rust: the definition the others must equal bit by bit.

use std::array;

use super::{Group, LANES, Left, Sums};

pub(super) fn dot_bytes(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
    tile(left, panel, sums, |a, b| {
        let (a, b) = (a.to_ne_bytes(), b.to_ne_bytes());
        (0..4).map(|at| i32::from(a[at]) * i32::from(b[at] as i8)).sum()
    });
}

pub(super) fn dot_words(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
    // Which half holds which word does not matter: both sides are cut alike.
    let halves = |x: u32| [x as i16, (x >> 16) as i16].map(i32::from);
    tile(left, panel, sums, |a, b| {
        let ([a0, a1], [b0, b1]) = (halves(a), halves(b));
        (a0 * b0).wrapping_add(a1 * b1)
    });
}

#[inline]
fn tile(left: Left<'_>, panel: &[Group], sums: &mut [Sums], dot: impl Fn(u32, u32) -> i32) {
    for (row, sums) in sums.iter_mut().enumerate() {
        let row = &left.groups[row * left.stride..][..panel.len()];
        *sums = [0; LANES];
        for (&a, group) in row.iter().zip(panel) {
            for (sum, &b) in sums.iter_mut().zip(&group.0) {
                *sum = sum.wrapping_add(dot(a, b));
            }
        }
    }
}

/// Without an instruction of its own, the tile itself is the measure.
pub(super) fn busy(rounds: u32) -> u64 {
    let row = [0x0102_0304; 8];
    let panel = [Group(array::from_fn(|lane| lane as u32)); 8];
    let mut sums = [[0; LANES]];
    for _ in 0..rounds {
        dot_bytes(Left { groups: std::hint::black_box(&row), stride: 0 }, &panel, &mut sums);
        std::hint::black_box(&sums);
    }
    u64::from(rounds) * (panel.len() * LANES * 4) as u64
}
