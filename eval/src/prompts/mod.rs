//! Prompts compared: what each model answers when it is told what each prompt says.
//!
//! A question is searched for once, and every system answers from that one context, so
//! that what differs between two of them is the writing alone, and every comparison is
//! paired. The extractive answer is always among them: it costs nothing, and a model
//! that is no better than it is not worth its price. Nothing is dropped: a reply that
//! cannot be read, or none at all, is an outcome with its error.

mod against;
mod asking;
mod judge;
mod measure;
mod report;
mod run;
mod score;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use answer::model::{LanguageModel, Schema};
use answer::prompt::{CLAIMS_SCHEMA, Prompt, ReplyForm};
use answer::{AnswerRequest, Retrieved};
use engine::Searcher;
use futures_util::{StreamExt, TryStreamExt, stream};

pub use against::{AgainstReport, MeasureChange, SystemChange};
pub use judge::{Judge, JudgeReport, LabelledAnswer, read_labels};
pub use measure::PromptMeasure;
pub use report::{MeasuredPrompt, PromptFailure, PromptReport, PromptSystemReport};
pub use run::{AskedQuestion, PromptRun, PromptSystem, SystemAnswers, system_position};
pub use score::{PromptScore, Spent, Treatment};

use crate::answers::{AnswerQuestion, AnswerSet, failed, retrieve_question};
use crate::error::EvalError;
use asking::{Replied, ask};

/// Questions whose contexts are kept at a time: bounds the memory, and a model that
/// cannot be asked shows after so many, not after all of them were searched for.
const BATCH: usize = 32;

/// A model and what it is told.
pub struct PromptWriter {
    model: Arc<dyn LanguageModel>,
    prompt: Prompt,
    /// What a reply must fit, where the prompt asks for JSON.
    schema: Option<Schema>,
}

impl PromptWriter {
    /// Pairs a model with a prompt.
    ///
    /// # Errors
    /// [`EvalError::Schema`] where the schema of claims cannot be used;
    /// [`EvalError::ValuePrompt`] for a prompt whose answers have a caller's form.
    pub fn new(model: Arc<dyn LanguageModel>, prompt: Prompt) -> Result<Self, EvalError> {
        let schema = match prompt.form() {
            ReplyForm::Prose => None,
            ReplyForm::Json => Some(Schema::parse(CLAIMS_SCHEMA)?),
            ReplyForm::Value => return Err(EvalError::ValuePrompt { name: prompt.name() }),
        };
        Ok(Self { model, prompt, schema })
    }

    /// What reports call it.
    pub fn system(&self) -> PromptSystem {
        PromptSystem::written(self.model.name(), &self.prompt)
    }
}

/// The systems that are compared: the extractive answer, then each writer.
///
/// # Errors
/// [`EvalError::TwoSystems`] for two of one name: they could not be told apart.
pub fn prompt_systems(writers: &[PromptWriter]) -> Result<Vec<PromptSystem>, EvalError> {
    let written = writers.iter().map(PromptWriter::system);
    let systems: Vec<_> = std::iter::once(PromptSystem::extractive()).chain(written).collect();
    let mut names = BTreeSet::new();
    match systems.iter().find(|system| !names.insert(system.name.as_str())) {
        Some(twice) => Err(EvalError::TwoSystems { name: twice.name.clone() }),
        None => Ok(systems),
    }
}

/// A question with what was found for it.
struct Found<'q> {
    question: &'q AnswerQuestion,
    request: AnswerRequest,
    retrieved: Retrieved,
}

/// Has every system answer every question, and scores what they say.
///
/// Searching, choosing and looking citations up happen while no model is waited for, so
/// that they lengthen no model's time.
///
/// # Arguments
/// * `template` - how questions are searched for and their contexts made.
/// * `concurrency` - requests that are under way at the same time; at least 1 counts.
/// * `on_answer` - called after each answer of each system.
///
/// # Returns
/// Answers in the order of the questions, whatever order they came in.
///
/// # Errors
/// [`EvalError::TwoSystems`]; [`EvalError::Answer`] and [`EvalError::Degraded`] with the
/// question's id; [`EvalError::Model`] for a failure that every question would meet,
/// [`EvalError::Prompt`] for a prompt that cannot be filled in. Any other failure of a
/// model is scored.
pub async fn evaluate_prompts(
    searcher: &Searcher,
    set: &AnswerSet,
    template: &AnswerRequest,
    writers: &[PromptWriter],
    concurrency: usize,
    on_answer: &dyn Fn(),
) -> Result<PromptRun, EvalError> {
    let AnswerSet { questions, unresolved, n_without_place } = set;
    let mut run = PromptRun::new(prompt_systems(writers)?);
    run.unresolved = unresolved.len() + n_without_place;
    let replied: Vec<Replied> = writers.iter().map(|_| Cell::new(false)).collect();
    if let Some(question) = questions.first() {
        // The first one pays for files that are not in memory yet.
        let (request, found) = retrieve_question(searcher, question, template)?;
        found.extract(searcher, &request).map_err(|source| failed(question, source))?;
    }
    for batch in questions.chunks(BATCH) {
        let mut found = Vec::with_capacity(batch.len());
        for question in batch {
            let (request, retrieved) = retrieve_question(searcher, question, template)?;
            let outcome = retrieved
                .clone()
                .extract(searcher, &request)
                .map_err(|source| failed(question, source))?;
            run.questions.push(AskedQuestion::new(question, retrieved.timings_ms.total));
            run.systems[0].answers.push(PromptScore::extractive(question, &outcome));
            on_answer();
            found.push(Found { question, request, retrieved });
        }
        let asked = found.iter().flat_map(|Found { question, retrieved, .. }| {
            writers.iter().zip(&replied).map(move |(writer, replied)| async move {
                let reply = ask(writer, &question.text, &retrieved.context, replied).await;
                on_answer();
                reply
            })
        });
        let replies: Vec<_> =
            stream::iter(asked).buffered(concurrency.max(1)).try_collect().await?;
        let mut replies = replies.into_iter();
        for found in &found {
            let written = run.systems[1..].iter_mut().zip(writers).zip(replies.by_ref());
            for ((system, writer), reply) in written {
                let Found { question, request, retrieved } = found;
                let score = reply
                    .score(question, writer, |parsed, took| {
                        retrieved.clone().ground(searcher, request, parsed, took)
                    })
                    .map_err(|source| failed(question, source))?;
                system.answers.push(score);
            }
        }
    }
    Ok(run)
}
