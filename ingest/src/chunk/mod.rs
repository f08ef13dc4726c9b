//! Chunkers: cut a document's canonical text into the passages that are ranked.
//!
//! The strategies stand behind one trait and are named by a [`ChunkerSpec`]:
//! `whole`, `fixed` (token windows), `recursive` (separators), `sentence`,
//! `structure` (headings and code blocks), `cluster` and `semantic` (meaning),
//! `parent` (small passages searched, large ones returned) and `code` (syntax).
//! All of them return byte spans into the same text, so that any two can be
//! judged on the same ground truth, and all but `whole` keep every chunk within
//! its SIZE in tokens. With `late` ([`LateChunker`]) chunks are encoded within
//! their document. `docs/chunkers.md` says when to use which.
//!
//! A document is tokenised once ([`TokenMap`]); sizes are then looked up, so
//! chunking costs time linear in the text whatever the strategy. Those that cut
//! by meaning run the encoder on top, which costs far more.

mod cluster;
mod code;
mod context;
mod fixed;
mod late;
mod parent;
mod parts;
mod recursive;
mod semantic;
mod sentence;
mod sentences;
mod similarity;
mod spec;
mod spec_parser;
mod structure;
mod syntax;
mod token_map;
mod tokenizer;
mod whole;

use engine::{Chunk, Document, DocumentError, DocumentId, EncodeError, Span};

pub use cluster::ClusterChunker;
pub use code::CodeChunker;
pub use context::{ContextLegs, ContextPath, ContextStyle};
pub use fixed::FixedChunker;
pub use late::LateChunker;
pub use parent::ParentChunker;
pub use parts::ChunkerParts;
pub use recursive::{DEFAULT_SEPARATORS, RecursiveChunker};
pub use semantic::{Breakpoints, SemanticChunker};
pub use sentence::SentenceChunker;
pub use sentences::sentences;
pub use spec::{
    ChunkEncoding, ChunkSize, ChunkStrategy, ChunkerSpec, DEFAULT_SIZE_TOKENS, TokenizerChoice,
};
pub use spec_parser::SpecError;
pub use structure::StructureChunker;
pub use token_map::TokenMap;
pub use tokenizer::{
    Cl100kSizer, EncoderSizer, Token, TokenSizer, TokenizerError, Window, WordSizer,
};
pub use whole::WholeChunker;

/// Names what the chunkers of this version do. Raise it with every change that
/// moves a chunk's span, headings or context: it is part of a document's
/// signature, so an index then takes in its documents again.
pub const REVISION: u32 = 1;

/// Cuts documents into chunks.
///
/// A chunker is immutable and shared between threads; equal documents give
/// equal chunks.
pub trait Chunker: Send + Sync {
    /// The canonical SPEC; [`ChunkerSpec::parse`] gives back this chunker.
    fn spec(&self) -> String;

    /// Cuts `document` into chunks and says what each costs the encoder.
    ///
    /// # Returns
    /// Chunks in order of their starts, without leading or trailing white
    /// space, which together cover every other character at least once; none
    /// for a text of white space only.
    ///
    /// # Errors
    /// [`ChunkError`]; the document cannot be indexed, others are unaffected.
    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError>;

    /// The chunks of [`Chunker::cut`] alone.
    ///
    /// # Errors
    /// As there.
    fn chunk(&self, document: &Document) -> Result<Vec<Chunk>, ChunkError> {
        Ok(self.cut(document)?.into_iter().map(|sized| sized.chunk).collect())
    }
}

/// A chunk and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizedChunk {
    /// The chunk.
    pub chunk: Chunk,
    /// Tokens the encoder reads of it: context and passage in the chunker's
    /// tokens and, where these are the encoder's own, its special tokens, up to
    /// its limit. Of chunks that are read in one run the first has all of its
    /// tokens, the others none.
    pub n_tokens: usize,
    /// The stretch of the text that the encoder reads to make this chunk's
    /// vector from the tokens inside the chunk ("late chunking"); `None` for
    /// what [`Chunk::encoder_text`] says, alone. Chunks of one stretch follow
    /// each other, those without a token apart.
    pub within: Option<Span>,
}

/// Why a document could not be cut.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The document breaks the engine's rules. Its reader is at fault.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The tokenizer refused its text.
    #[error("document {document} cannot be measured in tokens")]
    Tokenize {
        /// Which document.
        document: DocumentId,
        /// What the tokenizer said.
        #[source]
        source: TokenizerError,
    },
    /// A chunker that compares meanings could not encode its pieces.
    #[error("document {document} cannot be encoded to find where it should be cut")]
    Encode {
        /// Which document.
        document: DocumentId,
        /// What the encoder said.
        #[source]
        source: EncodeError,
    },
}
