//! The parser of [`ChunkerSpec`]s and its errors, which name the part that is
//! wrong and what would be right there.

use super::context::{ContextLegs, ContextPath};
use super::recursive::DEFAULT_SEPARATORS;
use super::semantic::Breakpoints;
use super::spec::{
    ChunkEncoding, ChunkSize, ChunkStrategy, ChunkerSpec, DEFAULT_MIN_SHARE, DEFAULT_SIZE_TOKENS,
    MAX_CLUSTER_PIECES, MAX_OVERLAP_QUARTERS, MAX_SIZE_TOKENS, MIN_SIZE_TOKENS, TokenizerChoice,
    legs_name,
};

/// The one key without a value.
const LATE: &str = "late";

const NAMES: &str = "whole, fixed, recursive, sentence, structure, cluster, semantic, parent, code";

/// A SPEC that names no chunker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunker {spec:?}: {problem}")]
pub struct SpecError {
    /// What was given.
    pub spec: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("no chunker is called {0:?}; there are {NAMES}")]
    Name(String),
    #[error("`whole` takes no size and no keys, remove {0:?}")]
    Whole(String),
    #[error("SIZE {0:?} is not a number from {MIN_SIZE_TOKENS} to {MAX_SIZE_TOKENS}")]
    Size(String),
    #[error("OVERLAP {0:?} is not a number")]
    Overlap(String),
    #[error("OVERLAP {overlap} is more than three quarters of SIZE {size} (at most {})", size * MAX_OVERLAP_QUARTERS / 4)]
    OverlapRange { overlap: usize, size: usize },
    #[error("`{name}` cuts where the text changes and takes no OVERLAP, remove \"/{overlap}\"")]
    NoOverlap { name: String, overlap: String },
    #[error("{0:?} is not key=value")]
    NotAKey(String),
    #[error("{name} has no key {key:?}; it has {valid}")]
    Key { name: String, key: String, valid: &'static str },
    #[error("the key {0:?} is given twice")]
    Twice(String),
    #[error(
        "legs={0:?} puts context before a passage that is encoded within its document; legs=lexical is what `late` leaves"
    )]
    LateLegs(String),
    #[error("{key}={value:?} is not valid; {valid}")]
    Value { key: &'static str, value: String, valid: &'static str },
}

/// What [`ChunkerSpec::parse`] does.
pub(super) fn parse_spec(spec: &str) -> Result<ChunkerSpec, SpecError> {
    // The end is not trimmed: the last separator may be a blank.
    Parser { parts: split_escaped(spec.trim_start(), ',') }
        .parse()
        .map_err(|problem| SpecError { spec: spec.to_owned(), problem })
}

/// The comma-separated parts of a SPEC: the head, then keys.
struct Parser<'s> {
    parts: Vec<&'s str>,
}

impl Parser<'_> {
    fn parse(mut self) -> Result<ChunkerSpec, Problem> {
        let head = self.parts.remove(0).trim();
        let (name, size) = match head.split_once(':') {
            Some((name, size)) => (name.trim(), Some(size.trim())),
            None => (head, None),
        };
        let mut keys = Keys::new(name, &self.parts)?;
        let strategy = match name {
            "whole" => match size.or(self.parts.first().copied()) {
                Some(extra) => return Err(Problem::Whole(extra.to_owned())),
                None => ChunkStrategy::Whole,
            },
            "fixed" => ChunkStrategy::Fixed(parse_size(size)?),
            "sentence" => ChunkStrategy::Sentence(parse_size(size)?),
            "recursive" => ChunkStrategy::Recursive {
                size: parse_size(size)?,
                separators: keys.take("separators").map_or_else(
                    || Ok(DEFAULT_SEPARATORS.map(str::to_owned).to_vec()),
                    parse_separators,
                )?,
            },
            "structure" => {
                let tokens = parse_tokens(name, size)?;
                let min_tokens = match keys.take("min") {
                    Some(value) => parse_min(value, tokens)?,
                    None => tokens / DEFAULT_MIN_SHARE,
                };
                ChunkStrategy::Structure { tokens, min_tokens }
            }
            "cluster" => {
                let tokens = parse_tokens(name, size)?;
                let piece_tokens = match keys.take("piece") {
                    Some(value) => parse_piece(value, tokens)?,
                    None => ChunkerSpec::default_piece_tokens(tokens),
                };
                ChunkStrategy::Cluster { tokens, piece_tokens }
            }
            "semantic" => {
                let tokens = parse_tokens(name, size)?;
                ChunkStrategy::Semantic { tokens, breakpoints: parse_breakpoints(&mut keys)? }
            }
            "code" => ChunkStrategy::Code { tokens: parse_tokens(name, size)? },
            "parent" => {
                let tokens = parse_tokens(name, size)?;
                let child_tokens = match keys.take("child") {
                    Some(value) => parse_child(value, tokens)?,
                    None => ChunkerSpec::default_child_tokens(tokens),
                };
                ChunkStrategy::Parent { tokens, child_tokens }
            }
            _ => return Err(Problem::Name(name.to_owned())),
        };
        let encoding = keys.take(LATE).map_or(Ok(ChunkEncoding::Alone), parse_late)?;
        let mut context = ChunkerSpec::default_context(&strategy, encoding);
        if let Some(value) = keys.take("context") {
            (context.path, context.lead) = parse_context(value)?;
        }
        if let Some(value) = keys.take("legs") {
            context.legs = parse_legs(value)?;
            if encoding == ChunkEncoding::Late && context.legs != ContextLegs::Lexical {
                return Err(Problem::LateLegs(value.to_owned()));
            }
        }
        let tokenizer =
            keys.take("tokenizer").map_or(Ok(TokenizerChoice::Encoder), parse_tokenizer)?;
        keys.finish()?;
        Ok(ChunkerSpec { strategy, context, tokenizer, encoding })
    }
}

struct Keys<'s> {
    name: &'s str,
    pairs: Vec<(&'s str, &'s str)>,
}

impl<'s> Keys<'s> {
    fn new(name: &'s str, parts: &[&'s str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(parts.len());
        for part in parts {
            // Blanks before the key are for the eye; in a value they may matter
            // (`separators`).
            let part = part.trim_start();
            let (key, value) = match part.split_once('=') {
                Some(pair) => pair,
                None if part.trim_end() == LATE => (LATE, ""),
                None => return Err(Problem::NotAKey(part.to_owned())),
            };
            if pairs.iter().any(|(earlier, _)| *earlier == key) {
                return Err(Problem::Twice(key.to_owned()));
            }
            pairs.push((key, value));
        }
        Ok(Self { name, pairs })
    }

    fn take(&mut self, key: &str) -> Option<&'s str> {
        let at = self.pairs.iter().position(|(found, _)| *found == key)?;
        Some(self.pairs.swap_remove(at).1)
    }

    fn finish(self) -> Result<(), Problem> {
        let Some((key, _)) = self.pairs.first() else {
            return Ok(());
        };
        let valid = match self.name {
            "recursive" => "context, late, legs, separators, tokenizer",
            "structure" => "context, late, legs, min, tokenizer",
            "cluster" => "context, late, legs, piece, tokenizer",
            "parent" => "child, context, late, legs, tokenizer",
            "semantic" => "buffer, context, late, legs, percentile, tokenizer",
            _ => "context, late, legs, tokenizer",
        };
        Err(Problem::Key { name: self.name.to_owned(), key: (*key).to_owned(), valid })
    }
}

fn parse_size(size: Option<&str>) -> Result<ChunkSize, Problem> {
    let Some(size) = size else {
        return Ok(ChunkSize { tokens: DEFAULT_SIZE_TOKENS, overlap_tokens: 0 });
    };
    let (tokens, overlap) = size.split_once('/').unwrap_or((size, "0"));
    let tokens = tokens
        .parse()
        .ok()
        .filter(|tokens| (MIN_SIZE_TOKENS..=MAX_SIZE_TOKENS).contains(tokens))
        .ok_or_else(|| Problem::Size(tokens.to_owned()))?;
    let overlap_tokens = overlap.parse().map_err(|_| Problem::Overlap(overlap.to_owned()))?;
    if overlap_tokens > tokens * MAX_OVERLAP_QUARTERS / 4 {
        return Err(Problem::OverlapRange { overlap: overlap_tokens, size: tokens });
    }
    Ok(ChunkSize { tokens, overlap_tokens })
}

/// A SIZE alone.
fn parse_tokens(name: &str, size: Option<&str>) -> Result<usize, Problem> {
    if let Some((_, overlap)) = size.and_then(|size| size.split_once('/')) {
        return Err(Problem::NoOverlap { name: name.to_owned(), overlap: overlap.to_owned() });
    }
    Ok(parse_size(size)?.tokens)
}

fn parse_piece(value: &str, size: usize) -> Result<usize, Problem> {
    let valid = size.div_ceil(MAX_CLUSTER_PIECES)..=size;
    value.trim().parse().ok().filter(|piece| valid.contains(piece)).ok_or_else(|| Problem::Value {
        key: "piece",
        value: value.to_owned(),
        valid: "it is a number of tokens from SIZE / 64 to SIZE",
    })
}

fn parse_child(value: &str, size: usize) -> Result<usize, Problem> {
    let valid = MIN_SIZE_TOKENS..=size;
    value.trim().parse().ok().filter(|child| valid.contains(child)).ok_or_else(|| Problem::Value {
        key: "child",
        value: value.to_owned(),
        valid: "it is a number of tokens from 16 to SIZE",
    })
}

fn parse_breakpoints(keys: &mut Keys<'_>) -> Result<Breakpoints, Problem> {
    let mut breakpoints = Breakpoints::DEFAULT;
    if let Some(value) = keys.take("percentile") {
        let percentile = value.trim().parse().ok().filter(|percentile| *percentile <= 100);
        breakpoints.percentile = percentile.ok_or_else(|| Problem::Value {
            key: "percentile",
            value: value.to_owned(),
            valid: "it is a whole number from 0 to 100",
        })?;
    }
    if let Some(value) = keys.take("buffer") {
        let buffer = value.trim().parse().ok().filter(|buffer| *buffer <= Breakpoints::MAX_BUFFER);
        breakpoints.buffer = buffer.ok_or_else(|| Problem::Value {
            key: "buffer",
            value: value.to_owned(),
            valid: "it is a number of sentences from 0 to 8",
        })?;
    }
    Ok(breakpoints)
}

fn parse_min(value: &str, size: usize) -> Result<usize, Problem> {
    value.trim().parse().ok().filter(|min| *min <= size).ok_or_else(|| Problem::Value {
        key: "min",
        value: value.to_owned(),
        valid: "it is a number of tokens from 0 to SIZE",
    })
}

/// `none`, or parts joined by `+`. Headings stand below the title, so they
/// imply it.
fn parse_context(value: &str) -> Result<(ContextPath, bool), Problem> {
    if value.trim() == "none" {
        return Ok((ContextPath::None, false));
    }
    let parts: Vec<&str> = value.split('+').map(str::trim).collect();
    let known = parts.iter().all(|part| ["title", "headings", "lead"].contains(part));
    let once = parts.iter().enumerate().all(|(at, part)| !parts[..at].contains(part));
    if !known || !once {
        return Err(Problem::Value {
            key: "context",
            value: value.to_owned(),
            valid: "it is none, or title, headings and lead joined by +",
        });
    }
    let path = match (parts.contains(&"title"), parts.contains(&"headings")) {
        (_, true) => ContextPath::Headings,
        (true, false) => ContextPath::Title,
        (false, false) => ContextPath::None,
    };
    Ok((path, parts.contains(&"lead")))
}

fn parse_legs(value: &str) -> Result<ContextLegs, Problem> {
    [ContextLegs::Both, ContextLegs::Dense, ContextLegs::Lexical]
        .into_iter()
        .find(|legs| legs_name(*legs) == value.trim())
        .ok_or_else(|| Problem::Value {
            key: "legs",
            value: value.to_owned(),
            valid: "it is both, dense or lexical",
        })
}

fn parse_late(value: &str) -> Result<ChunkEncoding, Problem> {
    if value.is_empty() {
        return Ok(ChunkEncoding::Late);
    }
    let valid = "it stands alone, without a value";
    Err(Problem::Value { key: LATE, value: value.to_owned(), valid })
}

fn parse_tokenizer(value: &str) -> Result<TokenizerChoice, Problem> {
    match value.trim() {
        "encoder" => Ok(TokenizerChoice::Encoder),
        "cl100k" => Ok(TokenizerChoice::Cl100k),
        _ => Err(Problem::Value {
            key: "tokenizer",
            value: value.to_owned(),
            valid: "it is encoder or cl100k",
        }),
    }
}

fn parse_separators(value: &str) -> Result<Vec<String>, Problem> {
    split_escaped(value, '|')
        .into_iter()
        .map(|part| {
            unescape(part).ok_or_else(|| Problem::Value {
                key: "separators",
                value: part.to_owned(),
                valid: r"escapes are \n, \t, \\, \| and \,",
            })
        })
        .collect()
}

/// The parts of `text` between delimiters that no backslash precedes.
fn split_escaped(text: &str, delimiter: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == delimiter && !escaped {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                c @ ('\\' | '|' | ',') => c,
                _ => return None,
            },
            c => c,
        });
    }
    Some(plain)
}
