//! The tokens of one text, looked up by byte: what makes chunking linear.
//!
//! The text is shown to the tokenizer once, in segments, so that a long
//! document never becomes one huge tokenizer result. Sizes of spans are then
//! two binary searches, and cuts fall where no word is torn.

use engine::Span;

use super::tokenizer::{Token, TokenSizer, TokenizerError};

/// Longest piece shown to a tokenizer at once, in bytes. A regular-expression
/// pre-tokenizer has a backtracking limit that longer runs of white space can
/// reach, and its results cost a hundred bytes a token while they live.
const MAX_SEGMENT_BYTES: usize = 16 << 10;

/// How far back from its limit a segment's end may move to find a blank.
const SEGMENT_SLACK_BYTES: usize = 4 << 10;

/// A longer token is counted byte by byte. Word-piece vocabularies turn a word
/// of more than 100 characters into a single "unknown" token, however long;
/// cut in two it might become hundreds.
pub(super) const MAX_TOKEN_BYTES: usize = 100;

/// The token positions of a text.
#[derive(Debug)]
pub struct TokenMap<'t> {
    text: &'t str,
    spans: Vec<Span>,
    /// Indices into `spans`, ascending, of the tokens that start a word.
    word_starts: Vec<u32>,
}

impl<'t> TokenMap<'t> {
    /// Measures `text`.
    ///
    /// # Errors
    /// What the tokenizer refused.
    pub fn new(text: &'t str, sizer: &dyn TokenSizer) -> Result<Self, TokenizerError> {
        let mut map = Self { text, spans: Vec::new(), word_starts: Vec::new() };
        let mut start = 0;
        while start < text.len() {
            let end = segment_end(text, start);
            for token in sizer.tokens(&text[start..end])? {
                map.push(token, start);
            }
            start = end;
        }
        Ok(map)
    }

    fn push(&mut self, token: Token, offset: usize) {
        // Tokenizers that normalise may report several tokens for one
        // character; lookups need starts and ends that never go back.
        let last = self.spans.last().copied().unwrap_or(Span::new(0, 0));
        let start = (token.span.start as usize + offset).max(last.start as usize);
        let end = (token.span.end as usize + offset).max(last.end as usize);
        if start == end {
            return;
        }
        if token.starts_word && start >= last.end as usize && self.text.is_char_boundary(start) {
            self.word_starts.push(self.spans.len() as u32);
        }
        if end - start <= MAX_TOKEN_BYTES {
            self.spans.push(Span::new(start, end));
        } else {
            self.spans.extend((start..end).map(|at| Span::new(at, at + 1)));
        }
    }

    /// The text that was measured.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Number of tokens in the text.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the text has no token.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Number of tokens that touch `span`.
    pub fn count(&self, span: Span) -> usize {
        let (first, last) = self.range(span);
        last.saturating_sub(first)
    }

    /// `[first, last)` of the tokens that touch `span`.
    pub(super) fn range(&self, span: Span) -> (usize, usize) {
        (
            self.spans.partition_point(|token| token.end <= span.start),
            self.spans.partition_point(|token| token.start < span.end),
        )
    }

    /// `core` with at most so many tokens more on either side, in whole words
    /// and without the white space around them.
    pub(super) fn widen(&self, core: Span, before: usize, after: usize) -> Span {
        let (first, last) = self.range(core);
        let start = self
            .word_at_or_after(first.saturating_sub(before))
            .filter(|&at| at < first)
            .map_or(core.start, |at| self.spans[at].start.min(core.start));
        let wanted = last + after;
        let past = if wanted >= self.len() {
            self.len()
        } else {
            self.word_at_or_before(wanted).map_or(last, |at| at.max(last))
        };
        let end = match self.spans[last..past].last() {
            Some(token) => self.text.ceil_char_boundary(token.end as usize),
            None => core.end as usize,
        };
        Span { start, ..Span::new(0, end.max(core.end as usize)) }
    }

    /// Cuts `span` into windows of at most `size` tokens.
    ///
    /// Windows end before a word that would not fit whole; a single word
    /// longer than `size` is cut into pieces of at most `size` bytes, since no
    /// tokenizer makes more tokens than bytes of a text.
    ///
    /// # Arguments
    /// * `size` - in tokens, at least 1.
    /// * `overlap` - tokens that a window repeats of the one before, at most;
    ///   less where a word would be torn. Below `size`.
    ///
    /// # Returns
    /// Spans with ascending starts and ends that together cover `span`, white
    /// space included.
    pub fn windows(&self, span: Span, size: usize, overlap: usize) -> Vec<Span> {
        let (first, last) = self.range(span);
        let mut windows: Vec<Span> = Vec::new();
        let mut at = first;
        let mut start = span.start as usize;
        while at + size < last {
            let end = self.word_at_or_before(at + size).filter(|&end| end > at);
            let Some(end) = end else {
                let next = self.word_after(at).filter(|&next| next < last);
                let word_end = next.map_or(span.end, |next| self.spans[next].start) as usize;
                self.cut_bytes(start, word_end, size, &mut windows);
                let Some(next) = next else { return windows };
                (at, start) = (next, word_end);
                continue;
            };
            let cut = self.spans[end].start as usize;
            if windows.last().is_some_and(|window| window.end as usize >= cut) {
                // The overlap and the next word do not fit together.
                (at, start) = (end, cut);
                continue;
            }
            windows.push(Span::new(start, cut));
            let wanted = end.saturating_sub(overlap).max(at + 1);
            at = self.word_at_or_after(wanted).map_or(end, |word| word.min(end));
            start = self.spans[at].start as usize;
        }
        if start < span.end as usize {
            windows.push(Span::new(start, span.end as usize));
        }
        windows
    }

    fn cut_bytes(&self, start: usize, end: usize, size: usize, windows: &mut Vec<Span>) {
        let mut at = start;
        while at < end {
            let mut next = self.text.floor_char_boundary((at + size).min(end));
            if next <= at {
                next = self.text.ceil_char_boundary(at + 1);
            }
            windows.push(Span::new(at, next));
            at = next;
        }
    }

    /// The last token at or before `index` that starts a word.
    fn word_at_or_before(&self, index: usize) -> Option<usize> {
        let after = self.word_starts.partition_point(|&word| word as usize <= index);
        after.checked_sub(1).map(|at| self.word_starts[at] as usize)
    }

    /// The first token at or after `index` that starts a word.
    fn word_at_or_after(&self, index: usize) -> Option<usize> {
        let at = self.word_starts.partition_point(|&word| (word as usize) < index);
        self.word_starts.get(at).map(|&word| word as usize)
    }

    /// The first token after `index` that starts a word.
    fn word_after(&self, index: usize) -> Option<usize> {
        self.word_at_or_after(index + 1)
    }

    /// Joins adjacent pieces into chunks of at most `size` tokens, each
    /// repeating whole pieces of up to `overlap` tokens of the one before.
    ///
    /// # Arguments
    /// * `pieces` - in order, touching; each of at most `size` tokens.
    pub fn pack(&self, pieces: &[Span], size: usize, overlap: usize) -> Vec<Span> {
        let join = |from: usize, to: usize| Span { start: pieces[from].start, end: pieces[to].end };
        let mut chunks = Vec::new();
        let mut from = 0;
        for to in 0..pieces.len() {
            if from < to && self.count(join(from, to)) > size {
                chunks.push(join(from, to - 1));
                while from < to
                    && (self.count(join(from, to - 1)) > overlap
                        || self.count(join(from, to)) > size)
                {
                    from += 1;
                }
            }
        }
        if from < pieces.len() {
            chunks.push(join(from, pieces.len() - 1));
        }
        chunks
    }
}

/// `span` without white space at its ends; `None` when nothing is left.
pub(super) fn trim(text: &str, span: Span) -> Option<Span> {
    let inner = span.slice(text)?;
    let start = span.start as usize + (inner.len() - inner.trim_start().len());
    let trimmed = inner.trim();
    (!trimmed.is_empty()).then(|| Span::new(start, start + trimmed.len()))
}

/// Where the segment that starts at `start` ends: at a single blank between two
/// words if there is one in reach, since no tokenizer joins tokens across it.
fn segment_end(text: &str, start: usize) -> usize {
    let limit = start + MAX_SEGMENT_BYTES;
    if limit >= text.len() {
        return text.len();
    }
    let bytes = text.as_bytes();
    let reach = limit - SEGMENT_SLACK_BYTES..limit;
    let between_words = |at: &usize| {
        bytes[*at] == b' ' && bytes[*at - 1].is_ascii_alphanumeric() && bytes[*at + 1] > b' '
    };
    reach
        .clone()
        .rev()
        .find(between_words)
        .or_else(|| reach.rev().find(|&at| bytes[at].is_ascii_whitespace()))
        .unwrap_or_else(|| text.floor_char_boundary(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::tokenizer::WordSizer;

    fn windows(text: &str, size: usize, overlap: usize) -> Vec<&str> {
        let map = TokenMap::new(text, &WordSizer::ruler()).unwrap();
        map.windows(Span::new(0, text.len()), size, overlap)
            .into_iter()
            .map(|span| span.slice(text).unwrap().trim())
            .collect()
    }

    #[test]
    fn windows_take_whole_words_and_repeat_the_overlap() {
        assert_eq!(windows("a b c d e", 2, 0), ["a b", "c d", "e"]);
        assert_eq!(windows("a b c d e", 3, 1), ["a b c", "c d e"]);
        assert_eq!(windows("a b c d e f", 3, 2), ["a b c", "b c d", "c d e", "d e f"]);
        assert_eq!(windows("a b", 2, 1), ["a b"]);
        assert!(windows("", 2, 0).is_empty());
    }

    #[test]
    fn a_word_beyond_the_vocabulary_is_cut_by_bytes() {
        let text = format!("ab {} cd", "é".repeat(100));
        let pieces = windows(&text, 60, 0);
        assert_eq!(pieces[0], "ab");
        assert_eq!(pieces[1..pieces.len() - 1].concat(), "é".repeat(100));
        assert_eq!(pieces.last(), Some(&"cd"));
        assert!(pieces.iter().all(|piece| piece.len() <= 60));
    }

    #[test]
    fn counts_tokens_that_touch_a_span() {
        let text = "alpha beta gamma";
        let map = TokenMap::new(text, &WordSizer::ruler()).unwrap();
        assert_eq!(map.count(Span::new(0, 16)), 3);
        assert_eq!(map.count(Span::new(5, 6)), 0);
        assert_eq!(map.count(Span::new(3, 8)), 2);
    }

    #[test]
    fn pack_carries_whole_pieces() {
        let text = "a b. c d. e f. g";
        let map = TokenMap::new(text, &WordSizer::ruler()).unwrap();
        let pieces = [(0, 4), (4, 9), (9, 14), (14, 16)].map(|(a, b)| Span::new(a, b));
        let texts = |overlap| -> Vec<&str> {
            map.pack(&pieces, 6, overlap)
                .iter()
                .map(|span| span.slice(text).unwrap().trim())
                .collect()
        };
        assert_eq!(texts(0), ["a b. c d.", "e f. g"]);
        assert_eq!(texts(3), ["a b. c d.", "c d. e f.", "e f. g"]);
    }

    #[test]
    fn segments_join_to_the_text_and_prefer_blanks() {
        for text in
            ["word ".repeat(20_000), "x".repeat(100_000), "漢".repeat(30_000), " ".repeat(50_000)]
        {
            let mut at = 0;
            while at < text.len() {
                let end = segment_end(&text, at);
                assert!(end > at && end - at <= MAX_SEGMENT_BYTES && text.is_char_boundary(end));
                if text.starts_with("word") && end < text.len() {
                    assert!(text[at..end].ends_with("word"));
                }
                at = end;
            }
        }
    }
}
