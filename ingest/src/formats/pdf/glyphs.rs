//! Collects the glyphs of a page into lines.
//!
//! Glyphs come in the order in which they are painted. A line ends where the next
//! glyph stands lower, higher, or well to the left. Painting order is nearly that
//! of reading; sorting by position instead would weave columns and the cells of
//! tables together. But browsers paint boxes that scroll after all text around
//! them, so lines that fit into the gaps which earlier ones left go there.

use std::collections::BTreeMap;
use std::time::Instant;

use pdf_extract::{MediaBox, OutputDev, OutputError, Transform};

/// A gap wider than this share of the font size separates words, in lines that
/// paint no blanks: letters set wide apart have about a tenth, narrow blanks a
/// sixth.
const WORD_GAP: f64 = 0.15;

/// The same in lines that do paint blanks: there only gaps between columns
/// separate words, and smaller ones are kerning or padding.
const COLUMN_GAP: f64 = 0.4;

/// Width of a digit in most fonts, as a share of the font size.
const TYPICAL_ADVANCE: f64 = 0.55;

/// Room a line needs above and below its baseline, as a share of its size, to
/// fit between two others. Lines of one paragraph are less than twice that apart.
const LINE_ROOM: f64 = 0.8;

/// A line is set in one width when at least this share of its glyphs has it:
/// foreign letters and symbols in code come from other fonts. In running text
/// the commonest width has a fifth.
const PITCH_SHARE: f64 = 0.7;

/// A glyph higher or lower by more than this share of the font size is on
/// another line; less is a superscript or subscript.
const LINE_SHIFT: f64 = 0.5;

/// A run of glyphs on one line. Lengths are in points, from the top left of the page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// The text, blanks between words, none at the ends.
    pub(super) text: String,
    /// Left end.
    pub(super) left: f64,
    /// Right end.
    pub(super) right: f64,
    /// Baseline, growing downwards.
    pub(super) baseline: f64,
    /// Size of most of its glyphs.
    pub(super) size: f64,
    /// The width of its glyphs, when they share one.
    pub(super) pitch: Option<f64>,
}

/// The lines of one page in painting order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    pub(super) lines: Vec<Line>,
    /// Height of the page, in points.
    pub(super) height: f64,
}

#[derive(Debug)]
struct Glyph {
    text: String,
    left: f64,
    right: f64,
    baseline: f64,
    size: f64,
    /// Width as a share of the font size, where it is known.
    advance: Option<f64>,
}

/// The interpreter's output for one page.
pub(super) struct PageGlyphs {
    deadline: Instant,
    top: f64,
    height: f64,
    /// The glyphs of the line that is being read.
    open: Vec<Glyph>,
    lines: Vec<Line>,
}

impl PageGlyphs {
    /// Output for a page; interpreting ends with an error after `deadline`.
    pub(super) fn new(deadline: Instant) -> Self {
        Self { deadline, top: 0.0, height: 0.0, open: Vec::new(), lines: Vec::new() }
    }

    /// The page.
    pub(super) fn finish(mut self) -> Page {
        self.close_line();
        Page { lines: in_reading_order(self.lines), height: self.height }
    }

    fn check_deadline(&self) -> Result<(), OutputError> {
        if Instant::now() > self.deadline {
            return Err(OutputError::FormatError(std::fmt::Error));
        }
        Ok(())
    }

    fn push(&mut self, glyph: Glyph) {
        if let Some(last) = self.open.last() {
            let size = last.size.max(glyph.size);
            let shifted = (glyph.baseline - last.baseline).abs() > LINE_SHIFT * size;
            let back = glyph.left < last.left - size;
            if shifted || back {
                self.close_line();
            }
        }
        self.open.push(glyph);
    }

    fn close_line(&mut self) {
        let glyphs = std::mem::take(&mut self.open);
        let paints_blanks = glyphs.iter().any(|glyph| glyph.text.trim().is_empty());
        let word_gap = if paints_blanks { COLUMN_GAP } else { WORD_GAP };
        let mut text = String::new();
        let mut right = f64::NEG_INFINITY;
        for glyph in &glyphs {
            let gap = glyph.left - right;
            if gap > word_gap * glyph.size
                && gap.is_finite()
                && !text.ends_with(char::is_whitespace)
            {
                text.push(' ');
            }
            text.push_str(&glyph.text);
            right = glyph.right;
        }
        let visible = || glyphs.iter().filter(|glyph| !glyph.text.trim().is_empty());
        let Some(first) = visible().next() else { return };
        self.lines.push(Line {
            text: text.trim().to_owned(),
            left: first.left,
            right,
            baseline: first.baseline,
            size: common_size(visible()),
            pitch: common_pitch(visible()),
        });
    }
}

impl OutputDev for PageGlyphs {
    fn begin_page(
        &mut self,
        _number: u32,
        media_box: &MediaBox,
        _art_box: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.top = media_box.ury;
        self.height = media_box.ury - media_box.lly;
        self.check_deadline()
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        transform: &Transform,
        width: f64,
        _spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        // The side of the square that is as large as the glyph's own box: right
        // for rotated and stretched text, too.
        let scale = (transform.m11 * transform.m22 - transform.m12 * transform.m21).abs().sqrt();
        let size = scale * font_size.abs();
        let (left, baseline) = (transform.m31, self.top - transform.m32);
        let finite = [size, left, baseline, width].iter().all(|number| number.is_finite());
        if finite && size > 0.0 && !text.is_empty() {
            let advance = known_advance(width, text);
            // A width of 1 that is wrong also moved the glyphs behind it, so it
            // leaves no gap; one of 0 did not.
            let right = left + if width == 0.0 { TYPICAL_ADVANCE } else { width } * size;
            let text = text.chars().map(spelled_out).collect();
            self.push(Glyph { text, left, right, baseline, size, advance });
        }
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        self.check_deadline()
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn stroke(
        &mut self,
        _: &Transform,
        _: &pdf_extract::ColorSpace,
        _: &[f64],
        _: &pdf_extract::Path,
    ) -> Result<(), OutputError> {
        self.check_deadline()
    }

    fn fill(
        &mut self,
        _: &Transform,
        _: &pdf_extract::ColorSpace,
        _: &[f64],
        _: &pdf_extract::Path,
    ) -> Result<(), OutputError> {
        self.check_deadline()
    }
}

/// The interpreter misreads widths that a font gives for a range of glyphs at
/// once, as browsers do for digits: they come out as 0 or as 1, the default of
/// composite fonts. Only wide scripts really have the latter.
fn known_advance(width: f64, text: &str) -> Option<f64> {
    let suspicious = text.is_ascii() && (width == 0.0 || width == 1.0);
    (!suspicious).then_some(width)
}

/// A typographic ligature as the letters it stands for. Full compatibility
/// normalisation was rejected: it also turns superscripts into plain digits.
fn spelled_out(c: char) -> String {
    match c {
        '\u{FB00}' => "ff".to_owned(),
        '\u{FB01}' => "fi".to_owned(),
        '\u{FB02}' => "fl".to_owned(),
        '\u{FB03}' => "ffi".to_owned(),
        '\u{FB04}' => "ffl".to_owned(),
        '\u{FB05}' | '\u{FB06}' => "st".to_owned(),
        c => c.to_string(),
    }
}

/// The size most letters have, to a tenth of a point.
fn common_size<'a>(glyphs: impl Iterator<Item = &'a Glyph>) -> f64 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for glyph in glyphs {
        *counts.entry((glyph.size * 10.0).round() as i64).or_default() += glyph.text.len();
    }
    let most = counts.into_iter().max_by_key(|&(size, count)| (count, size));
    most.map_or(0.0, |(size, _)| size as f64 / 10.0)
}

/// The width that glyphs share, in points; `None` when they differ.
fn common_pitch<'a>(glyphs: impl Iterator<Item = &'a Glyph>) -> Option<f64> {
    let mut counts: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    let mut all = 0;
    for glyph in glyphs {
        let Some(advance) = glyph.advance else { continue };
        let key = ((advance * 200.0).round() as i64, (glyph.size * 10.0).round() as i64);
        *counts.entry(key).or_default() += 1;
        all += 1;
    }
    let ((advance, size), count) = counts.into_iter().max_by_key(|&(key, count)| (count, key))?;
    let pitch = advance as f64 / 200.0 * size as f64 / 10.0;
    (count as f64 >= PITCH_SHARE * f64::from(all) && pitch > 0.0).then_some(pitch)
}

/// Puts what was painted late where it stands.
///
/// Painting falls into runs in which every line is below the one before. A run
/// whose lines all fit into gaps of what is already in order is put there line
/// by line; every other follows at the end.
fn in_reading_order(lines: Vec<Line>) -> Vec<Line> {
    let mut ordered: Vec<Line> = Vec::with_capacity(lines.len());
    let mut lines = lines.into_iter().peekable();
    while let Some(first) = lines.next() {
        let mut run = vec![first];
        while let Some(next) = lines.next_if(|next| next.baseline > run[run.len() - 1].baseline) {
            run.push(next);
        }
        let gaps: Option<Vec<usize>> = run.iter().map(|line| gap_for(line, &ordered)).collect();
        match gaps {
            Some(gaps) => {
                // From the last, so that the places of the others stay right.
                for (line, at) in run.into_iter().zip(gaps).rev() {
                    ordered.insert(at, line);
                }
            }
            None => ordered.extend(run),
        }
    }
    ordered
}

/// Where a line fits between two others that follow each other, one above and
/// one below it; or before the first, or after the last.
fn gap_for(line: &Line, ordered: &[Line]) -> Option<usize> {
    let room = LINE_ROOM * line.size;
    let below_all = ordered.last().is_none_or(|last| last.baseline + room <= line.baseline);
    if below_all {
        return Some(ordered.len());
    }
    if ordered.first().is_some_and(|first| line.baseline + room <= first.baseline) {
        return Some(0);
    }
    let is_gap = |pair: &[Line]| {
        let (above, below) = (&pair[0], &pair[1]);
        above.baseline + room <= line.baseline
            && line.baseline + room <= below.baseline
            && (line.left < above.right || line.left < below.right)
            && (above.left < line.right || below.left < line.right)
    };
    ordered.windows(2).position(is_gap).map(|at| at + 1)
}
