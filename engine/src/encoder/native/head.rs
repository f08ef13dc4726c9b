//! From a pair's token vectors to one number: pooling, perhaps a dense layer, a
//! linear head.
//!
//! All of it in `f32` with sums in `f64`: one row a pair, under a thousandth of
//! the time of the layers before it, so nothing is gained by bytes here.

/// What follows the layers in a model that scores pairs.
#[derive(Debug)]
pub(crate) struct ScoreHead {
    /// BERT's pooler, where the checkpoint has one.
    pub(super) pooler: Option<Pooler>,
    /// `[hidden]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: f32,
}

/// A dense layer with a hyperbolic tangent behind it.
#[derive(Debug)]
pub(super) struct Pooler {
    /// `[hidden, hidden]`, row-major, a row per output.
    pub(super) weights: Vec<f32>,
    /// `[hidden]`.
    pub(super) bias: Vec<f32>,
}

/// Which token vectors a score is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScorePooling {
    /// The mean of all of them.
    Mean,
    /// The first one's.
    Cls,
}

impl ScoreHead {
    /// The score of a run, before any activation; `None` when it is not finite.
    ///
    /// # Arguments
    /// * `states` - `[tokens, hidden]`, row-major, at least one row.
    pub(crate) fn score(&self, states: &[f32], pooling: ScorePooling) -> Option<f32> {
        let hidden = self.weights.len();
        let pooled: Vec<f64> = match pooling {
            ScorePooling::Cls => states.get(..hidden)?.iter().map(|&x| x.into()).collect(),
            ScorePooling::Mean => {
                let mut sum = vec![0.0_f64; hidden];
                for token in states.chunks_exact(hidden) {
                    sum.iter_mut().zip(token).for_each(|(sum, &x)| *sum += f64::from(x));
                }
                let tokens = (states.len() / hidden) as f64;
                sum.into_iter().map(|x| x / tokens).collect()
            }
        };
        let pooled = match &self.pooler {
            Some(pooler) => pooler.apply(&pooled),
            None => pooled,
        };
        let score = (dot(&self.weights, &pooled) + f64::from(self.bias)) as f32;
        score.is_finite().then_some(score)
    }
}

impl Pooler {
    fn apply(&self, pooled: &[f64]) -> Vec<f64> {
        let rows = self.weights.chunks_exact(pooled.len()).zip(&self.bias);
        rows.map(|(row, &bias)| (dot(row, pooled) + f64::from(bias)).tanh()).collect()
    }
}

fn dot(weights: &[f32], values: &[f64]) -> f64 {
    weights.iter().zip(values).map(|(&w, x)| f64::from(w) * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_pooler_and_head_are_applied_in_turn() {
        let head = |pooler| ScoreHead { pooler, weights: vec![2.0, -1.0], bias: 0.5 };
        let states = [1.0, 3.0, 3.0, 5.0];
        // The mean is (2, 4): 2·2 - 4 + ½; the first row is (1, 3): 2 - 3 + ½.
        assert_eq!(head(None).score(&states, ScorePooling::Mean), Some(0.5));
        assert_eq!(head(None).score(&states, ScorePooling::Cls), Some(-0.5));
        // The pooler swaps the components and adds (0, 1) before the tangent.
        let pooler = Pooler { weights: vec![0.0, 1.0, 1.0, 0.0], bias: vec![0.0, 1.0] };
        let found = head(Some(pooler)).score(&states, ScorePooling::Cls).unwrap();
        assert!((f64::from(found) - (2.0 * 3_f64.tanh() - 2_f64.tanh() + 0.5)).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_a_number_is_no_score() {
        let head = ScoreHead { pooler: None, weights: vec![1.0], bias: 0.0 };
        for states in [&[f32::NAN][..], &[f32::INFINITY], &[]] {
            assert_eq!(head.score(states, ScorePooling::Mean), None, "{states:?}");
            assert_eq!(head.score(states, ScorePooling::Cls), None, "{states:?}");
        }
    }
}
