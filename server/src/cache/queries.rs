//! Vectors of queries that were encoded before.

use std::sync::{Arc, OnceLock};

use engine::{Embeddings, EncodeError, Encoder, Span, TextRole, TokenVectors};
use moka::sync::Cache;

use crate::telemetry::{CacheLookup, Metrics};

/// Bytes a remembered query takes beside its text and vector.
const OVERHEAD_BYTES: usize = 128;

/// The vectors of queries, of all encoders of a server: a query's vector depends on its
/// text and the model alone, so it outlives every commit.
#[derive(Debug)]
pub struct QueryVectors {
    vectors: Cache<Asked, Arc<Embeddings>>,
    metrics: OnceLock<Arc<Metrics>>,
}

/// A query as an encoder reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    fingerprint: Arc<str>,
    text: String,
}

impl QueryVectors {
    /// Remembers vectors of so many bytes, the ones that are asked for most.
    pub fn new(max_bytes: u64) -> Arc<Self> {
        let weigh = |asked: &Asked, vector: &Arc<Embeddings>| {
            let bytes = asked.text.len() + size_of_val(vector.values()) + OVERHEAD_BYTES;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let vectors = Cache::builder().max_capacity(max_bytes).weigher(weigh).build();
        Arc::new(Self { vectors, metrics: OnceLock::new() })
    }

    /// The same encoder, whose queries cost nothing the second time. Passages are never
    /// remembered: each is encoded once.
    pub fn around(self: &Arc<Self>, encoder: Arc<dyn Encoder>) -> Arc<dyn Encoder> {
        let fingerprint = encoder.fingerprint().into();
        Arc::new(CachedQueries { inner: encoder, fingerprint, known: Arc::clone(self) })
    }

    /// Counts look-ups from now on. The first call counts.
    pub(crate) fn count_with(&self, metrics: Arc<Metrics>) {
        let _ = self.metrics.set(metrics);
    }

    fn count(&self, lookup: CacheLookup) {
        if let Some(metrics) = self.metrics.get() {
            metrics.count_cache("query_vectors", lookup);
        }
    }
}

struct CachedQueries {
    inner: Arc<dyn Encoder>,
    fingerprint: Arc<str>,
    known: Arc<QueryVectors>,
}

impl Encoder for CachedQueries {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn max_tokens(&self) -> usize {
        self.inner.max_tokens()
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        let ([text], TextRole::Query) = (texts, role) else {
            return self.inner.encode(texts, role);
        };
        let vectors = &self.known.vectors;
        let fingerprint = Arc::clone(&self.fingerprint);
        let asked = Asked { fingerprint, text: (*text).to_owned() };
        if let Some(vector) = vectors.get(&asked) {
            self.known.count(CacheLookup::Hit);
            return Ok((*vector).clone());
        }
        self.known.count(CacheLookup::Miss);
        // Two that miss at once both encode: the results are the same, and waiting
        // for the other would hold a thread.
        let vector = self.inner.encode(texts, role)?;
        vectors.insert(asked, Arc::new(vector.clone()));
        Ok(vector)
    }

    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        self.inner.encode_spans(text, spans)
    }

    fn encode_tokens(&self, text: &str, role: TextRole) -> Result<TokenVectors, EncodeError> {
        self.inner.encode_tokens(text, role)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use engine::HashEncoder;

    use super::*;

    struct Counting(HashEncoder, AtomicUsize);

    impl Encoder for Counting {
        fn name(&self) -> &str {
            self.0.name()
        }

        fn fingerprint(&self) -> &str {
            self.0.fingerprint()
        }

        fn dim(&self) -> usize {
            self.0.dim()
        }

        fn max_tokens(&self) -> usize {
            self.0.max_tokens()
        }

        fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.encode(texts, role)
        }
    }

    #[test]
    fn a_query_is_encoded_once_and_a_passage_of_the_same_words_is_another_text() {
        let inner = Arc::new(Counting(HashEncoder::new(16, 64), AtomicUsize::new(0)));
        let n_encoded = || inner.1.load(Ordering::Relaxed);
        let known = QueryVectors::new(1 << 20);
        let cached = known.around(Arc::clone(&inner) as Arc<dyn Encoder>);
        for _ in 0..3 {
            let found = cached.encode(&["a borrow"], TextRole::Query).unwrap();
            assert_eq!(found, inner.0.encode(&["a borrow"], TextRole::Query).unwrap());
        }
        assert_eq!(n_encoded(), 1);
        cached.encode(&["a borrow"], TextRole::Passage).unwrap();
        cached.encode(&["a borrow", "b"], TextRole::Query).unwrap();
        assert_eq!(n_encoded(), 3, "only single queries are looked up");
        // Another model's vector of the same words is another vector.
        let other = known.around(Arc::new(HashEncoder::new(32, 64)));
        assert_eq!(other.encode(&["a borrow"], TextRole::Query).unwrap().dim(), 32);
    }
}
