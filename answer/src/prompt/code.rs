//! Code in prose: fenced blocks, and spans between backticks.

use std::ops::Range;

/// The code of a text, fences and backticks included, in order. A fence that nothing
/// closes reaches to the end, as in Markdown; a lone backtick is text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut fence: Option<usize> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let is_fence = line.trim_start().starts_with("```");
        match fence {
            None if is_fence => fence = Some(at),
            None => found.extend(spans(line).map(|span| at + span.start..at + span.end)),
            Some(start) if is_fence => {
                found.push(start..end);
                fence = None;
            }
            Some(_) => {}
        }
        at = end;
    }
    found.extend(fence.map(|start| start..text.len()));
    found
}

/// What stands between single backticks of a line.
fn spans(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut ticks = line.match_indices('`').map(|(at, _)| at);
    std::iter::from_fn(move || Some(ticks.next()?..ticks.next()? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_hold_lines_and_backticks_words() {
        let text = "Call `f(\"a\")` or\n```rust\nlet s = \"`\";\n```\nthen ` alone.\n  ```\nopen";
        let code: Vec<&str> = find(text).into_iter().map(|range| &text[range]).collect();
        let expected = ["`f(\"a\")`", "```rust\nlet s = \"`\";\n```\n", "  ```\nopen"];
        assert_eq!(code, expected);
        assert!(find("").is_empty() && find("no code").is_empty());
    }
}
