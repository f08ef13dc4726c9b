//! A query's words with their rarity, to be found in texts: what reranking knows
//! of words.
//!
//! The highlighter asks whether a place matches; this asks which word it is and what
//! that is worth. Words count as they are written, inside quotes or out of them, and
//! not as what they may have been meant for: the legs have judged phrases, conditions
//! and corrections.

use std::collections::{HashMap, HashSet};

use super::bm25::idf;
use super::error::LexicalError;
use super::guard::guarded;
use super::identifiers::for_each_identifier;
use super::normal_form::Normalizer;
use super::query::LexicalQuery;
use super::schema::TextField;
use super::snapshot::LexicalSnapshot;
use super::words::{WordKind, for_each_word};
use crate::document::Span;

/// The distinct words of a query with their rarity in one generation of an index, and
/// its code-like spellings. Made by [`crate::Searcher::query_words`].
#[derive(Debug)]
pub struct QueryWords {
    normalizer: Normalizer,
    words: Vec<QueryWord>,
    by_stem: HashMap<String, usize>,
    /// ASCII letters and digits that a wanted stem begins with.
    initials: u128,
    identifiers: HashSet<String>,
}

/// A word of the query where it stands first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryWord {
    /// Its bytes in the query's plain text.
    pub span: Span,
    /// Inverse document frequency, `ln(1 + (N - n + 0.5) / (n + 0.5))`: above 0; a word
    /// that no chunk holds is the rarest.
    pub idf: f64,
}

impl LexicalSnapshot {
    /// The words of a query, each as rare as it is among the live chunks.
    pub(crate) fn query_words(&self, query: &LexicalQuery) -> Result<QueryWords, LexicalError> {
        guarded(&self.dir, || {
            let mut words = QueryWords::new(query);
            for (stem, &at) in &words.by_stem {
                words.words[at].idf = self.rarity(stem)?;
            }
            Ok(words)
        })
    }

    /// The inverse document frequency of a stem, in the field where most live chunks
    /// hold it. Asked of the index and not of the query's clauses: those know nothing
    /// of a word inside a phrase, or of one beyond the limit on terms.
    fn rarity(&self, stem: &str) -> Result<f64, LexicalError> {
        Ok(idf(self.statistics.n_chunks, self.n_holding(stem)?))
    }

    /// Live chunks that hold a stem, in the field where most do.
    pub(super) fn n_holding(&self, stem: &str) -> Result<u64, LexicalError> {
        let mut most = 0;
        for field in TextField::STEMMED {
            let mut n = 0;
            for segment in &self.segments {
                let term = segment.terms[field as usize]
                    .terms()
                    .get(stem.as_bytes())
                    .map_err(|source| LexicalError::io(&self.dir, source))?;
                if let Some(term) = term {
                    n += segment
                        .live_count(field, &term)
                        .map_err(|error| LexicalError::from_tantivy(&self.dir, error))?;
                }
            }
            most = most.max(n);
        }
        Ok(most)
    }
}

impl QueryWords {
    /// The words, none rarer than another.
    fn new(query: &LexicalQuery) -> Self {
        let text = query.plain_text();
        let normalizer = query.normalizer;
        let mut words = Vec::new();
        let mut by_stem = HashMap::new();
        for_each_word(text, normalizer.language().elides(), &mut |word| {
            // A compound counts by its parts alone: with its whole, it would count twice.
            if word.kind == WordKind::Whole {
                return;
            }
            let stem = normalizer.stem(word.text);
            if !stem.is_empty() && !by_stem.contains_key(&stem) {
                let span = Span::new(word.start, word.start + word.text.len());
                words.push(QueryWord { span, idf: 1.0 });
                by_stem.insert(stem, words.len() - 1);
            }
        });
        let mut identifiers = HashSet::new();
        for_each_identifier(text, &mut |identifier| {
            identifiers.insert(identifier.form.to_owned());
        });
        let first = |stem: &String| stem.bytes().next().filter(u8::is_ascii);
        let initials = by_stem.keys().filter_map(first).fold(0, |all, byte| all | 1 << byte);
        Self { normalizer, words, by_stem, initials, identifiers }
    }

    /// The words, in the order of the query.
    pub fn words(&self) -> &[QueryWord] {
        &self.words
    }

    /// Whether the query has a spelling that reads like code.
    pub fn has_identifiers(&self) -> bool {
        !self.identifiers.is_empty()
    }

    /// Where `text` has a word of the query: its bytes and which word, in order.
    pub fn places(&self, text: &str) -> Vec<(Span, usize)> {
        let mut places = Vec::new();
        for_each_word(text, self.normalizer.language().elides(), &mut |word| {
            if word.kind != WordKind::Whole
                && self.may_match(word.text)
                && let Some(&at) = self.by_stem.get(&self.normalizer.stem(word.text))
            {
                places.push((Span::new(word.start, word.start + word.text.len()), at));
            }
        });
        places
    }

    /// No stemmer changes an ASCII initial, and most words have another one.
    fn may_match(&self, word: &str) -> bool {
        word.bytes().next().is_some_and(|byte| {
            !byte.is_ascii_alphanumeric() || self.initials & (1 << byte.to_ascii_lowercase()) != 0
        })
    }

    /// Share of the query's words that `places` holds, each counting as much as it
    /// is rare: 0 to 1, and 0 for a query without words.
    pub fn share(&self, places: &[(Span, usize)]) -> f64 {
        let total: f64 = self.words.iter().map(|word| word.idf).sum();
        let held: HashSet<usize> = places.iter().map(|&(_, word)| word).collect();
        // In the words' order: a set has none, and sums must not depend on it.
        let is_held = (0..self.words.len()).filter(|word| held.contains(word));
        let found: f64 = is_held.map(|word| self.words[word].idf).sum();
        // The sum of nothing is -0, which a file of features should not show.
        if found > 0.0 { found / total } else { 0.0 }
    }

    /// Share of the query's code-like spellings in `text`; 0 for a query without.
    pub fn identifier_share(&self, text: &str) -> f64 {
        if self.identifiers.is_empty() {
            return 0.0;
        }
        let mut found = HashSet::new();
        for_each_identifier(text, &mut |identifier| {
            if let Some(form) = self.identifiers.get(identifier.form) {
                found.insert(form);
            }
        });
        found.len() as f64 / self.identifiers.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::query::QueryOptions;
    use super::*;

    fn words(query: &str) -> QueryWords {
        let query = LexicalQuery::parse(query, QueryOptions::default(), Language::English);
        let mut words = QueryWords::new(&query);
        // The length of a stem stands for its rarity.
        for (stem, &at) in &words.by_stem {
            words.words[at].idf = stem.len() as f64;
        }
        words
    }

    #[test]
    fn words_are_found_by_their_stem_and_weigh_what_they_are_worth() {
        let query = words("maps of owners, maps");
        assert_eq!(query.words().len(), 3, "map, of, owner");
        let text = "An owner's map: the mapping";
        let places = query.places(text);
        let found: Vec<_> =
            places.iter().map(|(span, word)| (span.slice(text).unwrap(), *word)).collect();
        assert_eq!(found.first(), Some(&("owner's", 2)), "{found:?}");
        assert!(found.contains(&("map", 0)) && found.contains(&("mapping", 0)), "{found:?}");
        // map 3, of 2, owner 5
        assert!((query.share(&places) - 0.8).abs() < 1e-12);
        assert_eq!(query.share(&[]), 0.0);
        assert_eq!(words("?").share(&[]), 0.0);
    }

    #[test]
    fn code_is_found_as_it_is_spelled() {
        let query = words("why E0382 with Vec::push");
        assert!(query.has_identifiers());
        assert_eq!(query.identifier_share("nothing"), 0.0);
        assert!(query.identifier_share("error E0382 of a value") > 0.0);
        assert_eq!(query.identifier_share("E0382 0382 Vec::push"), 1.0);
        assert!(!words("plain words").has_identifiers());
    }
}
