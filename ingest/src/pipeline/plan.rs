//! What each document needs: nothing, a reference to its twin, or indexing.
//!
//! The plan is made in the order of the source and depends on nothing else.
//! A few documents cannot be decided when they come: whether an unchanged
//! duplicate still has its original, or whether a new document's twin will keep
//! its text, is known at the end. Those are put aside as items (a path each),
//! and settled then.

use std::collections::{BTreeMap, HashMap, HashSet};

use engine::{Document, DocumentId, Encoder, IndexWriter, Signature};

use super::IngestError;
use super::signature::{ContentKey, RootKey, Signer};
use super::write::Writer;
use crate::chunk::Chunker;
use crate::source::{Content, Root, SourceItem};

/// Which time a document comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// From the source.
    Source,
    /// From what was put aside: it is decided now.
    Again,
}

/// What a document needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing.
    Unchanged,
    /// To be cut, encoded and written.
    Index(Signature, Novelty),
    /// A reference to `of`, which comes before it in this run.
    Duplicate { of: DocumentId, signature: Signature, novelty: Novelty },
    /// To be decided at the end.
    Later,
}

/// Whether the index held an older version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    Changed,
    /// It held this very version, as a duplicate whose original is another now.
    Same,
}

/// What the index holds of a document.
#[derive(Clone, Debug)]
struct Stored {
    signature: Signature,
    duplicate_of: Option<DocumentId>,
}

/// A document put aside.
struct Aside {
    item: SourceItem,
    signature: Signature,
}

/// Decides, and remembers what it has seen.
pub(super) struct Planner {
    signer: Signer,
    root_keys: Vec<RootKey>,
    stored: HashMap<DocumentId, Stored>,
    /// Documents with a text of their own before this run, by root and text.
    stored_texts: HashMap<(RootKey, ContentKey), DocumentId>,
    /// Documents that have a text of their own after it.
    kept_texts: HashMap<(RootKey, ContentKey), DocumentId>,
    seen: HashSet<DocumentId>,
    aside: Vec<Aside>,
}

impl Planner {
    /// Takes stock of the index: O(documents) time and memory.
    pub(super) fn new(
        index: &IndexWriter,
        roots: &[Root],
        chunker: &dyn Chunker,
        encoder: &dyn Encoder,
    ) -> Self {
        let root_keys: Vec<_> = roots.iter().map(|root| RootKey::new(&root.name)).collect();
        let mut stored = HashMap::new();
        let mut stored_texts = HashMap::new();
        for id in index.document_ids() {
            let Some(signature) = index.signature(&id) else { continue };
            let duplicate_of = index.duplicate_of(&id).cloned();
            if duplicate_of.is_none() && root_keys.contains(&RootKey::of(signature)) {
                stored_texts.entry(text_key(signature)).or_insert_with(|| id.clone());
            }
            stored.insert(id, Stored { signature, duplicate_of });
        }
        Self {
            signer: Signer::new(chunker, encoder),
            root_keys,
            stored,
            stored_texts,
            kept_texts: HashMap::new(),
            seen: HashSet::new(),
            aside: Vec::new(),
        }
    }

    /// Decides about a document that was read from `item`.
    pub(super) fn decide(
        &mut self,
        item: &SourceItem,
        document: &Document,
        pass: Pass,
    ) -> Decision {
        self.keep(&item.id);
        let signature = self.sign(item, document);
        let stored = self.stored.get(&item.id);
        let novelty = self.novelty(&item.id, signature);
        let key = text_key(signature);
        if pass == Pass::Source {
            if novelty == Novelty::Same {
                if stored.is_some_and(|stored| stored.duplicate_of.is_none()) {
                    self.kept_texts.entry(key).or_insert_with(|| item.id.clone());
                    return Decision::Unchanged;
                }
                self.aside.push(Aside { item: item.clone(), signature });
                return Decision::Later;
            }
            let twin = self.stored_texts.get(&key);
            let undecided = twin.is_some_and(|twin| *twin != item.id && !self.seen.contains(twin));
            if undecided && !self.kept_texts.contains_key(&key) {
                self.aside.push(Aside { item: item.clone(), signature });
                return Decision::Later;
            }
        }
        match self.kept_texts.get(&key) {
            Some(of) if *of != item.id => {
                Decision::Duplicate { of: of.clone(), signature, novelty }
            }
            _ => {
                self.kept_texts.insert(key, item.id.clone());
                Decision::Index(signature, novelty)
            }
        }
    }

    /// Notes that a document's source is there, whatever became of it.
    pub(super) fn keep(&mut self, id: &DocumentId) {
        self.seen.insert(id.clone());
    }

    /// Settles what was put aside, now that every other document is written.
    ///
    /// # Returns
    /// The items that need a text of their own, to be read again.
    pub(super) fn settle(
        &mut self,
        writer: &mut Writer<'_, '_>,
    ) -> Result<Vec<SourceItem>, IngestError> {
        let mut left = Vec::new();
        for Aside { item, signature } in std::mem::take(&mut self.aside) {
            let index = writer.index();
            if index.signature(&item.id) == Some(signature) {
                // Still a duplicate of what it was one of.
                writer.report_mut().unchanged += 1;
                continue;
            }
            let key = text_key(signature);
            let holders = [self.kept_texts.get(&key), self.stored_texts.get(&key)];
            let holder = holders.into_iter().flatten().find(|holder| {
                let same = |signature| text_key(signature) == key;
                **holder != item.id
                    && index.signature(holder).is_some_and(same)
                    && index.duplicate_of(holder).is_none()
            });
            match holder.cloned() {
                Some(of) => {
                    let novelty = self.novelty(&item.id, signature);
                    writer.duplicate(&item.id, &of, signature, novelty)?;
                    self.kept_texts.entry(key).or_insert(of);
                }
                None => left.push(item),
            }
        }
        Ok(left)
    }

    /// Ids under the roots of this run whose source did not show up, and how
    /// many there were under the root `nth`.
    pub(super) fn vanished(&self, nth: usize) -> (Vec<DocumentId>, usize) {
        let of_root = |stored: &Stored| RootKey::of(stored.signature) == self.root_keys[nth];
        let held = self.stored.iter().filter(|(_, stored)| of_root(stored));
        let mut vanished: Vec<_> = held
            .clone()
            .filter(|(id, _)| !self.seen.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        vanished.sort_unstable();
        (vanished, held.count())
    }

    /// How many duplicates went with the text they referred to, because their
    /// own source has vanished and could not give it back.
    ///
    /// # Arguments
    /// * `pruned` - documents removed on request.
    pub(super) fn lost(&self, index: &IndexWriter, pruned: &HashSet<DocumentId>) -> usize {
        self.stored
            .iter()
            .filter(|(id, stored)| stored.duplicate_of.is_some() && !self.seen.contains(*id))
            .filter(|(id, _)| index.signature(id).is_none() && !pruned.contains(*id))
            .count()
    }

    fn novelty(&self, id: &DocumentId, signature: Signature) -> Novelty {
        match self.stored.get(id) {
            None => Novelty::New,
            Some(stored) if stored.signature == signature => Novelty::Same,
            Some(_) => Novelty::Changed,
        }
    }

    fn sign(&self, item: &SourceItem, document: &Document) -> Signature {
        let none = BTreeMap::new();
        // What a file system says of a file; a record's fields are its author's.
        let incidental = match item.content {
            Content::File(_) => &item.fields,
            Content::Bytes(_) | Content::Text(_) | Content::Verbatim(_) => &none,
        };
        self.signer.sign(document, self.root_keys[item.root], incidental)
    }
}

fn text_key(signature: Signature) -> (RootKey, ContentKey) {
    (RootKey::of(signature), ContentKey::of(signature))
}
