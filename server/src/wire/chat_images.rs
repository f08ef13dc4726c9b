//! Pictures in an answer, which become links.
//!
//! A chat client that renders Markdown loads a picture from wherever it says, without
//! being asked: a document that has a model write `![](https://elsewhere/?what-it-knows)`
//! has then told somebody. A link waits for a reader. Code such as `vec![1](2)` would lose
//! its sign too; that is the price, and `trovato.answer` has every byte.

/// How long alternative text may go on, in bytes, before it is taken for something else;
/// a stream waits for its end.
const MAX_ALT_BYTES: usize = 300;

/// The text with its pictures as links, `![alt](address)` as `[alt](address)`.
pub(super) fn as_links(text: &str) -> String {
    let mut linked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("![") {
        linked.push_str(&rest[..at]);
        if closed(&rest[at..]) != Some(Closed::Picture) {
            linked.push('!');
        }
        linked.push('[');
        rest = &rest[at + 2..];
    }
    linked.push_str(rest);
    linked
}

/// How much of a text, in bytes, is sure to read the same whatever follows it.
pub(super) fn settled(text: &str) -> usize {
    let mut begun = text.match_indices("![").map(|(at, _)| at);
    let open = begun.find(|at| closed(&text[*at..]).is_none());
    open.unwrap_or_else(|| text.strip_suffix('!').map_or(text.len(), str::len))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    Picture,
    Text,
}

/// What begins with `![`; `None` while that is open.
fn closed(text: &str) -> Option<Closed> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        let is_escaped = escaped;
        escaped = c == '\\' && !is_escaped;
        match c {
            _ if at > MAX_ALT_BYTES => return Some(Closed::Text),
            _ if is_escaped => {}
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let next = text[at + 1..].chars().next()?;
            return Some(if next == '(' { Closed::Picture } else { Closed::Text });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_become_links_and_nothing_else_changes() {
        for (text, expected) in [
            ("![a](https://b/?c)", "[a](https://b/?c)"),
            ("so! ![](//b) and ![a [b] c](d)", "so! [](//b) and [a [b] c](d)"),
            ("![a\n b\\] ](c)", "[a\n b\\] ](c)"),
            ("[a](b) vec![1, 2] x![0] ![", "[a](b) vec![1, 2] x![0] !["),
            ("![![a](b)](c)", "[[a](b)](c)"),
        ] {
            assert_eq!(as_links(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_stream_says_what_the_whole_says(text in "[!\\[\\]()a\\\\ \u{e9}]{0,30}", cut in 0..30_usize) {
            let (mut told, mut held) = (String::new(), String::new());
            let cut = text.floor_char_boundary(cut.min(text.len()));
            for piece in [&text[..cut], &text[cut..]] {
                held.push_str(piece);
                let rest = held.split_off(settled(&held));
                told.push_str(&as_links(&std::mem::replace(&mut held, rest)));
            }
            told.push_str(&as_links(&held));
            prop_assert_eq!(told, as_links(&text));
        }
    }
}
