//! Whether a request may reach its route.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;

use super::caller::Sight;
use super::keys::{Found, Keys};
use super::secret::AccessKey;
use super::table::{Needs, needs};
use crate::error::ApiError;
use crate::state::AppState;

/// Where clients put a key whose `Authorization` is a proxy's.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Lets a request through with what it may see, or says why not.
///
/// A key is counted against its rate before its scopes are looked at: a client that asks
/// for what it may not have is not to ask without end.
///
/// # Errors
/// [`ApiError::NoKey`], [`ApiError::UnknownKey`], [`ApiError::ExpiredKey`],
/// [`ApiError::RateLimited`], [`ApiError::MissingScope`]; [`ApiError::MethodNotAllowed`] for
/// what is not in the table.
pub(crate) fn admit(state: &AppState, request: &mut Request) -> Result<(), ApiError> {
    let sight = match state.keys() {
        None => Sight::All,
        Some(keys) => check(keys, request)?,
    };
    request.extensions_mut().insert(sight);
    Ok(())
}

fn check(keys: &Keys, request: &Request) -> Result<Sight, ApiError> {
    let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let needs = pattern.and_then(|pattern| needs(request.method(), pattern));
    if needs == Some(Needs::Nothing) {
        // Nothing that may be asked for without a key shows a collection.
        return Ok(Sight::Only(std::sync::Arc::default()));
    }
    let sent = sent(request.headers()).ok_or(ApiError::NoKey)?;
    let sent = AccessKey::parse(&sent).ok_or(ApiError::UnknownKey)?;
    let key = match keys.find(&sent, Timestamp::now()) {
        Found::Valid(key) => key,
        Found::Expired(expired) => {
            return Err(ApiError::ExpiredKey { expired: expired.to_string() });
        }
        Found::Unknown => return Err(ApiError::UnknownKey),
    };
    tracing::Span::current().record("key", key.name.as_str());
    key.limiter.count().map_err(|wait| ApiError::RateLimited {
        per_minute: key.limiter.per_minute().get(),
        retry_after_s: wait.as_secs() + 1,
    })?;
    match (needs, pattern) {
        (Some(Needs::Scope(scope)), _) if !key.scopes.contains(&scope) => {
            return Err(ApiError::MissingScope { scope });
        }
        // A pattern that the router knows and the table does not: another method, or a
        // route that somebody forgot to list.
        (None, Some(_)) => {
            return Err(ApiError::MethodNotAllowed { method: request.method().to_string() });
        }
        // Without a pattern it is the fallback, which tells that there is nothing.
        (Some(_), _) | (None, None) => {}
    }
    Ok(key.collections.clone().map_or(Sight::All, Sight::Only))
}

/// The key of `Authorization: Bearer` or else of `X-Api-Key`. Another scheme is not ours:
/// a proxy in front may ask for a password of its own.
fn sent(headers: &HeaderMap) -> Option<String> {
    let text = |name: &HeaderName| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
    let bearer = || {
        let value = text(&header::AUTHORIZATION)?;
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    };
    bearer().or_else(|| text(&API_KEY)).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_in_either_header() {
        let sent = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            sent(&pairs.collect())
        };
        assert_eq!(sent(&[("authorization", "Bearer a")]).as_deref(), Some("a"));
        assert_eq!(sent(&[("authorization", "bearer  a ")]).as_deref(), Some("a"));
        assert_eq!(sent(&[("x-api-key", "b")]).as_deref(), Some("b"));
        let both = [("authorization", "Basic cHJveHk="), ("x-api-key", "b")];
        assert_eq!(sent(&both).as_deref(), Some("b"));
        for none in [&[][..], &[("authorization", "a")], &[("x-api-key", " ")]] {
            assert_eq!(sent(none), None, "{none:?}");
        }
    }
}
