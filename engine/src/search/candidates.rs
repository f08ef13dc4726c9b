//! Ranking documents that someone else has found: the given ranking as a first
//! stage.

use super::Searcher;
use super::error::SearchError;
use crate::document::{ChunkOrd, DocumentId};
use crate::ord_set::OrdSet;
use crate::ranked_list::{RankedList, ScoredChunk};

impl Searcher {
    /// The live chunks of the candidates; those of the original for a duplicate.
    pub(super) fn chunks_of(
        &self,
        candidates: &[(DocumentId, f64)],
    ) -> Result<OrdSet, SearchError> {
        let mut chunks = OrdSet::new(self.generation.alive.capacity());
        for (document, score) in candidates {
            if !score.is_finite() {
                let (document, score) = (document.clone(), *score);
                return Err(SearchError::CandidateScore { document, score });
            }
            for ord in self.generation.texts.ords_of(document) {
                chunks.insert(ChunkOrd(ord));
            }
        }
        Ok(chunks)
    }

    /// The candidates as a ranking of chunks, a chunk for each document: the one
    /// that the legs rank first, or its first one where they rank none.
    pub(super) fn given_ranking(
        &self,
        candidates: &[(DocumentId, f64)],
        allowed: &OrdSet,
        legs: &RankedList,
    ) -> RankedList {
        let chunk_of = |document: &DocumentId| {
            let ords = self.generation.texts.ords_of(document);
            let best =
                legs.entries().iter().map(|entry| entry.ord).find(|ord| ords.contains(&ord.0));
            best.or_else(|| ords.clone().map(ChunkOrd).find(|&ord| allowed.contains(ord)))
        };
        RankedList::from_scored(candidates.iter().filter_map(|(document, score)| {
            Some(ScoredChunk { ord: chunk_of(document)?, score: *score })
        }))
    }
}
