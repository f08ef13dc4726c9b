//! Texts to token ids: a `tokenizer.json` with its own limits put aside.
//!
//! The file of all-MiniLM-L6-v2 truncates and pads to 128 tokens although the
//! model reads 256; both settings are replaced by the encoder's limit.

use std::path::Path;

use tokenizers::{Encoding, Tokenizer, TruncationParams};

use crate::Span;

use super::wordpiece::WordPieces;

/// A tokenizer that cuts at a model's limit and says when it did.
#[derive(Debug)]
pub(super) struct TextTokenizer {
    tokenizer: Tokenizer,
    max_tokens: usize,
    short_cut: Option<ShortCut>,
}

/// The way past the library, where the rules are BERT's.
#[derive(Debug)]
struct ShortCut {
    pieces: WordPieces,
    /// The special tokens around every text.
    first: i64,
    last: i64,
}

impl ShortCut {
    /// `None` unless texts stand between one special token and another.
    fn of(tokenizer: &Tokenizer) -> tokenizers::Result<Option<Self>> {
        let Some(pieces) = WordPieces::of(tokenizer) else { return Ok(None) };
        let ids = |text: &str, specials| -> tokenizers::Result<Vec<u32>> {
            Ok(tokenizer.encode_fast(text, specials)?.get_ids().to_vec())
        };
        let [first, last] = *ids("", true)?.as_slice() else { return Ok(None) };
        let framed = [vec![first], ids("a", false)?, vec![last]].concat();
        let fits = ids("a", true)? == framed;
        Ok(fits.then(|| Self { pieces, first: first.into(), last: last.into() }))
    }
}

/// A text's token ids, special tokens included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenIds {
    pub(super) ids: Vec<i64>,
    pub(super) cut: Cut,
}

/// The tokens of one run of a model: a text, or a pair of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunTokens<'a> {
    /// `[tokens]`, special tokens included.
    pub(crate) ids: &'a [i64],
    /// `[tokens]`, each 0 or 1; `None` where all are 0, as in a single text.
    pub(crate) types: Option<&'a [i64]>,
}

impl<'a> RunTokens<'a> {
    /// A single text.
    pub(super) fn text(ids: &'a [i64]) -> Self {
        Self { ids, types: None }
    }
}

/// A text's tokens with their places in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlacedTokens {
    pub(super) ids: Vec<i64>,
    pub(super) places: Vec<TokenPlace>,
    pub(super) cut: Cut,
}

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenPlace {
    /// For these bytes of the text.
    Text(Span),
    /// Around the text: a special token, or one of the prefix.
    Frame,
}

/// Whether a text fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Whole,
    Truncated,
}

/// Bytes of text given to the tokenizer at first, for each token it may
/// return. English has about 4.5 bytes a token; twice that makes one attempt
/// suffice nearly always.
const BYTES_PER_TOKEN: usize = 9;

impl TextTokenizer {
    /// Loads a `tokenizer.json`.
    pub(super) fn load(path: &Path, max_tokens: usize) -> tokenizers::Result<Self> {
        Self::new(Tokenizer::from_file(path)?, max_tokens)
    }

    pub(super) fn new(mut tokenizer: Tokenizer, max_tokens: usize) -> tokenizers::Result<Self> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None)?;
        // Checked here, since the library subtracts without looking.
        let specials = tokenizer.encode_fast("", true)?.len();
        if max_tokens <= specials {
            let reason =
                format!("{max_tokens} tokens leave no room beside {specials} special ones");
            return Err(reason.into());
        }
        let short_cut = ShortCut::of(&tokenizer)?;
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation))?;
        Ok(Self { tokenizer, max_tokens, short_cut })
    }

    /// Number of tokens, those a file adds included.
    pub(super) fn n_tokens(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The token with this id.
    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// The ids of `prefix` and `text`, at most the limit of them.
    pub(super) fn encode(&self, prefix: &str, text: &str) -> tokenizers::Result<TokenIds> {
        match &self.short_cut {
            Some(short_cut) if prefix.is_empty() => self.encode_short(short_cut, text),
            Some(short_cut) => self.encode_short(short_cut, &format!("{prefix}{text}")),
            None => self.encode_by_library(prefix, text),
        }
    }

    /// Reads no further than the limit.
    fn encode_short(&self, short_cut: &ShortCut, text: &str) -> tokenizers::Result<TokenIds> {
        let end = self.max_tokens - 1;
        let mut ids = vec![short_cut.first];
        self.read_short(short_cut, text, end, &mut ids)?;
        let cut = if ids.len() > end { Cut::Truncated } else { Cut::Whole };
        ids.truncate(end);
        ids.push(short_cut.last);
        Ok(TokenIds { ids, cut })
    }

    /// Adds the text's ids until there are more than `end`.
    fn read_short(
        &self,
        short_cut: &ShortCut,
        text: &str,
        end: usize,
        ids: &mut Vec<i64>,
    ) -> tokenizers::Result<()> {
        for (_, stretch) in WordPieces::stretches(text) {
            let plain = short_cut.pieces.read(stretch, &mut |id, _, _| ids.push(id.into()));
            if !plain {
                let encoding = self.tokenizer.encode_fast(stretch, false)?;
                ids.extend(encoding.get_ids().iter().map(|&id| i64::from(id)));
            }
            if ids.len() > end {
                break;
            }
        }
        Ok(())
    }

    /// The first `most` ids of a text without special tokens; `most` is not
    /// above the limit.
    pub(super) fn pieces(&self, text: &str, most: usize) -> tokenizers::Result<Vec<i64>> {
        let mut ids = Vec::new();
        if let Some(short_cut) = &self.short_cut {
            self.read_short(short_cut, text, most, &mut ids)?;
        } else {
            let (encoding, _) =
                self.read("", text, |text| self.tokenizer.encode_fast(text, false))?;
            ids = self::ids(&encoding);
        }
        ids.truncate(most);
        Ok(ids)
    }

    /// Reads a text with the library.
    ///
    /// A long text is not read whole to keep its first 256 tokens: its start,
    /// up to a white space, is tokenised, and more of it while that gives too
    /// few tokens. Words never join across white space in the tokenizers of
    /// encoders, so the ids are those of the whole text. A text without white
    /// space is read whole.
    fn encode_by_library(&self, prefix: &str, text: &str) -> tokenizers::Result<TokenIds> {
        let (encoding, cut) =
            self.read(prefix, text, |text| self.tokenizer.encode_fast(text, true))?;
        Ok(TokenIds { ids: ids(&encoding), cut })
    }

    /// As [`TextTokenizer::encode`], with each token's bytes in `text`.
    pub(super) fn encode_placed(
        &self,
        prefix: &str,
        text: &str,
    ) -> tokenizers::Result<PlacedTokens> {
        let (encoding, cut) = self.read(prefix, text, |text| self.tokenizer.encode(text, true))?;
        let specials = encoding.get_special_tokens_mask();
        let places =
            encoding.get_offsets().iter().zip(specials).map(|(&(start, end), &special)| match end
                .checked_sub(prefix.len())
                .filter(|&end| special == 0 && end > 0)
            {
                Some(end) => TokenPlace::Text(Span::new(start.saturating_sub(prefix.len()), end)),
                None => TokenPlace::Frame,
            });
        Ok(PlacedTokens { ids: ids(&encoding), places: places.collect(), cut })
    }

    /// Tokenises as much of `text` as fills the limit.
    fn read(
        &self,
        prefix: &str,
        text: &str,
        tokenise: impl Fn(&str) -> tokenizers::Result<Encoding>,
    ) -> tokenizers::Result<(Encoding, Cut)> {
        let mut bytes = self.max_tokens.saturating_mul(BYTES_PER_TOKEN);
        loop {
            let start = start_of(text, bytes);
            let joined = (!prefix.is_empty()).then(|| format!("{prefix}{start}"));
            let encoding = tokenise(joined.as_deref().unwrap_or(start))?;
            let truncated = !encoding.get_overflowing().is_empty();
            if truncated || start.len() == text.len() {
                return Ok((encoding, if truncated { Cut::Truncated } else { Cut::Whole }));
            }
            bytes = bytes.saturating_mul(4);
        }
    }
}

fn ids(encoding: &Encoding) -> Vec<i64> {
    encoding.get_ids().iter().map(|&id| i64::from(id)).collect()
}

/// The text up to the first white space at or after `bytes`.
fn start_of(text: &str, bytes: usize) -> &str {
    let from = (bytes..text.len()).find(|&at| text.is_char_boundary(at));
    let end = from.and_then(|from| Some(from + text[from..].find(char::is_whitespace)?));
    end.map_or(text, |end| &text[..end])
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use tokenizers::models::wordpiece::WordPiece;
    use tokenizers::normalizers::BertNormalizer;
    use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
    use tokenizers::processors::bert::BertProcessing;
    use tokenizers::{PaddingParams, PaddingStrategy};

    use super::*;

    /// BERT's tokenizer over single letters, with the limits that the default
    /// model's file carries.
    pub(crate) fn bert() -> Tokenizer {
        let letters = ('a'..='z').flat_map(|c| [c.to_string(), format!("##{c}")]);
        let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(str::to_owned);
        let vocabulary: Vec<(String, u32)> = words.into_iter().chain(letters).zip(0..).collect();
        let vocabulary: [_; 4 + 2 * 26] = vocabulary.try_into().unwrap();
        let model = WordPiece::builder().vocab(vocabulary).unk_token("[UNK]".into()).build();
        let mut tokenizer = Tokenizer::new(model.unwrap());
        tokenizer.with_normalizer(Some(BertNormalizer::default()));
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        let ends = [("[SEP]".to_owned(), 3), ("[CLS]".to_owned(), 2)];
        let [sep, cls] = ends;
        tokenizer.with_post_processor(Some(BertProcessing::new(sep, cls)));
        let truncation = TruncationParams { max_length: 5, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).unwrap();
        let strategy = PaddingStrategy::Fixed(5);
        tokenizer.with_padding(Some(PaddingParams { strategy, ..PaddingParams::default() }));
        tokenizer
    }

    #[test]
    fn the_files_own_limits_are_put_aside() {
        let tokenizer = TextTokenizer::new(bert(), 8).unwrap();
        let short = tokenizer.encode("", "ab").unwrap();
        assert_eq!(short, TokenIds { ids: vec![2, 4, 7, 3], cut: Cut::Whole });
        let whole = tokenizer.encode("", "abcdef").unwrap();
        assert_eq!((whole.ids.len(), whole.cut), (8, Cut::Whole));
        let cut = tokenizer.encode("", "abcdefg").unwrap();
        assert_eq!((cut.ids.len(), cut.cut), (8, Cut::Truncated));
        assert_eq!(cut.ids.last(), Some(&3));
    }

    #[test]
    fn the_prefix_counts_and_comes_first() {
        let tokenizer = TextTokenizer::new(bert(), 8).unwrap();
        let prefixed = tokenizer.encode("a ", "b").unwrap();
        assert_eq!(prefixed, tokenizer.encode("", "a b").unwrap());
    }

    #[test]
    fn places_are_bytes_of_the_text_and_the_prefix_is_around_it() {
        let tokenizer = TextTokenizer::new(bert(), 8).unwrap();
        let text = |start, end| TokenPlace::Text(Span::new(start, end));
        let frame = TokenPlace::Frame;
        let placed = tokenizer.encode_placed("a ", "é b").unwrap();
        assert_eq!(placed.places, [frame, frame, text(0, 2), text(3, 4), frame]);
        assert_eq!(placed.ids, tokenizer.encode("a ", "é b").unwrap().ids);
        let cut = tokenizer.encode_placed("", "abcdefg").unwrap();
        assert_eq!((cut.cut, cut.places[6]), (Cut::Truncated, text(5, 6)));
    }

    #[test]
    fn a_limit_without_room_is_refused() {
        assert!(TextTokenizer::new(bert(), 2).is_err());
        assert!(TextTokenizer::new(bert(), 3).is_ok());
    }

    #[test]
    fn a_long_tail_of_white_space_is_no_truncation() {
        let tokenizer = TextTokenizer::new(bert(), 8).unwrap();
        let text = format!("abc{}", " ".repeat(10_000));
        assert_eq!(tokenizer.encode("", &text).unwrap().cut, Cut::Whole);
        let text = format!("{text}defg");
        assert_eq!(tokenizer.encode("", &text).unwrap().cut, Cut::Truncated);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_long_text_gives_the_ids_of_the_whole(
            words in prop::collection::vec("[a-cé世\u{301},.]{0,9}[ \n\u{3000}\u{a0}]?", 0..120),
        ) {
            let text = words.concat();
            let ours = TextTokenizer::new(bert(), 16).unwrap();
            let whole = ours.tokenizer.encode_fast(text.as_str(), true).unwrap();
            let expected: Vec<i64> = whole.get_ids().iter().map(|&id| id.into()).collect();
            for found in [ours.encode("", &text), ours.encode_by_library("", &text)] {
                let found = found.unwrap();
                prop_assert_eq!(&found.ids, &expected);
                prop_assert_eq!(found.cut == Cut::Truncated, !whole.get_overflowing().is_empty());
            }
        }

        #[test]
        fn the_short_cut_gives_the_librarys_tokens(
            words in prop::collection::vec(
                prop_oneof![
                    "[a-zA-Z0-9]{1,12}", "[ -~]{0,9}", "\\PC{0,6}", "(\\[(CLS|MASK|UNK)\\]){1,2}x?",
                    "[a-bA-B\u{0}-\u{1f}\u{7f}-\u{a0}\u{ad}\u{301}\u{3a3}\u{130}世]{0,9}",
                    "a{95,105}",
                ],
                0..20,
            ),
            blanks in prop::collection::vec("[ \t\n\r\u{b}\u{c}\u{85}\u{a0}\u{2028}\u{3000}]{0,2}", 20),
        ) {
            let text: String = words.iter().zip(&blanks).flat_map(|(word, blank)| [word.as_str(), blank]).collect();
            let ours = TextTokenizer::new(bert(), 4_000).unwrap();
            prop_assert!(ours.short_cut.is_some());
            prop_assert_eq!(ours.encode("", &text).unwrap(), ours.encode_by_library("", &text).unwrap());
            let prefixed = (ours.encode("ab", &text).unwrap(), ours.encode_by_library("ab", &text).unwrap());
            prop_assert_eq!(prefixed.0, prefixed.1);
        }
    }
}
