//! What an ingest did: counts, times, and every file it left out.
//!
//! The report serialises as it stands, for `trovato ingest --json` and
//! `--report`; its `Display` is the summary on the screen.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::source::Skipped;

/// What an ingest did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Documents the index did not have.
    pub new: usize,
    /// Documents whose content, metadata or recipe is another than before.
    pub changed: usize,
    /// Documents that were neither cut nor encoded again.
    pub unchanged: usize,
    /// Documents taken out because their source is gone.
    pub removed: usize,
    /// Of the new and changed documents, those stored as a reference to one of
    /// the same text.
    pub duplicates: Vec<Duplicate>,
    /// Chunks written.
    pub chunks: usize,
    /// Tokens the encoder read, texts that were encoded before apart.
    pub tokens: usize,
    /// Encoded texts that were longer than the encoder's window: it read their
    /// beginning.
    pub truncated: usize,
    /// Chunks whose vector was taken from an equal text of this run.
    pub repeated_texts: usize,
    /// Everything that was left out, and why.
    pub skipped: Vec<SkippedFile>,
    /// What became of the wish to remove vanished documents.
    pub prune: PruneOutcome,
    /// Roots that were at another path when they were last ingested.
    pub moved_roots: Vec<MovedRoot>,
    /// Wall time of the whole.
    pub seconds: f64,
    /// Time in which a stage was at work; stages overlap, so these add up to
    /// more than `seconds`.
    pub stage_seconds: StageSeconds,
}

/// Wall time in which at least one thread was busy with a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StageSeconds {
    /// Files to canonical texts.
    pub read: f64,
    /// Texts to chunks.
    pub chunk: f64,
    /// Chunks to vectors.
    pub encode: f64,
    /// Into the index, commits apart.
    pub write: f64,
    /// Making it durable and visible.
    pub commit: f64,
    /// Rewriting the index as one segment.
    pub merge: f64,
}

/// A document stored as a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// Its id.
    pub id: String,
    /// The document that holds the text.
    pub of: String,
}

/// Something that did not become a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedFile {
    /// A path, `path:line` for a record, or an id.
    pub origin: String,
    /// The kind of reason, for counting.
    pub kind: &'static str,
    /// The reason itself.
    pub reason: String,
}

impl From<Skipped> for SkippedFile {
    fn from(skipped: Skipped) -> Self {
        Self {
            kind: skipped.reason.label(),
            reason: chain(&skipped.reason),
            origin: skipped.origin,
        }
    }
}

/// A root that has moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedRoot {
    /// Its name.
    pub name: String,
    /// Where it was.
    pub from: String,
    /// Where it is.
    pub to: String,
}

/// What became of the wish to remove vanished documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneOutcome {
    /// There was no such wish.
    #[default]
    NotAsked,
    /// They were removed; there may have been none.
    Done,
    /// There were many, and whoever was asked said no. Nothing was removed.
    Refused {
        /// How many had vanished.
        vanished: usize,
        /// Of how many.
        of: usize,
    },
    /// Part of a root could not be read, so that what lies there only seems to
    /// have vanished. Nothing was removed.
    Withheld {
        /// The part.
        origin: String,
    },
}

/// Lines of the summary that name single files; the rest is counted.
const SHOWN_PER_KIND: usize = 3;

impl IngestReport {
    /// Tokens a second from the first file to the last commit.
    pub fn tokens_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens as f64 / self.seconds } else { 0.0 }
    }

    fn skipped_by_kind(&self) -> BTreeMap<&'static str, Vec<&SkippedFile>> {
        let mut kinds: BTreeMap<&'static str, Vec<&SkippedFile>> = BTreeMap::new();
        for skipped in &self.skipped {
            kinds.entry(skipped.kind).or_default().push(skipped);
        }
        kinds
    }
}

impl fmt::Display for IngestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "documents: {} new, {} changed, {} unchanged, {} removed; {} exact duplicates",
            self.new,
            self.changed,
            self.unchanged,
            self.removed,
            self.duplicates.len()
        )?;
        writeln!(
            f,
            "chunks:    {} ({} tokens, {} repeated texts, {} cut at the encoder's limit)",
            self.chunks, self.tokens, self.repeated_texts, self.truncated
        )?;
        let StageSeconds { read, chunk, encode, write, commit, merge } = self.stage_seconds;
        writeln!(
            f,
            "time:      {:.1} s, {:.0} tokens/s (read {read:.1}, chunk {chunk:.1}, encode \
             {encode:.1}, write {write:.1}, commit {commit:.1}, merge {merge:.1}; they overlap)",
            self.seconds,
            self.tokens_per_second()
        )?;
        for root in &self.moved_roots {
            writeln!(f, "moved:     root {} was {}, is now {}", root.name, root.from, root.to)?;
        }
        match &self.prune {
            PruneOutcome::NotAsked | PruneOutcome::Done => {}
            PruneOutcome::Refused { vanished, of } => {
                writeln!(f, "prune:     refused, {vanished} of {of} documents have vanished")?;
            }
            PruneOutcome::Withheld { origin } => {
                writeln!(f, "prune:     withheld, {origin} could not be read")?;
            }
        }
        if !self.skipped.is_empty() {
            writeln!(f, "skipped:   {}", self.skipped.len())?;
        }
        for (kind, files) in self.skipped_by_kind() {
            writeln!(f, "  {kind}: {}", files.len())?;
            for file in files.iter().take(SHOWN_PER_KIND) {
                writeln!(f, "    {}: {}", file.origin, file.reason)?;
            }
            if files.len() > SHOWN_PER_KIND {
                writeln!(f, "    and {} more", files.len() - SHOWN_PER_KIND)?;
            }
        }
        Ok(())
    }
}

/// An error and its causes in one line, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_groups_what_was_left_out() {
        let skipped = (0..5)
            .map(|at| SkippedFile {
                origin: format!("docs/{at}.bin"),
                kind: "not text",
                reason: "a zero byte".to_owned(),
            })
            .collect();
        let report = IngestReport { skipped, tokens: 10, seconds: 2.0, ..IngestReport::default() };
        let summary = report.to_string();
        assert!(summary.contains("5 tokens/s"));
        assert!(summary.contains("not text: 5"));
        assert!(summary.contains("docs/2.bin: a zero byte"));
        assert!(summary.contains("and 2 more") && !summary.contains("docs/3.bin"));
    }
}
