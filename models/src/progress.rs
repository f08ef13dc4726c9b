//! What a long fetch tells its caller; the command line draws it as bars.

/// Receives what happens during a fetch, in order, perhaps from several threads.
pub trait Progress: Send + Sync {
    /// Called for each event. Should return at once: the fetch waits for it.
    fn report(&self, event: Event<'_>);
}

/// Something that happened during a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A task began. Its `total_bytes` are known only for some.
    Started {
        /// What is being done, for people: `model.safetensors`.
        task: &'a str,
        /// Size of the whole.
        total_bytes: Option<u64>,
    },
    /// The running task has handled so many bytes so far.
    Advanced {
        /// All bytes since its start.
        bytes: u64,
    },
    /// The running task ended, well or not.
    Finished,
    /// A line for people: a source that failed, a hash seen for the first time.
    Note {
        /// The line.
        text: &'a str,
    },
}

/// Says nothing; notes still go to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            tracing::info!("{text}");
        }
    }
}

/// A running task: reports its end even when it is left through an error.
pub(crate) struct Task<'a> {
    progress: &'a dyn Progress,
}

impl<'a> Task<'a> {
    pub(crate) fn start(progress: &'a dyn Progress, task: &str, total_bytes: Option<u64>) -> Self {
        progress.report(Event::Started { task, total_bytes });
        Self { progress }
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.progress.report(Event::Advanced { bytes });
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.progress.report(Event::Finished);
    }
}

pub(crate) fn note(progress: &dyn Progress, text: &str) {
    progress.report(Event::Note { text });
}
