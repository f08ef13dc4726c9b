//! Keeping a result inside a number of tokens.
//!
//! Whose tokens cannot be known here: every model has its own. They are estimated as
//! three bytes each, which is more tokens than today's vocabularies make of prose, code,
//! Chinese or Japanese (a test compares), so a result that keeps to the estimate keeps
//! to the budget. An estimate by bytes adds up exactly and needs no vocabulary loaded.

use serde::Serialize;

use super::answer::Answer;
use super::evidence::Evidence;

/// Bytes that count as one token.
const BYTES_PER_TOKEN: usize = 3;

/// Smallest budget: what a result says beside its passages, and a short one.
pub(super) const MIN_TOKENS: u64 = 300;
/// Largest budget.
pub(super) const MAX_TOKENS: u64 = 1_000_000;

/// A passage is not cut below this many bytes but left out: a line of it is no evidence.
const MIN_PASSAGE_BYTES: usize = 120;

/// An answer whose passages can be cut.
pub(super) trait Cuttable: Answer {
    /// The passages, best first.
    fn passages(&mut self) -> &mut Vec<Evidence>;
    /// Notes what was cut in the answer itself.
    fn note(&mut self, cut: Cut);
}

/// What a budget took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Cut {
    /// Passages that were shortened.
    pub(super) shortened: usize,
    /// Passages that were left out, the last ones.
    pub(super) left_out: usize,
}

/// Cuts from the end until both forms of the answer keep to `tokens`: the best passages
/// stay whole, one is shortened, those after it are left out.
pub(super) fn fit(answer: &mut impl Cuttable, tokens: u64) {
    let budget = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
    if size(answer) <= budget {
        return;
    }
    let mut cut = Cut { shortened: 1, left_out: 0 };
    loop {
        // The note is part of what must fit.
        answer.note(cut);
        let excess = size(answer).saturating_sub(budget);
        let Some(last) = answer.passages().last_mut() else { return };
        if excess == 0 {
            if last.cut_at.is_none() {
                cut.shortened = 0;
                answer.note(cut);
            }
            return;
        }
        if !shorten(last, excess) {
            answer.passages().pop();
            cut.left_out += 1;
        }
    }
}

/// Takes at least `excess` bytes off a passage's end, at a line or word where there is
/// one; returns whether enough of it is left.
fn shorten(passage: &mut Evidence, excess: usize) -> bool {
    let Some(most) = passage.text.len().checked_sub(excess) else { return false };
    let head = &passage.text[..passage.text.floor_char_boundary(most)];
    let at = head.rfind(char::is_whitespace).unwrap_or(head.len());
    if at < MIN_PASSAGE_BYTES {
        return false;
    }
    passage.text.truncate(at);
    passage.cut_at = Some(passage.start + at as u32);
    true
}

/// The larger of the two forms in which a host may show it to a model.
fn size(answer: &impl Answer) -> usize {
    // What cannot be written is refused when it is sent.
    let structure = serde_json::to_string(answer).map_or(0, |json| json.len());
    structure.max(answer.tell().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROSE: &str = include_str!("../../../ARCHITECTURE.md");
    const CODE: &str = include_str!("budget.rs");
    const JAPANESE: &str = "所有権はRustの最もユニークな機能であり、これのおかげでガベージコレクタなしで\
                            安全性担保を行うことができるのです。故に、所有権の動作を理解することは重要です。";
    const CHINESE: &str = "所有权是一组控制程序如何管理内存的规则。所有程序在运行时都必须管理其使用计算机\
                           内存的方式。一些语言中具有垃圾回收机制，在程序运行时有规律地寻找不再使用的内存。";

    #[test]
    fn the_estimate_is_above_what_a_current_vocabulary_counts() {
        let vocabulary = tiktoken_rs::o200k_base_singleton();
        for text in [PROSE, CODE, JAPANESE, CHINESE] {
            let written = serde_json::to_string(text).unwrap();
            for text in [text, &written] {
                let counted = vocabulary.encode_ordinary(text).len();
                let estimated = text.len().div_ceil(BYTES_PER_TOKEN);
                assert!(counted <= estimated, "{counted} > {estimated}: {text:.40}");
            }
        }
    }
}
