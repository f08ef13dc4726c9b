//! Reading prose: sentences, the markers they end in, and their quotations.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::code;
use super::error::ReplyError;
use super::markers::{self, Marker};
use super::reply::{ParsedAnswer, ParsedClaim, ParsedQuote};

/// The line by which a model says that it cannot answer. A phrase would have to
/// be guessed in every language; a marker is compared.
pub const ABSTAIN: &str = "[[ABSTAIN]]";

/// Reads a reply in prose. Each sentence is a claim, also one without a marker:
/// that nothing carries it is for the reader to see. So is a block of code, in which
/// quotation marks and brackets mean what they do there. Stretches without a letter
/// or a digit, such as rules between paragraphs, are no claims; they lead the next one.
pub(super) fn read(reply: &str, known: &[u32]) -> Result<ParsedAnswer, ReplyError> {
    if reply.trim().is_empty() {
        return Err(ReplyError::Empty);
    }
    let mut abstained = false;
    let mut prose = String::with_capacity(reply.len());
    for line in reply.lines() {
        let rest = undecorated(line).strip_prefix(ABSTAIN);
        abstained |= rest.is_some();
        prose.push_str(rest.unwrap_or(line));
        prose.push('\n');
    }
    let code = code::find(&prose);
    let quotes = quotations(&prose, &code);
    let markers: Vec<Marker> = markers::find(&prose)
        .into_iter()
        .filter(|marker| {
            let at = marker.span.start;
            around(&quotes, at).is_none() && around(&code, at).is_none()
        })
        .collect();
    let mut claims: Vec<ParsedClaim> = Vec::new();
    let mut lead = String::new();
    for sentence in sentences(&prose, (&quotes, &code), &markers) {
        match claim(&prose, sentence, &quotes, &markers) {
            Sentence::Claim(Said { before, text, after, numbers, quotes }) => {
                lead.push_str(&before);
                let lead = std::mem::replace(&mut lead, after);
                // Before the first one there is nothing to stand apart from.
                let lead = if claims.is_empty() { lead.trim_start().to_owned() } else { lead };
                claims.push(ParsedClaim::new(lead, text, numbers, quotes, known));
            }
            Sentence::Layout(text) => lead.push_str(&text),
        }
    }
    Ok(ParsedAnswer { abstained, claims, value: None })
}

/// A text from where a refusal's marker would begin: some models set it bold or in code.
pub(crate) fn undecorated(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || "*`".contains(c))
}

/// The range around a byte, of ranges in order that do not overlap.
fn around(ranges: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    let before = ranges.partition_point(|range| range.start <= at);
    ranges[..before].last().filter(|range| at < range.end)
}

/// The bytes between quotation marks, the marks excluded. A quotation stays
/// within its paragraph, so that a forgotten mark spoils no more than that. In code
/// nothing is quoted.
fn quotations(text: &str, code: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut paragraph = 0..0;
    // Signs that nothing closes in what is left of the paragraph: each is
    // looked for once, which keeps the search linear.
    let mut unclosed: Vec<char> = Vec::new();
    while let Some((open, sign)) = text[at..].char_indices().find(|(_, c)| "\"“„«".contains(*c))
    {
        let open = at + open;
        if let Some(code) = around(code, open) {
            at = code.end;
            continue;
        }
        let inside = open + sign.len_utf8();
        at = inside;
        if open >= paragraph.end {
            let end = text[open..].find("\n\n").map_or(text.len(), |length| open + length);
            paragraph = open..end;
            unclosed.clear();
        }
        // 5" is a length; a mark before a space closes something.
        if unclosed.contains(&sign)
            || text[inside..].starts_with(char::is_whitespace)
            || text[..open].ends_with(|c: char| c.is_ascii_digit())
        {
            continue;
        }
        let closes: &[char] = match sign {
            '“' => &['”'],
            '„' => &['“', '”'],
            '«' => &['»'],
            _ => &['"'],
        };
        match text[inside..paragraph.end].char_indices().find(|(_, c)| closes.contains(c)) {
            Some((length, close)) => {
                at = inside + length + close.len_utf8();
                if length > 0 {
                    found.push(inside..inside + length);
                }
            }
            None => unclosed.push(sign),
        }
    }
    found
}

/// The sentences, as adjacent ranges: by Unicode's rules, but neither inside a
/// quotation or code nor before the markers that a sentence ends in.
fn sentences(
    text: &str,
    (quotes, code): (&[Range<usize>], &[Range<usize>]),
    markers: &[Marker],
) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for (at, piece) in text.split_sentence_bound_indices() {
        let mut end = at + piece.len();
        // The last one that begins before the end is the only one around it.
        let quote = quotes[..quotes.partition_point(|quote| quote.start < end)].last();
        let next = markers.partition_point(|marker| marker.span.start < end);
        let inside = quote.is_some_and(|quote| end <= quote.end)
            || around(code, end.saturating_sub(1)).is_some_and(|code| end < code.end)
            || markers[..next].last().is_some_and(|marker| end < marker.span.end);
        if end <= start || inside || is_label(&text[start..end]) {
            continue;
        }
        for marker in &markers[next..] {
            if !text[end..marker.span.start].trim().is_empty() {
                break;
            }
            let tail = &text[marker.span.end..];
            let rest = tail.trim_start_matches(['.', ',', ';', '!', '?', '。']);
            end = marker.span.end + tail.len() - rest.len();
        }
        found.push(start..end);
        start = end;
    }
    if start < text.len() {
        found.push(start..text.len());
    }
    found
}

/// `1.` or `2)` before an item of a list, which Unicode takes for a sentence.
fn is_label(text: &str) -> bool {
    let text = text.trim();
    let digits = text.trim_end_matches(['.', ')']);
    digits.len() < text.len()
        && (1..=3).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a sentence turns out to be.
enum Sentence {
    Claim(Said),
    /// Neither letter nor digit.
    Layout(String),
}

/// A claim with what stands around it.
struct Said {
    before: String,
    text: String,
    after: String,
    numbers: Vec<u32>,
    quotes: Vec<ParsedQuote>,
}

fn claim(
    text: &str,
    sentence: Range<usize>,
    quotes: &[Range<usize>],
    markers: &[Marker],
) -> Sentence {
    let markers = &markers[markers.partition_point(|marker| marker.span.start < sentence.start)
        ..markers.partition_point(|marker| marker.span.start < sentence.end)];
    let quotes = &quotes[quotes.partition_point(|quote| quote.start < sentence.start)
        ..quotes.partition_point(|quote| quote.start < sentence.end)];
    let mut said = String::new();
    let mut at = sentence.start;
    for marker in markers {
        said.push_str(&text[at..marker.span.start]);
        at = marker.span.end;
        // `end [1].` without its marker is `end.`
        if text[at..sentence.end].starts_with(['.', ',', ';', ':', '!', '?', '。', '[', '【']) {
            said.truncate(said.trim_end().len());
        }
    }
    said.push_str(&text[at..sentence.end]);
    if !said.contains(char::is_alphanumeric) {
        return Sentence::Layout(said);
    }
    let whole = said.trim_end();
    let bare = without_bullet(whole.trim_start());
    let quotes = quotes
        .iter()
        .map(|quote| ParsedQuote { text: text[quote.clone()].to_owned(), passage: None })
        .collect();
    Sentence::Claim(Said {
        before: whole[..whole.len() - bare.len()].to_owned(),
        text: bare.to_owned(),
        after: said[whole.len()..].to_owned(),
        numbers: markers.iter().flat_map(|marker| marker.numbers.iter().copied()).collect(),
        quotes,
    })
}

/// Without the `-`, `*`, `#` or `1.` that makes it an item or a heading.
fn without_bullet(text: &str) -> &str {
    let rest = text.trim_start_matches(['-', '*', '•', '#', '>']);
    if rest.len() < text.len() && rest.starts_with(char::is_whitespace) {
        return rest.trim_start();
    }
    match text.split_once(char::is_whitespace) {
        Some((label, rest)) if is_label(label) => rest.trim_start(),
        _ => text,
    }
}

#[cfg(test)]
#[path = "prose_tests.rs"]
mod tests;
