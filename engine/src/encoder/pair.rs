//! Two texts to one run of tokens, as cross-encoders read them.
//!
//! What stands around and between the texts (`[CLS] query [SEP] passage [SEP]`,
//! `<s> query </s></s> passage </s>`) and which type each token has is read from
//! the tokenizer by showing it a pair, so no family of models is named here.

use std::path::Path;

use tokenizers::Tokenizer;

use super::tokenize::TextTokenizer;

/// A tokenizer of pairs that cuts the passage, and only a query longer than half
/// the room.
#[derive(Debug)]
pub(crate) struct PairTokenizer {
    texts: TextTokenizer,
    frame: PairFrame,
    max_tokens: usize,
}

/// A pair's tokens, at most the limit of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PairTokens {
    /// `[tokens]`.
    pub(crate) ids: Vec<i64>,
    /// `[tokens]`, 0 or 1.
    pub(crate) types: Vec<i64>,
}

/// The special tokens of a pair and the types of its texts.
#[derive(Debug)]
struct PairFrame {
    before: PairTokens,
    between: PairTokens,
    after: PairTokens,
    query_type: i64,
    passage_type: i64,
}

/// A query's tokens with their frame, to be paired with many passages.
#[derive(Clone, Debug)]
pub(crate) struct PairQuery(PairTokens);

impl PairTokenizer {
    /// Loads a `tokenizer.json`, whose own limits are put aside.
    ///
    /// # Arguments
    /// * `max_tokens` - of a pair, special tokens included.
    ///
    /// # Errors
    /// What the library says of the file; a tokenizer that takes no pairs; a
    /// limit that leaves no room for one token of each text.
    pub(crate) fn load(path: &Path, max_tokens: usize) -> tokenizers::Result<Self> {
        Self::new(Tokenizer::from_file(path)?, max_tokens)
    }

    fn new(mut tokenizer: Tokenizer, max_tokens: usize) -> tokenizers::Result<Self> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None)?;
        let frame = PairFrame::of(&tokenizer)?;
        if max_tokens < frame.n_specials() + 2 {
            let specials = frame.n_specials();
            let reason =
                format!("{max_tokens} tokens leave no room beside {specials} special ones");
            return Err(reason.into());
        }
        let texts = TextTokenizer::new(tokenizer, max_tokens)?;
        Ok(Self { texts, frame, max_tokens })
    }

    /// Tokens for both texts together.
    fn room(&self) -> usize {
        self.max_tokens - self.frame.n_specials()
    }

    /// Reads a query, of which at most half the room is kept.
    pub(crate) fn query(&self, text: &str) -> tokenizers::Result<PairQuery> {
        let mut tokens = self.frame.before.clone();
        tokens.extend(&self.texts.pieces(text, self.room() / 2)?, self.frame.query_type);
        tokens.append(&self.frame.between);
        Ok(PairQuery(tokens))
    }

    /// Puts a passage behind a query, cut to the room that is left.
    pub(crate) fn pair(&self, query: &PairQuery, passage: &str) -> tokenizers::Result<PairTokens> {
        let mut tokens = query.0.clone();
        let left = self.max_tokens - tokens.ids.len() - self.frame.after.ids.len();
        tokens.extend(&self.texts.pieces(passage, left)?, self.frame.passage_type);
        tokens.append(&self.frame.after);
        Ok(tokens)
    }
}

impl PairTokens {
    fn extend(&mut self, ids: &[i64], kind: i64) {
        self.ids.extend(ids);
        self.types.resize(self.ids.len(), kind);
    }

    fn append(&mut self, other: &Self) {
        self.ids.extend(&other.ids);
        self.types.extend(&other.types);
    }
}

impl PairFrame {
    /// Shows the tokenizer a pair of one letter each.
    fn of(tokenizer: &Tokenizer) -> tokenizers::Result<Self> {
        let encoding = tokenizer.encode(("a", "b"), true)?;
        let sequences = encoding.get_sequence_ids();
        let place = |sequence: usize| {
            let is_it = |of: &Option<usize>| *of == Some(sequence);
            Some((sequences.iter().position(is_it)?, sequences.iter().rposition(is_it)?))
        };
        let (Some(query), Some(passage)) = (place(0), place(1)) else {
            return Err("it does not tell the texts of a pair apart".into());
        };
        let wide = |numbers: &[u32]| numbers.iter().map(|&n| i64::from(n)).collect::<Vec<_>>();
        let (ids, types) = (wide(encoding.get_ids()), wide(encoding.get_type_ids()));
        let part = |from: usize, to: usize| PairTokens {
            ids: ids[from..to].to_vec(),
            types: types[from..to].to_vec(),
        };
        if passage.0 <= query.1 {
            return Err("it puts the second text of a pair before the first".into());
        }
        Ok(Self {
            before: part(0, query.0),
            between: part(query.1 + 1, passage.0),
            after: part(passage.1 + 1, ids.len()),
            query_type: types[query.0],
            passage_type: types[passage.0],
        })
    }

    fn n_specials(&self) -> usize {
        self.before.ids.len() + self.between.ids.len() + self.after.ids.len()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use tokenizers::{TruncationParams, TruncationStrategy};

    use super::super::tokenize::tests::bert;
    use super::*;

    fn ours(max_tokens: usize) -> PairTokenizer {
        PairTokenizer::new(bert(), max_tokens).unwrap()
    }

    fn pair(tokenizer: &PairTokenizer, query: &str, passage: &str) -> PairTokens {
        tokenizer.pair(&tokenizer.query(query).unwrap(), passage).unwrap()
    }

    #[test]
    fn a_long_passage_is_cut_and_a_long_query_to_half_the_room() {
        // Three special tokens leave room for seven.
        let tokenizer = ours(10);
        let whole = pair(&tokenizer, "a c", &"ab ".repeat(40));
        assert_eq!((whole.ids.len(), whole.types.len()), (10, 10));
        let specials = pair(&tokenizer, "", "").ids;
        let [first, separator, last] = specials[..] else { panic!("{specials:?}") };
        assert_eq!((whole.ids[0], whole.ids[9]), (first, last));
        let alone = ours(100);
        let query = &alone.query("a c").unwrap().0.ids;
        assert!(whole.ids.starts_with(query), "the query is whole");
        let long = pair(&tokenizer, &"ab ".repeat(40), &"ab ".repeat(40));
        let at = long.ids.iter().position(|&id| id == separator).unwrap();
        assert_eq!((at, long.ids.len()), (1 + 3, 10), "three of seven for the query");
    }

    #[test]
    fn a_limit_without_room_is_refused() {
        let message = PairTokenizer::new(bert(), 4).unwrap_err().to_string();
        assert!(message.contains("4 tokens leave no room beside 3"), "{message}");
    }

    proptest! {
        #[test]
        fn pairs_are_those_of_the_library(
            query in "[ab] ?[cdAB]{0,3}( [a-d]{1,4}){0,3}",
            passage in "([a-dA-D]{1,6}[ ,.]{1,2}){0,40}",
        ) {
            let tokenizer = ours(48);
            let mut library = bert();
            library.with_padding(None);
            library
                .with_truncation(Some(TruncationParams {
                    max_length: 48,
                    strategy: TruncationStrategy::OnlySecond,
                    ..TruncationParams::default()
                }))
                .unwrap();
            let found = pair(&tokenizer, &query, &passage);
            let expected = library.encode((query.as_str(), passage.as_str()), true).unwrap();
            let wide = |numbers: &[u32]| numbers.iter().map(|&n| i64::from(n)).collect::<Vec<_>>();
            prop_assert_eq!(found.ids, wide(expected.get_ids()));
            prop_assert_eq!(found.types, wide(expected.get_type_ids()));
        }
    }
}
