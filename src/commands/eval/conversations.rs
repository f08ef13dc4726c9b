//! `trovato eval conversations`: are follow-ups understood?

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use corpora::{Conversation, QuestionKind, rust_docs_conversations, rust_docs_questions};
use eval::{ConversationReport, asked_in_turn, evaluate_conversations};
use serde::Serialize;

use super::question_file::SplitName;
use super::recipe::{EvalBars, RecipeArgs};
use crate::options::{StrategyArgs, print_json};

const EXAMPLES: &str = "\
Examples:
  trovato eval conversations --split dev
  trovato eval conversations --split test --strategy lexical --json

The last question of each conversation is asked as it was typed, as the rules make it whole, and
as a person did. Follow-ups that need their history and those that do not are shown apart: the
first must gain, the second must not lose. Last come the questions of the question set, each
asked after another, where nothing should change. The test split is for reporting.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConversationsArgs {
    /// An index that holds the Rust guides [default: one in the cache]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["encoder", "rebuild"])]
    index: Option<PathBuf>,

    #[command(flatten)]
    recipe: RecipeArgs,

    #[command(flatten)]
    strategy: StrategyArgs,

    /// Which conversations
    #[arg(long, value_enum, default_value = "dev")]
    split: SplitName,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    /// Follow-ups that mean nothing without their history.
    needing_history: ConversationReport,
    /// Those that stand by themselves.
    standing: ConversationReport,
    /// Questions of the question set, each asked after the one before it.
    questions_in_turn: ConversationReport,
}

pub(super) fn run(args: &ConversationsArgs) -> anyhow::Result<()> {
    let strategy = args.strategy.resolve()?;
    let conversations = rust_docs_conversations()?;
    let index = args.recipe.index_of_guides(args.index.as_deref(), None, &EvalBars::new())?;
    let searcher = index.searcher();
    let group = |needs_history: bool| {
        let chosen: Vec<&Conversation> = conversations
            .iter()
            .filter(|it| args.split.holds(it.split) && it.kind.needs_history() == needs_history)
            .collect();
        evaluate_conversations(&searcher, &chosen, strategy)
    };
    let mut questions = rust_docs_questions()?;
    questions.retain(|question| {
        args.split.holds(question.split) && question.kind != QuestionKind::Unanswerable
    });
    let in_turn = asked_in_turn(&questions);
    let in_turn: Vec<&Conversation> = in_turn.iter().collect();
    let report = Report {
        needing_history: group(true)?,
        standing: group(false)?,
        questions_in_turn: evaluate_conversations(&searcher, &in_turn, strategy)?,
    };
    if args.json {
        return print_json(&report);
    }
    let mut out = io::stdout().lock();
    print(&mut out, "follow-ups that need their history", &report.needing_history)?;
    print(&mut out, "questions that stand by themselves", &report.standing)?;
    print(&mut out, "questions, each asked after another", &report.questions_in_turn)?;
    Ok(())
}

fn print(out: &mut impl Write, of: &str, report: &ConversationReport) -> io::Result<()> {
    let ConversationReport { conversations, unresolved, changed, wordings } = report;
    writeln!(
        out,
        "{conversations} {of}, {changed} of them rewritten ({unresolved} quotes not in the index)\n"
    )?;
    for row in wordings {
        writeln!(out, "  {}", row.wording)?;
        for (at, (name, estimate)) in row.passages.0.iter().enumerate() {
            let [low, high] = estimate.ci95;
            write!(out, "    {name:<10} {:.4}  [{low:.4}, {high:.4}]", estimate.mean)?;
            if let Some((_, over)) = row.over_typed.as_ref().and_then(|all| all.0.get(at)) {
                let [low, high] = over.ci95;
                write!(
                    out,
                    "   {:+.4} [{low:+.4}, {high:+.4}], p = {:.4}",
                    over.mean, over.p_value
                )?;
            }
            writeln!(out)?;
        }
    }
    writeln!(out)
}
