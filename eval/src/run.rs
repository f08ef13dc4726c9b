//! A run: for each topic, documents best first.
//!
//! **The folding rule, stated once: a document ranks where its best chunk
//! ranks, with that chunk's score.** Everything that judges documents goes
//! through [`fold_chunks`].
//!
//! A run keeps the engine's own order in any evaluator's hands. Evaluators
//! ignore the rank column, read scores as `f32` and break ties by document id
//! in descending order (trec_eval), so the scores of a run are `f32` and
//! strictly descending: an entry that would tie with the one before it, or
//! pass it, is lowered to the next number below. What is scored here and what
//! is written to a file are this one representation.

use std::collections::{BTreeMap, HashSet};

use engine::DocumentId;

/// A document in a ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEntry {
    /// Which document.
    pub document: DocumentId,
    /// Higher is better; comparable only within its topic and run.
    pub score: f32,
}

/// Rankings by topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Names the system; the last column of a run file.
    pub tag: String,
    topics: BTreeMap<String, Vec<RunEntry>>,
}

impl Run {
    /// A run without topics.
    pub fn new(tag: impl Into<String>) -> Self {
        Self { tag: tag.into(), topics: BTreeMap::new() }
    }

    /// Sets a topic's ranking.
    ///
    /// # Arguments
    /// * `topic` - the topic's id.
    /// * `ranking` - documents best first; of a repeated document the first
    ///   entry stays. The order is kept, the scores are lowered where needed to
    ///   descend strictly (see the module).
    pub fn insert(&mut self, topic: &str, ranking: impl IntoIterator<Item = (DocumentId, f64)>) {
        let mut entries: Vec<RunEntry> = Vec::new();
        let mut seen = HashSet::new();
        for (document, score) in ranking {
            if !seen.insert(document.clone()) {
                continue;
            }
            let limit = entries.last().map_or(f32::MAX, |previous| previous.score.next_down());
            entries.push(RunEntry { document, score: (score as f32).min(limit) });
        }
        self.topics.insert(topic.to_owned(), entries);
    }

    /// Sets a topic's ranking to entries whose order follows from their scores
    /// as trec_eval orders them: score descending, then id descending.
    pub(crate) fn insert_scored(&mut self, topic: String, mut entries: Vec<RunEntry>) {
        entries
            .sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| b.document.cmp(&a.document)));
        self.topics.insert(topic, entries);
    }

    /// The ranking of `topic`, best first; empty when it has none.
    pub fn ranking(&self, topic: &str) -> &[RunEntry] {
        self.topics.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Topics with their rankings, by ascending topic id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[RunEntry])> {
        self.topics.iter().map(|(topic, entries)| (topic.as_str(), entries.as_slice()))
    }

    /// A digest of the rankings and their scores.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (topic, entries) in self.iter() {
            hasher.update(format!("{topic:?}\n").as_bytes());
            for entry in entries {
                let line = format!("{:?} {}\n", entry.document.as_str(), entry.score.to_bits());
                hasher.update(line.as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there are no topics.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

/// Folds ranked chunks into ranked documents: each document once, where its
/// best chunk stands, with that chunk's score.
///
/// # Arguments
/// * `chunks` - the documents of the chunks, best chunk first, with its score.
pub fn fold_chunks(chunks: impl IntoIterator<Item = (DocumentId, f64)>) -> Vec<(DocumentId, f64)> {
    let mut seen = HashSet::new();
    chunks.into_iter().filter(|(document, _)| seen.insert(document.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> DocumentId {
        DocumentId::new(name).unwrap()
    }

    #[test]
    fn a_document_ranks_where_its_best_chunk_does() {
        let folded = fold_chunks([(id("b"), 3.0), (id("a"), 2.0), (id("b"), 1.0), (id("c"), 1.0)]);
        assert_eq!(folded, [(id("b"), 3.0), (id("a"), 2.0), (id("c"), 1.0)]);
    }

    proptest! {
        /// Whatever the scores, sorting by them as trec_eval does gives back
        /// the order that was put in.
        #[test]
        fn scores_reproduce_the_order(scores in prop::collection::vec(-2.0_f64..40.0, 1..50), coarse in any::<bool>()) {
            let mut scores = scores;
            if coarse {
                scores = scores.into_iter().map(f64::round).collect();
            }
            scores.sort_by(|a, b| b.total_cmp(a));
            // Ids ascend, so descending ids would turn every tie around.
            let ranking: Vec<_> = scores.iter().enumerate().map(|(at, score)| (id(&format!("{at:03}")), *score)).collect();
            let mut run = Run::new("t");
            run.insert("1", ranking.clone());
            let mut resorted = Run::new("t");
            resorted.insert_scored("1".to_owned(), run.ranking("1").to_vec());
            prop_assert_eq!(resorted.ranking("1"), run.ranking("1"));
            for (entry, (document, score)) in run.ranking("1").iter().zip(&ranking) {
                prop_assert_eq!(&entry.document, document);
                prop_assert!((f64::from(entry.score) - score).abs() < 1e-3);
            }
        }
    }
}
