//! Where a text says what a query asks for.

use std::collections::HashSet;

use super::identifiers::for_each_identifier;
use super::normal_form::surface;
use super::query::{Clause, LexicalQuery, Matcher, PhraseWord, Typos};
use super::words::{WordKind, for_each_word};
use crate::document::Span;

impl LexicalQuery {
    /// The parts of `text` that match, ascending and disjoint; spans are bytes
    /// of `text`.
    ///
    /// Words light up by their stem, phrases only where they stand together,
    /// corrected words only in a text without the word as it was typed. What the
    /// query excludes does not light up.
    pub(crate) fn highlights(&self, text: &str) -> Vec<Span> {
        let wanted = Wanted::new(self);
        let mut spans = Vec::new();
        // (stem, position, span) of every word, for phrases and corrections.
        let mut words: Vec<(String, usize, Span)> = Vec::new();
        let mut found: HashSet<String> = HashSet::new();
        for_each_word(text, self.normalizer.language().elides(), &mut |word| {
            if !wanted.may_match(word.text) {
                return;
            }
            let span = Span::new(word.start, word.start + word.text.len());
            let stem = self.normalizer.stem(word.text);
            let is_gram = word.kind == WordKind::Gram;
            if wanted.stems.contains(stem.as_str()) {
                spans.push(span);
                found.insert(stem.clone());
            } else if wanted.needs_surfaces {
                let surface = surface(word.text);
                if !is_gram && wanted.prefixes.iter().any(|prefix| surface.starts_with(prefix)) {
                    spans.push(span);
                }
            }
            let first = word.text.chars().next().map_or(0, char::len_utf8);
            if is_gram && wanted.gram_prefixes.iter().any(|prefix| stem.starts_with(prefix)) {
                spans.push(Span::new(word.start, word.start + first));
            }
            words.push((stem, word.position, span));
        });
        for_each_identifier(text, &mut |identifier| {
            if wanted.identifiers.contains(identifier.form) {
                spans.push(Span::new(identifier.start, identifier.end));
            }
        });
        for phrase in &wanted.phrases {
            spans.extend(phrase_spans(&words, phrase));
        }
        if self.options().typos == Typos::OneEdit {
            self.add_corrections(text, &wanted, &found, &mut spans);
        }
        merged(spans)
    }

    fn add_corrections(
        &self,
        text: &str,
        wanted: &Wanted<'_>,
        found: &HashSet<String>,
        spans: &mut Vec<Span>,
    ) {
        let missing: Vec<&str> = wanted
            .words
            .iter()
            .filter(|(stem, surface)| {
                !found.contains(*stem) && surface.chars().count() >= Self::MIN_TYPO_CHARS
            })
            .map(|(_, surface)| *surface)
            .collect();
        if missing.is_empty() {
            return;
        }
        for_each_word(text, self.normalizer.language().elides(), &mut |word| {
            let surface = surface(word.text);
            if word.kind != WordKind::Gram
                && missing.iter().any(|typed| is_one_edit(typed, &surface))
            {
                spans.push(Span::new(word.start, word.start + word.text.len()));
            }
        });
    }
}

/// A query's matchers by kind.
#[derive(Default)]
struct Wanted<'q> {
    stems: HashSet<&'q str>,
    words: Vec<(&'q str, &'q str)>,
    identifiers: HashSet<&'q str>,
    prefixes: Vec<&'q str>,
    gram_prefixes: Vec<&'q str>,
    phrases: Vec<&'q [PhraseWord]>,
    needs_surfaces: bool,
    /// ASCII letters and digits that something wanted begins with.
    initials: u128,
}

impl<'q> Wanted<'q> {
    fn new(query: &'q LexicalQuery) -> Self {
        let mut wanted = Self::default();
        for Clause { matcher, .. } in &query.clauses {
            match matcher {
                Matcher::Word { stem, surface } => {
                    wanted.stems.insert(stem);
                    wanted.words.push((stem, surface));
                    wanted.identifiers.insert(surface);
                }
                Matcher::Joined { stem } => {
                    wanted.stems.insert(stem);
                }
                Matcher::Identifier(form) => {
                    wanted.identifiers.insert(form);
                }
                Matcher::Phrase(words) => wanted.phrases.push(words),
                Matcher::Prefix(prefix) => wanted.prefixes.push(prefix),
                Matcher::GramPrefix(prefix) => wanted.gram_prefixes.push(prefix),
            }
        }
        wanted.needs_surfaces = !wanted.prefixes.is_empty();
        let phrases = wanted.phrases.iter().flat_map(|words| words.iter());
        let forms = wanted.stems.iter().chain(&wanted.prefixes).copied();
        wanted.initials = forms
            .chain(phrases.map(|word| word.stem.as_str()))
            .filter_map(|form| form.bytes().next())
            .filter(u8::is_ascii)
            .fold(0, |initials, byte| initials | 1 << byte);
        wanted
    }

    /// Whether a word is worth stemming: most words of a passage begin with a
    /// letter that nothing wanted begins with, and no stemmer changes an ASCII
    /// initial. Stemming every word took most of the time of fetching a hit.
    fn may_match(&self, word: &str) -> bool {
        word.bytes().next().is_some_and(|byte| {
            // An underscore (`__init__`) is not part of the stem.
            let is_initial = byte.is_ascii_alphanumeric();
            !is_initial || self.initials & (1 << byte.to_ascii_lowercase()) != 0
        })
    }
}

/// From the first to the last word of every occurrence.
fn phrase_spans(words: &[(String, usize, Span)], phrase: &[PhraseWord]) -> Vec<Span> {
    let Some((first, others)) = phrase.split_first() else { return Vec::new() };
    let mut spans = Vec::new();
    for (at, (stem, position, span)) in words.iter().enumerate() {
        if *stem != first.stem {
            continue;
        }
        let mut end = span.end;
        let together = others.iter().all(|other| {
            let wanted = position + other.offset as usize;
            let near = words[at + 1..].iter().take_while(|(_, position, _)| *position <= wanted);
            let found = near
                .filter(|(_, position, _)| *position == wanted)
                .find(|(stem, ..)| *stem == other.stem);
            if let Some((_, _, span)) = found {
                end = end.max(span.end);
            }
            found.is_some()
        });
        if together {
            spans.push(Span { start: span.start, end });
        }
    }
    spans
}

/// Whether `a` becomes `b` by one letter more, less, another, or two swapped.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    match (a, b) {
        ([], [_]) | ([_], []) => true,
        ([], _) | (_, []) => false,
        _ => {
            a[1..] == b[1..]
                || a[1..] == *b
                || *a == b[1..]
                || (a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
        }
    }
}

/// Sorts spans and joins those that overlap.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::query::QueryOptions;
    use super::*;

    fn check(query: &str, text: &str, expected: &[&str]) {
        check_with(Typos::Exact, query, text, expected);
    }

    fn check_with(typos: Typos, query: &str, text: &str, expected: &[&str]) {
        let query = LexicalQuery::parse(query, QueryOptions { typos }, Language::English);
        let spans = query.highlights(text);
        let found: Vec<_> = spans.iter().map(|span| span.slice(text).unwrap()).collect();
        assert_eq!(found, expected, "{query:?}");
    }

    #[test]
    fn what_matches_lights_up() {
        check("connecting maps -foo", "Connections of a map, foo", &["Connections", "map"]);
        check("hash map", "a HashMap and a hash_map", &["Hash", "Map", "hash", "map"]);
        check("HashMap", "a HashMap and a hash map", &["HashMap", "hash", "map"]);
        check(
            "std::collections::HashMap",
            "use std::collections::HashMap;",
            &["std::collections::HashMap"],
        );
        check("\"hash map\" b", "hash the map; a hash map b", &["hash map", "b"]);
        check("init", "__init__ of it", &["__init__"]);
        check("seriali*", "Serialization serial", &["Serialization"]);
        check("文検", "全文検索", &["文検"]);
        check("文", "全文検索", &["文"]);
        check("nothing", "", &[]);
    }

    #[test]
    fn corrections_light_up_where_the_word_itself_is_missing() {
        check_with(Typos::OneEdit, "ownreship", "on ownership", &["ownership"]);
        check_with(Typos::OneEdit, "form", "from a form", &["form"]);
        check_with(Typos::Exact, "ownreship", "on ownership", &[]);
    }

    #[test]
    fn one_edit_is_one_edit() {
        for (a, b, expected) in [
            ("rust", "rusts", true),
            ("rust", "rut", true),
            ("rust", "bust", true),
            ("rust", "rsut", true),
            ("rust", "rust", false),
            ("rust", "rusted", false),
            ("rust", "tsur", false),
            ("ab", "ba", true),
            ("", "a", true),
        ] {
            assert_eq!(is_one_edit(a, b), expected, "{a} {b}");
            assert_eq!(is_one_edit(b, a), expected, "{b} {a}");
        }
    }
}
