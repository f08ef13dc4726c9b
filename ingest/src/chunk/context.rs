//! Where a chunk stands: the headings above it, and what is said of it besides
//! its own words.
//!
//! Context can be the title, the path of headings and a lead, the first
//! sentence of the document's running text. The lead is what costs no model of
//! the idea behind Anthropic's "contextual retrieval" (2024), where a language
//! model writes a sentence for each chunk that says what it is about.
//!
//! Every chunker measures through [`Prepared`]: a document's tokens, its
//! sections, and how many tokens a passage may take once its context is paid.

use std::sync::Arc;

use engine::{BlockKind, Chunk, Document, Span};

use super::sentences::sentences;
use super::spec::ChunkSize;
use super::token_map::{TokenMap, trim};
use super::tokenizer::{TokenSizer, TokenizerError, Window};
use super::{ChunkError, SizedChunk};

/// What is said of a passage besides its own words, and to which leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContextStyle {
    /// Where it stands.
    pub path: ContextPath,
    /// Whether the document's lead follows. A passage that starts at the lead
    /// or before it does without.
    pub lead: bool,
    /// Who is told.
    pub legs: ContextLegs,
}

/// Where a passage stands, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextPath {
    /// Nothing.
    None,
    /// The document's title.
    Title,
    /// `Title > Heading > Sub`.
    Headings,
}

/// The legs that are given context.
///
/// A document's title has a lexical field of its own whatever is chosen here,
/// and so have the headings that `structure`, `parent` and `code` know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextLegs {
    /// The encoder reads it before the passage, and its words are searched.
    Both,
    /// Only the encoder.
    Dense,
    /// Only the words are searched.
    Lexical,
}

impl ContextStyle {
    /// No context.
    pub const NONE: Self = Self { path: ContextPath::None, lead: false, legs: ContextLegs::Both };

    /// Title and headings, for both legs.
    pub const HEADINGS: Self =
        Self { path: ContextPath::Headings, lead: false, legs: ContextLegs::Both };
}

/// Between the parts of a context line.
const SEPARATOR: &str = " > ";

/// The lead is looked for in so many bytes: a longer sentence is no sentence,
/// and a text without marks should not be searched to its end.
const LEAD_WINDOW_BYTES: usize = 4 << 10;

/// A longer heading is cut, in characters: some sources mark whole paragraphs
/// as headings, and a heading is repeated in every chunk below it.
const MAX_HEADING_CHARS: usize = 200;

/// A context takes at most one token in this many of what the encoder reads,
/// so that the passage stays the main part of the vector.
const CONTEXT_SHARE: usize = 4;

/// How chunks are measured and introduced; shared by all chunkers with a size.
pub(super) struct Ruler {
    pub(super) sizer: Arc<dyn TokenSizer>,
    pub(super) size: ChunkSize,
    pub(super) context: ContextStyle,
}

impl Ruler {
    /// Tokenises `document` and finds its sections.
    pub(super) fn prepare<'d>(&self, document: &'d Document) -> Result<Prepared<'d>, ChunkError> {
        document.check()?;
        let measure = || {
            let map = TokenMap::new(&document.text, &*self.sizer)?;
            let lead = Some(document).filter(|_| self.context.lead).and_then(Lead::of);
            let sections = self.sections(document, lead.as_ref())?;
            Ok(Prepared {
                map,
                sections,
                lead,
                legs: self.context.legs,
                overlap: self.size.overlap_tokens,
                window: self.sizer.window(),
            })
        };
        measure().map_err(|source| ChunkError::Tokenize { document: document.id.clone(), source })
    }

    /// Tokens left for a passage after `context` tokens.
    ///
    /// SIZE bounds the passage. Where SIZE fits the encoder's window, context
    /// and passage together fit it too; a larger SIZE is an explicit wish for
    /// passages of which the encoder reads the beginning only (the report
    /// counts them), and is granted.
    fn passage_limit(&self, context: usize) -> usize {
        let size = self.size.tokens;
        match self.sizer.window() {
            Some(window) if size <= window.max_tokens => {
                size.min(window.usable().saturating_sub(context)).max(1)
            }
            _ => size,
        }
    }

    fn sections(
        &self,
        document: &Document,
        lead: Option<&Lead>,
    ) -> Result<Vec<Section>, TokenizerError> {
        let title = shorten(&document.title);
        let preamble = self.contexts(self.context(&title, &[])?, lead)?;
        let mut sections = vec![Section {
            heading: Heading { start: 0, level: 0 },
            headings: Vec::new(),
            at_heading: preamble.clone(),
            inside: preamble,
        }];
        let mut open: Vec<(u8, String)> = Vec::new();
        for block in &document.blocks {
            let BlockKind::Heading { level, .. } = &block.kind else {
                continue;
            };
            let text = shorten(block.span.slice(&document.text).unwrap_or(""));
            open.retain(|(above, _)| above < level);
            // A chunk that begins with this heading's own line shows it already.
            let at_heading = if text == title {
                Context::default()
            } else {
                self.context(&title, &path(&open, &title))?
            };
            open.push((*level, text));
            let headings = path(&open, &title);
            sections.push(Section {
                heading: Heading { start: block.span.start, level: *level },
                inside: self.contexts(self.context(&title, &headings)?, lead)?,
                headings,
                at_heading: self.contexts(at_heading, lead)?,
            });
        }
        Ok(sections)
    }

    /// The context line for `headings`, cut to its share: the outermost
    /// headings go first, since the inner ones say more about the passage.
    fn context(&self, title: &str, headings: &[String]) -> Result<Context, TokenizerError> {
        if self.context.legs == ContextLegs::Lexical {
            return Ok(Context::default());
        }
        let mut parts: Vec<&str> = match self.context.path {
            ContextPath::None => return Ok(Context::default()),
            ContextPath::Title => vec![title],
            ContextPath::Headings => {
                std::iter::once(title).chain(headings.iter().map(String::as_str)).collect()
            }
        };
        parts.retain(|part| !part.is_empty());
        let share = self.context_share();
        loop {
            let text = parts.join(SEPARATOR);
            let map = TokenMap::new(&text, &*self.sizer)?;
            if map.len() <= share {
                let n_tokens = map.len();
                return Ok(Context { text, n_tokens });
            }
            if parts.len() > 1 {
                parts.remove(usize::from(parts.len() > 2));
                continue;
            }
            let first = map.windows(Span::new(0, text.len()), share.max(1), 0).swap_remove(0);
            let text = trim(&text, first).and_then(|span| span.slice(&text)).unwrap_or("");
            return Ok(Context { text: text.to_owned(), n_tokens: share });
        }
    }

    /// Tokens a context may take.
    fn context_share(&self) -> usize {
        self.sizer.window().map_or(self.size.tokens, Window::usable) / CONTEXT_SHARE
    }

    /// A context with and without the lead, which gets what is left of the
    /// share: where a passage stands says more than how its document begins.
    fn contexts(&self, alone: Context, lead: Option<&Lead>) -> Result<Contexts, TokenizerError> {
        let Some(lead) = lead.filter(|_| self.context.legs != ContextLegs::Lexical) else {
            return Ok(Contexts { with_lead: alone.clone(), alone });
        };
        let room = self.context_share().saturating_sub(alone.n_tokens);
        let map = TokenMap::new(&lead.text, &*self.sizer)?;
        let fitting = match map.len() {
            _ if room == 0 => None,
            n_tokens if n_tokens <= room => Some(lead.text.as_str()),
            _ => {
                let first = map.windows(Span::new(0, lead.text.len()), room, 0).swap_remove(0);
                first.slice(&lead.text).map(str::trim_end)
            }
        };
        let parts = [alone.text.as_str(), fitting.unwrap_or("")];
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        let n_tokens = TokenMap::new(&text, &*self.sizer)?.len();
        Ok(Contexts { alone, with_lead: Context { text, n_tokens } })
    }
}

/// The first sentence of a document's running text.
struct Lead {
    start: u32,
    text: String,
}

impl Lead {
    /// From the first paragraph; from the text where it has no blocks.
    fn of(document: &Document) -> Option<Self> {
        let text = document.text.as_str();
        let running = match document.blocks.as_slice() {
            [] => Span::new(0, text.len()),
            blocks => blocks.iter().find(|block| block.kind == BlockKind::Paragraph)?.span,
        };
        let running = trim(text, running)?;
        let start = running.start as usize;
        let end = text.floor_char_boundary((running.end as usize).min(start + LEAD_WINDOW_BYTES));
        let first = sentences(text, Span::new(start, end)).into_iter().next()?;
        Some(Self { start: running.start, text: shorten(first.slice(text)?) })
    }
}

/// A document ready to be cut.
pub(super) struct Prepared<'d> {
    pub(super) map: TokenMap<'d>,
    pub(super) sections: Vec<Section>,
    lead: Option<Lead>,
    legs: ContextLegs,
    overlap: usize,
    window: Option<Window>,
}

impl Prepared<'_> {
    /// The whole text.
    pub(super) fn all(&self) -> Span {
        Span::new(0, self.map.text().len())
    }

    /// The overlap in tokens, less where `limit` is below the SIZE it was given for.
    pub(super) fn overlap_within(&self, limit: usize) -> usize {
        self.overlap.min(limit.saturating_sub(1))
    }

    /// The section that byte `at` lies in.
    pub(super) fn section_at(&self, at: u32) -> &Section {
        let after = self.sections.partition_point(|section| section.heading.start <= at);
        // The section before the first heading starts at 0, so `after >= 1`.
        &self.sections[after.saturating_sub(1)]
    }

    /// Tokens that a passage starting at `at` may take.
    pub(super) fn limit_at(&self, at: u32, ruler: &Ruler) -> usize {
        ruler.passage_limit(self.context_at(at).n_tokens)
    }

    /// Tokens that a passage may take anywhere in the document.
    pub(super) fn limit_everywhere(&self, ruler: &Ruler) -> usize {
        let contexts = self
            .sections
            .iter()
            .flat_map(|section| [&section.inside, &section.at_heading])
            .flat_map(|contexts| [&contexts.alone, &contexts.with_lead]);
        ruler.passage_limit(contexts.map(|context| context.n_tokens).max().unwrap_or(0))
    }

    /// What the encoder reads before a passage that starts at `at`.
    fn context_at(&self, at: u32) -> &Context {
        let section = self.section_at(at);
        let at_heading = section.heading.level > 0 && at == section.heading.start;
        let contexts = if at_heading { &section.at_heading } else { &section.inside };
        if self.is_led(at) { &contexts.with_lead } else { &contexts.alone }
    }

    /// Whether the lead stands before a passage that starts at `at`.
    fn is_led(&self, at: u32) -> bool {
        self.lead.as_ref().is_some_and(|lead| lead.start < at)
    }

    /// The chunks at `spans`, trimmed; those that then add nothing to the one
    /// before are left out (an overlap followed by white space).
    ///
    /// # Arguments
    /// * `spans` - in order.
    pub(super) fn chunks(&self, spans: &[Span], headings: HeadingPath) -> Vec<SizedChunk> {
        let mut chunks: Vec<SizedChunk> = Vec::with_capacity(spans.len());
        for &span in spans {
            let Some(span) = trim(self.map.text(), span) else { continue };
            if chunks.last().is_some_and(|last| span.end <= last.chunk.span.end) {
                continue;
            }
            let section = self.section_at(span.start);
            let headings = match headings {
                HeadingPath::Keep => section.headings.clone(),
                HeadingPath::Omit => Vec::new(),
            };
            let context = self.context_at(span.start);
            let lead = self
                .lead
                .as_ref()
                .filter(|_| self.legs != ContextLegs::Dense && self.is_led(span.start));
            let n_tokens = self.map.count(span) + context.n_tokens;
            chunks.push(SizedChunk {
                chunk: Chunk {
                    span,
                    headings,
                    context: context.text.clone(),
                    lexical_context: lead.map_or_else(String::new, |lead| lead.text.clone()),
                    parent: None,
                },
                n_tokens: self.window.map_or(n_tokens, |window| window.read_of(n_tokens)),
                within: None,
            });
        }
        chunks
    }
}

/// Whether a chunk carries the headings above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadingPath {
    Keep,
    Omit,
}

impl From<ContextStyle> for HeadingPath {
    fn from(context: ContextStyle) -> Self {
        match (context.path, context.legs) {
            (ContextPath::Headings, ContextLegs::Both | ContextLegs::Lexical) => Self::Keep,
            (ContextPath::Headings, ContextLegs::Dense)
            | (ContextPath::None | ContextPath::Title, _) => Self::Omit,
        }
    }
}

/// A heading and what follows it up to the next one; the first section is what
/// stands before any heading.
pub(super) struct Section {
    pub(super) heading: Heading,
    /// Outermost first, its own last; without the title, which is a field of
    /// its own.
    headings: Vec<String>,
    inside: Contexts,
    at_heading: Contexts,
}

/// A heading's line; level 0 stands for none.
#[derive(Clone, Copy)]
pub(super) struct Heading {
    pub(super) start: u32,
    pub(super) level: u8,
}

#[derive(Clone, Default)]
struct Context {
    text: String,
    n_tokens: usize,
}

/// A context before and after the document's lead; equal where there is none.
#[derive(Clone)]
struct Contexts {
    alone: Context,
    with_lead: Context,
}

/// The open headings' texts, without those that only repeat the title.
fn path(open: &[(u8, String)], title: &str) -> Vec<String> {
    open.iter()
        .map(|(_, text)| text)
        .filter(|text| *text != title && !text.is_empty())
        .cloned()
        .collect()
}

/// One line of at most [`MAX_HEADING_CHARS`] characters.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_HEADING_CHARS) {
        Some((cut, _)) => line[..cut].trim_end().to_owned(),
        None => line,
    }
}
