//! Where a chunk stands: the headings above it, and the line of context put
//! before it for the encoder.
//!
//! Every chunker measures through [`Prepared`]: a document's tokens, its
//! sections, and how many tokens a passage may take once its context is paid.

use std::sync::Arc;

use engine::{BlockKind, Chunk, Document, Span};

use super::spec::ChunkSize;
use super::token_map::{TokenMap, trim};
use super::tokenizer::{TokenSizer, TokenizerError, Window};
use super::{ChunkError, SizedChunk};

/// What is put before a passage for the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextStyle {
    /// Nothing.
    None,
    /// The document's title.
    Title,
    /// `Title > Heading > Sub`.
    Headings,
}

/// Between the parts of a context line.
const SEPARATOR: &str = " > ";

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
            let sections = self.sections(document)?;
            Ok(Prepared {
                map,
                sections,
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

    fn sections(&self, document: &Document) -> Result<Vec<Section>, TokenizerError> {
        let title = shorten(&document.title);
        let preamble = self.context(&title, &[])?;
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
                inside: self.context(&title, &headings)?,
                headings,
                at_heading,
            });
        }
        Ok(sections)
    }

    /// The context line for `headings`, cut to its share: the outermost
    /// headings go first, since the inner ones say more about the passage.
    fn context(&self, title: &str, headings: &[String]) -> Result<Context, TokenizerError> {
        let mut parts: Vec<&str> = match self.context {
            ContextStyle::None => return Ok(Context::default()),
            ContextStyle::Title => vec![title],
            ContextStyle::Headings => {
                std::iter::once(title).chain(headings.iter().map(String::as_str)).collect()
            }
        };
        parts.retain(|part| !part.is_empty());
        let readable = self.sizer.window().map_or(self.size.tokens, Window::usable);
        let share = readable / CONTEXT_SHARE;
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
}

/// A document ready to be cut.
pub(super) struct Prepared<'d> {
    pub(super) map: TokenMap<'d>,
    pub(super) sections: Vec<Section>,
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
        ruler.passage_limit(self.section_at(at).context_at(at).n_tokens)
    }

    /// Tokens that a passage may take anywhere in the document.
    pub(super) fn limit_everywhere(&self, ruler: &Ruler) -> usize {
        let contexts =
            self.sections.iter().flat_map(|section| [&section.inside, &section.at_heading]);
        ruler.passage_limit(contexts.map(|context| context.n_tokens).max().unwrap_or(0))
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
            let context = section.context_at(span.start);
            let n_tokens = self.map.count(span) + context.n_tokens;
            chunks.push(SizedChunk {
                chunk: Chunk { span, headings, context: context.text.clone(), parent: None },
                n_tokens: self.window.map_or(n_tokens, |window| window.read_of(n_tokens)),
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
        match context {
            ContextStyle::Headings => Self::Keep,
            ContextStyle::None | ContextStyle::Title => Self::Omit,
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
    inside: Context,
    at_heading: Context,
}

impl Section {
    fn context_at(&self, at: u32) -> &Context {
        if self.heading.level > 0 && at == self.heading.start {
            &self.at_heading
        } else {
            &self.inside
        }
    }
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
