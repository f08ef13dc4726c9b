//! From sources to collections that answer: first words, then everything.
//!
//! In two steps, since they take unlike times: an index opens in tens of milliseconds, a
//! model is read, and perhaps fetched, in tens to thousands. Not by letting a hybrid
//! search wait for its encoder: it would hold one of the few places for searches, and
//! those for words would queue behind it.

use std::sync::Arc;

use crate::collections::{AttachEncoder, Collection, CollectionSource, Collections};
use crate::limits::Limits;
use crate::serve::ServerError;

/// What is still to be done before collections answer every search.
pub(crate) struct Loading(Vec<Pending>);

struct Pending {
    collection: Arc<Collection>,
    attach: Option<AttachEncoder>,
}

/// Opens collections and has each answer a search for words.
///
/// # Errors
/// [`ServerError::Open`], [`ServerError::WarmUp`], [`ServerError::Collections`].
pub(crate) fn open_all(
    sources: Vec<CollectionSource>,
) -> Result<(Collections, Loading), ServerError> {
    let mut pending = Vec::with_capacity(sources.len());
    for source in sources {
        let name = source.name().to_owned();
        let (collection, attach) =
            source.open().map_err(|source| ServerError::Open { name: name.clone(), source })?;
        collection.warm_up_words().map_err(|source| ServerError::WarmUp { name, source })?;
        pending.push(Pending { collection: Arc::new(collection), attach });
    }
    let collections = pending.iter().map(|pending| Arc::clone(&pending.collection)).collect();
    Ok((Collections::shared(collections)?, Loading(pending)))
}

impl Loading {
    /// Waits for the encoders and has each collection answer a search with all it has.
    ///
    /// # Errors
    /// [`ServerError::Open`], [`ServerError::WarmUp`].
    pub(crate) fn finish(self, limits: &Limits) -> Result<(), ServerError> {
        for Pending { collection, attach } in self.0 {
            let name = || collection.name().to_owned();
            let failed = |source| ServerError::Open { name: name(), source };
            let ingest = attach.map(|attach| attach()).transpose().map_err(failed)?.flatten();
            if let Some(ingest) = ingest {
                let started = collection.take_changes(ingest, limits);
                started.map_err(|source| failed(source.into()))?;
            }
            collection.warm_up().map_err(|source| ServerError::WarmUp { name: name(), source })?;
        }
        Ok(())
    }
}
