//! `code`: functions and types stay whole, with their comments and attributes.
//!
//! A document that is code in one language is parsed by tree-sitter (as in
//! cAST, Zhang et al., Findings of EMNLP 2025, and LlamaIndex's CodeSplitter):
//! items that fit are joined with their neighbours up to SIZE; a longer item is
//! cut at what it consists of (methods, statements, expressions) and joined
//! with nothing outside itself. Other documents are cut as by `structure`; a
//! block of code in them stays whole where it fits, and is cut at its syntax
//! instead of its lines where it does not.
//!
//! Grammars: C, Go, Java, JavaScript, Python, Rust, TypeScript. Other languages
//! are cut by `structure`, at the borders their reader found. So are Rust source
//! files: their reader shows the documentation and signatures, under headings,
//! and no bodies. Rust reaches a grammar in code blocks.
//!
//! Cost: linear in the text; parsing takes some tens of milliseconds a megabyte
//! and a tree some ten times the memory of its code while it lives.

use engine::{BlockKind, Document, Span};

use super::context::{HeadingPath, Prepared, Ruler};
use super::spec::ChunkerSpec;
use super::structure::{CodeCuts, structure_spans};
use super::syntax::{self, Grammar};
use super::{ChunkError, Chunker, SizedChunk};

/// Cuts between items of code.
pub struct CodeChunker {
    spec: ChunkerSpec,
    ruler: Ruler,
    min_tokens: usize,
}

impl CodeChunker {
    /// # Arguments
    /// * `min_tokens` - as in `structure`, for documents that are not code.
    pub(super) fn new(spec: ChunkerSpec, ruler: Ruler, min_tokens: usize) -> Self {
        Self { spec, ruler, min_tokens }
    }
}

impl Chunker for CodeChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.ruler.prepare(document)?;
        let spans = match language(document) {
            Some(grammar) => code_spans(&prepared, grammar, prepared.limit_everywhere(&self.ruler)),
            None => {
                structure_spans(document, &prepared, &self.ruler, self.min_tokens, CodeCuts::Syntax)
            }
        };
        Ok(prepared.chunks(&spans, HeadingPath::Keep))
    }
}

/// The grammar of a document that is code, all of it, in one language.
fn language(document: &Document) -> Option<Grammar> {
    let mut grammars = document.blocks.iter().map(|block| match &block.kind {
        BlockKind::Code { language } => language.as_deref().and_then(Grammar::of),
        BlockKind::Heading { .. }
        | BlockKind::Paragraph
        | BlockKind::ListItem
        | BlockKind::Table => None,
    });
    let first = grammars.next()??;
    grammars.all(|grammar| grammar == Some(first)).then_some(first)
}

fn code_spans(prepared: &Prepared<'_>, grammar: Grammar, limit: usize) -> Vec<Span> {
    let map = &prepared.map;
    let mut spans = Vec::new();
    let mut run = Vec::new();
    for parts in syntax::items(map, prepared.all(), grammar, limit) {
        if let [item] = parts.as_slice()
            && map.count(*item) <= limit
        {
            run.push(*item);
            continue;
        }
        spans.extend(map.pack(&run, limit, 0));
        run.clear();
        let pieces: Vec<Span> =
            parts.into_iter().flat_map(|part| map.windows(part, limit, 0)).collect();
        spans.extend(map.pack(&pieces, limit, 0));
    }
    spans.extend(map.pack(&run, limit, 0));
    spans
}
