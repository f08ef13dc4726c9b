//! What travels: request and response bodies.
//!
//! The engine's types do not serialise, so that the API can stay as it is while
//! they change; each body is converted here, by hand.

mod collection;
mod document;
mod expansion;
mod explanation;
mod field;
mod outcome;
mod search_body;
mod why_not;

pub(crate) use collection::{CollectionBody, CollectionsBody, LimitsBody};
pub(crate) use document::{DocumentBody, DocumentView};
pub use outcome::OutcomeBody;
pub(crate) use search_body::{SearchBody, charge_waiting, parse_id};

use engine::Span;

/// A span as `[start, end]`.
type SpanBody = [u32; 2];

fn span_body(span: Span) -> SpanBody {
    [span.start, span.end]
}
