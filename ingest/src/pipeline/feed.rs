//! The front of the pipeline: items to documents to chunks to batches.
//!
//! Items are read and cut in groups on the reading pool, and planned one after
//! the other in between, since a plan depends on the documents before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crossbeam_channel::{Receiver, Sender};
use engine::{Document, Signature};
use rayon::prelude::*;

use super::Run;
use super::batch::{Batch, Batcher, Entry};
use super::plan::{Decision, Novelty, Pass, Planner};
use crate::chunk::SizedChunk;
use crate::formats;
use crate::report::{SkippedFile, chain};
use crate::source::{Content, DocumentSource, SkipReason, Skipped, SourceItem};

/// Items read at once,
const GROUP_ITEMS: usize = 64;

/// or so many bytes of them. A text takes several times its size while it is
/// parsed.
const GROUP_BYTES: u64 = 32 << 20;

/// Where items come from.
pub(super) enum Items<'s> {
    Source(&'s mut dyn DocumentSource),
    List(std::vec::IntoIter<SourceItem>),
}

impl Items<'_> {
    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        match self {
            Self::Source(source) => source.next(),
            Self::List(items) => items.next().map(Ok),
        }
    }

    /// The next items to be read together; empty at the end.
    fn group(&mut self) -> Vec<Result<SourceItem, Skipped>> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < GROUP_ITEMS && bytes < GROUP_BYTES {
            let Some(item) = self.next() else { break };
            bytes += match &item {
                Ok(SourceItem { content: Content::File(path), .. }) => size(path),
                Ok(SourceItem {
                    content: Content::Text(text) | Content::Verbatim(text), ..
                }) => text.len() as u64,
                Ok(SourceItem { content: Content::Bytes(bytes), .. }) => bytes.len() as u64,
                Err(_) => 0,
            };
            group.push(item);
        }
        group
    }
}

/// Size of a file; 0 where it cannot be told, which reading will tell.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// What did not become a batch.
#[derive(Default)]
pub(super) struct Fed {
    pub(super) skipped: Vec<SkippedFile>,
    pub(super) unchanged: usize,
    /// A part of the source that could not be listed.
    pub(super) unlisted: Option<String>,
}

/// Feeds batches until the items end or nobody takes them any more.
///
/// # Arguments
/// * `permits` - one is taken for each batch.
pub(super) fn run(
    run: &Run<'_>,
    mut items: Items<'_>,
    planning: (&mut Planner, Pass),
    work: &Sender<Batch>,
    permits: &Receiver<()>,
) -> Fed {
    let (planner, pass) = planning;
    let mut feed = Feed {
        run,
        planner,
        pass,
        batcher: Batcher::new(run.options.threads, run.encoder.dim()),
        fed: Fed::default(),
    };
    loop {
        let group = items.group();
        let ended = group.is_empty();
        feed.group(group);
        while feed.batcher.is_full() || (ended && !feed.batcher.is_empty()) {
            // Either channel closes when a later stage has failed.
            if permits.recv().is_err() || work.send(feed.batcher.take()).is_err() {
                return feed.fed;
            }
        }
        if ended {
            return feed.fed;
        }
    }
}

struct Feed<'f, 'r> {
    run: &'f Run<'r>,
    planner: &'f mut Planner,
    pass: Pass,
    batcher: Batcher,
    fed: Fed,
}

/// An item after planning.
enum Planned {
    Index { document: Document, signed: (Signature, Novelty), origin: String },
    Duplicate(Entry),
    Passed,
}

impl Feed<'_, '_> {
    fn group(&mut self, group: Vec<Result<SourceItem, Skipped>>) {
        let run = self.run;
        let read: Vec<_> = run.clocks.read.time(|| {
            run.reading.install(|| group.into_par_iter().map(|item| item.map(read)).collect())
        });
        let planned: Vec<Planned> = read.into_iter().map(|item| self.plan(item)).collect();
        let cut: Vec<(Planned, Option<_>)> = run.clocks.chunk.time(|| {
            run.reading.install(|| {
                let cut = |planned: Planned| {
                    let chunks = match &planned {
                        Planned::Index { document, .. } => Some(run.chunker.cut(document)),
                        Planned::Duplicate(_) | Planned::Passed => None,
                    };
                    (planned, chunks)
                };
                planned.into_par_iter().map(cut).collect()
            })
        });
        for (planned, chunks) in cut {
            match (planned, chunks) {
                (Planned::Index { document, signed, origin }, Some(chunks)) => {
                    let chunks = chunks.map_err(|error| ("cannot be cut", chain(&error)));
                    self.batch(document, chunks, signed, origin);
                }
                (Planned::Duplicate(entry), _) => self.batcher.duplicate(entry),
                (Planned::Passed | Planned::Index { .. }, _) => self.batcher.pass(),
            }
        }
    }

    fn plan(&mut self, item: Result<Read, Skipped>) -> Planned {
        let Read { item, document } = match item {
            Ok(read) => read,
            Err(skipped) => {
                if hides_documents(&skipped.reason) {
                    self.fed.unlisted.get_or_insert_with(|| skipped.origin.clone());
                }
                self.fed.skipped.push(skipped.into());
                return Planned::Passed;
            }
        };
        let document = match document {
            Ok(document) => document,
            Err(unread) => {
                if unread.source_stands {
                    self.planner.keep(&item.id);
                }
                self.fed.skipped.push(unread.skipped);
                return Planned::Passed;
            }
        };
        match self.planner.decide(&item, &document, self.pass) {
            Decision::Index(signature, novelty) => {
                let signed = (signature, novelty);
                Planned::Index { document, signed, origin: item.origin }
            }
            Decision::Duplicate { of, signature, novelty } => {
                Planned::Duplicate(Entry::Duplicate { id: item.id, of, signature, novelty })
            }
            Decision::Unchanged => {
                self.fed.unchanged += 1;
                Planned::Passed
            }
            Decision::Later => Planned::Passed,
        }
    }

    fn batch(
        &mut self,
        document: Document,
        chunks: Result<Vec<SizedChunk>, (&'static str, String)>,
        signed: (Signature, Novelty),
        origin: String,
    ) {
        let (kind, reason) = match chunks {
            Ok(chunks) if chunks.is_empty() => {
                (SkipReason::EmptyText.label(), SkipReason::EmptyText.to_string())
            }
            Ok(chunks) => return self.batcher.document(document, chunks, signed, origin),
            Err(failure) => failure,
        };
        self.fed.skipped.push(SkippedFile { origin, kind, reason });
        self.batcher.pass();
    }
}

/// An item and what reading made of it.
pub(super) struct Read {
    pub(super) item: SourceItem,
    pub(super) document: Result<Document, Unread>,
}

pub(super) struct Unread {
    pub(super) skipped: SkippedFile,
    /// Whether there still is a document, which only cannot be read now: what
    /// the index holds of it is not for pruning.
    source_stands: bool,
}

pub(super) fn read(item: SourceItem) -> Read {
    // Readers promise not to panic; a promise of parsers of foreign formats is
    // worth a net, since one page must not stop a night's work.
    let document = match catch_unwind(AssertUnwindSafe(|| formats::read(&item))) {
        Ok(Ok(document)) => Ok(document),
        Ok(Err(reason)) => Err(Unread {
            source_stands: !matches!(
                reason,
                SkipReason::Redirect { .. } | SkipReason::PrintPage | SkipReason::EmptyText
            ),
            skipped: Skipped { origin: item.origin.clone(), reason }.into(),
        }),
        Err(_) => Err(Unread {
            source_stands: true,
            skipped: SkippedFile {
                origin: item.origin.clone(),
                kind: "reader failed",
                reason: "its reader panicked; please report the file".to_owned(),
            },
        }),
    };
    Read { item, document }
}

/// Whether documents may lie where the source could not look.
fn hides_documents(reason: &SkipReason) -> bool {
    matches!(reason, SkipReason::Unreadable { .. } | SkipReason::Unwalkable { .. })
}
