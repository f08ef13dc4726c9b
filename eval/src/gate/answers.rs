//! What the gate knows of answers: how good the extractive ones are, and what prompts
//! say.

use std::collections::BTreeMap;

use answer::AnswerRequest;
use answer::prompt::{FollowUpPrompt, Prompt};
use corpora::Question;
use engine::Searcher;

use super::four_decimals;
use crate::answers::{AnswerReport, AnswerSet, KeepSentences, evaluate_answers};
use crate::error::EvalError;

/// Answers the questions once, with every default.
///
/// Over answerable questions: was a right sentence quoted, or would it have been, and how
/// much of what was needed? Over all: was the right question refused? Token F1 is left
/// out, since a sentence is compared with a phrase there and hardly moves it.
///
/// # Errors
/// Those of [`evaluate_answers`].
pub(super) fn measure_answers(
    searcher: &Searcher,
    questions: &[Question],
) -> Result<BTreeMap<String, f64>, EvalError> {
    let set = AnswerSet::of_questions(searcher, questions)?;
    let template = AnswerRequest::new("");
    let run =
        evaluate_answers(searcher, &set.questions, &template, KeepSentences::No, &mut |_| {})?;
    let report = AnswerReport::new(&set, &run);
    let figures = [
        ("right sentence", &report.sentence),
        ("citation recall", &report.citation_recall),
        ("abstention accuracy", &report.abstention.accuracy),
    ];
    let rounded = figures.map(|(name, estimate)| (name.to_owned(), four_decimals(estimate.mean)));
    Ok(rounded.into())
}

/// The prompts that come with the program: name to fingerprint.
///
/// # Errors
/// [`EvalError::Prompt`] for one that cannot be used.
pub(super) fn built_in_prompts() -> Result<BTreeMap<String, String>, EvalError> {
    let follow_up = FollowUpPrompt::built_in();
    let follow_up = Ok((follow_up.name(), follow_up.fingerprint()));
    Prompt::built_in_names()
        .map(|name| {
            let prompt =
                Prompt::built_in(name).map_err(|error| EvalError::Prompt(Box::new(error)))?;
            Ok((name.to_owned(), prompt.fingerprint()))
        })
        .chain([follow_up])
        .collect()
}
