//! Token vectors to one text vector of unit length.

/// How token vectors become one text vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over the tokens that are not padding. A run holds one text and
    /// no padding, so over all of them.
    Mean,
    /// The first token's vector.
    Cls,
    /// The last token's vector.
    LastToken,
    /// The graph pools and projects by itself; its output `sentence_embedding`
    /// is the text's vector.
    InGraph,
}

impl Pooling {
    /// Reduces `[n_tokens, dim]`, row-major, to one vector of L2 norm 1.
    ///
    /// Sums are taken in `f64`: over 512 tokens that costs nothing and keeps
    /// the result independent of how a compiler orders the additions.
    ///
    /// Returns `None` when the vector is not finite or has no direction.
    ///
    /// # Source
    /// Mean pooling: Reimers and Gurevych, Sentence-BERT, EMNLP 2019, section 3.
    pub(super) fn pool(self, tokens: &[f32], dim: usize) -> Option<Vec<f32>> {
        let pooled: Vec<f64> = match self {
            Self::Mean => {
                let mut sum = vec![0.0_f64; dim];
                for token in tokens.chunks_exact(dim) {
                    sum.iter_mut().zip(token).for_each(|(sum, &x)| *sum += f64::from(x));
                }
                // Not divided by the count: the length is normalised next.
                sum
            }
            Self::Cls | Self::InGraph => tokens.get(..dim)?.iter().map(|&x| x.into()).collect(),
            Self::LastToken => {
                tokens.get(tokens.len().checked_sub(dim)?..)?.iter().map(|&x| x.into()).collect()
            }
        };
        let norm = pooled.iter().map(|x| x * x).sum::<f64>().sqrt();
        (norm.is_finite() && norm > 0.0).then(|| pooled.iter().map(|x| (x / norm) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: [f32; 6] = [3.0, 0.0, 0.0, 1.0, 0.0, -2.0];

    #[test]
    fn each_mode_takes_its_tokens() {
        assert_eq!(Pooling::Cls.pool(&TOKENS, 2).unwrap(), [1.0, 0.0]);
        assert_eq!(Pooling::LastToken.pool(&TOKENS, 2).unwrap(), [0.0, -1.0]);
        // The sum is (3, -1), of length √10.
        let mean = Pooling::Mean.pool(&TOKENS, 2).unwrap();
        assert_eq!(mean, [3.0 / 10.0_f64.sqrt(), -1.0 / 10.0_f64.sqrt()].map(|x| x as f32));
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for tokens in [&[0.0, 0.0][..], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0], &[]] {
            for pooling in [Pooling::Mean, Pooling::Cls, Pooling::LastToken, Pooling::InGraph] {
                assert!(pooling.pool(tokens, 2).is_none(), "{pooling:?} {tokens:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_norm_is_one(tokens in prop::collection::vec(-1e3_f32..1e3, 4 * 5)) {
            prop_assume!(tokens.iter().any(|x| x.abs() > 1e-3));
            for pooling in [Pooling::Mean, Pooling::Cls, Pooling::LastToken] {
                let Some(vector) = pooling.pool(&tokens, 4) else { continue };
                let norm: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum();
                prop_assert!((norm - 1.0).abs() < 1e-6);
            }
        }
    }
}
