//! Lexical feedback: a query with the words of passages that it found (RM3).
//!
//! [`LexicalSnapshot::with_feedback`] makes the query; what scores it is the same
//! BM25, with a weight for each term. Which passages to learn from is the caller's
//! choice: here they are texts.

use std::collections::{BTreeMap, HashMap};

use super::error::LexicalError;
use super::guard::guarded;
use super::normal_form::{Normalizer, surface};
use super::query::{Clause, LexicalQuery, Matcher};
use super::snapshot::LexicalSnapshot;
use super::words::{WordKind, for_each_word};

/// A word in more than one of so many live chunks tells passages apart too little to
/// be learnt. Without the limit the most frequent words of any text are articles. The
/// value is that of Anserini's implementation (`Rm3Reranker`).
const COMMON: u64 = 10;

/// Longer words are blobs and links.
const MAX_TERM_CHARS: usize = 20;

/// A word that feedback brought or strengthened.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpansionTerm {
    /// As the passages spell it most often, lower-cased and without accents.
    pub term: String,
    /// Its share of what was learnt, in `(0, 1]`; the shares of all terms add up to 1.
    pub share: f64,
}

/// What to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LexicalFeedback {
    /// Words taken, at most.
    pub(crate) terms: usize,
    /// Their part of the new query's weight, in `(0, 1]`; the old one's words have the rest.
    pub(crate) weight: f64,
}

impl LexicalSnapshot {
    /// The query with words of `passages`, and the words, the strongest first.
    ///
    /// With `n` the weight of all words of the query, a word of it has
    /// `(1 - weight)` times the weight it had, and a learnt word `weight * n * share`
    /// more. `share` is its part of the passages' language model, the mean over
    /// passages of `times in the passage / words of the passage`, cut to the best
    /// `terms` and brought back to a sum of 1. Conditions (`+`, `-`) stay as they are.
    ///
    /// # Returns
    /// The query itself and no word where nothing can be learnt.
    ///
    /// # Errors
    /// [`LexicalError`] when the dictionary cannot be read.
    ///
    /// # Source
    /// Lavrenko and Croft, Relevance-based language models, SIGIR 2001 (RM1), and
    /// Abdul-Jaleel et al., UMass at TREC 2004 (RM3). Differs: passages count alike,
    /// since fused scores are no likelihoods; no smoothing, but common words are left
    /// out; the words score by BM25.
    pub(crate) fn with_feedback(
        &self,
        query: &LexicalQuery,
        passages: &[String],
        feedback: LexicalFeedback,
    ) -> Result<(LexicalQuery, Vec<ExpansionTerm>), LexicalError> {
        let model = language_model(query.normalizer, passages);
        let kept = guarded(&self.dir, || self.telling(model, feedback.terms))?;
        let total: f64 = kept.iter().map(|word| word.share).sum();
        if kept.is_empty() {
            return Ok((query.clone(), Vec::new()));
        }
        let mut expanded = query.clone();
        let of_query: f64 =
            query.clauses.iter().map(|clause| self.bm25.query_weight(clause.count)).sum();
        for clause in &mut expanded.clauses {
            clause.weight *= 1.0 - feedback.weight;
        }
        let mut terms = Vec::with_capacity(kept.len());
        for Word { stem, surface, share } in kept {
            let share = share / total;
            // A query of operators alone has no weight to share.
            let weight = feedback.weight * of_query.max(1.0) * share;
            terms.push(ExpansionTerm { term: surface.clone(), share });
            let is_same = |clause: &&mut Clause| match &clause.matcher {
                Matcher::Word { stem: own, .. } | Matcher::Joined { stem: own } => *own == stem,
                Matcher::Identifier(_)
                | Matcher::Phrase(_)
                | Matcher::Prefix(_)
                | Matcher::GramPrefix(_) => false,
            };
            if let Some(own) = expanded.clauses.iter_mut().find(is_same) {
                own.weight += weight / self.bm25.query_weight(own.count);
            } else if expanded.clauses.len() < LexicalQuery::MAX_TERMS {
                let matcher = Matcher::Word { stem, surface };
                expanded.clauses.push(Clause { matcher, count: 1, weight });
            }
        }
        expanded.clauses.retain(|clause| clause.weight > 0.0);
        Ok((expanded, terms))
    }

    /// The first `n` words that few chunks hold.
    fn telling(&self, model: Vec<Word>, n: usize) -> Result<Vec<Word>, LexicalError> {
        let mut kept = Vec::with_capacity(n);
        for word in model {
            if kept.len() == n {
                break;
            }
            let n_holding = self.n_holding(&word.stem)?;
            if n_holding > 0 && n_holding * COMMON <= self.statistics.n_chunks {
                kept.push(word);
            }
        }
        Ok(kept)
    }
}

/// A word of the passages' language model.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    stem: String,
    surface: String,
    share: f64,
}

/// The words of the passages, the most frequent first; of equal ones in the order of
/// their stems. Numbers of one digit, single letters and blobs are left out.
fn language_model(normalizer: Normalizer, passages: &[String]) -> Vec<Word> {
    let mut stems: HashMap<String, String> = HashMap::new();
    // By stem: its share, and how often it is spelled in which way.
    let mut model: BTreeMap<String, (f64, BTreeMap<String, u32>)> = BTreeMap::new();
    for passage in passages {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for_each_word(passage, normalizer.language().elides(), &mut |word| {
            // A compound counts by its parts, as in the query's own words.
            if word.kind != WordKind::Whole {
                *counts.entry(word.text).or_default() += 1;
            }
        });
        let length: u32 = counts.values().sum();
        let each = 1.0 / (f64::from(length.max(1)) * passages.len() as f64);
        for (word, count) in counts {
            let n_chars = word.chars().count();
            if !(2..=MAX_TERM_CHARS).contains(&n_chars) {
                continue;
            }
            let stem = stems.entry(word.to_owned()).or_insert_with(|| normalizer.stem(word));
            let (share, spellings) = model.entry(stem.clone()).or_default();
            *share += f64::from(count) * each;
            *spellings.entry(surface(word)).or_default() += count;
        }
    }
    let mut words: Vec<Word> = model
        .into_iter()
        .filter(|(stem, _)| !stem.is_empty())
        .map(|(stem, (share, spellings))| {
            // The first of the most frequent: a tree gives them in order.
            let best = spellings.into_iter().rev().max_by_key(|(_, count)| *count);
            let surface = best.map_or_else(|| stem.clone(), |(surface, _)| surface);
            Word { stem, surface, share }
        })
        .collect();
    words.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.stem.cmp(&b.stem)));
    words
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::*;

    fn model(passages: &[&str]) -> Vec<(String, f64)> {
        let passages: Vec<String> = passages.iter().map(|text| (*text).to_owned()).collect();
        language_model(Normalizer::new(Language::English), &passages)
            .into_iter()
            .map(|word| (word.surface, word.share))
            .collect()
    }

    #[test]
    fn a_words_share_is_its_mean_part_of_a_passage() {
        // Four words and two: owner 1/4 and 1/2, moves 1/4, value 1/4 and 1/2.
        let found = model(&["owner moves a value", "Values owner"]);
        let expected = [("owner", 0.375), ("value", 0.375), ("moves", 0.125)];
        assert_eq!(found.len(), expected.len(), "a letter alone is no term: {found:?}");
        for ((term, share), (name, value)) in found.iter().zip(expected) {
            assert_eq!(term, name);
            assert!((share - value).abs() < 1e-12, "{term} {share}");
        }
    }

    #[test]
    fn the_usual_spelling_stands_for_a_stem_and_nothing_gives_nothing() {
        assert_eq!(model(&["borrowing borrowed borrowed"])[0].0, "borrowed");
        assert_eq!(model(&["moves moving"])[0].0, "moves", "of equal ones the first");
        assert!(model(&[]).is_empty());
        assert!(model(&["", "? !"]).is_empty());
    }
}
