//! What tantivy calls when a field is indexed: the words of a text as stems, as
//! spelled, or its identifiers, each by the rules of [`super::words`],
//! [`super::normal_form`] and [`super::identifiers`].

use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};

use super::identifiers::for_each_identifier;
use super::language::Language;
use super::normal_form::{Normalizer, surface};
use super::words::{WordKind, for_each_word};

/// Raised when a text is cut or normalised differently from before. It is part
/// of the tokenizers' names, which the schema on disk holds, so an index made by
/// other rules is refused instead of searched with words it does not contain.
const ANALYZER_VERSION: u32 = 1;

/// Which terms of a text a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terms {
    /// Stems of words, compounds and their parts; pairs of characters.
    Stems,
    /// Words, compounds and their parts as spelled.
    Surfaces,
    /// Exact spellings of what reads like code.
    Identifiers,
}

/// The tokenizer of one kind of field.
#[derive(Clone, Debug)]
pub(super) struct Analyzer {
    terms: Terms,
    normalizer: Normalizer,
    tokens: Tokens,
}

impl Analyzer {
    fn new(terms: Terms, language: Language) -> Self {
        Self { terms, normalizer: Normalizer::new(language), tokens: Tokens::default() }
    }

    /// The name under which the schema refers to it.
    pub(super) fn name(terms: Terms, language: Language) -> String {
        match terms {
            Terms::Stems => format!("trovato-stems-{language}-{ANALYZER_VERSION}"),
            Terms::Surfaces => format!("trovato-surfaces-{ANALYZER_VERSION}"),
            Terms::Identifiers => format!("trovato-identifiers-{ANALYZER_VERSION}"),
        }
    }

    /// All three, registered under their names.
    pub(super) fn manager(language: Language) -> TokenizerManager {
        // tantivy asks for its "default" on behalf of fields without text.
        let manager = TokenizerManager::default();
        for terms in [Terms::Stems, Terms::Surfaces, Terms::Identifiers] {
            manager.register(&Self::name(terms, language), Self::new(terms, language));
        }
        manager
    }
}

impl Tokenizer for Analyzer {
    type TokenStream<'a> = &'a mut Tokens;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        let Self { terms, normalizer, tokens } = self;
        tokens.clear();
        match terms {
            Terms::Identifiers => for_each_identifier(text, &mut |identifier| {
                let position = tokens.used;
                tokens.push(identifier.form.to_owned(), identifier.start..identifier.end, position);
            }),
            Terms::Stems => {
                for_each_word(text, normalizer.language().elides(), &mut |word| {
                    let span = word.start..word.start + word.text.len();
                    tokens.push(normalizer.stem(word.text), span, word.position);
                });
            }
            Terms::Surfaces => {
                for_each_word(text, normalizer.language().elides(), &mut |word| {
                    if word.kind != WordKind::Gram {
                        let span = word.start..word.start + word.text.len();
                        tokens.push(surface(word.text), span, word.position);
                    }
                });
            }
        }
        tokens
    }
}

/// The terms of `text` that a body field of `language` holds: stems of words,
/// compounds and their parts, pairs of characters where words have no blanks.
///
/// What the lexical leg sees of a text, for those who measure it: two texts
/// share a word here exactly where a search for one can find the other by it.
///
/// # Returns
/// In the order of the text, repeated as often as they occur there.
///
/// # Examples
/// ```
/// use engine::Language;
///
/// let terms = engine::stems("Borrowed HashMaps", Language::English);
/// assert_eq!(terms, ["borrow", "hashmap", "hash", "map"]);
/// ```
pub fn stems(text: &str, language: Language) -> Vec<String> {
    let mut analyzer = Analyzer::new(Terms::Stems, language);
    let mut stream = analyzer.token_stream(text);
    let mut stems = Vec::new();
    while let Some(token) = stream.next() {
        stems.push(token.text.clone());
    }
    stems
}

/// A text's tokens, all made before the first is read: a callback is simpler to
/// write than a resumable state, and the buffer is reused from text to text.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    buffer: Vec<Token>,
    used: usize,
    next: usize,
}

impl Tokens {
    fn clear(&mut self) {
        (self.used, self.next) = (0, 0);
    }

    fn push(&mut self, text: String, span: std::ops::Range<usize>, position: usize) {
        if text.is_empty() {
            return;
        }
        let token = Token {
            offset_from: span.start,
            offset_to: span.end,
            position,
            text,
            position_length: 1,
        };
        match self.buffer.get_mut(self.used) {
            Some(slot) => *slot = token,
            None => self.buffer.push(token),
        }
        self.used += 1;
    }
}

impl TokenStream for &mut Tokens {
    fn advance(&mut self) -> bool {
        self.next += 1;
        self.next <= self.used
    }

    fn token(&self) -> &Token {
        &self.buffer[self.next - 1]
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.buffer[self.next - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(terms: Terms, text: &str) -> Vec<(String, usize)> {
        let mut analyzer = Analyzer::new(terms, Language::English);
        let mut stream = analyzer.token_stream(text);
        let mut found = Vec::new();
        while let Some(token) = stream.next() {
            found.push((token.text.clone(), token.position));
        }
        found
    }

    #[test]
    fn a_text_has_stems_surfaces_and_identifiers() {
        let text = "Hashing maps: HashMap";
        let owned = |terms: &[(&str, usize)]| {
            terms.iter().map(|&(text, at)| (text.to_owned(), at)).collect::<Vec<_>>()
        };
        let stems = [("hash", 0), ("map", 1), ("hashmap", 2), ("hash", 2), ("map", 3)];
        assert_eq!(terms(Terms::Stems, text), owned(&stems));
        let surfaces = [("hashing", 0), ("maps", 1), ("hashmap", 2), ("hash", 2), ("map", 3)];
        assert_eq!(terms(Terms::Surfaces, text), owned(&surfaces));
        assert_eq!(terms(Terms::Identifiers, text), owned(&[("hashmap", 0)]));
    }

    #[test]
    fn the_buffer_does_not_remember_the_last_text() {
        let mut analyzer = Analyzer::new(Terms::Stems, Language::English);
        for (text, n_tokens) in [("one two three", 3), ("one", 1), ("", 0), ("one two", 2)] {
            let mut stream = analyzer.token_stream(text);
            let mut n = 0;
            while stream.advance() {
                n += 1;
            }
            assert_eq!(n, n_tokens, "{text}");
        }
    }
}
