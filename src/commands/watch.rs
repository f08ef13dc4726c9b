//! `trovato watch`: keep an index up to date with folders while they change.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use engine::{IndexError, IndexWriter, WriterOptions};
use ingest::pipeline::{self, Consent, IngestOptions, Progress, Prune, Silent};
use ingest::report::{IngestReport, PruneOutcome};
use notify::{PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use serde::Serialize;

use super::target::{Target, TargetArgs};
use crate::options::{UsageError, tell};
use crate::progress::IngestBars;

const EXAMPLES: &str = "\
Examples:
  trovato watch ~/notes --index notes.trovato
  trovato watch /mnt/share/docs --index docs.trovato --poll 30    a mount that tells nothing
  trovato watch ~/notes --index notes.trovato --json              a line of JSON a pass

A server that serves the index (`trovato serve`) answers from each pass within seconds. The index
is locked only during a pass. Stop it with Ctrl-C: what was committed stays, the rest is done
again by the next pass.
A file that is gone is removed from the index. When more than a tenth of a folder is gone at
once nothing is removed, since that is what a folder looks like whose disk is not mounted;
--yes removes all the same.";

/// How long another process may write the index before that is told.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time for which changes that keep coming put off a pass.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// Keep an index up to date with folders while they change
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// How long nothing must have changed before a pass begins
    #[arg(long, value_name = "MS", default_value_t = 500,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    settle_ms: u64,

    /// Compare the folders every so many seconds instead of being told by the system,
    /// which does not tell of changes made on the other side of a network mount
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    poll: Option<u64>,

    /// Remove documents whose files are gone, however many
    #[arg(long)]
    yes: bool,

    /// End after the first pass and so many more
    #[arg(long, value_name = "N")]
    passes: Option<u64>,

    /// Print a JSON document a line and pass
    #[arg(long)]
    json: bool,
}

/// What `--json` prints for a pass.
#[derive(Serialize)]
struct Pass<'a> {
    pass: u64,
    #[serde(flatten)]
    report: &'a IngestReport,
}

/// Runs the subcommand.
pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<()> {
    // A misspelt path should be told before a model is fetched.
    args.target.source()?;
    let target = Target::open(&args.target)?;
    // Before the first pass: what changes during it belongs to the second.
    let (sender, changes) = channel();
    let _watcher = watcher(args, move |event: notify::Result<notify::Event>| {
        // The receiver lives as long as the command.
        let _ = sender.send(event.map(|event| !event.kind.is_access()));
    })?;
    let mut pass = 0;
    loop {
        let report = if pass == 0 {
            one_pass(args, &target, &IngestBars::new())?
        } else {
            one_pass(args, &target, &Silent)?
        };
        told(args, pass, &report)?;
        if args.passes.is_some_and(|passes| pass >= passes) {
            return Ok(());
        }
        pass += 1;
        wait(&changes, Duration::from_millis(args.settle_ms))?;
    }
}

/// A watcher over all paths.
fn watcher(
    args: &WatchArgs,
    handler: impl FnMut(notify::Result<notify::Event>) + Send + 'static,
) -> anyhow::Result<Box<dyn Watcher>> {
    let config = notify::Config::default();
    let mut watcher: Box<dyn Watcher> = match args.poll {
        Some(seconds) => {
            let config = config
                .with_poll_interval(Duration::from_secs(seconds))
                .with_compare_contents(false);
            Box::new(PollWatcher::new(handler, config)?)
        }
        None => Box::new(RecommendedWatcher::new(handler, config)?),
    };
    let index = args.target.index.canonicalize()?;
    for path in &args.target.paths {
        let inside = path.canonicalize()?;
        if index.starts_with(&inside) {
            let told = format!(
                "the index {} lies inside {}, so that every pass would begin the next; put it elsewhere",
                args.target.index.display(),
                path.display()
            );
            return Err(UsageError(told).into());
        }
        watcher.watch(path, RecursiveMode::Recursive).with_context(|| {
            format!("cannot be told of changes in {}; try --poll 10", path.display())
        })?;
    }
    Ok(watcher)
}

/// Returns when something has changed and then nothing for `settle`.
fn wait(changes: &Receiver<notify::Result<bool>>, settle: Duration) -> anyhow::Result<()> {
    let gone = "the system tells of no changes any more; start again, perhaps with --poll 10";
    // Events of reading are the passes' own.
    while !changes.recv().context(gone)?.context(gone)? {}
    let since = Instant::now();
    loop {
        match changes.recv_timeout(settle) {
            Ok(change) => {
                change.context(gone)?;
                if since.elapsed() >= MAX_DELAY {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!(gone),
        }
    }
}

fn one_pass(
    args: &WatchArgs,
    target: &Target,
    progress: &dyn Progress,
) -> anyhow::Result<IngestReport> {
    let mut writer = writer(target)?;
    let mut source = args.target.source()?;
    let prune = if args.yes { Prune::Remove } else { Prune::Ask(Box::new(|_| Consent::Refused)) };
    let options = IngestOptions { prune, ..IngestOptions::default() };
    let Target { chunker, encoder, .. } = target;
    let (chunker, encoder) = (chunker.as_ref(), encoder.as_ref());
    Ok(pipeline::ingest(source.as_mut(), chunker, encoder, &mut writer, &options, progress)?)
}

/// The index's writer, once no other process has one.
fn writer(target: &Target) -> anyhow::Result<IndexWriter> {
    let mut told = String::new();
    loop {
        match target.index.writer(WriterOptions::default()) {
            Ok(writer) => return Ok(writer),
            Err(error @ IndexError::Locked { .. }) => {
                let error = tell(&error.into());
                if error != told {
                    eprintln!("{error}");
                    told = error;
                }
                std::thread::sleep(LOCK_INTERVAL);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn told(args: &WatchArgs, pass: u64, report: &IngestReport) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &Pass { pass, report })?;
        writeln!(out)?;
    } else if pass == 0 {
        write!(out, "{report}")?;
        writeln!(out, "Watching {} (Ctrl-C to stop)", names(&args.target.paths))?;
    } else {
        let IngestReport { new, changed, removed, skipped, seconds, .. } = report;
        let skipped = skipped.len();
        writeln!(
            out,
            "{new} new, {changed} changed, {removed} removed, {skipped} skipped, {seconds:.1} s"
        )?;
    }
    if let PruneOutcome::Refused { vanished, of } = report.prune {
        eprintln!(
            "{vanished} of {of} documents are no longer there and were kept; start with --yes to \
             remove them"
        );
    }
    Ok(out.flush()?)
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
