//! A short cut for BERT's tokenizers: plain ASCII words, read without the
//! library's bookkeeping.
//!
//! The general tokenizer keeps every character's origin through every
//! normalisation, which costs ten times what looking the words up does. BERT's
//! rules treat the stretches between blanks independently, so each stretch that is
//! printable ASCII is read here, and every other one (accents, Chinese, control
//! characters, a text that holds `[MASK]`) is handed to the library as it
//! stands. The tokens are the library's, which property tests compare.
//!
//! # Source
//! Greedy longest-match-first word pieces: Devlin et al., BERT, NAACL 2019; Wu et
//! al., Google's Neural Machine Translation System, 2016, section 4.1.

use std::ops::Range;

use rustc_hash::FxHashMap;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{Model, Tokenizer};

/// Bytes that end a stretch. Other white space is not ASCII, or is a control
/// character to BERT, which removes it and joins what stands around it.
const BLANKS: [u8; 4] = [b' ', b'\t', b'\n', b'\r'];

/// The pieces of a vocabulary by their text.
#[derive(Debug)]
pub struct WordPieces {
    /// Pieces that begin a word.
    heads: FxHashMap<Box<[u8]>, u32>,
    /// Pieces that continue one, without their mark.
    tails: FxHashMap<Box<[u8]>, u32>,
    unknown: u32,
    letters: Letters,
    /// Longer words are unknown as a whole.
    max_word: usize,
    /// Bytes of the longest piece.
    longest: usize,
    /// Texts that are tokens wherever they stand.
    added: Vec<String>,
}

/// Whether a vocabulary tells capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    Lowered,
    Kept,
}

/// Where a piece stands in its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceOf {
    /// It begins one.
    Start,
    /// It continues one.
    Rest,
}

impl WordPieces {
    /// The short cut for a tokenizer; `None` when its rules are not BERT's.
    pub fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else {
            return None;
        };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = tokenizer.get_pre_tokenizer() else {
            return None;
        };
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
        let mut added = Vec::new();
        for token in tokenizer.get_added_tokens_decoder().into_values() {
            let plain = !token.content.is_empty() && !token.content.contains(char::is_whitespace);
            if !plain || token.normalized || token.single_word || token.lstrip || token.rstrip {
                return None;
            }
            added.push(token.content);
        }
        if !normalizer.clean_text {
            return None;
        }
        let (mut heads, mut tails) = (FxHashMap::default(), FxHashMap::default());
        let mut longest = 0;
        for (text, id) in model.get_vocab() {
            longest = longest.max(text.len());
            if let Some(tail) = text.strip_prefix(&model.continuing_subword_prefix) {
                tails.insert(tail.as_bytes().into(), id);
            }
            // `##ing` can also begin a word, for whoever writes it so: but `#` is
            // a word by itself, so it never does.
            heads.insert(text.as_bytes().into(), id);
        }
        Some(Self {
            unknown: model.token_to_id(&model.unk_token)?,
            letters: if normalizer.lowercase { Letters::Lowered } else { Letters::Kept },
            max_word: model.max_input_chars_per_word,
            heads,
            tails,
            longest,
            added,
        })
    }

    /// The stretches between blanks, in order, with where they begin.
    pub fn stretches(text: &str) -> impl Iterator<Item = (usize, &str)> {
        text.split(|c: char| c.is_ascii() && BLANKS.contains(&(c as u8)))
            .filter(|stretch| !stretch.is_empty())
            .map(|stretch| (stretch.as_ptr() as usize - text.as_ptr() as usize, stretch))
    }

    /// Reads a stretch.
    ///
    /// # Arguments
    /// * `sink` - given each piece's id, its bytes in the stretch, and its place
    ///   in its word, in order.
    ///
    /// # Returns
    /// `false`, with nothing given to `sink`, for a stretch that is the
    /// library's to read.
    #[must_use]
    pub fn read(&self, stretch: &str, sink: &mut impl FnMut(u32, Range<usize>, PieceOf)) -> bool {
        let bytes = stretch.as_bytes();
        if !bytes.iter().all(u8::is_ascii_graphic)
            || self.added.iter().any(|added| stretch.contains(added.as_str()))
        {
            return false;
        }
        let mut at = 0;
        while at < bytes.len() {
            let letters =
                bytes[at..].iter().take_while(|byte| !byte.is_ascii_punctuation()).count();
            if letters == 0 {
                let id = self.heads.get(&bytes[at..=at]).copied().unwrap_or(self.unknown);
                sink(id, at..at + 1, PieceOf::Start);
                at += 1;
            } else {
                self.word(&bytes[at..at + letters], at, sink);
                at += letters;
            }
        }
        true
    }

    fn word(&self, word: &[u8], at: usize, sink: &mut impl FnMut(u32, Range<usize>, PieceOf)) {
        /// Words of more bytes are rare enough to be copied to the heap.
        const INLINE: usize = 128;
        let mut inline = [0; INLINE];
        let mut spilled = Vec::new();
        let lowered = match (self.letters, word.len()) {
            (Letters::Kept, _) => word,
            (Letters::Lowered, 0..=INLINE) => {
                let lowered = &mut inline[..word.len()];
                lowered.copy_from_slice(word);
                lowered.make_ascii_lowercase();
                lowered
            }
            (Letters::Lowered, _) => {
                spilled.extend(word.iter().map(u8::to_ascii_lowercase));
                &spilled
            }
        };
        if let Some(id) = self.heads.get(lowered)
            && word.len() <= self.max_word
        {
            return sink(*id, at..at + word.len(), PieceOf::Start);
        }
        let mut pieces: Vec<(u32, usize)> = Vec::new();
        if word.len() <= self.max_word && self.split(lowered, &mut pieces) {
            let mut start = 0;
            for (id, end) in pieces {
                let place = if start == 0 { PieceOf::Start } else { PieceOf::Rest };
                sink(id, at + start..at + end, place);
                start = end;
            }
        } else {
            sink(self.unknown, at..at + word.len(), PieceOf::Start);
        }
    }

    /// Cuts a word into its longest pieces from the left; `false` when some part
    /// is no piece.
    fn split(&self, word: &[u8], pieces: &mut Vec<(u32, usize)>) -> bool {
        let mut start = 0;
        while start < word.len() {
            let known = if start == 0 { &self.heads } else { &self.tails };
            let furthest = word.len().min(start + self.longest);
            let found = (start + 1..=furthest)
                .rev()
                .find_map(|end| known.get(&word[start..end]).map(|id| (*id, end)));
            let Some((id, end)) = found else { return false };
            pieces.push((id, end));
            start = end;
        }
        true
    }
}
