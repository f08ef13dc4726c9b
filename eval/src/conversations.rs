//! Follow-ups judged: how much of what a question means does its rewriting find?
//!
//! Every conversation's last question is asked in three ways: as it was typed, as the
//! rules make it whole, and as a person made it whole. The first is the floor and the
//! last the ceiling; both are paired with the second over conversations.

use answer::{Turn, standalone};
use corpora::{Conversation, ConversationKind, Exchange, Question};
use engine::{Searcher, Strategy};
use serde::Serialize;

use crate::error::EvalError;
use crate::evaluation::MeasureResult;
use crate::questions::evaluate_questions;
use crate::report::{ByMeasure, Difference, NamedEstimates};

/// How a follow-up is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// As it was typed.
    Typed,
    /// As [`answer::standalone`] makes it.
    Rewritten,
    /// As a person made it whole.
    Whole,
}

impl Wording {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Typed, Self::Rewritten, Self::Whole];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Rewritten => "rewritten",
            Self::Whole => "whole",
        }
    }

    fn of(self, conversation: &Conversation) -> Question {
        match self {
            Self::Typed => conversation.asking(&conversation.follow_up),
            Self::Whole => conversation.asking(&conversation.standalone),
            Self::Rewritten => {
                let history: Vec<Turn> = conversation
                    .history
                    .iter()
                    .map(|said| Turn {
                        question: said.question.clone(),
                        answer: said.answer.clone(),
                    })
                    .collect();
                conversation.asking(standalone(&conversation.follow_up, &history).query)
            }
        }
    }
}

/// One way of asking, over passages.
#[derive(Clone, Debug, Serialize)]
pub struct WordingReport {
    /// Which.
    pub wording: &'static str,
    /// The measures.
    pub passages: NamedEstimates,
    /// What was typed subtracted from it; absent for what was typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_typed: Option<ByMeasure<Difference>>,
}

/// The figures of a group of conversations.
#[derive(Clone, Debug, Serialize)]
pub struct ConversationReport {
    /// Conversations that were scored.
    pub conversations: usize,
    /// Conversations whose quotes are not in the index: left out.
    pub unresolved: usize,
    /// Follow-ups that the rules changed.
    pub changed: usize,
    /// A row a wording, in the order of [`Wording::ALL`].
    pub wordings: Vec<WordingReport>,
}

/// Questions that stand by themselves, each asked after the one before it: what rewriting
/// may do harm to, in numbers that conversations written by hand do not reach.
///
/// # Arguments
/// * `questions` - in an order; the first is asked after nothing and left out.
pub fn asked_in_turn(questions: &[Question]) -> Vec<Conversation> {
    let pairs = questions.windows(2);
    pairs
        .map(|pair| {
            let (before, question) = (&pair[0], &pair[1]);
            let said =
                Exchange { question: before.question.clone(), answer: before.answer.clone() };
            Conversation {
                id: question.id.clone(),
                split: question.split,
                history: vec![said],
                follow_up: question.question.clone(),
                standalone: question.question.clone(),
                kind: ConversationKind::Switch,
                evidence: question.evidence.clone(),
            }
        })
        .collect()
}

/// Asks every conversation's last question in each way.
///
/// # Errors
/// Those of [`evaluate_questions`].
pub fn evaluate_conversations(
    searcher: &Searcher,
    conversations: &[&Conversation],
    strategy: Strategy,
) -> Result<ConversationReport, EvalError> {
    let mut typed: Vec<MeasureResult> = Vec::new();
    let changed = |it: &&&Conversation| Wording::Rewritten.of(it).question != it.follow_up.trim();
    let mut report = ConversationReport {
        conversations: 0,
        unresolved: 0,
        changed: conversations.iter().filter(changed).count(),
        wordings: Vec::new(),
    };
    for wording in Wording::ALL {
        let questions: Vec<Question> =
            conversations.iter().map(|conversation| wording.of(conversation)).collect();
        let scored = evaluate_questions(searcher, &questions, &[strategy.into()])?;
        let passages =
            scored.systems.into_iter().flat_map(|system| system.passages).collect::<Vec<_>>();
        report.conversations = scored.questions.len();
        report.unresolved = scored.unresolved.len();
        let over_typed = match wording {
            Wording::Typed => None,
            Wording::Rewritten | Wording::Whole => Some(ByMeasure::between(&passages, &typed)?),
        };
        report.wordings.push(WordingReport {
            wording: wording.name(),
            passages: NamedEstimates::new(&passages),
            over_typed,
        });
        if wording == Wording::Typed {
            typed = passages;
        }
    }
    Ok(report)
}
