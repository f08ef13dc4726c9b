//! Markers of passages in prose: `[1]`, `[1, 2]`, `[1][2]`, `[1-3]`, `[^1]`,
//! and `【1】`, which some models prefer.

use std::ops::Range;

/// A longer range than this is taken for its two ends: nobody cites a hundred
/// passages, and `[1-4000000000]` must not become a list.
const MAX_RANGE: u32 = 100;

/// A marker in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Its bytes, brackets included.
    pub(super) span: Range<usize>,
    /// The passages it names, in its order.
    pub(super) numbers: Vec<u32>,
}

/// All markers, in the order of the text. Brackets with anything but numbers
/// in them are text.
pub(super) fn find(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find(['[', '【']).map(|open| at + open) {
        let close = if text[open..].starts_with('[') { ']' } else { '】' };
        let inside = open + if close == ']' { 1 } else { '【'.len_utf8() };
        // The next opening ends the search: an unclosed one must not make
        // finding all markers quadratic.
        let end = text[inside..].find(['[', '【', ']', '】', '\n']).map(|end| inside + end);
        at = inside;
        let Some(end) = end.filter(|&end| text[end..].starts_with(close)) else { continue };
        if let Some(numbers) = numbers(&text[inside..end]) {
            at = end + close.len_utf8();
            markers.push(Marker { span: open..at, numbers });
        }
    }
    markers
}

fn numbers(inside: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for item in inside.split([',', ';']) {
        let item = item.trim();
        match item.split_once(['-', '\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}']) {
            None => numbers.push(number(item)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if last >= first && last - first < MAX_RANGE {
                    numbers.extend(first..=last);
                } else {
                    numbers.extend([first, last]);
                }
            }
        }
    }
    Some(numbers)
}

fn number(text: &str) -> Option<u32> {
    let digits = text.trim();
    let digits = digits.strip_prefix('^').unwrap_or(digits);
    // `parse` alone would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&[u32]]) {
        let found: Vec<_> = find(text).into_iter().map(|marker| marker.numbers).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn forms_that_models_write() {
        check("a [1].", &[&[1]]);
        check("a [1, 2; 3]", &[&[1, 2, 3]]);
        check("a [1][2] [^3]【4】", &[&[1], &[2], &[3], &[4]]);
        check("a [2-4] [2\u{2013}3]", &[&[2, 3, 4], &[2, 3]]);
    }

    #[test]
    fn ranges_that_make_no_sense_are_kept_as_their_ends() {
        check("[3-1] [1-4000000000]", &[&[3, 1], &[1, 4_000_000_000]]);
    }

    #[test]
    fn other_brackets_are_text() {
        check("[] [a] [1a] [+1] [1,] [-1] [1 [2] [1\n] v[i] [99999999999] [3", &[&[2]]);
    }
}
