//! From a source to an index: read, cut, encode, write, all at once.
//!
//! ```text
//! feed (1 thread + reading pool)   encoders (2 threads + encoding pool)   caller
//! next, read, plan, cut, batch  ->  encode a batch                     -> order, upsert, commit
//! ```
//!
//! Batches travel through bounded channels, and a batch is begun only while
//! fewer than `MAX_BATCHES_IN_FLIGHT` are under way, so memory does not grow
//! with the corpus. They are written in the order of the source: an ingest of
//! the same documents gives the same index, whatever the threads do.
//!
//! Reading has threads of its own. A rayon pool prefers the work it has to work
//! that arrives, so reading in the encoder's pool would wait for whole batches.

mod batch;
mod clock;
mod encode;
mod feed;
mod live;
mod plan;
mod progress;
mod prune;
mod signature;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{EncodeError, Encoder, IndexError, IndexWriter};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

pub use live::{Change, LiveIngest, Outcome};
pub use progress::{Event, Progress, Silent, Totals};
pub use prune::{Consent, Prune, PruneRequest};

use crate::chunk::Chunker;
use crate::report::{IngestReport, MovedRoot};
use crate::source::DocumentSource;
use clock::Clocks;
use feed::Items;
use plan::{Pass, Planner};
use prune::Vanished;
use write::Writer;

/// Batches under way at once: one in each encoder, one waiting for them, one
/// being written.
const MAX_BATCHES_IN_FLIGHT: usize = 4;

/// Threads that hand batches to the encoder. The encoder spreads a batch over
/// all cores; the second batch fills the cores that the end of the first leaves
/// idle.
const ENCODER_THREADS: usize = 2;

/// How an ingest goes about its work.
#[derive(Debug)]
pub struct IngestOptions {
    /// Threads for reading and as many for encoding; at least 1.
    pub threads: usize,
    /// Commit after so many documents,
    pub commit_documents: usize,
    /// or after so long, whichever comes first. What was not committed is done
    /// again after a crash.
    pub commit_interval: Duration,
    /// What becomes of documents whose source has vanished.
    pub prune: Prune,
    /// Whether the index is rewritten as one segment at the end.
    pub merge: Merge,
}

impl Default for IngestOptions {
    /// All cores, a commit every 10,000 documents or minute, no pruning, a merge
    /// where it pays.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            commit_documents: 10_000,
            commit_interval: Duration::from_mins(1),
            prune: Prune::Keep,
            merge: Merge::WhereItPays,
        }
    }
}

/// Whether the index is rewritten as one segment at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// When [`IndexWriter::should_merge`] says so.
    WhereItPays,
    /// Not now.
    Never,
}

/// Why an ingest stopped. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The index refused; its message says what to do.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The encoder does not work, whatever the text.
    #[error("encoding failed")]
    Encode(#[from] EncodeError),
    /// Threads could not be started. Ask for fewer.
    #[error("cannot start {threads} threads")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// What the system said.
        #[source]
        source: ThreadPoolBuildError,
    },
}

/// Takes in everything `source` gives.
///
/// Documents that the index holds with the same content, metadata, chunker and
/// encoder are left alone; others are added or replace their older version. Of
/// documents with equal texts under one root one is stored, the others refer to
/// it, and become documents of their own when it changes or goes.
///
/// # Arguments
/// * `chunker` - should be the one the index remembers: documents cut
///   otherwise are not found by the same rules, though nothing breaks.
/// * `encoder` - the index's.
/// * `writer` - holds no uncommitted changes afterwards.
///
/// # Returns
/// What was done. Files that cannot be read, cut or encoded are in
/// [`IngestReport::skipped`]; what the index held of them stays.
///
/// # Errors
/// [`IngestError`]: the index or the encoder as a whole is at fault.
pub fn ingest(
    source: &mut dyn DocumentSource,
    chunker: &dyn Chunker,
    encoder: &dyn Encoder,
    writer: &mut IndexWriter,
    options: &IngestOptions,
    progress: &dyn Progress,
) -> Result<IngestReport, IngestError> {
    let started = Instant::now();
    let run = Run {
        chunker,
        encoder,
        options,
        progress,
        clocks: Clocks::default(),
        reading: Arc::new(pool("read", options.threads)?),
        encoding: Arc::new(pool("encode", options.threads)?),
    };
    progress.report(Event::Started { documents: source.len_hint() });
    let outcome = run.ingest(source, writer);
    progress.report(Event::Finished);
    let mut report = outcome?;
    report.stage_seconds = run.clocks.seconds();
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// What every stage of one ingest works with.
struct Run<'a> {
    chunker: &'a dyn Chunker,
    encoder: &'a dyn Encoder,
    options: &'a IngestOptions,
    progress: &'a dyn Progress,
    clocks: Clocks,
    reading: Arc<ThreadPool>,
    encoding: Arc<ThreadPool>,
}

impl Run<'_> {
    fn ingest(
        &self,
        source: &mut dyn DocumentSource,
        index: &mut IndexWriter,
    ) -> Result<IngestReport, IngestError> {
        let roots = source.roots().to_vec();
        let mut planner = Planner::new(index, &roots, self.chunker, self.encoder);
        let mut writer = Writer::new(self, index);
        for root in &roots {
            let path = root.path.canonicalize().unwrap_or_else(|_| root.path.clone());
            if let Some(from) = writer.add_root(&root.name, &path) {
                let (name, to) = (root.name.clone(), path.display().to_string());
                writer.report_mut().moved_roots.push(MovedRoot { name, from, to });
            }
        }
        self.pass(Items::Source(source), (&mut planner, Pass::Source), &mut writer)?;

        let moved = writer.report_mut().moved_roots.clone();
        let prune = Vanished::find(&planner, &roots, &moved).decide(
            &self.options.prune,
            writer.unlisted(),
            self.progress,
        );
        for id in &prune.vanished {
            writer.remove(id)?;
        }
        writer.report_mut().prune = prune.outcome;
        let left = planner.settle(&mut writer)?;
        self.pass(Items::List(left.into_iter()), (&mut planner, Pass::Again), &mut writer)?;
        let pruned = prune.vanished.into_iter().collect();
        let lost = planner.lost(writer.index(), &pruned);
        writer.report_mut().removed += lost;
        writer.finish()
    }

    /// Runs all stages over `items` until they are written.
    fn pass(
        &self,
        items: Items<'_>,
        planning: (&mut Planner, Pass),
        writer: &mut Writer<'_, '_>,
    ) -> Result<(), IngestError> {
        let (work_to, work) = crossbeam_channel::bounded(ENCODER_THREADS);
        let (done_to, done) = crossbeam_channel::bounded(ENCODER_THREADS);
        let (permit_to, permits) = crossbeam_channel::bounded(MAX_BATCHES_IN_FLIGHT);
        for _ in 0..MAX_BATCHES_IN_FLIGHT {
            // The channel has room for exactly these.
            let _ = permit_to.send(());
        }
        std::thread::scope(|scope| {
            for _ in 0..ENCODER_THREADS {
                let (work, done_to) = (work.clone(), done_to.clone());
                scope.spawn(move || encode::run(self, &work, &done_to));
            }
            // The stages end when the channels before them do.
            drop((work, done_to));
            let feed = scope.spawn(move || feed::run(self, items, planning, &work_to, &permits));
            let written = writer.run(&done, &permit_to);
            // After an error this unblocks whoever still sends.
            drop((done, permit_to));
            match feed.join() {
                Ok(fed) => writer.add(fed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            written
        })
    }
}

fn pool(name: &'static str, threads: usize) -> Result<ThreadPool, IngestError> {
    let threads = threads.max(1);
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |at| format!("ingest-{name}-{at}"))
        .build()
        .map_err(|source| IngestError::Threads { threads, source })
}
