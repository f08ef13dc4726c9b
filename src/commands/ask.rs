//! `trovato ask`: one question, answered with citations.

use clap::Args;

use super::answering::{self, AnsweringArgs, Rewriter, WhileWritten};
use crate::options::print_json;

const EXAMPLES: &str = "\
Examples:
  trovato ask 'who frees memory?' --index notes.trovato
  trovato ask 'who frees memory?' --index notes.trovato --rerank default --json

  trovato ask 'who frees memory?' --index notes.trovato --models models.toml --model small

The answer is sentences of the documents, quoted, or what a language model writes; either way
each quotation is looked up in the stored text, and one that does not hold is marked. A question
that nothing answers is refused, with what came nearest.";

/// Answer a question from an index, with citations
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AskArgs {
    /// What to ask
    question: String,

    #[command(flatten)]
    answering: AnsweringArgs,

    /// Show a language model's answer when it is whole, not as it comes
    #[arg(long)]
    no_stream: bool,

    /// Print one JSON document, as `POST /v1/answer` gives it
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) fn run(args: &AskArgs) -> anyhow::Result<()> {
    let answering = args.answering.open()?;
    let waits = args.json || args.no_stream;
    let meanwhile = if waits { WhileWritten::Wait } else { WhileWritten::Show };
    let answered = answering.answer(&args.question, &[], Rewriter::Rules, meanwhile)?;
    if args.json {
        return print_json(&answered.body(answering.budget_tokens()));
    }
    answering::print(&answered)?;
    Ok(())
}
