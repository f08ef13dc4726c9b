//! The SPEC that names a chunker: `NAME[:SIZE[/OVERLAP]][,key=value]...[,late]`.
//!
//! `whole`, `fixed:250/125`, `recursive:200/0,tokenizer=cl100k`,
//! `sentence:128/32,context=title`, `structure:256,min=48`, `recursive:64,late`. A parsed spec
//! prints in one canonical form (sizes always, keys only where they differ from
//! their default), which is what an index remembers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use engine::{EncodeError, Encoder};

use super::context::{ContextLegs, ContextPath, ContextStyle, Ruler};
use super::spec_parser::{SpecError, parse_spec};
use super::tokenizer::Cl100kSizer;
use super::{
    Breakpoints, Chunker, ChunkerParts, ClusterChunker, CodeChunker, DEFAULT_SEPARATORS,
    FixedChunker, LateChunker, ParentChunker, RecursiveChunker, SemanticChunker, SentenceChunker,
    StructureChunker, WholeChunker,
};

/// SIZE where a spec gives none: the window of the default encoder.
pub const DEFAULT_SIZE_TOKENS: usize = 256;

/// Smallest SIZE. A word of four characters in a byte-level vocabulary can take
/// as many tokens as it has bytes.
pub(super) const MIN_SIZE_TOKENS: usize = 16;

/// Largest SIZE; whoever wants more wants `whole`.
pub(super) const MAX_SIZE_TOKENS: usize = 1 << 20;

/// Largest OVERLAP as a share of SIZE, in quarters: three quarters repeat every
/// token four times, and more only makes the index larger.
pub(super) const MAX_OVERLAP_QUARTERS: usize = 3;

/// A structural chunk below SIZE divided by this may grow past its section.
pub(super) const DEFAULT_MIN_SHARE: usize = 4;

/// Size of a piece of `cluster`, as in its publication; in chunks so small that
/// four of them would not fit, a quarter of SIZE.
const DEFAULT_PIECE_TOKENS: usize = 50;

/// A chunk of `cluster` has at most so many pieces: the work grows with their
/// square.
pub(super) const MAX_CLUSTER_PIECES: usize = 64;

/// The size of a chunk, in tokens of the spec's tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    /// A passage never has more. See [`ChunkerSpec`] on context.
    pub tokens: usize,
    /// At most so many are repeated from the chunk before.
    pub overlap_tokens: usize,
}

/// How a text is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkStrategy {
    /// Not at all.
    Whole,
    /// Into windows.
    Fixed(ChunkSize),
    /// At separators, strongest first.
    Recursive {
        /// The size of a chunk.
        size: ChunkSize,
        /// Strongest first; the empty one means "between any two words".
        separators: Vec<String>,
    },
    /// Between sentences.
    Sentence(ChunkSize),
    /// At headings, around code blocks.
    Structure {
        /// The size of a chunk; cuts at structure have no overlap.
        tokens: usize,
        /// A smaller section is joined with the ones that follow it.
        min_tokens: usize,
    },
    /// Where pieces are least alike.
    Cluster {
        /// The size of a chunk.
        tokens: usize,
        /// The size of the pieces that are compared.
        piece_tokens: usize,
    },
    /// Between sentences that differ most.
    Semantic {
        /// The largest size of a chunk.
        tokens: usize,
        /// What counts as different.
        breakpoints: Breakpoints,
    },
    /// At structure, and between sentences for what is searched.
    Parent {
        /// The size of what a hit returns.
        tokens: usize,
        /// The size of what is searched.
        child_tokens: usize,
    },
    /// Between items of code, and at structure elsewhere.
    Code {
        /// The size of a chunk.
        tokens: usize,
    },
}

/// Whose tokens a SPEC counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenizerChoice {
    /// The encoder's.
    Encoder,
    /// OpenAI's `cl100k_base`.
    Cl100k,
}

/// What the encoder reads to make a chunk's vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkEncoding {
    /// The chunk alone, after its context.
    Alone,
    /// The document around it ([`LateChunker`]). Context then goes to the
    /// lexical leg only: the encoder reads what stands before a chunk itself.
    Late,
}

/// A chunker by name and parameters.
///
/// SIZE bounds the passage. Where SIZE is within the encoder's window, context
/// and special tokens are given room too, so that the encoder reads every chunk
/// whole: `structure:256` with a model of 256 tokens cuts passages of at most
/// 254 tokens less their context. A larger SIZE is honoured as asked; the
/// encoder then reads the beginning of each chunk, and the report counts them.
///
/// # Examples
/// ```
/// use ingest::chunk::ChunkerSpec;
///
/// let spec: ChunkerSpec = "fixed:250/125, context=headings".parse()?;
/// assert_eq!(spec.to_string(), "fixed:250/125,context=headings");
///
/// let error = "fixed:250/240".parse::<ChunkerSpec>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "chunker \"fixed:250/240\": OVERLAP 240 is more than three quarters of SIZE 250 (at most 187)"
/// );
/// # Ok::<(), ingest::chunk::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkerSpec {
    pub(super) strategy: ChunkStrategy,
    pub(super) context: ContextStyle,
    pub(super) tokenizer: TokenizerChoice,
    pub(super) encoding: ChunkEncoding,
}

impl ChunkerSpec {
    /// Each document as one passage.
    pub fn whole() -> Self {
        let (strategy, encoding) = (ChunkStrategy::Whole, ChunkEncoding::Alone);
        let context = Self::default_context(&strategy, encoding);
        Self { strategy, context, tokenizer: TokenizerChoice::Encoder, encoding }
    }

    /// The default chunker for an encoder that reads `max_tokens`: `structure`,
    /// sized to [`DEFAULT_SIZE_TOKENS`] or the window, whichever is less. Longer
    /// windows do not get longer chunks: a passage is what a reader is shown.
    pub fn default_for(max_tokens: usize) -> Self {
        let tokens = max_tokens.clamp(MIN_SIZE_TOKENS, DEFAULT_SIZE_TOKENS);
        Self {
            strategy: ChunkStrategy::Structure { tokens, min_tokens: tokens / DEFAULT_MIN_SHARE },
            context: ContextStyle::HEADINGS,
            tokenizer: TokenizerChoice::Encoder,
            encoding: ChunkEncoding::Alone,
        }
    }

    /// Reads a SPEC.
    ///
    /// # Errors
    /// [`SpecError`], which names the offending part and what is valid there.
    pub fn parse(spec: &str) -> Result<Self, SpecError> {
        parse_spec(spec)
    }

    /// The same chunker counting in other tokens; `whole` counts none and stays
    /// as it is.
    #[must_use]
    pub fn with_tokenizer(self, tokenizer: TokenizerChoice) -> Self {
        match self.strategy {
            ChunkStrategy::Whole => self,
            ChunkStrategy::Fixed(_)
            | ChunkStrategy::Recursive { .. }
            | ChunkStrategy::Sentence(_)
            | ChunkStrategy::Structure { .. }
            | ChunkStrategy::Cluster { .. }
            | ChunkStrategy::Semantic { .. }
            | ChunkStrategy::Parent { .. }
            | ChunkStrategy::Code { .. } => Self { tokenizer, ..self },
        }
    }

    /// How the text is cut.
    pub fn strategy(&self) -> &ChunkStrategy {
        &self.strategy
    }

    /// What is put before passages.
    pub fn context(&self) -> ContextStyle {
        self.context
    }

    /// Whose tokens are counted.
    pub fn tokenizer(&self) -> TokenizerChoice {
        self.tokenizer
    }

    /// What a chunk's vector is made from.
    pub fn encoding(&self) -> ChunkEncoding {
        self.encoding
    }

    /// Checks that `encoder` can do what the spec asks, so that this is known
    /// before an index is created for it.
    ///
    /// # Errors
    /// [`EncodeError::NoTokenVectors`] for `late` with an encoder that gives
    /// vectors of texts only.
    pub fn check_encoder(&self, encoder: &dyn Encoder) -> Result<(), EncodeError> {
        match self.encoding {
            ChunkEncoding::Alone => Ok(()),
            ChunkEncoding::Late => encoder.encode_spans("", &[]).map(drop),
        }
    }

    /// The chunker itself.
    ///
    /// # Arguments
    /// * `parts` - the encoder the chunks are for, and its tokenizer.
    pub fn build(&self, parts: &ChunkerParts) -> Box<dyn Chunker> {
        let cutter = self.cutter(parts);
        match self.encoding {
            ChunkEncoding::Alone => cutter,
            ChunkEncoding::Late => Box::new(LateChunker::new(cutter, Arc::clone(&parts.sizer))),
        }
    }

    /// The chunker, whatever its chunks are encoded within.
    fn cutter(&self, parts: &ChunkerParts) -> Box<dyn Chunker> {
        let spec = self.clone();
        let ruler = |size: ChunkSize| Ruler {
            sizer: match self.tokenizer {
                TokenizerChoice::Encoder => Arc::clone(&parts.sizer),
                TokenizerChoice::Cl100k => Arc::new(Cl100kSizer::new()),
            },
            size,
            context: self.context,
        };
        let plain = |tokens| ChunkSize { tokens, overlap_tokens: 0 };
        let encoder = || Arc::clone(&parts.encoder);
        match &self.strategy {
            ChunkStrategy::Whole => Box::new(WholeChunker::new(Arc::clone(&parts.sizer))),
            ChunkStrategy::Fixed(size) => Box::new(FixedChunker::new(spec, ruler(*size))),
            ChunkStrategy::Recursive { size, separators } => {
                Box::new(RecursiveChunker::new(spec, ruler(*size), separators.clone()))
            }
            ChunkStrategy::Sentence(size) => Box::new(SentenceChunker::new(spec, ruler(*size))),
            &ChunkStrategy::Structure { tokens, min_tokens } => {
                Box::new(StructureChunker::new(spec, ruler(plain(tokens)), min_tokens))
            }
            &ChunkStrategy::Cluster { tokens, piece_tokens } => {
                let ruler = ruler(plain(tokens));
                Box::new(ClusterChunker::new(spec, ruler, encoder(), piece_tokens))
            }
            &ChunkStrategy::Semantic { tokens, breakpoints } => {
                let ruler = ruler(plain(tokens));
                Box::new(SemanticChunker::new(spec, ruler, encoder(), breakpoints))
            }
            &ChunkStrategy::Parent { tokens, child_tokens } => {
                let (parents, children) = (ruler(plain(tokens)), ruler(plain(child_tokens)));
                let min_tokens = tokens / DEFAULT_MIN_SHARE;
                Box::new(ParentChunker::new(spec, parents, children, min_tokens))
            }
            &ChunkStrategy::Code { tokens } => {
                Box::new(CodeChunker::new(spec, ruler(plain(tokens)), tokens / DEFAULT_MIN_SHARE))
            }
        }
    }

    pub(super) fn default_context(
        strategy: &ChunkStrategy,
        encoding: ChunkEncoding,
    ) -> ContextStyle {
        let context = match strategy {
            ChunkStrategy::Structure { .. }
            | ChunkStrategy::Parent { .. }
            | ChunkStrategy::Code { .. } => ContextStyle::HEADINGS,
            ChunkStrategy::Whole
            | ChunkStrategy::Fixed(_)
            | ChunkStrategy::Recursive { .. }
            | ChunkStrategy::Sentence(_)
            | ChunkStrategy::Cluster { .. }
            | ChunkStrategy::Semantic { .. } => ContextStyle::NONE,
        };
        match encoding {
            ChunkEncoding::Alone => context,
            ChunkEncoding::Late => ContextStyle { legs: ContextLegs::Lexical, ..context },
        }
    }

    /// A quarter of SIZE, but not less than a SIZE may be.
    pub(super) fn default_child_tokens(tokens: usize) -> usize {
        (tokens / 4).max(MIN_SIZE_TOKENS)
    }

    pub(super) fn default_piece_tokens(tokens: usize) -> usize {
        DEFAULT_PIECE_TOKENS.min(tokens / 4)
    }
}

impl FromStr for ChunkerSpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        Self::parse(spec)
    }
}

impl fmt::Display for ChunkerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sized = |f: &mut fmt::Formatter<'_>, name, size: &ChunkSize| {
            write!(f, "{name}:{}/{}", size.tokens, size.overlap_tokens)
        };
        match &self.strategy {
            ChunkStrategy::Whole => return f.write_str("whole"),
            ChunkStrategy::Fixed(size) => sized(f, "fixed", size)?,
            ChunkStrategy::Sentence(size) => sized(f, "sentence", size)?,
            ChunkStrategy::Recursive { size, separators } => {
                sized(f, "recursive", size)?;
                if separators != &DEFAULT_SEPARATORS {
                    let escaped: Vec<_> = separators.iter().map(|text| escape(text)).collect();
                    write!(f, ",separators={}", escaped.join("|"))?;
                }
            }
            ChunkStrategy::Structure { tokens, min_tokens } => {
                write!(f, "structure:{tokens}")?;
                if *min_tokens != tokens / DEFAULT_MIN_SHARE {
                    write!(f, ",min={min_tokens}")?;
                }
            }
            ChunkStrategy::Cluster { tokens, piece_tokens } => {
                write!(f, "cluster:{tokens}")?;
                if *piece_tokens != Self::default_piece_tokens(*tokens) {
                    write!(f, ",piece={piece_tokens}")?;
                }
            }
            ChunkStrategy::Semantic { tokens, breakpoints: Breakpoints { percentile, buffer } } => {
                write!(f, "semantic:{tokens}")?;
                if *percentile != Breakpoints::DEFAULT.percentile {
                    write!(f, ",percentile={percentile}")?;
                }
                if *buffer != Breakpoints::DEFAULT.buffer {
                    write!(f, ",buffer={buffer}")?;
                }
            }
            ChunkStrategy::Parent { tokens, child_tokens } => {
                write!(f, "parent:{tokens}")?;
                if *child_tokens != Self::default_child_tokens(*tokens) {
                    write!(f, ",child={child_tokens}")?;
                }
            }
            ChunkStrategy::Code { tokens } => write!(f, "code:{tokens}")?,
        }
        let default = Self::default_context(&self.strategy, self.encoding);
        let ContextStyle { path, lead, legs } = self.context;
        if (path, lead) != (default.path, default.lead) {
            write!(f, ",context={}", context_name(path, lead))?;
        }
        if legs != default.legs {
            write!(f, ",legs={}", legs_name(legs))?;
        }
        match self.tokenizer {
            TokenizerChoice::Encoder => {}
            TokenizerChoice::Cl100k => f.write_str(",tokenizer=cl100k")?,
        }
        match self.encoding {
            ChunkEncoding::Alone => Ok(()),
            ChunkEncoding::Late => f.write_str(",late"),
        }
    }
}

fn context_name(path: ContextPath, lead: bool) -> &'static str {
    match (path, lead) {
        (ContextPath::None, false) => "none",
        (ContextPath::None, true) => "lead",
        (ContextPath::Title, false) => "title",
        (ContextPath::Title, true) => "title+lead",
        (ContextPath::Headings, false) => "headings",
        (ContextPath::Headings, true) => "headings+lead",
    }
}

pub(super) fn legs_name(legs: ContextLegs) -> &'static str {
    match legs {
        ContextLegs::Both => "both",
        ContextLegs::Dense => "dense",
        ContextLegs::Lexical => "lexical",
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\\' | '|' | ',' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(spec: &str, canonical: &str) {
        let parsed = ChunkerSpec::parse(spec).unwrap();
        assert_eq!(parsed.to_string(), canonical);
        assert_eq!(ChunkerSpec::parse(canonical), Ok(parsed));
    }

    #[test]
    fn canonical_forms() {
        check("whole", "whole");
        check(" fixed ", "fixed:256/0");
        check("fixed:250/125,context=headings", "fixed:250/125,context=headings");
        check("recursive:200", "recursive:200/0");
        check("recursive:200/0,tokenizer=cl100k,context=none", "recursive:200/0,tokenizer=cl100k");
        check(
            r"recursive:200/50,separators=\n\n|\,|\||",
            r"recursive:200/50,separators=\n\n|\,|\||",
        );
        check("sentence:128/32, context=title", "sentence:128/32,context=title");
        check("structure", "structure:256");
        check("structure:256,min=64", "structure:256");
        check("structure:256,min=10,context=none", "structure:256,min=10,context=none");
        check("cluster:250,piece=50,tokenizer=cl100k", "cluster:250,tokenizer=cl100k");
        check("cluster:100,piece=50", "cluster:100,piece=50");
        check("fixed:100,context=title+headings+lead", "fixed:100/0,context=headings+lead");
        check("fixed:100,context=lead+title, legs=both", "fixed:100/0,context=title+lead");
        check("structure:256,context=headings,legs=dense", "structure:256,legs=dense");
        check("semantic:256,percentile=95,buffer=1", "semantic:256");
        check("parent:512,child=128,context=headings", "parent:512");
        check("parent:64", "parent:64");
        check("code", "code:256");
        check("code:300,context=title+headings", "code:300");
        check("parent:1024,child=64,context=none", "parent:1024,child=64,context=none");
        check("semantic:256,buffer=0,percentile=80", "semantic:256,percentile=80,buffer=0");
        check("recursive:64, late", "recursive:64/0,late");
        check("fixed:64,late,tokenizer=cl100k", "fixed:64/0,tokenizer=cl100k,late");
        check("structure:256,late,legs=lexical", "structure:256,late");
        check("fixed:64,late,context=title", "fixed:64/0,context=title,late");
    }

    #[test]
    fn errors_name_the_part_and_the_choices() {
        for (spec, expected) in [
            (
                "",
                "no chunker is called \"\"; there are whole, fixed, recursive, sentence, structure",
            ),
            ("paragraph:5", "no chunker is called \"paragraph\""),
            ("whole:5", "remove \"5\""),
            ("whole,context=title", "remove \"context=title\""),
            ("fixed:many", "SIZE \"many\" is not a number from 16"),
            ("fixed:3", "SIZE \"3\""),
            ("fixed:99999999999999999999", "SIZE \"9999"),
            ("fixed:100/x", "OVERLAP \"x\" is not a number"),
            ("fixed:100/76", "at most 75"),
            ("structure:256/20", "remove \"/20\""),
            ("structure:256,min=300", "min=\"300\" is not valid"),
            ("cluster:256/20", "remove \"/20\""),
            ("cluster:256,piece=3", "from SIZE / 64 to SIZE"),
            ("semantic:256,percentile=101", "from 0 to 100"),
            ("semantic:256,buffer=9", "from 0 to 8"),
            ("parent:256/64", "remove \"/64\""),
            ("parent:256,child=300", "from 16 to SIZE"),
            ("parent:256,child=4", "from 16 to SIZE"),
            ("cluster:256,min=30", "it has context, late, legs, piece, tokenizer"),
            ("fixed:100,min=5", "fixed has no key \"min\"; it has context, late, legs, tokenizer"),
            ("whole,late", "remove \"late\""),
            ("fixed:100,late=yes", "late=\"yes\" is not valid; it stands alone"),
            ("fixed:100,late,late", "\"late\" is given twice"),
            ("structure:256,late,legs=both", "legs=lexical is what `late` leaves"),
            ("structure:256,legs=dense,late", "legs=lexical is what `late` leaves"),
            ("fixed:100,context", "\"context\" is not key=value"),
            ("fixed:100,context=all", "title, headings and lead joined by +"),
            ("fixed:100,context=none+lead", "title, headings and lead joined by +"),
            ("fixed:100,context=lead+lead", "title, headings and lead joined by +"),
            ("fixed:100,legs=all", "both, dense or lexical"),
            ("fixed:100,tokenizer=gpt2", "encoder or cl100k"),
            ("fixed:100,context=none,context=none", "\"context\" is given twice"),
            (r"recursive:100,separators=\x", r"escapes are \n"),
        ] {
            let message = ChunkerSpec::parse(spec).unwrap_err().to_string();
            assert!(message.contains(expected), "{spec}: {message}");
        }
    }

    #[test]
    fn the_default_fits_small_windows_and_ignores_large_ones() {
        assert_eq!(ChunkerSpec::default_for(128).to_string(), "structure:128");
        assert_eq!(ChunkerSpec::default_for(8192).to_string(), "structure:256");
    }

    fn any_spec() -> impl proptest::strategy::Strategy<Value = ChunkerSpec> {
        let size = (MIN_SIZE_TOKENS..5000)
            .prop_flat_map(|tokens| (Just(tokens), 0..=tokens * 3 / 4))
            .prop_map(|(tokens, overlap_tokens)| ChunkSize { tokens, overlap_tokens });
        let separators = proptest::collection::vec("[\\n\\t|, .\\\\a-z漢=]{0,3}", 1..5);
        let strategy = (size, separators, 0..9usize, 0..=100usize).prop_map(
            |(size, separators, kind, percent)| match kind {
                0 => ChunkStrategy::Whole,
                1 => ChunkStrategy::Fixed(size),
                2 => ChunkStrategy::Recursive { size, separators },
                3 => ChunkStrategy::Sentence(size),
                7 => ChunkStrategy::Code { tokens: size.tokens },
                6 => ChunkStrategy::Parent {
                    tokens: size.tokens,
                    child_tokens: (size.tokens * percent / 100).max(MIN_SIZE_TOKENS),
                },
                5 => ChunkStrategy::Semantic {
                    tokens: size.tokens,
                    breakpoints: Breakpoints { percentile: percent as u8, buffer: percent % 9 },
                },
                4 => ChunkStrategy::Cluster {
                    tokens: size.tokens,
                    piece_tokens: (size.tokens * percent / 100)
                        .max(size.tokens.div_ceil(MAX_CLUSTER_PIECES)),
                },
                _ => ChunkStrategy::Structure {
                    tokens: size.tokens,
                    min_tokens: size.tokens * percent / 100,
                },
            },
        );
        let context =
            (0..3usize, any::<bool>(), 0..3usize).prop_map(|(path, lead, legs)| ContextStyle {
                path: [ContextPath::None, ContextPath::Title, ContextPath::Headings][path],
                lead,
                legs: [ContextLegs::Both, ContextLegs::Dense, ContextLegs::Lexical][legs],
            });
        let rest = (any::<bool>(), any::<bool>());
        (strategy, context, rest).prop_map(|(strategy, mut context, (cl100k, late))| {
            if strategy == ChunkStrategy::Whole {
                return ChunkerSpec::parse("whole").unwrap();
            }
            let tokenizer =
                [TokenizerChoice::Encoder, TokenizerChoice::Cl100k][usize::from(cl100k)];
            let encoding = [ChunkEncoding::Alone, ChunkEncoding::Late][usize::from(late)];
            if late {
                context.legs = ContextLegs::Lexical;
            }
            ChunkerSpec { strategy, context, tokenizer, encoding }
        })
    }

    proptest! {
        #[test]
        fn a_spec_prints_what_parses_back(spec in any_spec()) {
            prop_assert_eq!(ChunkerSpec::parse(&spec.to_string()), Ok(spec));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = ChunkerSpec::parse(&text);
        }
    }
}
