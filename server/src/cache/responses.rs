//! Responses by what they depend on, each worked on once however many ask.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use corpora::LoggedSearch;
use moka::future::Cache;

use crate::error::ApiError;
use crate::telemetry::CacheLookup;

/// Tells whether a response was computed for this request.
const CACHE_HEADER: HeaderName = HeaderName::from_static("x-cache");

/// What a response depends on, written out: a hash of it could be met by another
/// request's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey(String);

impl CacheKey {
    /// # Arguments
    /// * `request` - with every default filled in and nothing left out of its `Debug`.
    pub(crate) fn new(collection: &str, generation: u64, request: &impl Debug) -> Self {
        Self(format!("{collection:?} {generation} {request:?}"))
    }
}

/// A response that may be given again.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// JSON.
    pub(crate) body: Bytes,
    /// The line of the query log.
    pub(crate) logged: Option<Arc<LoggedSearch>>,
}

/// A response that was made.
pub(crate) enum Made {
    /// It depends on its key alone.
    Lasting(Kept),
    /// It depends on the clock as well.
    Passing(Kept),
}

/// Where a response comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From before.
    Kept,
    /// It was made for this request, or for an equal one that asked at the same time.
    Made,
}

/// What is handed to those who wait and not kept.
enum Unkept {
    Passing(Kept),
    Refused(ApiError),
}

/// The responses of one kind of request.
#[derive(Debug)]
pub(crate) struct Responses {
    kept: Cache<CacheKey, Kept>,
}

impl Responses {
    /// Keeps responses of so many bytes, the ones that are asked for most; 0 keeps none
    /// and still works on equal requests once.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let weigh = |key: &CacheKey, kept: &Kept| {
            // A logged line is about as long as the body it belongs to.
            let logged = if kept.logged.is_some() { kept.body.len() } else { 0 };
            u32::try_from(key.0.len() + kept.body.len() + logged).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(max_bytes).weigher(weigh).build();
        Self { kept }
    }

    /// The response of this key; `make` runs where there is none, and once for all who
    /// ask meanwhile. When the one it runs for leaves, another takes over.
    pub(crate) async fn get(
        &self,
        key: CacheKey,
        make: impl Future<Output = Result<Made, ApiError>>,
    ) -> Result<(Kept, Source), ApiError> {
        let make = async {
            match make.await {
                Ok(Made::Lasting(kept)) => Ok(kept),
                Ok(Made::Passing(kept)) => Err(Unkept::Passing(kept)),
                Err(error) => Err(Unkept::Refused(error)),
            }
        };
        let found = self.kept.entry(key).or_try_insert_with(make).await;
        match found {
            Ok(entry) => {
                let source = if entry.is_fresh() { Source::Made } else { Source::Kept };
                Ok((entry.into_value(), source))
            }
            Err(unkept) => match &*unkept {
                Unkept::Passing(kept) => Ok((kept.clone(), Source::Made)),
                Unkept::Refused(error) => Err(error.clone()),
            },
        }
    }
}

impl From<Source> for CacheLookup {
    fn from(source: Source) -> Self {
        match source {
            Source::Kept => Self::Hit,
            Source::Made => Self::Miss,
        }
    }
}

impl Kept {
    /// The response, saying where it comes from.
    pub(crate) fn into_response(self, source: Source) -> Response {
        let source = match source {
            Source::Kept => HeaderValue::from_static("hit"),
            Source::Made => HeaderValue::from_static("miss"),
        };
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json), (CACHE_HEADER, source)], self.body).into_response()
    }
}
