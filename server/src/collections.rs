//! The indexes a server answers from, by name.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use engine::{
    Index, RerankOptions, RerankPipeline, SearchError, SearchRequest, Searcher, Strategy,
};

use ingest::pipeline::LiveIngest;

use crate::access::Sight;
use crate::error::ApiError;
use crate::limits::Limits;
use crate::live::LiveIndex;

/// Any error of a caller's opener.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// What is searched for before anybody asks.
const WARM_UP: &str = "warm up";

type Opener = Box<dyn FnOnce() -> Result<Opened, OpenError> + Send>;

/// A reranker that is loaded, and how far it reads where a request does not say.
#[derive(Clone, Debug)]
pub struct LoadedReranker {
    /// What reranks.
    pub pipeline: Arc<RerankPipeline>,
    /// How far.
    pub options: RerankOptions,
}

/// Waits for an index's encoder and gives it to the index; returns what reads and encodes
/// documents for it, where clients may put some.
pub(crate) type AttachEncoder = Box<dyn FnOnce() -> Result<Option<LiveIngest>, OpenError> + Send>;

/// What a caller's opener gives: an index, perhaps with a reranker.
pub struct Opened {
    /// The index.
    pub index: Arc<Index>,
    /// What reranks its results unless a request says otherwise; `None` without.
    pub reranker: Option<LoadedReranker>,
    /// For an index of [`Index::open_before_encoder`]: called on a thread of its own once
    /// words can be searched, and ends when vectors can be too. `None` where the index has
    /// its encoder, or none is wanted.
    pub attach_encoder: Option<AttachEncoder>,
}

impl From<Arc<Index>> for Opened {
    fn from(index: Arc<Index>) -> Self {
        Self { index, reranker: None, attach_encoder: None }
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("index", &self.index)
            .field("reranker", &self.reranker)
            .finish_non_exhaustive()
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

    /// A collection that answers searches for words, and what has to be waited for until
    /// it answers all others.
    pub(crate) fn open(self) -> Result<(Collection, Option<AttachEncoder>), OpenError> {
        let Opened { index, reranker, attach_encoder } = (self.open)()?;
        let collection = Collection::new(self.name, index);
        collection.loading.store(true, Ordering::Relaxed);
        Ok((Collection { reranker, ..collection }, attach_encoder))
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
    live: OnceLock<LiveIndex>,
    /// Whether it is still being made ready for searches of every kind.
    loading: AtomicBool,
    stale: AtomicBool,
    opened: i64,
}

impl Collection {
    /// Names an index.
    pub fn new(name: impl Into<String>, index: Arc<Index>) -> Self {
        let opened = jiff::Timestamp::now().as_second();
        let (loading, stale) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            name: name.into(),
            index,
            reranker: None,
            live: OnceLock::new(),
            loading,
            stale,
            opened,
        }
    }

    /// The same with a reranker.
    #[must_use]
    pub fn with_reranker(self, reranker: LoadedReranker) -> Self {
        Self { reranker: Some(reranker), ..self }
    }

    /// The same, open to changes by clients. Starts a thread that makes them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn writable(self, ingest: LiveIngest, limits: &Limits) -> std::io::Result<Self> {
        self.take_changes(ingest, limits)?;
        Ok(self)
    }

    /// Opens it to changes, if it is not open to them.
    pub(crate) fn take_changes(&self, ingest: LiveIngest, limits: &Limits) -> std::io::Result<()> {
        let index = Arc::clone(&self.index);
        let live = LiveIndex::start(&self.name, index, ingest, limits.writes())?;
        // A second one ends when it is dropped.
        let _ = self.live.set(live);
        Ok(())
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

    /// What takes changes to it; `None` where it is only read.
    pub(crate) fn live(&self) -> Option<&LiveIndex> {
        self.live.get()
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

    /// Whether models are still being loaded: words are searched, and whatever wants
    /// more says what was left out.
    pub(crate) fn is_loading(&self) -> bool {
        self.loading.load(Ordering::Relaxed)
    }

    /// Searches for a word, so that the first user does not wait for the index's first
    /// pages.
    pub(crate) fn warm_up_words(&self) -> Result<(), SearchError> {
        let request = SearchRequest { strategy: Strategy::Lexical, ..SearchRequest::new(WARM_UP) };
        self.searcher().search(&request).map(|_| ())
    }

    /// Runs one search with everything there is, so that the first user does not wait for
    /// the models' first run either. The collection is loading no more.
    pub(crate) fn warm_up(&self) -> Result<(), SearchError> {
        let mut request = SearchRequest::new(WARM_UP);
        if self.index.encoder().is_none() {
            request.strategy = Strategy::Lexical;
        }
        request.rerank = self.reranker.as_ref().map(|reranker| reranker.options);
        self.searcher().search(&request)?;
        self.loading.store(false, Ordering::Relaxed);
        Ok(())
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
        Self::shared(collections.into_iter().map(Arc::new).collect())
    }

    pub(crate) fn shared(collections: Vec<Arc<Collection>>) -> Result<Self, CollectionsError> {
        check_names(collections.iter().map(|collection| collection.name()))?;
        Ok(Self(collections))
    }

    /// Every collection, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.0.iter()
    }

    /// Those that exist for a caller.
    pub(crate) fn within(&self, sight: &Sight) -> Self {
        let seen = self.0.iter().filter(|collection| sight.holds(collection.name()));
        Self(seen.map(Arc::clone).collect())
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
