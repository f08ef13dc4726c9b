//! How many tokens a text is worth, when no model's tokenizer is at hand.
//!
//! A budget is kept before it is known which model reads, and every model cuts texts
//! differently. So the size is estimated from what all of them have in common: short
//! words and single signs are a token each, long words several. On the Rust guides the
//! estimate is within a fifth of `cl100k`; a budget that must never be crossed should
//! leave that much room.

use unicode_segmentation::UnicodeSegmentation;

/// Letters or digits that a token holds on average where a word is cut.
const CHARS_A_TOKEN: usize = 6;

/// The estimated number of tokens of a text.
///
/// # Examples
/// ```
/// assert_eq!(answer::estimated_tokens("A value has one owner."), 6);
/// assert_eq!(answer::estimated_tokens(""), 0);
/// ```
pub fn estimated_tokens(text: &str) -> usize {
    text.split_word_bounds()
        .filter(|piece| !piece.trim().is_empty())
        .map(|piece| {
            let chars = piece.chars().count();
            // Scripts without blanks between words come one character a piece.
            chars.div_ceil(CHARS_A_TOKEN)
        })
        .sum()
}
