//! Why a tool did not do what it was asked.

use crate::error::ApiError;

/// Told to the model as the tool's result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// What the HTTP API would say.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Arguments that are not those of the tool.
    #[error("the arguments do not fit the tool's schema: {reason}")]
    Arguments { reason: String },
}
