//! What is known about a query and a candidate, as named numbers.
//!
//! Sixteen and no more: each must be explained to whoever reads a hit's
//! explanation. All lie in `[0, 1]` but for those on the scale of a distribution,
//! which may pass either end ([`Feature::FirstStage`], [`Feature::RerankInQuery`]), and
//! [`Feature::Lead`], a distance on it.

use std::fmt;

/// A named number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Distinct words of the query, of at most 32, divided by 32.
    QueryWords,
    /// 1 when the query is a question: it begins with a question word or ends with
    /// a question mark.
    Question,
    /// 1 when the query has a word that reads like code.
    CodeQuery,
    /// Share of the legs' first ten candidates that both have.
    LegsAgree,
    /// The first candidate's lead over the second, in widths of the first stage's
    /// scale.
    Lead,
    /// The first stage's score on the distribution's scale of its first hundred:
    /// the middle is the mean, the ends are three deviations away.
    FirstStage,
    /// The lexical leg's score from its last candidate (0) to its first (1); 0
    /// outside the leg.
    Lexical,
    /// The same of the dense leg.
    Dense,
    /// One over the rank in the lexical leg; 0 outside.
    LexicalRank,
    /// One over the rank in the dense leg; 0 outside.
    DenseRank,
    /// Share of the query's words in the passage, each counting as much as it is
    /// rare.
    WordMatch,
    /// The same in title and headings.
    TitleMatch,
    /// Share of the query's code-like spellings in the passage.
    CodeMatch,
    /// Late interaction's score; 0 where the pipeline has none.
    MaxSim,
    /// The reranker's score.
    Rerank,
    /// The reranker's score on the scale of this query's first ten, which is at least
    /// 0.05 wide: models trained to order passages give scores whose level differs
    /// from query to query.
    RerankInQuery,
}

/// When a feature is known, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// Before reranking, the same for all candidates of a query: it moves nothing
    /// by itself, but may decide what a score of a model counts.
    Query,
    /// Before reranking, of a candidate.
    Candidate,
    /// A model's, after reading the passage.
    Model,
}

impl Feature {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 16] = [
        Self::QueryWords,
        Self::Question,
        Self::CodeQuery,
        Self::LegsAgree,
        Self::Lead,
        Self::FirstStage,
        Self::Lexical,
        Self::Dense,
        Self::LexicalRank,
        Self::DenseRank,
        Self::WordMatch,
        Self::TitleMatch,
        Self::CodeMatch,
        Self::MaxSim,
        Self::Rerank,
        Self::RerankInQuery,
    ];

    /// The name in files and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::QueryWords => "query_words",
            Self::Question => "question",
            Self::CodeQuery => "code_query",
            Self::LegsAgree => "legs_agree",
            Self::Lead => "lead",
            Self::FirstStage => "first_stage",
            Self::Lexical => "lexical",
            Self::Dense => "dense",
            Self::LexicalRank => "lexical_rank",
            Self::DenseRank => "dense_rank",
            Self::WordMatch => "word_match",
            Self::TitleMatch => "title_match",
            Self::CodeMatch => "code_match",
            Self::MaxSim => "max_sim",
            Self::Rerank => "rerank",
            Self::RerankInQuery => "rerank_in_query",
        }
    }

    /// The feature of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// When it is known, and for what.
    pub fn kind(self) -> FeatureKind {
        match self {
            Self::QueryWords | Self::Question | Self::CodeQuery | Self::LegsAgree | Self::Lead => {
                FeatureKind::Query
            }
            Self::FirstStage
            | Self::Lexical
            | Self::Dense
            | Self::LexicalRank
            | Self::DenseRank
            | Self::WordMatch
            | Self::TitleMatch
            | Self::CodeMatch => FeatureKind::Candidate,
            Self::MaxSim | Self::Rerank | Self::RerankInQuery => FeatureKind::Model,
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The features of one candidate; what was not set is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features([f64; Feature::ALL.len()]);

impl Features {
    /// A feature's value.
    pub fn get(&self, feature: Feature) -> f64 {
        self.0[feature as usize]
    }

    /// Sets a feature.
    pub fn set(&mut self, feature: Feature, value: f64) {
        self.0[feature as usize] = value;
    }

    /// All features with their values, in the order of [`Feature::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Feature, f64)> + '_ {
        Feature::ALL.into_iter().map(|feature| (feature, self.get(feature)))
    }
}

/// Words with which English questions begin.
const QUESTION_WORDS: [&str; 18] = [
    "what", "who", "whom", "whose", "which", "where", "when", "why", "how", "is", "are", "was",
    "do", "does", "did", "can", "could", "should",
];

/// Whether a query is a question.
pub(crate) fn is_question(query: &str) -> bool {
    let first = query.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
    let asks = |word: &str| QUESTION_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
    query.trim_end().ends_with('?') || first.is_some_and(asks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_the_order_is_that_of_the_values() {
        let mut features = Features::default();
        for (at, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(Feature::named(feature.name()), Some(feature));
            features.set(feature, at as f64);
        }
        for (at, (feature, value)) in features.iter().enumerate() {
            assert_eq!((feature, value), (Feature::ALL[at], at as f64));
        }
        assert_eq!(Feature::named("first stage"), None);
    }

    #[test]
    fn questions_are_told_from_keywords() {
        for query in ["Who owns a value", "is it so", "«What»", "really? "] {
            assert!(is_question(query), "{query}");
        }
        for query in ["whatever owns", "value owner", "", "E0382: use"] {
            assert!(!is_question(query), "{query}");
        }
    }
}
