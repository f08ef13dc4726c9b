//! Tiles of AVX-512 VNNI: 64 byte products, or 32 word products, an instruction.

use std::arch::asm;
use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::{Group, LANES, Left, Sums};

/// A tile of up to twelve rows, with `$dot` as its instruction. The number of
/// rows is a constant in each arm, so that the sums stay in registers.
macro_rules! tile {
    ($name:ident, $dot:ident) => {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        pub(super) fn $name(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
            #[inline]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            fn rows<const ROWS: usize>(left: Left<'_>, panel: &[Group], sums: &mut [Sums]) {
                let mut lanes = [[_mm512_setzero_si512(); 2]; ROWS];
                for (at, group) in panel.iter().enumerate() {
                    let [b0, b1] = halves(group);
                    for (row, [low, high]) in lanes.iter_mut().enumerate() {
                        // SAFETY: the caller has checked that `left` holds
                        // `panel.len()` groups in each of its rows.
                        let a = unsafe { *left.groups.get_unchecked(row * left.stride + at) };
                        let a = _mm512_set1_epi32(a as i32);
                        *low = $dot(*low, a, b0);
                        *high = $dot(*high, a, b1);
                    }
                }
                for (sums, lanes) in sums.iter_mut().zip(lanes) {
                    store(sums, lanes);
                }
            }
            match sums.len() {
                1 => rows::<1>(left, panel, sums),
                2 => rows::<2>(left, panel, sums),
                3 => rows::<3>(left, panel, sums),
                4 => rows::<4>(left, panel, sums),
                5 => rows::<5>(left, panel, sums),
                6 => rows::<6>(left, panel, sums),
                7 => rows::<7>(left, panel, sums),
                8 => rows::<8>(left, panel, sums),
                9 => rows::<9>(left, panel, sums),
                10 => rows::<10>(left, panel, sums),
                11 => rows::<11>(left, panel, sums),
                _ => rows::<12>(left, panel, sums),
            }
        }
    };
}

tile!(dot_bytes, _mm512_dpbusd_epi32);
tile!(dot_words, words);

/// `_mm512_dpwssd_epi32` as one instruction. From the intrinsic LLVM makes a
/// multiplication and an addition, and attention's products a third slower.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn words(mut sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: it reads and writes these registers only, and the caller has the
    // instruction set.
    unsafe {
        asm!(
            "vpdpwssd {0}, {1}, {2}",
            inout(zmm_reg) sums,
            in(zmm_reg) a,
            in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f")]
fn halves(group: &Group) -> [__m512i; 2] {
    let at = group.0.as_ptr();
    // SAFETY: a group is 32 values at a multiple of 64 bytes.
    unsafe { [_mm512_load_si512(at.cast()), _mm512_load_si512(at.add(16).cast())] }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(sums: &mut Sums, lanes: [__m512i; 2]) {
    let at = sums.as_mut_ptr();
    // SAFETY: `sums` has room for 32 values.
    unsafe {
        _mm512_storeu_si512(at.cast(), lanes[0]);
        _mm512_storeu_si512(at.add(16).cast(), lanes[1]);
    }
}

/// Independent chains on registers, enough of them to hide the latency.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn busy(rounds: u32) -> u64 {
    const CHAINS: usize = 12;
    let (a, b) = (_mm512_set1_epi32(0x0102_0304), _mm512_set1_epi32(0x0403_0201));
    let mut chains = [_mm512_setzero_si512(); CHAINS];
    for _ in 0..rounds {
        for chain in &mut chains {
            *chain = _mm512_dpbusd_epi32(*chain, a, b);
        }
    }
    std::hint::black_box(chains);
    u64::from(rounds) * (CHAINS * 2 * LANES) as u64
}
