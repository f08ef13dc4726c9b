//! A query as terms and conditions, without an index.
//!
//! Syntax, for people who type: `"a phrase"`, `+required`, `-excluded`,
//! `prefix*`. Everything else is text, so no string is an error:
//! `C++ -> Vec<T>: foo(bar)^2 AND "unbalanced` is nine words and a few exact
//! spellings. An operator counts only where a word begins and a word follows; a
//! hyphen inside a word and `--flag` are text, and so is `-5`.
//!
//! Bare words are alternatives (OR), ranked by BM25. A phrase without `+` is one
//! more alternative, scored as one rare term. A query of exclusions alone finds
//! nothing.

use std::collections::{HashMap, HashSet};

use super::identifiers::for_each_identifier;
use super::language::Language;
use super::normal_form::{Normalizer, surface};
use super::operators::{QueryToken, Shape, Sign, tokens};
use super::words::{Word, WordKind, for_each_word};

/// What to do with a word that no chunk holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typos {
    /// It finds nothing.
    #[default]
    Exact,
    /// A word of at least four letters that no live chunk spells so stands for
    /// the words one edit away (a letter more, less, another, or two swapped). A
    /// word that is in the index is taken at its word: "form" does not mean
    /// "from".
    OneEdit,
}

/// How a query's text is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryOptions {
    /// Words that no chunk holds.
    pub(crate) typos: Typos,
}

/// A parsed query. Parsing needs the language of the index and nothing else, so
/// one query serves every generation.
#[derive(Clone, Debug)]
pub(crate) struct LexicalQuery {
    pub(super) normalizer: Normalizer,
    pub(super) options: QueryOptions,
    /// What adds to the score, each once, in the order of the text.
    pub(super) clauses: Vec<Clause>,
    /// Each must hold.
    pub(super) required: Vec<Condition>,
    /// None may hold.
    pub(super) excluded: Vec<Condition>,
    plain_text: String,
    has_operators: bool,
    n_dropped_terms: usize,
}

/// Something that scores, and how often the query says it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    pub(super) matcher: Matcher,
    pub(super) count: u32,
    /// Factor of all it adds: 1, unless feedback has reweighted the query.
    pub(super) weight: f64,
}

/// Holds where one of its matchers does: `HashMap` is a compound or the phrase
/// of its parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) any: Vec<Matcher>,
}

/// What a chunk may hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Matcher {
    /// A word: its stem in title, headings and body, its spelling among the
    /// identifiers.
    Word { stem: String, surface: String },
    /// A hyphenated word without its hyphens, as a stem in title, headings and
    /// body. Not among the identifiers: a chunk that has the hyphens too has the
    /// parts, and would count twice.
    Joined { stem: String },
    /// An exact spelling among the identifiers.
    Identifier(String),
    /// Stems at fixed distances, in title, headings or body.
    Phrase(Vec<PhraseWord>),
    /// Words and identifiers that begin so.
    Prefix(String),
    /// Pairs of characters that begin with this one.
    GramPrefix(String),
}

/// A word of a phrase.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PhraseWord {
    pub(super) stem: String,
    /// Words after the first one.
    pub(super) offset: u32,
}

impl Matcher {
    /// What it looks up, for the limit on a query's size.
    fn n_terms(&self) -> usize {
        match self {
            Self::Phrase(words) => words.len(),
            Self::Word { .. }
            | Self::Joined { .. }
            | Self::Identifier(_)
            | Self::Prefix(_)
            | Self::GramPrefix(_) => 1,
        }
    }
}

impl LexicalQuery {
    /// Most terms a query looks up, phrases counted by their words. Of a longer
    /// one the first are kept (a question or a pasted abstract fits whole), and
    /// [`LexicalQuery::n_dropped_terms`] says how many were not.
    pub(crate) const MAX_TERMS: usize = 256;
    /// A longer quotation is read as bare words.
    pub(crate) const MAX_PHRASE_WORDS: usize = 64;
    /// Shorter words are not corrected: most words of three letters are one edit
    /// from another.
    pub(crate) const MIN_TYPO_CHARS: usize = 4;

    /// Reads a query. Every string is one.
    ///
    /// # Arguments
    /// * `language` - the index's; stems of another would miss.
    pub(crate) fn parse(text: &str, options: QueryOptions, language: Language) -> Self {
        let mut parser = Parser::new(options, language);
        let mut has_operators = false;
        let mut plain = Vec::new();
        for token in tokens(text) {
            has_operators |= token.is_operation();
            if token.sign != Sign::Excluded {
                plain.push(token.text);
            }
            parser.add(&token);
        }
        let mut query = parser.query;
        query.has_operators = has_operators;
        query.plain_text = if has_operators { plain.join(" ") } else { text.trim().to_owned() };
        query
    }

    /// The text for a reader that knows no operators: an encoder. Signs, quotes
    /// and stars are removed, and what is excluded altogether; without any of
    /// them it is the trimmed text itself. Empty for a query of exclusions.
    pub(crate) fn plain_text(&self) -> &str {
        &self.plain_text
    }

    /// Whether a sign, quotes or a star say how the text is meant.
    pub(crate) fn has_operators(&self) -> bool {
        self.has_operators
    }

    /// How many distinct terms were beyond [`LexicalQuery::MAX_TERMS`] and not
    /// looked up.
    pub(crate) fn n_dropped_terms(&self) -> usize {
        self.n_dropped_terms
    }

    /// How unknown words are taken.
    pub(crate) fn options(&self) -> QueryOptions {
        self.options
    }
}

struct Parser {
    query: LexicalQuery,
    /// Where each scoring matcher stands.
    seen: HashMap<Matcher, usize>,
    n_terms: usize,
}

impl Parser {
    fn new(options: QueryOptions, language: Language) -> Self {
        let query = LexicalQuery {
            normalizer: Normalizer::new(language),
            options,
            clauses: Vec::new(),
            required: Vec::new(),
            excluded: Vec::new(),
            plain_text: String::new(),
            has_operators: false,
            n_dropped_terms: 0,
        };
        Self { query, seen: HashMap::new(), n_terms: 0 }
    }

    fn add(&mut self, token: &QueryToken<'_>) {
        let reading = self.read(token);
        match token.sign {
            Sign::None => reading.scoring.into_iter().for_each(|matcher| self.score(matcher)),
            Sign::Required => {
                reading.scoring.into_iter().for_each(|matcher| self.score(matcher));
                if self.affords(&reading.condition) {
                    self.query.required.push(Condition { any: reading.condition });
                }
            }
            Sign::Excluded => {
                if self.affords(&reading.condition) {
                    self.query.excluded.push(Condition { any: reading.condition });
                }
            }
        }
    }

    fn score(&mut self, matcher: Matcher) {
        if let Some(&at) = self.seen.get(&matcher) {
            if let Some(clause) = self.query.clauses.get_mut(at) {
                clause.count += 1;
            }
            return;
        }
        // A dropped one is remembered too, beyond the end of the clauses, so
        // that it counts once.
        let at = if self.affords(std::slice::from_ref(&matcher)) {
            let clause = Clause { matcher: matcher.clone(), count: 1, weight: 1.0 };
            self.query.clauses.push(clause);
            self.query.clauses.len() - 1
        } else {
            usize::MAX
        };
        self.seen.insert(matcher, at);
    }

    fn affords(&mut self, matchers: &[Matcher]) -> bool {
        let n_terms: usize = matchers.iter().map(Matcher::n_terms).sum();
        let fits = self.n_terms + n_terms <= LexicalQuery::MAX_TERMS;
        if fits {
            self.n_terms += n_terms;
        } else {
            self.query.n_dropped_terms += n_terms;
        }
        fits && n_terms > 0
    }

    fn read(&self, token: &QueryToken<'_>) -> Reading {
        let mut reading = self.read_words(token.text);
        match token.shape {
            Shape::Words => {}
            Shape::Phrase => {
                // One word in quotes is that word; a pasted page in quotes is its words.
                if (2..=LexicalQuery::MAX_PHRASE_WORDS).contains(&reading.phrase.len()) {
                    let phrase = vec![Matcher::Phrase(std::mem::take(&mut reading.phrase))];
                    return Reading {
                        scoring: phrase.clone(),
                        condition: phrase,
                        phrase: Vec::new(),
                    };
                }
            }
            Shape::Prefix => {
                if let Some(prefix) = self.prefix(token.text) {
                    // What stands before it in the token (`std::col*`) are words.
                    let cut = token.text.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
                    let before = self.read_words(&token.text[..cut.unwrap_or(0)]);
                    let mut scoring = before.scoring;
                    scoring.push(prefix.clone());
                    return Reading { scoring, condition: vec![prefix], phrase: Vec::new() };
                }
            }
        }
        reading
    }

    fn prefix(&self, text: &str) -> Option<Matcher> {
        let mut last = None;
        for_each_word(text, self.query.normalizer.language().elides(), &mut |word| {
            if word.kind != WordKind::Part {
                last = Some(word);
            }
        });
        let Word { text, kind, .. } = last?;
        // A run of characters without blanks is found inside words anyway.
        (kind != WordKind::Gram).then(|| Matcher::Prefix(surface(text)))
    }

    /// The words, identifiers and the phrase of a piece of text.
    fn read_words(&self, text: &str) -> Reading {
        let normalizer = self.query.normalizer;
        let mut words: Vec<Word<'_>> = Vec::new();
        for_each_word(text, normalizer.language().elides(), &mut |word| words.push(word));
        let mut reading = Reading::default();
        let mut surfaces = HashSet::new();
        for (at, word) in words.iter().enumerate() {
            let stem = normalizer.stem(word.text);
            if word.kind == WordKind::Gram && word.text.chars().nth(1).is_none() {
                // The last character of a run is implied by the pair before it;
                // alone it asks for every pair that begins with it.
                let before = at.checked_sub(1).map(|before| words[before]);
                let ends_run =
                    before.is_some_and(|before| before.start + before.text.len() > word.start);
                if !ends_run {
                    reading.scoring.push(Matcher::GramPrefix(stem.clone()));
                    reading.allow(Matcher::GramPrefix(stem));
                }
                continue;
            }
            let has_parts = words.get(at + 1).is_some_and(|next| next.kind == WordKind::Part);
            let is_taken_apart = word.kind == WordKind::Whole && has_parts;
            if !is_taken_apart {
                reading
                    .phrase
                    .push(PhraseWord { stem: stem.clone(), offset: word.position as u32 });
            }
            let surface = surface(word.text);
            surfaces.insert(surface.clone());
            let matcher = Matcher::Word { stem, surface };
            if word.text.len() == text.len() {
                reading.allow(matcher.clone());
            }
            reading.scoring.push(matcher);
        }
        let mut is_first = true;
        for_each_identifier(text, &mut |identifier| {
            let form = identifier.form;
            if !surfaces.contains(form) {
                // Without hyphens it may be a word of prose: "e-mail".
                let is_word = form.chars().all(char::is_alphanumeric)
                    && !form.starts_with(|c: char| c.is_ascii_digit());
                let exact = || Matcher::Identifier(form.to_owned());
                if is_word {
                    let (stem, surface) = (normalizer.stem(form), form.to_owned());
                    reading.allow(Matcher::Word { stem: stem.clone(), surface });
                    reading.scoring.push(Matcher::Joined { stem });
                } else {
                    if is_first {
                        reading.allow(exact());
                    }
                    reading.scoring.push(exact());
                }
            }
            is_first = false;
        });
        if let Some(first) = reading.phrase.first().map(|word| word.offset) {
            reading.phrase.iter_mut().for_each(|word| word.offset -= first);
        }
        match reading.phrase.len() {
            0 => {}
            1 => {
                let word =
                    reading.scoring.iter().find(|matcher| matches!(matcher, Matcher::Word { .. }));
                word.cloned().into_iter().for_each(|word| reading.allow(word));
            }
            _ => reading.allow(Matcher::Phrase(reading.phrase.clone())),
        }
        reading
    }
}

/// What a token of the query means.
#[derive(Default)]
struct Reading {
    /// What adds to the score.
    scoring: Vec<Matcher>,
    /// One of these holds where the token is found.
    condition: Vec<Matcher>,
    /// Its words as a phrase.
    phrase: Vec<PhraseWord>,
}

impl Reading {
    fn allow(&mut self, matcher: Matcher) {
        if !self.condition.contains(&matcher) {
            self.condition.push(matcher);
        }
    }
}
