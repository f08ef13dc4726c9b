//! What one system made of one question.

use std::collections::BTreeMap;
use std::time::Duration;

use answer::model::{StopReason, StructuredError, Usage};
use answer::prompt::ParsedAnswer;
use answer::{Answer, AnswerError, AnswerOutcome, WriteError, Written};
use serde::{Deserialize, Serialize};

use super::PromptWriter;
use super::asking::Reply;
use crate::answers::{AnswerQuestion, Quality, Refusing};

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// It was answered.
    Answered,
    /// It was refused.
    Abstained,
    /// The model failed, or its reply cannot be read. That is neither an answer nor a
    /// refusal: whoever says nothing has not said that nothing is known.
    Failed,
}

/// What asking a model took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// The model as its server names it; `None` where it did not reply.
    pub model: Option<String>,
    /// Tries after the first.
    pub retries: u32,
    /// Times it was told what in its reply does not fit: 0 or 1.
    pub repairs: u32,
    /// Milliseconds from asking to the first piece; `None` where none came.
    pub first_piece_ms: Option<f64>,
    /// Tokens read; `None` where the server does not say.
    pub input_tokens: Option<u64>,
    /// Tokens written; likewise.
    pub output_tokens: Option<u64>,
    /// US dollars; `None` where the price or a count is unknown.
    pub cost_usd: Option<f64>,
}

/// An answer with its score. What a system failed to say counts 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptScore {
    /// What became of the question.
    pub treatment: Treatment,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How good what was said is; of no meaning for a question that nothing answers.
    #[serde(flatten)]
    pub quality: Quality,
    /// Citations by verdict.
    pub citations: BTreeMap<String, usize>,
    /// Whether the reply was of the prompt's form; true for an extractive answer.
    pub valid: bool,
    /// Where the prompt asks for JSON, what in the reply does not fit its schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Words of the answer, without markers.
    pub words: usize,
    /// Whether the reply ended at the limit of output tokens.
    pub is_cut: bool,
    /// What a model took; `None` for an extractive answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// Milliseconds from the context to the answer, its citations looked up.
    pub ms: f64,
    /// The answer's words, without markers.
    pub answer: String,
    /// The reply as it came.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reply: String,
    /// What a judge says; `None` where none was asked about the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_right: Option<bool>,
}

impl PromptScore {
    /// The score of sentences that were quoted.
    pub(super) fn extractive(question: &AnswerQuestion, outcome: &AnswerOutcome) -> Self {
        let ms = outcome.timings_ms;
        Self { ms: ms.answer + ms.verify, ..Self::of_answer(question, &outcome.answer) }
    }

    /// The score of what is said, apart from what it took.
    fn of_answer(question: &AnswerQuestion, answer: &Answer) -> Self {
        let claims: Vec<&str> = answer.claims.iter().map(|claim| claim.text.as_str()).collect();
        let text = claims.join(" ");
        let mut citations = BTreeMap::new();
        for citation in &answer.citations {
            *citations.entry(citation.verdict.to_string()).or_insert(0) += 1;
        }
        Self {
            treatment: if answer.abstained { Treatment::Abstained } else { Treatment::Answered },
            quality: question.judge(&answer.citations, &text),
            citations,
            valid: true,
            words: text.split_whitespace().count(),
            answer: text,
            ..Self::nothing(question)
        }
    }

    /// The score of nothing.
    fn nothing(question: &AnswerQuestion) -> Self {
        Self {
            treatment: Treatment::Failed,
            error: None,
            quality: question.judge(&[], ""),
            citations: BTreeMap::new(),
            valid: false,
            problems: Vec::new(),
            words: 0,
            is_cut: false,
            spent: None,
            ms: 0.0,
            answer: String::new(),
            reply: String::new(),
            judged_right: None,
        }
    }

    /// As far as refusing goes.
    pub(super) fn refusing(&self, answerable: bool) -> Refusing {
        Refusing {
            answerable,
            answered: self.treatment == Treatment::Answered,
            abstained: self.treatment == Treatment::Abstained,
            right: self.quality.right,
        }
    }

    /// Whether there is a reply that does not fit, repaired or not.
    pub(super) fn is_unfit(&self) -> bool {
        !self.valid && self.spent.as_ref().is_some_and(|spent| spent.model.is_some())
    }
}

impl Reply {
    /// Scores what came.
    ///
    /// # Arguments
    /// * `ground` - makes an answer of a reply that was read.
    ///
    /// # Errors
    /// What `ground` answers.
    pub(super) fn score(
        self,
        question: &AnswerQuestion,
        writer: &PromptWriter,
        ground: impl FnOnce(&ParsedAnswer, Duration) -> Result<AnswerOutcome, AnswerError>,
    ) -> Result<PromptScore, AnswerError> {
        let spent = self.spent();
        let Self { written, text, completions, took } = self;
        let took_ms = took.as_secs_f64() * 1e3;
        let is_cut = completions.last().is_some_and(|it| it.stop == StopReason::Length);
        let schema = writer.schema.as_ref().filter(|_| !completions.is_empty());
        let problems = schema.and_then(|schema| schema.read(&text).err()).unwrap_or_default();
        let scored = match written {
            Ok(Written { reply, .. }) => {
                let outcome = ground(&reply, took)?;
                PromptScore {
                    valid: problems.is_empty(),
                    ms: took_ms + outcome.timings_ms.verify,
                    ..PromptScore::of_answer(question, &outcome.answer)
                }
            }
            Err(error) => PromptScore {
                error: Some(error.to_string()),
                ms: took_ms,
                ..PromptScore::nothing(question)
            },
        };
        Ok(PromptScore { problems, is_cut, spent: Some(spent), reply: text, ..scored })
    }

    fn spent(&self) -> Spent {
        if let ([first, ..], Some(last)) = (&self.completions[..], self.completions.last()) {
            let usage: Usage = self.completions.iter().map(|it| it.usage).sum();
            return Spent {
                model: Some(last.model.clone()),
                retries: self.completions.iter().map(|it| it.retries).sum(),
                repairs: self.completions.len() as u32 - 1,
                first_piece_ms: first.first_piece.map(|took| took.as_secs_f64() * 1e3),
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cost_usd: usage.cost_usd,
            };
        }
        match &self.written {
            Err(
                WriteError::Model(error)
                | WriteError::Structured(StructuredError::Model { source: error }),
            ) => Spent { retries: error.tries.saturating_sub(1), ..Spent::default() },
            // Nothing was found, so nothing was put to the model.
            _ => Spent {
                input_tokens: Some(0),
                output_tokens: Some(0),
                cost_usd: Some(0.0),
                ..Spent::default()
            },
        }
    }
}
