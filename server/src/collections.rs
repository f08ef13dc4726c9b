//! The indexes a server answers from, by name.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{
    Index, RerankOptions, RerankPipeline, SearchError, SearchRequest, Searcher, Strategy,
};

use crate::error::ApiError;

/// Any error of a caller's opener.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

type Opener = Box<dyn FnOnce() -> Result<Opened, OpenError> + Send>;

/// A reranker that is loaded, and how far it reads where a request does not say.
#[derive(Clone, Debug)]
pub struct LoadedReranker {
    /// What reranks.
    pub pipeline: Arc<RerankPipeline>,
    /// How far.
    pub options: RerankOptions,
}

/// What a caller's opener gives: an index, perhaps with a reranker.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The index.
    pub index: Arc<Index>,
    /// What reranks its results unless a request says otherwise; `None` without.
    pub reranker: Option<LoadedReranker>,
}

impl From<Arc<Index>> for Opened {
    fn from(index: Arc<Index>) -> Self {
        Self { index, reranker: None }
    }
}

/// A collection that is yet to be opened.
pub struct CollectionSource {
    name: String,
    open: Opener,
}

impl CollectionSource {
    /// A collection whose index is opened by `open` after the server has bound
    /// its address, so that it can already say that it is starting.
    pub fn deferred(
        name: impl Into<String>,
        open: impl FnOnce() -> Result<Opened, OpenError> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), open: Box::new(open) }
    }

    /// A collection whose index is open.
    pub fn opened(name: impl Into<String>, index: Arc<Index>) -> Self {
        Self::deferred(name, || Ok(index.into()))
    }

    /// What clients call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn open(self) -> Result<Collection, OpenError> {
        let Opened { index, reranker } = (self.open)()?;
        Ok(Collection { reranker, ..Collection::new(self.name, index) })
    }
}

impl std::fmt::Debug for CollectionSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectionSource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An open index and the name clients know it by.
#[derive(Debug)]
pub struct Collection {
    name: String,
    index: Arc<Index>,
    reranker: Option<LoadedReranker>,
    stale: AtomicBool,
    opened: i64,
}

impl Collection {
    /// Names an index.
    pub fn new(name: impl Into<String>, index: Arc<Index>) -> Self {
        let (stale, opened) = (AtomicBool::new(false), jiff::Timestamp::now().as_second());
        Self { name: name.into(), index, reranker: None, stale, opened }
    }

    /// The same with a reranker.
    #[must_use]
    pub fn with_reranker(self, reranker: LoadedReranker) -> Self {
        Self { reranker: Some(reranker), ..self }
    }

    /// What clients call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The index.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// The reranker.
    pub fn reranker(&self) -> Option<&LoadedReranker> {
        self.reranker.as_ref()
    }

    /// When it was opened: seconds since 1970.
    pub(crate) fn opened(&self) -> i64 {
        self.opened
    }

    /// A view of the newest generation, with the reranker.
    pub fn searcher(&self) -> Searcher {
        let searcher = self.index.searcher();
        match &self.reranker {
            Some(reranker) => searcher.with_reranker(Arc::clone(&reranker.pipeline)),
            None => searcher,
        }
    }

    /// Whether the newest commit could not be loaded, so that answers come from
    /// an older one.
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// Records how the last attempt to load a newer commit went; returns
    /// whether that is news.
    pub(crate) fn set_stale(&self, stale: bool) -> bool {
        self.stale.swap(stale, Ordering::Relaxed) != stale
    }

    /// Runs one search, so that the first user does not wait for the encoder's
    /// first run and the index's first pages.
    pub(crate) fn warm_up(&self) -> Result<(), SearchError> {
        let mut request = SearchRequest::new("warm up");
        if self.index.encoder().is_none() {
            request.strategy = Strategy::Lexical;
        }
        request.rerank = self.reranker.as_ref().map(|reranker| reranker.options);
        self.searcher().search(&request).map(|_| ())
    }
}

/// Why collections cannot be served together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectionsError {
    /// Nothing to serve.
    #[error("no collection is given; name at least one index")]
    Empty,
    /// A collection without a name.
    #[error("a collection has an empty name; give it one")]
    Unnamed,
    /// Two collections of one name.
    #[error("two collections are named {name:?}; give each a name of its own")]
    Duplicate {
        /// The name.
        name: String,
    },
}

/// All collections of a server, in the order they were given. The first one
/// answers requests that name none.
#[derive(Debug)]
pub struct Collections(Vec<Arc<Collection>>);

impl Collections {
    /// Puts collections together.
    ///
    /// # Errors
    /// [`CollectionsError`] when there is none, or names are empty or repeated.
    pub fn new(collections: Vec<Collection>) -> Result<Self, CollectionsError> {
        check_names(collections.iter().map(Collection::name))?;
        Ok(Self(collections.into_iter().map(Arc::new).collect()))
    }

    /// Every collection, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.0.iter()
    }

    pub(crate) fn get(&self, name: Option<&str>) -> Result<Arc<Collection>, ApiError> {
        let found = match name {
            Some(name) => self.0.iter().find(|collection| collection.name == name),
            None => self.0.first(),
        };
        found.cloned().ok_or_else(|| ApiError::UnknownCollection {
            name: name.unwrap_or_default().to_owned(),
            known: self.0.iter().map(|known| known.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// Checked before anything is opened, since opening takes time.
pub(crate) fn check_names<'a>(
    names: impl Iterator<Item = &'a str>,
) -> Result<(), CollectionsError> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(CollectionsError::Unnamed);
        }
        if !seen.insert(name) {
            return Err(CollectionsError::Duplicate { name: name.to_owned() });
        }
    }
    if seen.is_empty() { Err(CollectionsError::Empty) } else { Ok(()) }
}
