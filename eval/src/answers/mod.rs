//! Answers judged: is the right sentence quoted, is the right question left unanswered?
//!
//! Choosing and abstaining are judged apart. *Choosing*: over the questions that the
//! index answers, what was quoted, or would have been. *Abstaining*: over all
//! questions, who was refused. A sentence is right when it shares a byte with a place
//! that proves the answer, the rule by which passages are judged too.

mod features;
mod report;
mod truth;
mod words;

use answer::{
    AnswerError, AnswerOutcome, AnswerRequest, Candidate, Citation, answer_question,
    rated_sentences,
};
use engine::Searcher;

pub use features::write_sentences;
pub use report::{AbstentionReport, AnswerReport};
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
    /// Whether a quoted sentence does.
    pub sentence: bool,
    /// Share of the citations that meet a need, in `[0, 1]`; 0 without any.
    pub precision: f64,
    /// Share of the needs that a citation meets, in `[0, 1]`.
    pub recall: f64,
    /// Token F1 of the quoted text against the expected answers; `None` where none is
    /// expected.
    pub f1: Option<f64>,
    /// Whether the quoted text is an expected answer; likewise.
    pub exact: Option<bool>,
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
        let mut request = template.clone();
        request.question.clone_from(&question.text);
        request.search.query.clone_from(&question.text);
        let failed = |source: AnswerError| EvalError::Answer {
            question: question.id.clone(),
            source: Box::new(source),
        };
        if at == 0 {
            // The first one pays for files that are not in memory yet.
            answer_question(searcher, &request).map_err(failed)?;
        }
        let outcome = answer_question(searcher, &request).map_err(failed)?;
        if let Some(left_out) = outcome.found.degraded.first() {
            return Err(EvalError::Degraded {
                topic: question.id.clone(),
                stage: left_out.stage.to_string(),
                reason: left_out.reason.clone(),
            });
        }
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

fn score(question: &AnswerQuestion, outcome: &AnswerOutcome) -> AnswerScore {
    let AnswerOutcome { answer, context, timings_ms, .. } = outcome;
    let shown: &[Citation] = if answer.abstained { &answer.nearest } else { &answer.citations };
    let places = shown.iter().filter_map(|citation| citation.cited.as_ref());
    let met: Vec<Vec<usize>> =
        places.map(|place| question.met_by(&place.document, place.span)).collect();
    let n_right = met.iter().filter(|needs| !needs.is_empty()).count();
    let covered = (0..question.needs.len()).filter(|need| met.iter().flatten().any(|m| m == need));
    let passages = context.by_rank();
    let holds = |passage: &&answer::ContextPassage| {
        !question.met_by(&passage.document, passage.span).is_empty()
    };
    let text = shown.iter().map(|citation| citation.quote.as_str()).collect::<Vec<_>>().join(" ");
    let expects = !question.expected.is_empty();
    AnswerScore {
        id: question.id.clone(),
        answerable: question.is_answerable(),
        abstained: answer.abstained,
        confidence: answer.confidence.unwrap_or(0.0),
        top_passage: passages.first().is_some_and(holds),
        context: passages.iter().any(holds),
        sentence: n_right > 0,
        precision: n_right as f64 / shown.len().max(1) as f64,
        recall: covered.count() as f64 / question.needs.len().max(1) as f64,
        f1: expects.then(|| words::token_f1(&text, &question.expected)),
        exact: expects.then(|| words::exact_match(&text, &question.expected)),
        citations: (shown.len(), shown.iter().filter(|it| it.verdict.holds()).count()),
        ms: (timings_ms.search, timings_ms.total),
    }
}
