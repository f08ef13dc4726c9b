//! A tokenizer seen as a vocabulary: what distilling a model needs to know of it.

use std::path::Path;

use super::EncodeError;
use super::tokenize::TextTokenizer;

/// The tokens of an encoder, and texts as lists of them.
#[derive(Debug)]
pub struct Vocabulary {
    tokenizer: TextTokenizer,
}

impl Vocabulary {
    /// Loads a `tokenizer.json`.
    ///
    /// # Arguments
    /// * `max_tokens` - where texts are cut, special tokens included.
    ///
    /// # Errors
    /// [`EncodeError::Load`].
    pub fn load(path: &Path, max_tokens: usize) -> Result<Self, EncodeError> {
        let tokenizer = TextTokenizer::load(path, max_tokens)
            .map_err(|source| EncodeError::Load { path: path.to_owned(), source })?;
        Ok(Self { tokenizer })
    }

    /// Number of tokens; ids are below it.
    pub fn n_tokens(&self) -> usize {
        self.tokenizer.n_tokens()
    }

    /// The text of token `id`, without the mark of a word's continuation; `None`
    /// for special tokens, the unused ones of BERT's files among them, and for
    /// ids that are no token.
    pub fn text(&self, id: u32) -> Option<String> {
        let text = self.tokenizer.token(id)?;
        let bracketed = text.len() > 2 && text.starts_with('[') && text.ends_with(']');
        (!bracketed).then(|| text.strip_prefix("##").unwrap_or(&text).to_owned())
    }

    /// The ids of `text`, special tokens included.
    ///
    /// # Errors
    /// [`EncodeError::Tokenize`].
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let tokens = self
            .tokenizer
            .encode("", text)
            .map_err(|source| EncodeError::Tokenize { index: 0, source })?;
        Ok(tokens.ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokenize::tests::bert;
    use super::*;

    #[test]
    fn tokens_have_texts_and_texts_have_tokens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        bert().save(&path, false).unwrap();
        let vocabulary = Vocabulary::load(&path, 8).unwrap();
        assert_eq!(vocabulary.n_tokens(), 4 + 2 * 26);
        let texts = [0, 3, 4, 5, 999].map(|id| vocabulary.text(id));
        assert_eq!(texts, [None, None, Some("a".into()), Some("a".into()), None]);
        assert_eq!(vocabulary.ids("ab").unwrap(), [2, 4, 7, 3]);
        let missing = Vocabulary::load(&dir.path().join("none.json"), 8).unwrap_err();
        assert!(missing.to_string().contains("none.json"), "{missing}");
    }
}
