//! A model as a judge of answers, itself judged first.
//!
//! A judge is asked about answers that people have labelled before it is asked about any
//! other. How far it agrees with them is reported in any case; what it says of the
//! systems counts only if that agreement is surely more than chance gives.

mod labels;

use std::cell::Cell;
use std::sync::Arc;

use answer::model::{
    Completed, Completion, LanguageModel, ModelError, Schema, StructuredError, complete_structured,
};
use answer::prompt::{Prompt, PromptInputs, PromptPassage};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

pub use labels::{LabelledAnswer, read_labels};

use super::asking::{Replied, is_hopeless};
use super::run::PromptRun;
use super::score::Treatment;
use crate::answers::{AnswerQuestion, estimate};
use crate::error::EvalError;
use crate::report::Estimate;
use crate::stats::{Bootstrap, kappa};

/// What a judge is told.
const PROMPT: &str = include_str!("../../../prompts/judge-v1.toml");

/// What it must reply.
const SCHEMA: &str = include_str!("../../../prompts/judge.schema.json");

/// Titles of the passages that it is shown; the prompt names them.
const EXPECTED: &str = "expected answer";
const TO_JUDGE: &str = "answer to judge";

/// A model that says whether answers are right.
pub struct Judge {
    model: Arc<dyn LanguageModel>,
    prompt: Prompt,
    schema: Schema,
    concurrency: usize,
    replied: Replied,
}

/// How far a judge agrees with people, and whether it is listened to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// The model, as its configuration calls it.
    pub model: String,
    /// What it is told.
    pub prompt: String,
    /// Names what that says ([`Prompt::fingerprint`]).
    pub fingerprint: String,
    /// Labelled answers that it was asked about.
    pub labels: usize,
    /// Those of which it gave no verdict; they count as disagreement.
    pub without_verdict: usize,
    /// Share of them on which it agrees.
    pub accuracy: Estimate,
    /// Cohen's kappa, and its interval over labelled answers.
    pub kappa: Estimate,
    /// What the interval's lower end must reach.
    pub min_kappa: f64,
    /// Why its verdicts are not used; `None` where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_used: Option<String>,
    /// Answers of the systems that it was asked about.
    pub judged: usize,
    /// Those of which it gave no verdict; they count as wrong.
    pub judged_without_verdict: usize,
    /// US dollars for all of it; `None` where a price or a count is unknown.
    pub cost_usd: Option<f64>,
}

/// An answer as a judge is shown it.
#[derive(Clone, Copy)]
struct Shown<'a> {
    question: &'a str,
    expected: &'a [String],
    answer: &'a str,
}

/// What a judge says of an answer.
#[derive(Clone, Copy)]
struct Verdict {
    /// Whether it is right; `None` where the judge gave no verdict that could be read.
    right: Option<bool>,
    cost_usd: Option<f64>,
}

#[derive(Deserialize)]
struct VerdictObject {
    verdict: String,
}

impl Judge {
    /// The lower end of kappa's interval that is asked for by default: what Landis and
    /// Koch (Biometrics 33, 1977) call moderate agreement begins there.
    pub const MIN_KAPPA: f64 = 0.4;

    /// A judge that is told what the program's own prompt says.
    ///
    /// # Arguments
    /// * `concurrency` - answers that it judges at the same time; at least 1 counts.
    ///
    /// # Errors
    /// [`EvalError::Prompt`], [`EvalError::Schema`].
    pub fn new(model: Arc<dyn LanguageModel>, concurrency: usize) -> Result<Self, EvalError> {
        let prompt = Prompt::from_toml(PROMPT, "judge-v1").map_err(prompt_error)?;
        let schema = Schema::parse(SCHEMA)?;
        let concurrency = concurrency.max(1);
        Ok(Self { model, prompt, schema, concurrency, replied: Cell::new(false) })
    }

    /// Asks about labelled answers.
    ///
    /// # Arguments
    /// * `min_kappa` - what the lower end of kappa's interval must reach for the judge
    ///   to be listened to.
    /// * `on_verdict` - called after each verdict.
    ///
    /// # Errors
    /// [`EvalError::Model`] for a failure that every answer would meet,
    /// [`EvalError::Prompt`]; any other failure counts as disagreement.
    pub async fn check(
        &self,
        labels: &[LabelledAnswer],
        min_kappa: f64,
        on_verdict: &dyn Fn(),
    ) -> Result<JudgeReport, EvalError> {
        let shown: Vec<Shown<'_>> = labels
            .iter()
            .map(|LabelledAnswer { question, expected, answer, .. }| Shown {
                question,
                expected,
                answer,
            })
            .collect();
        let verdicts = self.verdicts(&shown, on_verdict).await?;
        let pairs: Vec<(usize, usize)> = labels
            .iter()
            .zip(&verdicts)
            .map(|(label, verdict)| {
                // A judge that says nothing has not agreed.
                let said = verdict.right.unwrap_or(!label.right);
                (usize::from(label.right), usize::from(said))
            })
            .collect();
        let agreed: Vec<f64> =
            pairs.iter().map(|(label, said)| f64::from(u8::from(label == said))).collect();
        let interval = Bootstrap::DEFAULT.interval(pairs.len(), |drawn| {
            kappa(&drawn.iter().map(|&at| pairs[at]).collect::<Vec<_>>(), 2)
        });
        let kappa = Estimate { mean: kappa(&pairs, 2), ci95: [interval.low, interval.high] };
        let not_used = (interval.low < min_kappa).then(|| {
            format!(
                "kappa's interval on {} labels begins at {:.2}, and {min_kappa:.2} is asked for",
                labels.len(),
                interval.low
            )
        });
        Ok(JudgeReport {
            model: self.model.name().to_owned(),
            prompt: self.prompt.name(),
            fingerprint: self.prompt.fingerprint(),
            labels: labels.len(),
            without_verdict: verdicts.iter().filter(|it| it.right.is_none()).count(),
            accuracy: estimate(&agreed),
            kappa,
            min_kappa,
            not_used,
            judged: 0,
            judged_without_verdict: 0,
            cost_usd: verdicts.iter().map(|it| it.cost_usd).sum(),
        })
    }

    /// Asks about the answers of a run, where a right one is known, and writes down what
    /// the judge says. A question that was not answered is not put to it: that is not
    /// right.
    ///
    /// # Arguments
    /// * `report` - what came of checking this judge; goes into the run. Nothing is asked
    ///   of a judge whose verdicts are not used.
    /// * `questions` - those of the run, in its order.
    ///
    /// # Errors
    /// As for [`Judge::check`].
    pub async fn judge(
        &self,
        run: &mut PromptRun,
        mut report: JudgeReport,
        questions: &[AnswerQuestion],
        on_verdict: &dyn Fn(),
    ) -> Result<(), EvalError> {
        if report.not_used.is_none() {
            let can_be_judged = |question: &AnswerQuestion| {
                question.is_answerable() && !question.expected.is_empty()
            };
            for row in &mut run.systems {
                let scores = questions.iter().zip(&mut row.answers);
                let mut open: Vec<_> =
                    scores.filter(|(question, _)| can_be_judged(question)).collect();
                for (_, score) in &mut open {
                    score.judged_right = Some(false);
                }
                open.retain(|(_, score)| score.treatment == Treatment::Answered);
                let shown: Vec<Shown<'_>> = open
                    .iter()
                    .map(|(question, score)| Shown {
                        question: &question.text,
                        expected: &question.expected,
                        answer: &score.answer,
                    })
                    .collect();
                let verdicts = self.verdicts(&shown, on_verdict).await?;
                report.judged += verdicts.len();
                for ((_, score), Verdict { right, cost_usd }) in open.iter_mut().zip(verdicts) {
                    report.judged_without_verdict += usize::from(right.is_none());
                    report.cost_usd = report.cost_usd.zip(cost_usd).map(|(sum, cost)| sum + cost);
                    score.judged_right = Some(right.unwrap_or(false));
                }
            }
        }
        run.judge = Some(report);
        Ok(())
    }

    async fn verdicts(
        &self,
        shown: &[Shown<'_>],
        on_verdict: &dyn Fn(),
    ) -> Result<Vec<Verdict>, EvalError> {
        let asked = shown.iter().map(|shown| async move {
            let verdict = self.verdict(*shown).await;
            on_verdict();
            verdict
        });
        stream::iter(asked).buffered(self.concurrency).try_collect().await
    }

    async fn verdict(&self, shown: Shown<'_>) -> Result<Verdict, EvalError> {
        let titled = shown
            .expected
            .iter()
            .map(|expected| (EXPECTED, expected.as_str()))
            .chain([(TO_JUDGE, shown.answer)]);
        let passages: Vec<PromptPassage<'_>> = titled
            .zip(1..)
            .map(|((title, text), number)| PromptPassage { number, title, text })
            .collect();
        let inputs = PromptInputs {
            question: shown.question,
            passages: &passages,
            schema: Some(self.schema.text()),
        };
        let completion = Completion::from(self.prompt.fill(&inputs).map_err(prompt_error)?);
        let end = complete_structured(self.model.as_ref(), &completion, &self.schema).await;
        let (right, completions) = match end {
            Ok(structured) => {
                self.replied.set(true);
                let object = VerdictObject::deserialize(&structured.value).ok();
                (object.map(|object| object.verdict == "right"), structured.completions)
            }
            Err(StructuredError::Model { source }) => (None, self.forgiven(source)?),
            Err(StructuredError::Repair { source, spent }) => {
                self.forgiven(source)?;
                (None, spent)
            }
            Err(StructuredError::CutOff { spent } | StructuredError::Unfit { spent, .. }) => {
                self.replied.set(true);
                (None, spent)
            }
        };
        Ok(Verdict { right, cost_usd: completions.iter().map(|it| it.usage.cost_usd).sum() })
    }

    /// Nothing was paid for a failure that only this answer met.
    ///
    /// # Errors
    /// [`EvalError::Model`] for any other.
    fn forgiven(&self, error: ModelError) -> Result<Vec<Completed>, EvalError> {
        if is_hopeless(&error, &self.replied) {
            return Err(EvalError::Model(Box::new(error)));
        }
        Ok(Vec::new())
    }
}

fn prompt_error(error: answer::prompt::PromptError) -> EvalError {
    EvalError::Prompt(Box::new(error))
}
