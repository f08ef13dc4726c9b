//! `parent`: small passages are searched, the large ones around them returned.
//!
//! "Small to big" retrieval (LangChain's ParentDocumentRetriever, LlamaIndex's
//! AutoMergingRetriever): a vector says more about fifty words than about five
//! hundred, a reader or a language model needs the five hundred. Parents are
//! the chunks of `structure` with SIZE; each is divided between sentences into
//! children of `child` tokens, which are encoded and searched. A hit on a child
//! returns its parent, and children of one parent come back once, at the rank
//! of the best of them (see `engine::Chunk::parent`).
//!
//! Cost: as `structure` with chunks of `child` tokens: more vectors in the same
//! proportion, and about as many tokens to encode. Ten children of one parent
//! take ten of the candidates of a search, so a small `child` wants a larger
//! `--depth`.

use engine::{Document, Span};

use super::context::{HeadingPath, Ruler};
use super::sentences::sentences;
use super::spec::ChunkerSpec;
use super::structure::{CodeCuts, structure_spans};
use super::token_map::trim;
use super::{ChunkError, Chunker, SizedChunk};

/// Cuts at structure, then between sentences.
pub struct ParentChunker {
    spec: ChunkerSpec,
    parents: Ruler,
    children: Ruler,
    min_tokens: usize,
}

impl ParentChunker {
    /// # Arguments
    /// * `min_tokens` - of a parent, as in `structure`.
    pub(super) fn new(
        spec: ChunkerSpec,
        parents: Ruler,
        children: Ruler,
        min_tokens: usize,
    ) -> Self {
        Self { spec, parents, children, min_tokens }
    }
}

impl Chunker for ParentChunker {
    fn spec(&self) -> String {
        self.spec.to_string()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        let prepared = self.children.prepare(document)?;
        let map = &prepared.map;
        let limit = prepared.limit_everywhere(&self.children);
        let mut chunks = Vec::new();
        for parent in
            structure_spans(document, &prepared, &self.parents, self.min_tokens, CodeCuts::Lines)
        {
            let Some(parent) = trim(map.text(), parent) else { continue };
            let pieces: Vec<Span> = sentences(map.text(), parent)
                .into_iter()
                .flat_map(|sentence| map.windows(sentence, limit, 0))
                .collect();
            let children = prepared.chunks(&map.pack(&pieces, limit, 0), HeadingPath::Keep);
            chunks.extend(children.into_iter().map(|mut child| {
                child.chunk.parent = Some(parent).filter(|_| child.chunk.span != parent);
                child
            }));
        }
        Ok(chunks)
    }
}
