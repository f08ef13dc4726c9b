//! Removing documents whose source has vanished: only on request, only under
//! the roots of this run, and many at once only with consent.

use std::fmt;

use engine::DocumentId;

use super::plan::Planner;
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

/// Finds what has vanished and asks where that is due.
///
/// # Arguments
/// * `unlisted` - a part of the source that could not be listed: documents
///   there only seem to have vanished, so nothing is removed.
pub(super) fn decide(
    planner: &Planner,
    roots: &[Root],
    policy: &Prune,
    moved: &[MovedRoot],
    unlisted: Option<&str>,
) -> Pruning {
    let nothing = |outcome| Pruning { vanished: Vec::new(), outcome };
    if matches!(policy, Prune::Keep) {
        return nothing(PruneOutcome::NotAsked);
    }
    let mut request: Option<PruneRequest> = None;
    let (mut vanished, mut of) = (Vec::new(), 0);
    for (nth, root) in roots.iter().enumerate() {
        let (of_root, held) = planner.vanished(nth);
        let moved_from = moved.iter().find(|moved| moved.name == root.name);
        let doubtful = of_root.len() * CONSENT_SHARE > held || moved_from.is_some();
        if doubtful && !of_root.is_empty() && request.is_none() {
            request = Some(PruneRequest {
                root: root.name.clone(),
                vanished: 0,
                of: 0,
                moved_from: moved_from.map(|moved| moved.from.clone()),
            });
        }
        vanished.extend(of_root);
        of += held;
    }
    if let Some(origin) = unlisted.filter(|_| !vanished.is_empty()) {
        return nothing(PruneOutcome::Withheld { origin: origin.to_owned() });
    }
    if let (Prune::Ask(ask), Some(request)) = (policy, request) {
        let request = PruneRequest { vanished: vanished.len(), of, ..request };
        if ask(&request) == Consent::Refused {
            return nothing(PruneOutcome::Refused { vanished: request.vanished, of });
        }
    }
    Pruning { vanished, outcome: PruneOutcome::Done }
}
