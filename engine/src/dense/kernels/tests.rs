//! Every kernel against the plain one.

use half::f16;
use proptest::prelude::*;

use super::*;

/// Calls a kernel that comes from [`available`], so its instruction set exists.
macro_rules! call {
    ($kernel:expr, $name:ident, $($argument:expr),+) => {
        // SAFETY: see above.
        unsafe { ($kernel.$name)($($argument),+) }
    };
}

fn code_products(kernels: &Kernels, query: &[i8], codes: &[i8], rows: &[u32]) -> Vec<i32> {
    let mut products = vec![0; rows.len()];
    call!(kernels, dot_codes, query, codes, rows, &mut products);
    products
}

proptest! {
    #[test]
    fn every_kernel_gives_the_same_bits(
        pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..800),
    ) {
        let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let halves: Vec<u16> = b.iter().map(|&x| f16::from_f32(x).to_bits()).collect();
        let widened: Vec<f32> = halves.iter().map(|&bits| plain::half(bits)).collect();
        let bytes: Vec<i8> = b.iter().map(|x| (x * 127.0) as i8).collect();
        let signs: Vec<u64> = b
            .chunks(SIGNS_PER_WORD)
            .map(|chunk| (0..).zip(chunk).map(|(at, x)| u64::from(*x > 0.0) << at).sum())
            .collect();
        let of_bytes: Vec<f32> = bytes.iter().map(|&x| f32::from(x)).collect();
        let of_signs: Vec<f32> = b.iter().map(|&x| if x > 0.0 { 1.0 } else { -1.0 }).collect();
        let dot = |b: &[f32]| call!(plain::KERNELS, dot, &a, b).to_bits();
        for (name, kernels) in available() {
            prop_assert_eq!(call!(kernels, dot, &a, &b).to_bits(), dot(&b), "{}", name);
            let found = call!(kernels, dot_halves, &a, &halves);
            prop_assert_eq!(found.to_bits(), dot(&widened), "{}", name);
            let found = call!(kernels, dot_bytes, &a, &bytes);
            prop_assert_eq!(found.to_bits(), dot(&of_bytes), "{}", name);
            let found = call!(kernels, dot_signs, &a, &signs);
            prop_assert_eq!(found.to_bits(), dot(&of_signs), "{}", name);
        }
        let exact: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        prop_assert!((f64::from(f32::from_bits(dot(&b))) - exact).abs() < 1e-4);
    }

    #[test]
    fn every_code_kernel_is_exact(
        query in prop::collection::vec(-127_i8..=127, 1..300),
        rows in prop::collection::vec(0_u32..9, 0..23),
        seed in any::<u64>(),
    ) {
        let dim = query.len();
        let codes: Vec<i8> = (0..9 * dim as u64)
            .map(|at| (seed.wrapping_mul(at * 2 + 1) >> 40) as i8)
            .map(|code| code.max(-127))
            .collect();
        let expected: Vec<i32> = rows
            .iter()
            .map(|&at| {
                let row = &codes[at as usize * dim..][..dim];
                query.iter().zip(row).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
            })
            .collect();
        for (name, kernels) in available() {
            prop_assert_eq!(&code_products(&kernels, &query, &codes, &rows), &expected, "{}", name);
        }
    }
}

#[test]
fn the_longest_vectors_do_not_overflow() {
    for (x, y) in [(127, 127), (127, -127), (-127, -127)] {
        let (query, codes) = (vec![x; MAX_DIM], vec![y; 2 * MAX_DIM]);
        let expected = i32::from(x) * i32::from(y) * MAX_DIM as i32;
        for (name, kernels) in available() {
            let found = code_products(&kernels, &query, &codes, &[1, 0, 0, 1, 1]);
            assert_eq!(found, [expected; 5], "{name}");
        }
    }
}

#[test]
fn unequal_lengths_and_extreme_values_stay_inside_the_slices() {
    let a = vec![f32::MAX; 70];
    for (name, kernels) in available() {
        assert_eq!(call!(kernels, dot, &a, &[]), 0.0, "{name}");
        assert_eq!(call!(kernels, dot, &a, &[1.0, 0.0]), f32::MAX, "{name}");
        assert_eq!(call!(kernels, dot, &a, &a), f32::INFINITY, "{name}");
        assert_eq!(call!(kernels, dot_halves, &a, &[]), 0.0, "{name}");
        assert_eq!(call!(kernels, dot_bytes, &a, &[1]), f32::MAX, "{name}");
        assert_eq!(call!(kernels, dot_signs, &[1.0; 70], &[u64::MAX]), 64.0, "{name}");
    }
}

#[test]
#[should_panic(expected = "out of range")]
fn a_row_outside_the_codes_is_no_memory_error() {
    dot_codes(&[1; 8], &[1; 16], &[2], &mut [0]);
}
