//! Answers judged: is the right sentence quoted, is the right question left unanswered?
//!
//! Choosing and abstaining are judged apart. *Choosing*: over the questions that the
//! index answers, what was quoted, or would have been. *Abstaining*: over all
//! questions, who was refused. A sentence is right when it shares a byte with a place
//! that proves the answer, the rule by which passages are judged too.

mod features;
mod quality;
mod report;
mod truth;
mod words;

use answer::{
    AnswerError, AnswerOutcome, AnswerRequest, Candidate, Citation, Retrieved, rated_sentences,
    retrieve,
};
use engine::Searcher;

pub use features::write_sentences;
pub use quality::Quality;
pub use report::{AbstentionReport, AnswerReport};
pub(crate) use report::{Refusing, estimate};
pub use truth::{AnswerQuestion, AnswerSet, Need};

use crate::error::EvalError;

/// What became of a question.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerScore {
    /// Its id.
    pub id: String,
    /// Whether the index holds an answer.
    pub answerable: bool,
    /// Whether it was refused.
    pub abstained: bool,
    /// The chance given to the answer, in `[0, 1]`.
    pub confidence: f64,
    /// Whether the best passage of the context meets a need.
    pub top_passage: bool,
    /// Whether any passage of the context does.
    pub context: bool,
    /// How good what is quoted is, or what would have been quoted.
    pub quality: Quality,
    /// Citations, and how many of them hold.
    pub citations: (usize, usize),
    /// Milliseconds: the search, and the whole answer.
    pub ms: (f64, f64),
}

/// A sentence that was considered, with its truth: what weights are fitted to.
#[derive(Clone, Debug, PartialEq)]
pub struct SentenceRow {
    /// The question's id.
    pub question: String,
    /// Whether the index answers it.
    pub answerable: bool,
    /// Whether the sentence meets a need.
    pub right: bool,
    /// The sentence.
    pub candidate: Candidate,
}

/// What came of a set of questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerRun {
    /// In the order of the questions.
    pub scores: Vec<AnswerScore>,
    /// The sentences considered, if they were wanted.
    pub sentences: Vec<SentenceRow>,
}

/// Whether the sentences considered are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepSentences {
    /// No.
    No,
    /// Yes; each question's sentences are then judged a second time, outside its time.
    Yes,
}

/// Answers every question and scores what was said.
///
/// # Arguments
/// * `template` - how questions are answered; its question and query are replaced.
/// * `on_question` - called after each with the number done.
///
/// # Errors
/// [`EvalError::Answer`] with the question's id, and [`EvalError::Degraded`] when a
/// stage of its search was left out.
pub fn evaluate_answers(
    searcher: &Searcher,
    questions: &[AnswerQuestion],
    template: &AnswerRequest,
    keep: KeepSentences,
    on_question: &mut dyn FnMut(usize),
) -> Result<AnswerRun, EvalError> {
    let mut run = AnswerRun::default();
    for (at, question) in questions.iter().enumerate() {
        let failed = |source| failed(question, source);
        if at == 0 {
            // The first one pays for files that are not in memory yet.
            let (request, found) = retrieve_question(searcher, question, template)?;
            found.extract(searcher, &request).map_err(failed)?;
        }
        let (request, found) = retrieve_question(searcher, question, template)?;
        let outcome = found.extract(searcher, &request).map_err(failed)?;
        run.scores.push(score(question, &outcome));
        if keep == KeepSentences::Yes {
            let pipeline = request.search.rerank.and(searcher.reranker());
            let rated = rated_sentences(
                &question.text,
                &outcome.context,
                searcher,
                pipeline.map(|pipeline| pipeline.reranker()),
                &request.extract,
            );
            let rated = rated.map_err(|error| failed(error.into()))?;
            run.sentences.extend(rated.into_iter().map(|candidate| SentenceRow {
                question: question.id.clone(),
                answerable: question.is_answerable(),
                right: !question.met_by(&candidate.document, candidate.span).is_empty(),
                candidate,
            }));
        }
        on_question(at + 1);
    }
    Ok(run)
}

/// What a question is answered from, and how.
///
/// # Errors
/// [`EvalError::Answer`], and [`EvalError::Degraded`] when a stage of the search was left
/// out.
pub(crate) fn retrieve_question(
    searcher: &Searcher,
    question: &AnswerQuestion,
    template: &AnswerRequest,
) -> Result<(AnswerRequest, Retrieved), EvalError> {
    let mut request = template.clone();
    request.question.clone_from(&question.text);
    request.search.query.clone_from(&question.text);
    let found = retrieve(searcher, &request).map_err(|source| failed(question, source))?;
    if let Some(left_out) = found.found.degraded.first() {
        return Err(EvalError::Degraded {
            topic: question.id.clone(),
            stage: left_out.stage.to_string(),
            reason: left_out.reason.clone(),
        });
    }
    Ok((request, found))
}

/// The error of one question.
pub(crate) fn failed(question: &AnswerQuestion, source: AnswerError) -> EvalError {
    EvalError::Answer { question: question.id.clone(), source: Box::new(source) }
}

fn score(question: &AnswerQuestion, outcome: &AnswerOutcome) -> AnswerScore {
    let AnswerOutcome { answer, context, timings_ms, .. } = outcome;
    let shown: &[Citation] = if answer.abstained { &answer.nearest } else { &answer.citations };
    let passages = context.by_rank();
    let holds = |passage: &&answer::ContextPassage| {
        !question.met_by(&passage.document, passage.span).is_empty()
    };
    let text = shown.iter().map(|citation| citation.quote.as_str()).collect::<Vec<_>>().join(" ");
    AnswerScore {
        id: question.id.clone(),
        answerable: question.is_answerable(),
        abstained: answer.abstained,
        confidence: answer.confidence.unwrap_or(0.0),
        top_passage: passages.first().is_some_and(holds),
        context: passages.iter().any(holds),
        quality: question.judge(shown, &text),
        citations: (shown.len(), shown.iter().filter(|it| it.verdict.holds()).count()),
        ms: (timings_ms.search, timings_ms.total),
    }
}
