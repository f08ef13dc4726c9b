//! `structure`: sections are the passages; headings lead, code stays whole.
//!
//! The unit is a block: a paragraph, a list item, a table, a code block. Blocks
//! of one section are joined up to SIZE. A block is torn only when it is longer
//! than SIZE by itself (between lines for code, items and tables, between
//! sentences for prose) or when a heading would otherwise stand alone. A small
//! section is joined with those that follow it on its level or below, since a
//! passage of one line is found by its few words and says little.

use engine::{BlockKind, Document, Span};

use super::context::{HeadingPath, Prepared, Ruler, Section};
use super::sentences::sentences;
use super::spec::ChunkerSpec;
use super::syntax::{self, Grammar, lines};
use super::token_map::trim;
use super::{ChunkError, Chunker, SizedChunk};

/// A paragraph or item of at most this share of SIZE that ends in a colon moves
/// on with the block it introduces.
const LEAD_IN_SHARE: usize = 4;

/// Cuts at headings and between blocks.
pub struct StructureChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
    min_tokens: usize,
}

impl StructureChunker {
    pub(super) fn new(spec: ChunkerSpec, ruler: Ruler, min_tokens: usize) -> Self {
        Self { spec, ruler, min_tokens }
    }
}

impl Chunker for StructureChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let spans =
            structure_spans(document, &prepared, &self.ruler, self.min_tokens, CodeCuts::Lines);
        Ok(prepared.chunks(&spans, HeadingPath::Keep))
    }
}

/// Where a block of code that is longer than a chunk is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeCuts {
    /// Between its lines.
    Lines,
    /// Between the nodes of its syntax, where its language has a grammar.
    Syntax,
}

/// The document's passages of at most the ruler's size, disjoint and in order.
pub(super) fn structure_spans(
    document: &Document,
    prepared: &Prepared<'_>,
    ruler: &Ruler,
    min_tokens: usize,
    code: CodeCuts,
) -> Vec<Span> {
    let units = units(document, code);
    let mut packer = Packer { prepared, ruler, min_tokens, open: None, spans: Vec::new() };
    let mut from = 0;
    for (at, section) in prepared.sections.iter().enumerate() {
        let end = prepared.sections.get(at + 1).map_or(u32::MAX, |next| next.heading.start);
        let to = from + units[from..].partition_point(|unit| unit.span.start < end);
        packer.section(section, &units[from..to]);
        from = to;
    }
    packer.flush();
    packer.spans
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UnitKind {
    Heading,
    Prose,
    /// Cut between lines: code, tables, list items.
    Lines,
    /// Cut at its syntax.
    Code(Grammar),
}

#[derive(Clone, Copy)]
struct Unit {
    span: Span,
    kind: UnitKind,
}

/// The document's blocks and, as prose, whatever text no block claims; trimmed,
/// in order.
fn units(document: &Document, code: CodeCuts) -> Vec<Unit> {
    let text = document.text.as_str();
    let mut units = Vec::with_capacity(document.blocks.len());
    let mut end = 0;
    for block in &document.blocks {
        push_prose(text, Span { start: end, end: block.span.start }, &mut units);
        end = block.span.end;
        let kind = match &block.kind {
            BlockKind::Heading { .. } => UnitKind::Heading,
            BlockKind::Paragraph => UnitKind::Prose,
            BlockKind::Code { language: Some(language) } if code == CodeCuts::Syntax => {
                Grammar::of(language).map_or(UnitKind::Lines, UnitKind::Code)
            }
            BlockKind::ListItem | BlockKind::Code { .. } | BlockKind::Table => UnitKind::Lines,
        };
        units.extend(trim(text, block.span).map(|span| Unit { span, kind }));
    }
    push_prose(text, Span::new(end as usize, text.len()), &mut units);
    units
}

/// The paragraphs of a stretch without blocks.
fn push_prose(text: &str, span: Span, units: &mut Vec<Unit>) {
    let mut start = span.start as usize;
    for paragraph in span.slice(text).unwrap_or("").split_inclusive("\n\n") {
        let piece = Span::new(start, start + paragraph.len());
        start += paragraph.len();
        units.extend(trim(text, piece).map(|span| Unit { span, kind: UnitKind::Prose }));
    }
}

/// The chunk under construction.
#[derive(Clone, Copy)]
struct Open {
    span: Span,
    /// Level of the section it started in.
    level: u8,
    /// Tokens a chunk that starts here may take.
    limit: usize,
    /// Nothing but heading lines so far.
    headings_only: bool,
    /// Where its last unit starts, if that could introduce the next.
    lead_in: Option<u32>,
}

struct Packer<'p> {
    prepared: &'p Prepared<'p>,
    ruler: &'p Ruler,
    min_tokens: usize,
    open: Option<Open>,
    spans: Vec<Span>,
}

impl Packer<'_> {
    fn section(&mut self, section: &Section, units: &[Unit]) {
        let (Some(first), Some(last)) = (units.first(), units.last()) else {
            return;
        };
        let whole = Span { start: first.span.start, end: last.span.end };
        if let Some(open) = self.open
            && !open.headings_only
            && !self.joins(open, section, whole)
        {
            self.flush();
        }
        for unit in units {
            self.unit(*unit, section.heading.level);
        }
    }

    /// Whether a section goes on in the open chunk: it fits whole, it stands on
    /// the chunk's level or below, and one of the two is small.
    fn joins(&self, open: Open, section: &Section, whole: Span) -> bool {
        let map = &self.prepared.map;
        section.heading.level >= open.level
            && map.count(Span { start: open.span.start, end: whole.end }) <= open.limit
            && (map.count(open.span) < self.min_tokens || map.count(whole) < self.min_tokens)
    }

    fn unit(&mut self, unit: Unit, level: u8) {
        let limit = self.prepared.limit_at(unit.span.start, self.ruler);
        if self.prepared.map.count(unit.span) <= limit && !self.would_strand_headings(unit.span) {
            self.place(unit, level);
            return;
        }
        let text = self.prepared.map.text();
        let parts = match unit.kind {
            UnitKind::Prose => sentences(text, unit.span),
            UnitKind::Heading | UnitKind::Lines => lines(text, unit.span),
            UnitKind::Code(grammar) => {
                syntax::items(&self.prepared.map, unit.span, grammar, limit).concat()
            }
        };
        // A heading that is cut has another context after its first line.
        let limit = limit.min(self.prepared.limit_at(unit.span.end - 1, self.ruler));
        for span in parts {
            self.part(Unit { span, ..unit }, level, limit);
        }
    }

    /// A sentence or a line of a unit that does not fit whole.
    fn part(&mut self, part: Unit, level: u8, limit: usize) {
        let map = &self.prepared.map;
        let room = match self.open {
            Some(open) if self.would_strand_headings(part.span) => {
                limit.min(open.limit.saturating_sub(map.count(open.span))).max(1)
            }
            _ => limit,
        };
        if map.count(part.span) <= room {
            self.place(part, level);
            return;
        }
        for span in map.windows(part.span, room, 0) {
            self.place(Unit { span, ..part }, level);
        }
    }

    /// Whether flushing before `span` would leave a chunk of heading lines only.
    /// Headings that fill half a chunk may stand alone: they are text.
    fn would_strand_headings(&self, span: Span) -> bool {
        self.open.is_some_and(|open| {
            open.headings_only
                && self.prepared.map.count(open.span) <= open.limit / 2
                && !self.fits(open, span)
        })
    }

    fn fits(&self, open: Open, next: Span) -> bool {
        self.prepared.map.count(Span { start: open.span.start, end: next.end }) <= open.limit
    }

    /// Adds what fits a chunk by itself to the open chunk, or begins a new one.
    fn place(&mut self, unit: Unit, level: u8) {
        match self.open {
            Some(open) if self.fits(open, unit.span) => self.extend(open, unit),
            Some(open) => {
                let introduced = open.lead_in.and_then(|start| self.start(start, unit, level));
                if let Some(next) = introduced {
                    self.spans.push(Span { end: next.span.start, ..open.span });
                    self.open = Some(next);
                } else {
                    self.flush();
                    self.open = self.start(unit.span.start, unit, level);
                }
            }
            None => self.open = self.start(unit.span.start, unit, level),
        }
    }

    fn extend(&mut self, open: Open, unit: Unit) {
        self.open = Some(Open {
            span: Span { end: unit.span.end, ..open.span },
            headings_only: open.headings_only && unit.kind == UnitKind::Heading,
            lead_in: self.lead_in(unit, open.limit).filter(|_| !open.headings_only),
            ..open
        });
    }

    /// A chunk from `start` to the end of `unit`; `None` when that is too long,
    /// which cannot be when it starts with the unit.
    fn start(&self, start: u32, unit: Unit, level: u8) -> Option<Open> {
        let span = Span { start, end: unit.span.end };
        let limit = self.prepared.limit_at(start, self.ruler);
        let fits = start == unit.span.start || self.prepared.map.count(span) <= limit;
        fits.then_some(Open {
            span,
            level,
            limit,
            headings_only: unit.kind == UnitKind::Heading,
            lead_in: None,
        })
    }

    fn lead_in(&self, unit: Unit, limit: usize) -> Option<u32> {
        let text = unit.span.slice(self.prepared.map.text())?;
        let short = self.prepared.map.count(unit.span) <= limit / LEAD_IN_SHARE;
        (unit.kind != UnitKind::Heading && short && text.trim_end().ends_with(':'))
            .then_some(unit.span.start)
    }

    fn flush(&mut self) {
        self.spans.extend(self.open.take().map(|open| open.span));
    }
}
