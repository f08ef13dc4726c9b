//! Every instruction set against plain Rust, and plain Rust against arithmetic.

use proptest::prelude::*;

use super::*;

fn groups(bytes: &[u8], depth: usize) -> Vec<Group> {
    let mut groups = vec![Group::ZERO; depth];
    let values = groups.iter_mut().flat_map(|group| group.0.iter_mut());
    for (value, four) in values.zip(bytes.as_chunks::<4>().0) {
        *value = u32::from_ne_bytes(*four);
    }
    groups
}

/// `(rows, depth, left, panel)`, with the extremes more often than chance has them.
fn tile(
    depths: impl Strategy<Value = usize>,
) -> impl Strategy<Value = (usize, usize, Vec<u8>, Vec<u8>)> {
    let byte = prop_oneof![any::<u8>(), Just(0_u8), Just(255), Just(127), Just(129)];
    (1..=TILE_ROWS, depths).prop_flat_map(move |(rows, depth)| {
        let left = prop::collection::vec(byte.clone(), rows * (depth + 1) * 4);
        let panel = prop::collection::vec(byte.clone(), depth * LANES * 4);
        (Just(rows), Just(depth), left, panel)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn byte_tiles_are_exact(
        // Now and then longer than what AVX2 widens at a time.
        (rows, depth, left, panel) in tile(prop_oneof![8 => 0..20_usize, 1 => 90..200_usize])
    ) {
        let packed: Vec<u32> =
            left.as_chunks::<4>().0.iter().map(|&four| u32::from_ne_bytes(four)).collect();
        let groups = groups(&panel, depth);
        // Rows one group longer than what is multiplied.
        let operand = Left { groups: &packed, stride: depth + 1 };
        for kernels in available() {
            let mut sums = vec![[7; LANES]; rows];
            kernels.dot_bytes(operand, &groups, &mut sums);
            for (row, sums) in sums.iter().enumerate() {
                for (lane, &found) in sums.iter().enumerate() {
                    let expected: i32 = (0..depth * 4)
                        .map(|at| {
                            let a = left[row * (depth + 1) * 4 + at];
                            let b = panel[(at / 4) * LANES * 4 + lane * 4 + at % 4] as i8;
                            i32::from(a) * i32::from(b)
                        })
                        .sum();
                    prop_assert_eq!(found, expected, "{} {} {}", kernels.name(), row, lane);
                }
            }
        }
    }

    #[test]
    fn word_tiles_are_exact((rows, depth, left, panel) in tile(0..20_usize)) {
        let words = |bytes: &[u8]| -> Vec<u32> {
            // Fourteen bits, as queries and keys have.
            bytes.as_chunks::<4>().0.iter()
                .map(|&[a, b, c, d]| {
                    let word = |low, high| (i16::from_ne_bytes([low, high]) >> 2) as u16;
                    u32::from(word(a, b)) | u32::from(word(c, d)) << 16
                })
                .collect()
        };
        let halves = |pair: u32| [pair as i16, (pair >> 16) as i16].map(i64::from);
        let left = words(&left);
        let mut groups = groups(&panel, depth);
        for group in &mut groups {
            let bytes: Vec<u8> = group.0.iter().flat_map(|value| value.to_ne_bytes()).collect();
            group.0.copy_from_slice(&words(&bytes));
        }
        let operand = Left { groups: &left, stride: depth + 1 };
        for kernels in available() {
            let mut sums = vec![[7; LANES]; rows];
            kernels.dot_words(operand, &groups, &mut sums);
            for (row, sums) in sums.iter().enumerate() {
                for (lane, &found) in sums.iter().enumerate() {
                    let expected: i64 = (0..depth)
                        .map(|at| {
                            let [a, b] = halves(left[row * (depth + 1) + at]);
                            let [c, d] = halves(groups[at].0[lane]);
                            a * c + b * d
                        })
                        .sum();
                    prop_assert_eq!(i64::from(found), expected, "{}", kernels.name());
                }
            }
        }
    }

    #[test]
    fn rows_have_the_same_bits_everywhere(
        row in prop::collection::vec(-20_f32..20.0, 1..200),
        sums in prop::collection::vec(-40_000_000..40_000_000_i32, LANES),
    ) {
        let norm = Norm { gamma: row.clone(), beta: row.clone(), epsilon: 1e-12 };
        let sums: [i32; LANES] = sums.try_into().unwrap();
        let lane = |at: usize| row[at % row.len()];
        let columns = Columns {
            step: std::array::from_fn(|at| lane(at) * 1e-7),
            total: std::array::from_fn(|at| lane(at + 1)),
            bias: std::array::from_fn(|at| lane(at + 2)),
        };
        let steps = [Step { step: 0.3, low: -0.7 }];
        let padded = row.len().next_multiple_of(LANES);
        let tiles: Vec<Sums> = vec![sums; padded / LANES];
        let key_steps: Vec<f32> = (0..padded).map(|at| lane(at).abs() * 1e-8).collect();
        let run = |kernels: &Kernels| {
            let mut found: Vec<u32> = Vec::new();
            let products = Products { sums: &[sums], rows: &steps, columns: &columns };
            for apply in [Kernels::linear, Kernels::gelu, Kernels::add] {
                let mut out = [1.5; LANES];
                apply(kernels, &products, &mut out, LANES);
                found.extend(out.map(f32::to_bits));
            }
            let mut normed = row.clone();
            kernels.normalise(&mut normed, &norm);
            found.extend(normed.iter().map(|x| x.to_bits()));
            let mut bytes = vec![0; row.len()];
            let step = kernels.quantise(&row, &mut bytes);
            found.extend([step.step.to_bits(), step.low.to_bits()]);
            found.extend(bytes.iter().map(|&byte| u32::from(byte)));
            let mut words = vec![0; row.len()];
            found.push(kernels.quantise_words(&row, 8191.0, &mut words).to_bits());
            found.extend(words.iter().map(|&word| word as u32));
            let mut limits = vec![3.0; row.len()];
            kernels.raise_limits(&row, &mut limits);
            found.extend(limits.iter().map(|x| x.to_bits()));
            let mut pairs = vec![0; row.len()];
            kernels.pair_words([&row, &normed], &limits, &mut pairs);
            found.extend(&pairs);
            let scores =
                Scores { sums: &tiles, stride: 1, query: 0.5, steps: &key_steps, keys: row.len() };
            let (mut scaled, mut weights) = (vec![0.0; padded], vec![0; padded]);
            found.push(kernels.softmax(&scores, &mut scaled, &mut weights).to_bits());
            found.extend(weights.iter().map(|&weight| weight as u32));
            let mut out = [0.0; LANES];
            let heads = Heads { sums: &[sums], norms: &[0.25], steps: &columns.bias[..20] };
            kernels.weigh(&heads, &mut out, LANES);
            found.extend(out.map(f32::to_bits));
            found
        };
        let expected = run(available()[0]);
        for kernels in available() {
            prop_assert_eq!(run(kernels), expected.clone(), "{}", kernels.name());
        }
    }

    #[test]
    fn a_byte_is_within_half_a_step(row in prop::collection::vec(-20_f32..20.0, 1..100)) {
        let mut bytes = vec![0; row.len()];
        let Step { step, low } = best().quantise(&row, &mut bytes);
        for (byte, x) in bytes.iter().zip(&row) {
            prop_assert!((low + step * f32::from(*byte) - x).abs() <= 0.5001 * step + 1e-6);
        }
    }

    #[test]
    fn softmax_is_softmax(
        scores in prop::collection::vec(-4_000..4_000_i32, 1..100),
    ) {
        let keys = scores.len();
        let padded = keys.next_multiple_of(LANES);
        let tiles: Vec<Sums> = scores
            .chunks(LANES)
            // What is no key must not count, however large it is.
            .map(|chunk| std::array::from_fn(|lane| chunk.get(lane).copied().unwrap_or(9_999)))
            .collect();
        let steps = vec![0.001 * std::f32::consts::LOG2_E; padded];
        let case = Scores { sums: &tiles, stride: 1, query: 2.0, steps: &steps, keys };
        let (mut scaled, mut weights) = (vec![0.0; padded], vec![0; padded]);
        let norm = best().softmax(&case, &mut scaled, &mut weights);
        let exact: Vec<f64> = scores.iter().map(|&s| (f64::from(s) * 0.002).exp()).collect();
        let total: f64 = exact.iter().sum();
        // Half a unit for the weight itself, and for each of the weights in the sum.
        let most = 0.5001 * (keys + 1) as f64 / f64::from(WEIGHT_LIMIT);
        for (weight, exact) in weights.iter().zip(&exact) {
            let found = f64::from(*weight) * f64::from(norm);
            prop_assert!((found - exact / total).abs() < most, "{} {}", found, exact / total);
        }
        prop_assert!(weights[keys..].iter().all(|&weight| weight == 0));
    }
}

#[test]
fn the_activation_is_gelu() {
    let columns = Columns { step: [1.0; LANES], total: [0.0; LANES], bias: [0.0; LANES] };
    for thousandth in -20_000..=20_000 {
        let x = f64::from(thousandth) / 1000.0;
        let rows = [Step { step: 1e-3, low: 0.0 }];
        let products = Products { sums: &[[thousandth; LANES]], rows: &rows, columns: &columns };
        let mut out = [0.0; LANES];
        best().gelu(&products, &mut out, LANES);
        let exact = x * 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2));
        let error = (f64::from(out[0]) - exact).abs();
        assert!(error < 6e-5_f64.max(1e-5 * x.abs()), "{x}: {} is not {exact}", out[0]);
    }
}

/// Its Maclaurin series, and 1 where that needs too many terms.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
#[should_panic(expected = "a tile past its rows")]
fn a_tile_past_its_rows_is_refused() {
    let left = Left { groups: &[0; 7], stride: 4 };
    best().dot_bytes(left, &[Group::ZERO; 4], &mut [[0; LANES]; 2]);
}
