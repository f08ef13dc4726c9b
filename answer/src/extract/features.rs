//! What is known of a sentence as an answer, as named numbers.

/// A named number in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SentenceFeature {
    /// Cosine of question and sentence, 0 for a negative one or without an encoder.
    Cosine,
    /// Share of the question's words in the sentence, each counting as much as it is
    /// rare in the index.
    WordMatch,
    /// Share of the question's words, likewise, that sentence, title and headings have
    /// together: a page named after the subject need not name it again.
    ContextMatch,
    /// The same of the whole passage with title and headings: where no passage has what
    /// the question names, nothing answers it.
    PassageMatch,
    /// Share of the question's code-like spellings in the sentence.
    CodeMatch,
    /// The reranker's score of question and sentence under its title; 0 where it was
    /// not read.
    Rerank,
    /// One over the rank of the sentence's passage.
    PassageRank,
    /// One over the sentence's place in its passage.
    Position,
    /// Words of the sentence, of at most 40, divided by 40.
    Length,
    /// 1 when it introduces code.
    Code,
}

impl SentenceFeature {
    /// All of them, in the order of files.
    pub const ALL: [Self; 10] = [
        Self::Cosine,
        Self::WordMatch,
        Self::ContextMatch,
        Self::PassageMatch,
        Self::CodeMatch,
        Self::Rerank,
        Self::PassageRank,
        Self::Position,
        Self::Length,
        Self::Code,
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::WordMatch => "word_match",
            Self::ContextMatch => "context_match",
            Self::PassageMatch => "passage_match",
            Self::CodeMatch => "code_match",
            Self::Rerank => "rerank",
            Self::PassageRank => "passage_rank",
            Self::Position => "position",
            Self::Length => "length",
            Self::Code => "code",
        }
    }
}

/// A sentence's features.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SentenceFeatures([f64; SentenceFeature::ALL.len()]);

impl SentenceFeatures {
    /// The value of one.
    pub fn get(&self, feature: SentenceFeature) -> f64 {
        self.0[feature as usize]
    }

    /// Sets one; what is no number counts as 0, what is outside as the nearer end.
    pub(super) fn set(&mut self, feature: SentenceFeature, value: f64) {
        self.0[feature as usize] = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    }
}
