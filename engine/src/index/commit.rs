//! The commit record: everything one generation consists of.
//!
//! It travels as the payload of tantivy's commit, so that replacing one file,
//! `meta.json`, makes chunks, vectors and texts visible together.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

/// A root folder that documents were ingested from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRecord {
    /// First component of the ids of its documents.
    pub name: String,
    /// Where it was, as given or absolute; for people and for `--prune`.
    pub path: String,
}

/// What a generation consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommitRecord {
    /// 0 for the empty index, then one more with each commit.
    pub(super) generation: u64,
    /// The next chunk number; ascending for ever.
    pub(super) next_ord: u32,
    /// Vector segment files, oldest first.
    pub(super) vectors: Vec<String>,
    /// Text segment files, oldest first.
    pub(super) texts: Vec<String>,
    /// Files of token vectors, oldest first; commits older than these have none.
    #[serde(default)]
    pub(super) tokens: Vec<String>,
    /// What each of these files is, see [`segment_file::identity`](crate::segment_file::identity):
    /// a whole file of another generation under its name is noticed. Commits older
    /// than this have none.
    #[serde(default)]
    pub(super) identities: BTreeMap<String, u32>,
    /// Roots, in the order they were first ingested.
    pub(super) roots: Vec<RootRecord>,
}

impl CommitRecord {
    pub(super) fn to_payload(&self) -> String {
        serde_json::to_string(self).expect("plain data serialises")
    }

    /// Reads a payload. The empty one stands for the index before its first
    /// commit.
    pub(super) fn from_payload(payload: &str) -> Result<Self, serde_json::Error> {
        if payload.is_empty() { Ok(Self::default()) } else { serde_json::from_str(payload) }
    }

    /// Names of all segment files.
    pub(super) fn files(&self) -> HashSet<String> {
        self.vectors.iter().chain(&self.texts).chain(&self.tokens).cloned().collect()
    }
}
