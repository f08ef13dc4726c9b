//! Removing documents whose source has vanished: only on request, only under
//! the roots of this run, and many at once only with consent.

use std::fmt;

use engine::DocumentId;

use super::plan::Planner;
use super::progress::{Event, Progress};
use crate::report::{MovedRoot, PruneOutcome};
use crate::source::Root;

/// Above one vanished document in so many, consent is asked for: a folder that
/// is not mounted looks like one whose files were all deleted.
const CONSENT_SHARE: usize = 10;

/// What becomes of documents whose source has vanished.
#[derive(Default)]
pub enum Prune {
    /// They stay.
    #[default]
    Keep,
    /// They are removed, however many.
    Remove,
    /// They are removed; above a tenth of a root's documents, or when the root
    /// itself is at another path than before, only with consent. Called at most
    /// once, after everything else is written.
    Ask(Box<dyn Fn(&PruneRequest) -> Consent + Send + Sync>),
}

impl fmt::Debug for Prune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::Remove => "Remove",
            Self::Ask(_) => "Ask",
        })
    }
}

/// What consent is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRequest {
    /// Name of the root for whose sake it is asked.
    pub root: String,
    /// Documents of this run's roots that would be removed.
    pub vanished: usize,
    /// Documents the index holds of these roots.
    pub of: usize,
    /// Where the root was before, if elsewhere.
    pub moved_from: Option<String>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Remove them.
    Given,
    /// Leave them.
    Refused,
}

/// What is to be removed, and what to say about it.
pub(super) struct Pruning {
    pub(super) vanished: Vec<DocumentId>,
    pub(super) outcome: PruneOutcome,
}

/// Documents of this run's roots whose source did not show up.
pub(super) struct Vanished {
    ids: Vec<DocumentId>,
    /// What consent is needed for, if any.
    request: Option<PruneRequest>,
    /// Documents the index holds of these roots.
    held: usize,
}

impl Vanished {
    pub(super) fn find(planner: &Planner, roots: &[Root], moved: &[MovedRoot]) -> Self {
        let mut found = Self { ids: Vec::new(), request: None, held: 0 };
        let mut doubtful = None;
        for (nth, root) in roots.iter().enumerate() {
            let (ids, held) = planner.vanished(nth);
            let moved_from = moved.iter().find(|moved| moved.name == root.name);
            let many = ids.len() * CONSENT_SHARE > held || moved_from.is_some();
            if many && !ids.is_empty() && doubtful.is_none() {
                doubtful = Some((&root.name, moved_from.map(|moved| moved.from.clone())));
            }
            found.ids.extend(ids);
            found.held += held;
        }
        found.request = doubtful.map(|(root, moved_from)| PruneRequest {
            root: root.clone(),
            vanished: found.ids.len(),
            of: found.held,
            moved_from,
        });
        found
    }

    /// Decides, and asks where that is due.
    ///
    /// # Arguments
    /// * `unlisted` - a part of the source that could not be listed: documents
    ///   there only seem to have vanished, so nothing is removed.
    pub(super) fn decide(
        self,
        policy: &Prune,
        unlisted: Option<&str>,
        progress: &dyn Progress,
    ) -> Pruning {
        let nothing = |outcome| Pruning { vanished: Vec::new(), outcome };
        if let Some(origin) = unlisted.filter(|_| !self.ids.is_empty()) {
            return match policy {
                Prune::Keep => nothing(PruneOutcome::NotAsked),
                Prune::Remove | Prune::Ask(_) => {
                    nothing(PruneOutcome::Withheld { origin: origin.to_owned() })
                }
            };
        }
        let consent = match (policy, &self.request) {
            (Prune::Keep, _) => return nothing(PruneOutcome::NotAsked),
            (Prune::Ask(ask), Some(request)) => {
                progress.report(Event::Asking);
                ask(request)
            }
            (Prune::Remove, _) | (Prune::Ask(_), None) => Consent::Given,
        };
        match consent {
            Consent::Given => Pruning { vanished: self.ids, outcome: PruneOutcome::Done },
            Consent::Refused => {
                nothing(PruneOutcome::Refused { vanished: self.ids.len(), of: self.held })
            }
        }
    }
}
