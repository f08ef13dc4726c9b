//! Making few files of many: all of them, or those that grew by small commits.
//!
//! [`IndexWriter::merge`] rewrites the whole index. An index that takes a document
//! at a time cannot afford that every few commits, so [`IndexWriter::merge_recent`]
//! joins only the newest files, and keeps their sizes in a geometric series as
//! log-structured merge trees do (O'Neil et al., 1996): a document is rewritten
//! O(log n) times, and a search meets O(log n) segments. The newest and no others,
//! because a later file of texts overrides an earlier one.

use fail::fail_point;

use super::error::IndexError;
use super::files;
use super::generation::Generation;
use super::writer::{CommitSummary, IndexWriter};
use crate::dense::EncodedRows;
use crate::error::SegmentError;

/// So many files of a kind are left alone: a small one costs a search some
/// microseconds, a merge of two costs a commit.
const FEW: usize = 5;

/// A file stays as it is while it has so many times the bytes of all newer ones.
const RATIO: u64 = 2;

impl IndexWriter {
    /// Rewrites the index as one segment per side, without what is dead, and
    /// gives the vectors a graph where [`GraphParams`](crate::GraphParams) asks for one. Commits
    /// pending changes first and the result as a generation of its own.
    ///
    /// # Errors
    /// As [`IndexWriter::commit`]; the last commit stays in force.
    pub fn merge(&mut self) -> Result<CommitSummary, IndexError> {
        self.commit()?;
        self.lexical.merge()?;
        fail_point!("merge-lexical-done");
        let live = self.last_commit()?;
        // After one large commit the file is what would be written again, and
        // its graph is nearly all that a merge costs.
        if !live.vectors.is_merged(live.alive.len(), &self.manifest.graph) {
            self.rewrite_vectors(&live, 0)?;
        }
        fail_point!("merge-vectors-written");
        self.merge_tokens(&live)?;
        self.next.texts.clear();
        let texts = self.write_texts(&live.texts.merged(0)?)?;
        self.next.texts.extend(texts);
        files::sync_dir(&self.dir.join(files::SEGMENTS_DIR))?;
        fail_point!("merge-segments-synced");
        self.publish()
    }

    /// Whether [`IndexWriter::merge`] would pay: more than eight segments on a
    /// side (each costs every query a search of its own), a fifth of the
    /// vectors dead, or enough vectors without a graph.
    ///
    /// # Errors
    /// [`IndexError`] when the last commit cannot be opened.
    pub fn should_merge(&mut self) -> Result<bool, IndexError> {
        const MAX_SEGMENTS: usize = 8;
        let live = self.last_commit()?;
        let (rows, without_graph) = live.vectors.row_counts();
        let dead = rows.saturating_sub(live.alive.len());
        let many = live.record().vectors.len().max(self.lexical.segment_count()?);
        let flat = without_graph >= self.manifest.graph.min_rows;
        Ok(many > MAX_SEGMENTS || dead * 5 > rows || flat)
    }

    /// Joins the newest files of each side where many small ones have come together,
    /// and leaves large ones alone; `None` where nothing was to be done. Commits
    /// pending changes first and the result as a generation of its own.
    ///
    /// Deleted rows of the files it leaves alone stay until [`IndexWriter::merge`].
    ///
    /// # Errors
    /// As [`IndexWriter::commit`]; the last commit stays in force.
    pub fn merge_recent(&mut self) -> Result<Option<CommitSummary>, IndexError> {
        self.commit_pending()?;
        let vectors_from = tail(&self.file_sizes(&self.next.vectors)?);
        let texts_from = tail(&self.file_sizes(&self.next.texts)?);
        let joined_words = self.lexical.merge_recent(tail)?;
        if vectors_from.is_none() && texts_from.is_none() && !joined_words {
            return Ok(None);
        }
        fail_point!("merge-lexical-done");
        let live = self.last_commit()?;
        if let Some(from) = vectors_from {
            self.rewrite_vectors(&live, from)?;
        }
        fail_point!("merge-vectors-written");
        if let Some(from) = texts_from {
            self.next.texts.truncate(from);
            let texts = self.write_texts(&live.texts.merged(from)?)?;
            self.next.texts.extend(texts);
        }
        files::sync_dir(&self.dir.join(files::SEGMENTS_DIR))?;
        fail_point!("merge-segments-synced");
        self.publish().map(Some)
    }

    /// Writes the live vectors of the segments behind the first `from` as one.
    fn rewrite_vectors(&mut self, live: &Generation, from: usize) -> Result<(), IndexError> {
        let mut rows = EncodedRows::new(self.manifest.vectors, self.manifest.encoder.dim)?;
        live.vectors.tail(from).copy_rows(&live.alive, &mut rows)?;
        self.next.vectors.truncate(from);
        let graph = self.manifest.graph;
        let vectors = self.write_vectors(&rows, &graph)?;
        self.next.vectors.extend(vectors);
        Ok(())
    }

    /// Bytes of segment files.
    fn file_sizes(&self, names: &[String]) -> Result<Vec<u64>, SegmentError> {
        let size = |name: &String| {
            let path = files::segment_path(&self.dir, name);
            let meta = std::fs::metadata(&path).map_err(|source| SegmentError::io(&path, source));
            meta.map(|meta| meta.len())
        };
        names.iter().map(size).collect()
    }
}

/// Where the files begin that are to be joined, of files given oldest first;
/// `None` while they are few, or large enough beside the newer ones.
fn tail(sizes: &[u64]) -> Option<usize> {
    if sizes.len() <= FEW {
        return None;
    }
    let (mut newer, mut from) = (0, None);
    for (at, size) in sizes.iter().enumerate().rev() {
        if *size < RATIO * newer {
            from = Some(at);
        }
        newer += size;
    }
    from
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn sizes_stay_geometric_and_a_document_is_seldom_rewritten() {
        let (mut sizes, mut written, mut most) = (vec![100_000], 0, 0);
        let n = 10_000;
        for _ in 0..n {
            sizes.push(1);
            if let Some(from) = tail(&sizes) {
                assert!(sizes.len() - from > 1, "one file would be copied for nothing: {sizes:?}");
                let joined: u64 = sizes.drain(from..).sum();
                sizes.push(joined);
                written += joined;
            }
            most = most.max(sizes.len());
        }
        assert_eq!(sizes.iter().sum::<u64>(), 100_000 + n);
        assert_eq!(sizes[0], 100_000, "what is large stays");
        // log3(10,000) is 8.4, and the latest few wait to be joined.
        assert!(most <= 14, "{most} files");
        assert!(written <= 12 * n, "{written} rows were written for {n}");
    }
}
