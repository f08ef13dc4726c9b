//! What filters allow, kept for the searches that follow.
//!
//! A filter's chunks depend on the filter and the generation alone, and finding
//! them costs a pass over the metadata, more than the rest of a search; users ask
//! under the same few filters (a tenant, a language) again and again. The cache
//! belongs to its generation, so nothing ever has to be invalidated.

use std::sync::{Arc, Mutex, PoisonError};

use super::filter::Filter;
use crate::ord_set::OrdSet;

/// Filters kept at most: comparing a request with each stays below a microsecond.
const MAX_FILTERS: usize = 64;

/// Bytes of bitmaps kept at most; sixteen filters over four million chunks.
const MAX_BYTES: usize = 8 << 20;

/// The filters used last and what they allow, the latest first.
#[derive(Debug, Default)]
pub(crate) struct FilterCache(Mutex<Vec<(Filter, Arc<OrdSet>)>>);

impl FilterCache {
    /// What `filter` allows, from an earlier search or from `find`.
    ///
    /// Two searches that come at once with the same new filter both look.
    ///
    /// # Errors
    /// Those of `find`; an error is not kept.
    pub(crate) fn get_or_find<E>(
        &self,
        filter: &Filter,
        find: impl FnOnce() -> Result<OrdSet, E>,
    ) -> Result<Arc<OrdSet>, E> {
        if let Some(allowed) = self.get(filter) {
            return Ok(allowed);
        }
        let allowed = Arc::new(find()?);
        self.put(filter.clone(), Arc::clone(&allowed));
        Ok(allowed)
    }

    fn get(&self, filter: &Filter) -> Option<Arc<OrdSet>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|(known, _)| known == filter)?;
        kept[..=at].rotate_right(1);
        Some(Arc::clone(&kept[0].1))
    }

    fn put(&self, filter: Filter, allowed: Arc<OrdSet>) {
        let most = (MAX_BYTES / allowed.bytes().max(1)).min(MAX_FILTERS);
        let mut kept = self.lock();
        kept.retain(|(known, _)| *known != filter);
        kept.insert(0, (filter, allowed));
        kept.truncate(most);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Filter, Arc<OrdSet>)>> {
        // Every change leaves whole entries behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::document::ChunkOrd;

    fn filter(at: usize) -> Filter {
        Filter::Exists { field: at.to_string() }
    }

    /// Looks a filter up; whether it had to be found.
    fn is_found(cache: &FilterCache, at: usize, capacity: u32) -> bool {
        let mut found = false;
        let allowed = cache.get_or_find(&filter(at), || {
            found = true;
            Ok::<_, Infallible>(OrdSet::from_ords(capacity, [ChunkOrd(at as u32)]))
        });
        assert!(allowed.unwrap().contains(ChunkOrd(at as u32)));
        found
    }

    #[test]
    fn the_filters_used_last_are_kept() {
        let cache = FilterCache::default();
        assert!((0..MAX_FILTERS).all(|at| is_found(&cache, at, 1000)));
        assert!((0..MAX_FILTERS).all(|at| !is_found(&cache, at, 1000)));
        assert!(!is_found(&cache, 0, 1000));
        assert!(is_found(&cache, MAX_FILTERS, 1000));
        assert!(!is_found(&cache, 0, 1000), "it was used after 1");
        assert!(is_found(&cache, 1, 1000), "it was used longest ago");
    }

    #[test]
    fn large_bitmaps_are_kept_in_smaller_number_and_too_large_ones_not_at_all() {
        let cache = FilterCache::default();
        let third = (MAX_BYTES * 8 / 3) as u32;
        assert!((0..4).all(|at| is_found(&cache, at, third)));
        assert!(!is_found(&cache, 3, third) && is_found(&cache, 0, third));
        let cache = FilterCache::default();
        assert!(is_found(&cache, 0, 4 * third) && is_found(&cache, 0, 4 * third));
    }

    #[test]
    fn an_error_is_not_kept() {
        let cache = FilterCache::default();
        assert_eq!(cache.get_or_find(&filter(1), || Err("no")).unwrap_err(), "no");
        assert!(is_found(&cache, 1, 10));
    }
}
