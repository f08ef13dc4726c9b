//! `trovato chat`: questions one after another, each understood after those before it.

use std::io::{self, IsTerminal, Write};

use answer::Turn;
use clap::Args;

use super::answering::{self, AnsweringArgs, Rewriter, WhileWritten};
use crate::options::tell;

const EXAMPLES: &str = "\
Examples:
  trovato chat --index notes.trovato
  printf 'who frees memory?\\nand when?\\n' | trovato chat --index notes.trovato --json

A follow-up such as 'and when?' is searched for with the words of what it follows; what was
searched for is shown. An empty line changes nothing, /new forgets what was said, /quit or the
end of the input ends.";

/// Turns that are kept: what lies further back is no help to a follow-up.
const MAX_TURNS: usize = 20;

/// Answer questions one after another
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    answering: AnsweringArgs,

    /// What makes a follow-up whole
    #[arg(long, value_name = "BY", value_enum, default_value_t)]
    rewrite: Rewriter,

    /// Print one JSON document a line for each question
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) fn run(args: &ChatArgs) -> anyhow::Result<()> {
    let answering = args.answering.open()?;
    let prompts = io::stdin().is_terminal() && !args.json;
    let mut history: Vec<Turn> = Vec::new();
    let mut line = String::new();
    loop {
        if prompts {
            print!("> ");
            io::stdout().flush()?;
        }
        line.clear();
        if io::stdin().read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim() {
            "" => continue,
            "/quit" => return Ok(()),
            "/new" => {
                history.clear();
                continue;
            }
            _ => {}
        }
        let question = line.trim();
        let meanwhile = if args.json { WhileWritten::Wait } else { WhileWritten::Show };
        let answered = match answering.answer(question, &history, args.rewrite, meanwhile) {
            Ok(answered) => answered,
            // One question that cannot be asked does not end a conversation.
            Err(error) if prompts => {
                eprintln!("error: {}", tell(&error));
                continue;
            }
            Err(error) => return Err(error),
        };
        let claims = answered.outcome.answer.claims.iter();
        let said: Vec<&str> = claims.map(|claim| claim.text.as_str()).collect();
        let turn = Turn { question: question.to_owned(), answer: said.join(" ") };
        if args.json {
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, &answered.body(answering.budget_tokens()))?;
            writeln!(out)?;
        } else {
            answering::print(&answered)?;
        }
        history.push(turn);
        if history.len() > MAX_TURNS {
            history.remove(0);
        }
    }
}
