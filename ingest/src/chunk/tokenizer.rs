//! Tokenizers as rulers: where a text's tokens lie, in bytes.
//!
//! [`EncoderSizer`] reads the encoder's own `tokenizer.json`, so that a chunk's
//! size is what the encoder sees; [`Cl100kSizer`] gives the sizes that
//! published chunking benchmarks use; [`WordSizer`] needs no file and pairs
//! with [`engine::HashEncoder`] in tests and dry runs.

use std::path::{Path, PathBuf};

use engine::{PieceOf, Span, WordPieces};
use tiktoken_rs::CoreBPE;
use tokenizers::Tokenizer;

/// One token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its bytes. A byte-level tokenizer may cut inside a character.
    pub span: Span,
    /// Whether the tokenizer treats the text before and after this token's
    /// start independently: cutting there adds no token on either side.
    pub starts_word: bool,
}

/// What an encoder reads of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its limit in tokens, special tokens and prefix included.
    pub max_tokens: usize,
    /// Tokens of every text that its special tokens and its prefix take.
    pub reserved: usize,
}

impl Window {
    /// Tokens left for context and passage; at least 1.
    pub fn usable(self) -> usize {
        self.max_tokens.saturating_sub(self.reserved).max(1)
    }

    /// Tokens read of a text that has `n_tokens` without the reserved ones.
    pub fn read_of(self, n_tokens: usize) -> usize {
        (n_tokens + self.reserved).min(self.max_tokens)
    }
}

/// Measures texts in tokens.
pub trait TokenSizer: Send + Sync {
    /// The name a SPEC uses for it.
    fn name(&self) -> &str;

    /// The window of the encoder this tokenizer belongs to; `None` when it is
    /// a ruler only, and fitting the encoder is up to who chose the size.
    fn window(&self) -> Option<Window>;

    /// The tokens of `text` in order, without special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::Refused`]; no text is known to cause it.
    fn tokens(&self, text: &str) -> Result<Vec<Token>, TokenizerError>;
}

/// Why a text could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file could not be read as a tokenizer. Pull the model again.
    #[error("cannot load the tokenizer {}: {reason}; `trovato models verify` tells whether the file is whole", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// The tokenizer failed on a text.
    #[error("the tokenizer {tokenizer} refused a text of {bytes} bytes: {reason}")]
    Refused {
        /// Which tokenizer.
        tokenizer: String,
        /// How long the text was.
        bytes: usize,
        /// What it said.
        reason: String,
    },
}

/// The encoder's own tokenizer.
pub struct EncoderSizer {
    tokenizer: Tokenizer,
    /// The way past the library, where the rules are BERT's.
    pieces: Option<WordPieces>,
    window: Window,
}

impl EncoderSizer {
    /// Loads a `tokenizer.json`, with its truncation and padding switched off:
    /// the default model's file cuts and pads at 128 tokens, which would make
    /// every longer text measure 128.
    ///
    /// # Arguments
    /// * `max_tokens` - the encoder's limit, special tokens included.
    /// * `passage_prefix` - what the encoder puts before passages; its tokens
    ///   are kept free. Empty for none.
    ///
    /// # Errors
    /// [`TokenizerError::Load`]; [`TokenizerError::Refused`] for the prefix.
    pub fn from_file(
        path: &Path,
        max_tokens: usize,
        passage_prefix: &str,
    ) -> Result<Self, TokenizerError> {
        let load_error = |reason: String| TokenizerError::Load { path: path.to_owned(), reason };
        let mut tokenizer =
            Tokenizer::from_file(path).map_err(|error| load_error(error.to_string()))?;
        tokenizer.with_truncation(None).map_err(|error| load_error(error.to_string()))?;
        tokenizer.with_padding(None);
        let specials = encode(&tokenizer, "", SpecialTokens::Add)?.get_ids().len();
        let prefix = encode(&tokenizer, passage_prefix, SpecialTokens::Omit)?.get_ids().len();
        let window = Window { max_tokens, reserved: specials + prefix };
        Ok(Self { pieces: WordPieces::of(&tokenizer), tokenizer, window })
    }

    /// Adds the tokens of `text`, which begins at byte `offset` of the whole.
    fn by_library(
        &self,
        text: &str,
        offset: usize,
        tokens: &mut Vec<Token>,
    ) -> Result<(), TokenizerError> {
        let encoding = encode(&self.tokenizer, text, SpecialTokens::Omit)?;
        let mut previous_word = None;
        let found = encoding.get_offsets().iter().zip(encoding.get_word_ids());
        tokens.extend(found.map(|(&(start, end), &word)| {
            let starts_word = word.is_none() || word != previous_word;
            previous_word = word;
            Token { span: Span::new(offset + start, offset + end), starts_word }
        }));
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SpecialTokens {
    Add,
    Omit,
}

fn encode(
    tokenizer: &Tokenizer,
    text: &str,
    specials: SpecialTokens,
) -> Result<tokenizers::Encoding, TokenizerError> {
    tokenizer.encode(text, specials == SpecialTokens::Add).map_err(|error| {
        TokenizerError::Refused {
            tokenizer: "encoder".to_owned(),
            bytes: text.len(),
            reason: error.to_string(),
        }
    })
}

impl TokenSizer for EncoderSizer {
    fn name(&self) -> &'static str {
        "encoder"
    }

    fn window(&self) -> Option<Window> {
        Some(self.window)
    }

    fn tokens(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let mut tokens = Vec::new();
        let Some(pieces) = &self.pieces else {
            self.by_library(text, 0, &mut tokens)?;
            return Ok(tokens);
        };
        for (offset, stretch) in WordPieces::stretches(text) {
            let plain = pieces.read(stretch, &mut |_, bytes, place| {
                let span = Span::new(offset + bytes.start, offset + bytes.end);
                tokens.push(Token { span, starts_word: place == PieceOf::Start });
            });
            if !plain {
                self.by_library(stretch, offset, &mut tokens)?;
            }
        }
        Ok(tokens)
    }
}

/// OpenAI's `cl100k_base`, the unit of most published chunking benchmarks.
pub struct Cl100kSizer {
    bpe: &'static CoreBPE,
}

impl Cl100kSizer {
    /// The tokenizer; its table is built once per process.
    pub fn new() -> Self {
        Self { bpe: tiktoken_rs::cl100k_base_singleton() }
    }
}

impl Default for Cl100kSizer {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenSizer for Cl100kSizer {
    fn name(&self) -> &'static str {
        "cl100k"
    }

    fn window(&self) -> Option<Window> {
        None
    }

    fn tokens(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let mut start = 0;
        self.bpe
            .encode_ordinary(text)
            .into_iter()
            .map(|id| {
                let bytes =
                    self.bpe.decode_bytes(&[id]).map_err(|error| TokenizerError::Refused {
                        tokenizer: self.name().to_owned(),
                        bytes: text.len(),
                        reason: error.to_string(),
                    })?;
                let span = Span::new(start, start + bytes.len());
                let starts_word = splits_words(text, start);
                start += bytes.len();
                Ok(Token { span, starts_word })
            })
            .collect()
    }
}

/// Words and single punctuation marks: a ruler without a vocabulary.
///
/// It counts at least as many tokens as [`engine::HashEncoder`] reads words,
/// so that chunks which fit here are never cut there.
pub struct WordSizer {
    window: Option<Window>,
}

impl WordSizer {
    /// A sizer for an encoder that reads `max_tokens` words.
    pub fn for_encoder(max_tokens: usize) -> Self {
        Self { window: Some(Window { max_tokens, reserved: 0 }) }
    }

    /// A ruler without a window.
    pub fn ruler() -> Self {
        Self { window: None }
    }
}

impl TokenSizer for WordSizer {
    fn name(&self) -> &'static str {
        "encoder"
    }

    fn window(&self) -> Option<Window> {
        self.window
    }

    fn tokens(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut in_word = false;
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            let word = c.is_alphanumeric();
            match tokens.last_mut() {
                Some(last) if word && in_word => last.span.end = Span::new(at, end).end,
                _ if !c.is_whitespace() => {
                    tokens.push(Token { span: Span::new(at, end), starts_word: true });
                }
                _ => {}
            }
            in_word = word;
        }
        Ok(tokens)
    }
}

/// Whether `at` lies between words: white space or punctuation on one side, or
/// a script written without spaces on both.
fn splits_words(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else {
        return false; // inside a character
    };
    match (before.chars().next_back(), after.chars().next()) {
        (Some(left), Some(right)) => {
            !left.is_alphanumeric()
                || !right.is_alphanumeric()
                || (is_unspaced(left) && is_unspaced(right))
        }
        _ => true,
    }
}

/// Ideographs and kana, where a word boundary leaves no trace in the text.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(sizer: &dyn TokenSizer, text: &str) -> Vec<(String, bool)> {
        sizer
            .tokens(text)
            .unwrap()
            .iter()
            .map(|token| {
                (
                    String::from_utf8_lossy(&text.as_bytes()[token.span.range()]).into_owned(),
                    token.starts_word,
                )
            })
            .collect()
    }

    #[test]
    fn words_and_marks() {
        let tokens = spans(&WordSizer::ruler(), "Don't use E0382, 借用!");
        let texts: Vec<_> = tokens.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["Don", "'", "t", "use", "E0382", ",", "借用", "!"]);
    }

    #[test]
    fn cl100k_offsets_join_to_the_text_and_mark_word_starts() {
        let text = "Unbelievable strawberries, 漢字 🦀!";
        let tokens = Cl100kSizer::new().tokens(text).unwrap();
        let mut end = 0;
        for token in &tokens {
            assert_eq!(token.span.start, end);
            end = token.span.end;
        }
        assert_eq!(end as usize, text.len());
        let pieces = spans(&Cl100kSizer::new(), text);
        assert!(
            pieces.iter().any(|(piece, starts)| !starts && piece.starts_with(char::is_alphabetic))
        );
        for (piece, starts_word) in pieces {
            if piece.starts_with(' ') {
                assert!(starts_word, "{piece:?}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = EncoderSizer::from_file(Path::new("nowhere/tokenizer.json"), 256, "").err();
        assert!(error.unwrap().to_string().contains("nowhere"));
    }
}
