//! NEON: four lanes a register.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vget_high_s8,
    vget_low_s8, vgetq_lane_f32, vld1q_f32, vld1q_s8, vmull_s8, vpadalq_s16,
};

use super::{Kernels, LANES, code_row, padded, plain};

pub(super) const KERNELS: Kernels = Kernels {
    dot: |query, row| dot_of(query, row, |x| x),
    dot_halves: |query, row| dot_of(query, row, plain::half),
    dot_bytes: |query, row| dot_of(query, row, f32::from),
    dot_signs: plain::KERNELS.dot_signs,
    dot_codes: |query, codes, rows, products| {
        for (product, &at) in products[..rows.len()].iter_mut().zip(rows) {
            *product = dot_code_row(query, code_row(codes, query.len(), at));
        }
    },
};

/// Rows are widened into a block of 64 lanes first: the conversions from bytes
/// and halves that could feed a register are not stable for this target.
fn dot_of<T: Copy>(query: &[f32], row: &[T], value: impl Fn(T) -> f32 + Copy) -> f32 {
    let n = query.len().min(row.len());
    // SAFETY: NEON is part of every aarch64 target that Rust supports.
    let mut lanes = [unsafe { vdupq_n_f32(0.0) }; 16];
    for (query, row) in query[..n].chunks(LANES).zip(row[..n].chunks(LANES)) {
        // SAFETY: as above.
        unsafe { add(&mut lanes, &padded(query, |x| x), &padded(row, value)) };
    }
    // SAFETY: as above.
    unsafe { fold(lanes) }
}

#[target_feature(enable = "neon")]
fn fold(mut lanes: [float32x4_t; 16]) -> f32 {
    for width in [8, 4, 2, 1] {
        for at in 0..width {
            lanes[at] = vaddq_f32(lanes[at], lanes[at + width]);
        }
    }
    let four = lanes[0];
    let even = vgetq_lane_f32::<0>(four) + vgetq_lane_f32::<2>(four);
    let odd = vgetq_lane_f32::<1>(four) + vgetq_lane_f32::<3>(four);
    even + odd
}

#[inline]
#[target_feature(enable = "neon")]
fn add(lanes: &mut [float32x4_t; 16], a: &[f32; LANES], b: &[f32; LANES]) {
    for (lane, (a, b)) in
        lanes.iter_mut().zip(a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0))
    {
        // SAFETY: both point at four values.
        let (x, y) = unsafe { (vld1q_f32(a.as_ptr()), vld1q_f32(b.as_ptr())) };
        *lane = vfmaq_f32(*lane, x, y);
    }
}

fn dot_code_row(a: &[i8], b: &[i8]) -> i32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    // SAFETY: NEON is part of every aarch64 target; all loads are of sixteen bytes.
    let whole = unsafe {
        let mut sum = vdupq_n_s32(0);
        for (a, b) in a.iter().zip(b) {
            let (x, y) = (vld1q_s8(a.as_ptr()), vld1q_s8(b.as_ptr()));
            sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
            sum = vpadalq_s16(sum, vmull_s8(vget_high_s8(x), vget_high_s8(y)));
        }
        vaddvq_s32(sum)
    };
    whole + plain::dot_code_row(a_rest, b_rest)
}
