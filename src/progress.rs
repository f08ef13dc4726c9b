//! Progress on standard error: bars with rate and ETA, hidden when it is not a
//! terminal.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use models::{Event, Progress};

/// Draws what a fetch reports.
#[derive(Debug, Default)]
pub(crate) struct FetchBar {
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress for FetchBar {
    fn report(&self, event: Event<'_>) {
        let Ok(mut bar) = self.bar.lock() else { return };
        match event {
            Event::Started { task, total_bytes } => *bar = Some(bytes_bar(task, total_bytes)),
            Event::Advanced { bytes } => {
                if let Some(bar) = bar.as_ref() {
                    bar.set_position(bytes);
                }
            }
            Event::Finished => {
                if let Some(bar) = bar.take() {
                    bar.finish_and_clear();
                }
            }
            Event::Note { text } => match bar.as_ref() {
                Some(bar) if !bar.is_hidden() => bar.println(text),
                Some(_) | None => eprintln!("{text}"),
            },
            _ => {}
        }
    }
}

fn bytes_bar(task: &str, total_bytes: Option<u64>) -> ProgressBar {
    let template = match total_bytes {
        Some(_) => "{msg:32!} {bar:30} {bytes:>10}/{total_bytes} {bytes_per_sec} ETA {eta}",
        None => "{msg:32!} {spinner} {bytes} {elapsed}",
    };
    let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
    bar.set_style(style(template));
    bar.set_message(task.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar that counts `unit`s, for work of a known or unknown length.
pub(crate) fn count_bar(task: &str, unit: &str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => format!("{{msg:32!}} {{bar:30}} {{pos}}/{{len}} {unit} {{per_sec}} ETA {{eta}}"),
        None => format!("{{msg:32!}} {{spinner}} {{pos}} {unit} {{per_sec}} {{elapsed}}"),
    };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.set_style(style(&template));
    bar.set_message(task.to_owned());
    bar
}

/// A template that does not parse is a mistake of ours that must not stop
/// anybody's work: the default style serves then.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Draws what an ingest reports: documents with rate and ETA, then what the
/// index does at the end.
pub(crate) struct IngestBars {
    bar: ProgressBar,
}

impl IngestBars {
    /// Nothing is drawn before the ingest starts.
    pub(crate) fn new() -> Self {
        Self { bar: ProgressBar::hidden() }
    }
}

impl ingest::pipeline::Progress for IngestBars {
    fn report(&self, event: ingest::pipeline::Event) {
        use ingest::pipeline::Event;
        match event {
            Event::Started { documents } => {
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
                self.bar.reset();
                if let Some(documents) = documents {
                    self.bar.set_length(documents as u64);
                    self.bar.set_style(style(
                        "indexing {bar:30} {pos}/{len} documents {per_sec} ETA {eta} {msg}",
                    ));
                } else {
                    self.bar.set_style(style("indexing {spinner} {pos} documents {per_sec} {msg}"));
                }
                self.bar.enable_steady_tick(Duration::from_millis(200));
            }
            Event::Advanced(totals) => {
                self.bar.set_position(totals.documents as u64);
                let seconds = self.bar.elapsed().as_secs_f64().max(1e-3);
                let rate = totals.tokens as f64 / seconds;
                self.bar.set_message(format!("{} chunks, {rate:.0} tokens/s", totals.chunks));
            }
            Event::Committing => self.bar.set_message("committing"),
            Event::Merging => self.bar.set_message("merging into one segment"),
            // A question to the user must not be drawn over.
            Event::Asking | Event::Finished => self.bar.finish_and_clear(),
            _ => {}
        }
    }
}
