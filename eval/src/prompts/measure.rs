//! What systems are compared by: one value for each question, more is better.

use super::score::PromptScore;

/// A measure of quality. None of length, time or money: which of those are worth a
/// better answer is not for a gate to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PromptMeasure {
    /// Over answerable questions: was anything right cited?
    RightCitation,
    /// Share of citations that are right.
    CitationPrecision,
    /// Share of what was needed that is cited.
    CitationRecall,
    /// Token F1 against the expected answers, where some are known.
    TokenF1,
    /// Exact match, likewise.
    ExactMatch,
    /// Over all questions: answered where the index answers, refused where it does not.
    AbstentionAccuracy,
    /// Over all questions: was the reply of the prompt's form?
    ReplyValidity,
    /// Where a judge was trusted: does it find the answer right?
    JudgedRight,
}

impl PromptMeasure {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::RightCitation,
        Self::CitationPrecision,
        Self::CitationRecall,
        Self::TokenF1,
        Self::ExactMatch,
        Self::AbstentionAccuracy,
        Self::ReplyValidity,
        Self::JudgedRight,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::RightCitation => "right citation",
            Self::CitationPrecision => "citation precision",
            Self::CitationRecall => "citation recall",
            Self::TokenF1 => "token F1",
            Self::ExactMatch => "exact match",
            Self::AbstentionAccuracy => "abstention accuracy",
            Self::ReplyValidity => "reply validity",
            Self::JudgedRight => "judged right",
        }
    }

    /// The value for one question, in `[0, 1]`.
    ///
    /// # Returns
    /// `None` where the measure says nothing of the question. That hangs on the question
    /// alone and not on the answer, so all systems have values for the same ones.
    pub fn of(self, answerable: bool, score: &PromptScore) -> Option<f64> {
        let flag = |holds: bool| f64::from(u8::from(holds));
        let quality = answerable.then_some(score.quality);
        match self {
            Self::RightCitation => quality.map(|it| flag(it.right)),
            Self::CitationPrecision => quality.map(|it| it.precision),
            Self::CitationRecall => quality.map(|it| it.recall),
            Self::TokenF1 => quality.and_then(|it| it.f1),
            Self::ExactMatch => quality.and_then(|it| it.exact).map(flag),
            Self::AbstentionAccuracy => Some(flag(score.refusing(answerable).is_accurate())),
            Self::ReplyValidity => Some(flag(score.valid)),
            Self::JudgedRight => score.judged_right.map(flag),
        }
    }
}
