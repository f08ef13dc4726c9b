//! What a searcher reranks with: a model, perhaps late interaction beside it, and
//! the weights that make one score of all that is known.

use std::sync::Arc;

use super::mixers::Mixers;
use super::window::tokens_of_bytes;
use super::{
    Feature, FirstStage, LateInteraction, Mixer, ModelScores, RerankError, RerankPassage,
    RerankQuery, Reranker,
};

/// A reranker with its window and its mixer.
#[derive(Clone)]
pub struct RerankPipeline {
    reranker: Arc<dyn Reranker>,
    late: Option<Arc<LateInteraction>>,
    mixers: Mixers,
    window_tokens: usize,
    fingerprint: String,
}

impl RerankPipeline {
    /// Tokens of a passage that a model is shown by default. Two cores read some
    /// 3,500 tokens in 150 ms, which is 25 windows of this size.
    pub const WINDOW_TOKENS: usize = 128;

    /// Most tokens of a passage that a model can be shown: as long as the longest
    /// pairs of the models that read long ones.
    pub const MAX_WINDOW_TOKENS: usize = 8192;

    /// Tokens that a pair has beside its window: a question, a title, special ones.
    const PAIR_TOKENS: usize = 24;

    /// A reranker with the shipped weights and the default window.
    pub fn new(reranker: Arc<dyn Reranker>) -> Self {
        let pipeline = Self {
            reranker,
            late: None,
            mixers: Mixers::shipped(),
            window_tokens: Self::WINDOW_TOKENS,
            fingerprint: String::new(),
        };
        pipeline.identified()
    }

    /// The same with other weights, whatever the first stage.
    #[must_use]
    pub fn with_mixer(self, mixer: Mixer) -> Self {
        Self { mixers: Mixers::same(mixer), ..self }.identified()
    }

    /// The same with late interaction as a further feature, which costs about as
    /// much again.
    #[must_use]
    pub fn with_late_interaction(self, late: Arc<LateInteraction>) -> Self {
        Self { late: Some(late), ..self }.identified()
    }

    /// The same with windows of so many tokens; a number outside 1 to
    /// [`RerankPipeline::MAX_WINDOW_TOKENS`] counts as the nearer end.
    #[must_use]
    pub fn with_window_tokens(self, window_tokens: usize) -> Self {
        let window_tokens = window_tokens.clamp(1, Self::MAX_WINDOW_TOKENS);
        Self { window_tokens, ..self }.identified()
    }

    fn identified(self) -> Self {
        let late = self.late.as_ref().map_or("", |late| late.fingerprint());
        let fingerprint = format!(
            "{} {late} window {} mixer {}",
            self.reranker.fingerprint(),
            self.window_tokens,
            self.mixers.fingerprint()
        );
        Self { fingerprint, ..self }
    }

    /// The reranker's name.
    pub fn name(&self) -> &str {
        self.reranker.name()
    }

    /// What scores pairs.
    pub fn reranker(&self) -> &dyn Reranker {
        self.reranker.as_ref()
    }

    /// Equal fingerprints, equal rankings of the same candidates of one index.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The weights' name; where those for a first stage of words alone are others, both.
    pub fn mixer_name(&self) -> String {
        let names: Vec<&str> = self.mixers.distinct().map(Mixer::name).collect();
        names.join(" or ")
    }

    /// The weights behind a first stage.
    pub(crate) fn mixer_behind(&self, first: FirstStage) -> &Mixer {
        self.mixers.behind(first)
    }

    /// Tokens of a passage that a model is shown.
    pub fn window_tokens(&self) -> usize {
        self.window_tokens
    }

    /// Whether late interaction beside the reranker takes its time and moves no score,
    /// as the mixer has no weight for it: of use only to learn one.
    pub fn has_idle_late_interaction(&self) -> bool {
        let reads = |mixer: &Mixer| {
            let (terms, _) = mixer.terms();
            terms.iter().any(|term| term.feature == Feature::MaxSim)
        };
        self.late.is_some() && !self.mixers.distinct().any(reads)
    }

    /// Milliseconds that one thread is expected to need for a candidate that fills its
    /// window.
    pub fn candidate_ms(&self) -> f64 {
        self.tokens_ms(self.window_tokens + Self::PAIR_TOKENS)
    }

    /// The same for one of which so many bytes are shown, the query's included.
    pub(crate) fn bytes_ms(&self, bytes: usize) -> f64 {
        self.tokens_ms(tokens_of_bytes(bytes).min(self.window_tokens + Self::PAIR_TOKENS))
    }

    fn tokens_ms(&self, tokens: usize) -> f64 {
        let of_window = tokens.min(self.window_tokens);
        let late = self.late.as_ref().map_or(0.0, |late| late.estimate_ms(of_window));
        self.reranker.estimate_ms(tokens) + late
    }

    /// What the models say, over the caller's rayon pool.
    pub(crate) fn score(
        &self,
        query: &RerankQuery<'_>,
        passages: &[RerankPassage<'_>],
    ) -> Result<Vec<ModelScores>, RerankError> {
        let rerank = counted(self.reranker.as_ref(), query, passages)?;
        let max_sim = match &self.late {
            Some(late) => counted(late.as_ref(), query, passages)?,
            None => vec![0.0; passages.len()],
        };
        let pairs = rerank.into_iter().zip(max_sim);
        let wide = |(rerank, max_sim): (f32, f32)| ModelScores {
            rerank: rerank.into(),
            max_sim: max_sim.into(),
        };
        Ok(pairs.map(wide).collect())
    }
}

fn counted(
    reranker: &dyn Reranker,
    query: &RerankQuery<'_>,
    passages: &[RerankPassage<'_>],
) -> Result<Vec<f32>, RerankError> {
    let scores = reranker.score(query, passages)?;
    if scores.len() == passages.len() {
        return Ok(scores);
    }
    let (reranker, found) = (reranker.name().to_owned(), scores.len());
    Err(RerankError::Count { reranker, found, expected: passages.len() })
}

impl std::fmt::Debug for RerankPipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RerankPipeline")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
