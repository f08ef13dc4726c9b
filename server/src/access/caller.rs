//! Who asks, and what of the server there is for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::collections::{Collection, Collections};
use crate::error::ApiError;
use crate::state::AppState;

/// The collections that exist for a caller.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    /// All.
    All,
    /// Those of these names.
    Only(Arc<BTreeSet<String>>),
}

impl Sight {
    pub(crate) fn holds(&self, collection: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(collection),
        }
    }
}

/// The state of the server as one caller sees it: the only way from a handler to a
/// collection. What a caller does not see answers as what is not there.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    state: AppState,
    sight: Sight,
}

impl Caller {
    pub(crate) fn new(state: AppState, sight: Sight) -> Self {
        Self { state, sight }
    }

    /// What is the same for everybody.
    pub(crate) fn state(&self) -> &AppState {
        &self.state
    }

    /// Whether there is a collection of this name.
    pub(crate) fn sees(&self, collection: &str) -> bool {
        self.sight.holds(collection)
    }

    /// The collections there are, the default first.
    ///
    /// # Errors
    /// [`ApiError::Starting`].
    pub(crate) fn collections(&self) -> Result<Collections, ApiError> {
        Ok(self.state.all_collections()?.within(&self.sight))
    }

    /// The collection of this name; the default where none is named.
    ///
    /// # Errors
    /// [`ApiError::Starting`], [`ApiError::UnknownCollection`].
    pub(crate) fn collection(&self, name: Option<&str>) -> Result<Arc<Collection>, ApiError> {
        self.collections()?.get(name)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        // Every request has passed `admit`; one that has not sees nothing.
        let sight = parts.extensions.get::<Sight>().cloned().ok_or(ApiError::Internal)?;
        Ok(Self::new(state.clone(), sight))
    }
}
