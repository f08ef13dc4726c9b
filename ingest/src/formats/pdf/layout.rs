//! From the lines of pages to blocks.
//!
//! What repeats at the top or bottom of the pages is dropped. Lines in a size
//! above that of the running text are headings; lines whose glyphs all have one
//! width are code; a bullet or number opens a list item; the others join to
//! paragraphs while their distance stays that of the lines before.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::glyphs::{Line, Page};
use crate::formats::canonical::{CanonicalText, Inline};

/// Headers and footers stand within this share of the page's height.
const MARGIN_SHARE: f64 = 0.12;

/// ... and on at least this share of the pages.
const REPEATED_SHARE: f64 = 0.5;

/// Fewer pages show no pattern.
const MIN_PAGES_FOR_MARGINS: usize = 3;

/// Larger than the running text by this factor, a line is a heading.
const HEADING_FACTOR: f64 = 1.12;

/// A heading has at most this many bytes; longer large text is an introduction.
const MAX_HEADING_BYTES: usize = 200;

/// Lines whose baselines are further apart than this many font sizes belong to
/// different paragraphs. Word processors go up to 1.5 within one, and browsers.
const PARAGRAPH_GAP: f64 = 1.75;

/// When at least this share of lines ends in a hyphen, the file hyphenates;
/// below, hyphens at line ends are the words' own.
const HYPHENATION_SHARE: f64 = 0.02;

/// Adds the blocks of a file.
pub(super) fn append(pages: &[Page], out: &mut CanonicalText) {
    let repeated = repeated_lines(pages);
    let lines: Vec<Vec<&Line>> = pages
        .iter()
        .map(|page| {
            let is_body =
                |line: &&Line| !(in_margin(page, line) && repeated.contains(&pattern(&line.text)));
            page.lines.iter().filter(is_body).collect()
        })
        .collect();
    let all = || lines.iter().flatten().copied();
    let body_size = most_common_size(all());
    let mut writer = Writer {
        out,
        sizes: heading_sizes(all(), body_size),
        hyphens: Hyphens::of(&all()),
        open: None,
        body_size,
    };
    for page in &lines {
        for &line in page {
            writer.line(line);
        }
        writer.end_page();
    }
    writer.close();
}

fn in_margin(page: &Page, line: &Line) -> bool {
    line.baseline < MARGIN_SHARE * page.height || line.baseline > (1.0 - MARGIN_SHARE) * page.height
}

/// A line with its numbers made equal, so that page numbers repeat.
fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if !c.is_numeric() {
            pattern.push(c);
        } else if !pattern.ends_with('#') {
            pattern.push('#');
        }
    }
    pattern
}

fn repeated_lines(pages: &[Page]) -> HashSet<String> {
    if pages.len() < MIN_PAGES_FOR_MARGINS {
        return HashSet::new();
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    for page in pages {
        let on_page: HashSet<String> = page
            .lines
            .iter()
            .filter(|line| in_margin(page, line))
            .map(|line| pattern(&line.text))
            .collect();
        for pattern in on_page {
            *counts.entry(pattern).or_default() += 1;
        }
    }
    let least = (REPEATED_SHARE * pages.len() as f64).max(MIN_PAGES_FOR_MARGINS as f64);
    counts.into_iter().filter(|&(_, count)| count as f64 >= least).map(|(text, _)| text).collect()
}

/// Sizes in tenths of a point.
fn tenths(size: f64) -> i64 {
    (size * 10.0).round() as i64
}

fn most_common_size<'a>(lines: impl Iterator<Item = &'a Line>) -> f64 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for line in lines.filter(|line| line.pitch.is_none()) {
        *counts.entry(tenths(line.size)).or_default() += line.text.len();
    }
    let most = counts.into_iter().max_by_key(|&(size, count)| (count, size));
    most.map_or(0.0, |(size, _)| size as f64 / 10.0)
}

/// The sizes above the running text's, largest first: their order gives the
/// levels.
fn heading_sizes<'a>(lines: impl Iterator<Item = &'a Line>, body_size: f64) -> Vec<i64> {
    let sizes: std::collections::BTreeSet<i64> = lines
        .filter(|line| line.size > HEADING_FACTOR * body_size && line.pitch.is_none())
        .map(|line| tenths(line.size))
        .collect();
    sizes.into_iter().rev().collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Heading { level: u8 },
    Code,
    Item,
    Paragraph,
}

/// The block that is being read.
struct Open<'a> {
    kind: Kind,
    lines: Vec<&'a Line>,
    /// Lines of this block that stand on pages before this one.
    earlier_pages: usize,
}

struct Writer<'a, 'o> {
    out: &'o mut CanonicalText,
    sizes: Vec<i64>,
    hyphens: Hyphens<'a>,
    open: Option<Open<'a>>,
    body_size: f64,
}

impl<'a> Writer<'a, '_> {
    fn line(&mut self, line: &'a Line) {
        let kind = self.kind(line);
        let joins = self.open.as_ref().is_some_and(|open| joins(open, kind, line));
        if !joins {
            self.close();
            self.open = Some(Open { kind, lines: Vec::new(), earlier_pages: 0 });
        }
        if let Some(open) = &mut self.open {
            open.lines.push(line);
        }
    }

    fn kind(&self, line: &Line) -> Kind {
        if line.pitch.is_some() && line.text.chars().count() > 1 {
            return Kind::Code;
        }
        if let Some(rank) = self.sizes.iter().position(|&size| size == tenths(line.size))
            && line.text.len() <= MAX_HEADING_BYTES
            && line.size > HEADING_FACTOR * self.body_size
        {
            return Kind::Heading { level: (rank + 1).min(6) as u8 };
        }
        if item(&line.text).is_some() { Kind::Item } else { Kind::Paragraph }
    }

    fn end_page(&mut self) {
        // A heading does not go on over a page; running text and code may.
        match &mut self.open {
            Some(open) if matches!(open.kind, Kind::Heading { .. }) => self.close(),
            Some(open) => open.earlier_pages = open.lines.len(),
            None => {}
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        match open.kind {
            Kind::Heading { level } => {
                self.out.heading(level, None, &self.hyphens.join(&open.lines));
            }
            Kind::Code => self.out.code(None, &code(&open.lines)),
            Kind::Paragraph => self.out.paragraph(&self.hyphens.join(&open.lines)),
            Kind::Item => {
                let text = self.hyphens.join(&open.lines);
                let (marker, rest) = item(&text).unwrap_or_default();
                self.out.list_item(0, &marker, rest);
            }
        }
    }
}

/// Whether a line goes on with the block before it.
fn joins(open: &Open<'_>, kind: Kind, line: &Line) -> bool {
    let Some(last) = open.lines.last() else { return false };
    if open.earlier_pages == open.lines.len() {
        // The first line of a page: a sentence that has not ended goes on.
        let ended = last.text.ends_with(['.', '!', '?', ':', ';']);
        return match open.kind {
            Kind::Code => kind == Kind::Code,
            Kind::Paragraph | Kind::Item => matches!(kind, Kind::Paragraph | Kind::Code) && !ended,
            Kind::Heading { .. } => false,
        };
    }
    let distance = line.baseline - last.baseline;
    let size = last.size.max(line.size);
    // A part of the same line that was painted later, such as a cell of a table.
    let beside = distance.abs() < 0.5 * size;
    // A line further up begins another column.
    let near = beside || (distance > 0.0 && distance <= PARAGRAPH_GAP * size);
    match (open.kind, kind) {
        // A lone brace is too short to be taken for code by itself.
        (Kind::Code, _) if line.pitch.is_some() => {
            distance > 0.0 && distance <= 2.0 * PARAGRAPH_GAP * last.size
        }
        (Kind::Heading { .. }, Kind::Heading { .. }) => {
            near && tenths(last.size) == tenths(line.size)
        }
        // A line of a paragraph that holds nothing but code, or ends in it.
        (Kind::Paragraph | Kind::Item, Kind::Code) => {
            beside || near && last.pitch.is_none() && (line.left - last.left).abs() < last.size
        }
        (Kind::Paragraph, Kind::Paragraph) => near,
        (Kind::Item, Kind::Paragraph) => near && (beside || line.left > open.lines[0].left - 1.0),
        _ => false,
    }
}

/// The marker of a list item and its text.
fn item(text: &str) -> Option<(String, &str)> {
    let bullets = ['•', '◦', '▪', '▫', '●', '○', '■', '□', '‣', '⁃', '∙', '·'];
    if let Some(rest) = text.strip_prefix(bullets) {
        return Some(("- ".to_owned(), rest.trim_start()));
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(". ")?;
    (1..=3).contains(&digits).then(|| (format!("{number}. "), rest))
}

/// Code with its lines and indentation, from the positions.
fn code(lines: &[&Line]) -> String {
    let left = lines.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
    let mut text = String::new();
    let mut last: Option<&Line> = None;
    for line in lines {
        if let Some(last) = last {
            let distance = line.baseline - last.baseline;
            let empty = if distance > PARAGRAPH_GAP * last.size { "\n\n" } else { "\n" };
            text.push_str(empty);
        }
        let indent = line.pitch.map_or(0.0, |pitch| (line.left - left) / pitch).round();
        text.push_str(&" ".repeat((indent as usize).min(80)));
        text.push_str(&line.text);
        last = Some(line);
    }
    text
}

/// What to do with a hyphen at the end of a line. `inter-` and `national` are
/// one word, `multi-` and `threaded` may be two: the file's own other words
/// decide, and without one, whether the file hyphenates at all.
struct Hyphens<'a> {
    words: HashSet<&'a str>,
    file_hyphenates: bool,
}

impl<'a> Hyphens<'a> {
    fn of(lines: &(impl Iterator<Item = &'a Line> + Clone)) -> Self {
        let running = || lines.clone().filter(|line| line.pitch.is_none());
        let words = running().flat_map(|line| line.text.split_whitespace().map(bare)).collect();
        let broken = running().filter(|line| ends_in_hyphen(&line.text)).count();
        let file_hyphenates = broken as f64 >= HYPHENATION_SHARE * running().count() as f64;
        Self { words, file_hyphenates }
    }

    fn join(&self, lines: &[&Line]) -> String {
        let mut inline = Inline::default();
        for (at, line) in lines.iter().enumerate() {
            let next = lines.get(at + 1).map_or("", |next| next.text.as_str());
            if ends_in_hyphen(&line.text) && next.starts_with(char::is_lowercase) {
                inline.push(if self.drops(&line.text, next) {
                    line.text.trim_end_matches(['-', '\u{2010}'])
                } else {
                    &line.text
                });
            } else {
                inline.push(&line.text);
                inline.space();
            }
        }
        inline.take()
    }

    fn drops(&self, line: &str, next: &str) -> bool {
        let (Some(head), Some(tail)) =
            (line.split_whitespace().last(), next.split_whitespace().next())
        else {
            return false;
        };
        let whole = format!("{}{tail}", head.trim_end_matches(['-', '\u{2010}']));
        let compound = format!("{head}{tail}");
        match (self.words.contains(bare(&whole)), self.words.contains(bare(&compound))) {
            (true, false) => true,
            (false, true) => false,
            _ => self.file_hyphenates,
        }
    }
}

fn ends_in_hyphen(text: &str) -> bool {
    let mut from_end = text.chars().rev();
    matches!(from_end.next(), Some('-' | '\u{2010}'))
        && from_end.next().is_some_and(char::is_alphabetic)
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}
