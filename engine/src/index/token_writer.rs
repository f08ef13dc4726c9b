//! Keeping the vectors of passages' tokens: an addition to an index that is there,
//! made by reading every passage once more.
//!
//! A step of its own and not part of an upsert: it costs as much as encoding did,
//! most indexes do without, and one that has it stays right while it lags behind,
//! since chunks without token vectors are read by the encoder when they are compared.

use rayon::prelude::*;

use fail::fail_point;

use super::error::IndexError;
use super::generation::Generation;
use super::writer::{CommitSummary, IndexWriter};
use super::{check_encoder, files};
use crate::document::{ChunkOrd, DocumentId};
use crate::encoder::{Encoder, TextRole, TokenVectors};
use crate::error::SegmentError;
use crate::rerank::titled;
use crate::store::DocumentRecord;
use crate::tokens::{Basis, Compressor, TokenLayout, TokenRows};

/// Passages encoded before the caller hears of them.
const BLOCK: usize = 64;

/// Passages that a basis is fitted to: some 30,000 tokens, many more than components.
const SAMPLE: usize = 256;

/// What [`IndexWriter::store_tokens`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSummary {
    /// Chunks whose tokens were encoded; the others had them already.
    pub chunks: usize,
    /// The commit that made them visible.
    pub commit: CommitSummary,
}

impl IndexWriter {
    /// Encodes the tokens of all chunks that lack token vectors of this layout, and
    /// commits them. Commits pending changes first.
    ///
    /// A chunk's tokens are those of the whole chunk under its document's title, up
    /// to the encoder's limit. The first call fits the basis that all later ones use;
    /// a call with another layout starts over. Encodes over the caller's rayon pool.
    /// The same index, encoder and layout give the same bits, on any number of threads.
    ///
    /// # Arguments
    /// * `encoder` - the index's own.
    /// * `progress` - told after every few passages how many of how many are done.
    ///
    /// # Errors
    /// [`IndexError::ForeignEncoder`]; [`IndexError::TokenDim`];
    /// [`IndexError::Tokens`] by an encoder that gives no vectors of tokens, or fails;
    /// [`IndexError::Segment`] or [`IndexError::Lexical`] when the disk refuses. What
    /// was committed before stays in force.
    pub fn store_tokens(
        &mut self,
        encoder: &dyn Encoder,
        layout: TokenLayout,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<TokenSummary, IndexError> {
        check_encoder(&self.manifest, Some(encoder))?;
        let (dim, encoder_dim) = (layout.dim(), encoder.dim());
        if dim > encoder_dim {
            return Err(IndexError::TokenDim { dim, encoder_dim });
        }
        let mut commit = self.commit()?;
        let live = self.last_commit()?;
        let known = live.tokens.compressor().filter(|known| known.layout() == layout);
        let missing: Vec<ChunkOrd> = live
            .alive
            .iter()
            .filter(|&ord| known.is_none() || live.tokens.of(ord).is_none())
            .collect();
        if missing.is_empty() {
            return Ok(TokenSummary { chunks: 0, commit });
        }
        let compressor = if let Some(known) = known {
            known.clone()
        } else {
            self.next.tokens.clear();
            fitted(&live, encoder, layout, &missing)?
        };
        let mut passages = Passages::new(&live);
        let mut rows = TokenRows::new(compressor.clone());
        for (nth, block) in missing.chunks(BLOCK).enumerate() {
            for (&ord, tokens) in block.iter().zip(passages.encode(encoder, block)?) {
                let mut codes = Vec::new();
                let scales: Vec<u16> =
                    tokens.rows().map(|(_, row)| compressor.encode(row, &mut codes)).collect();
                rows.push(ord, &codes, &scales);
            }
            if rows.len_bytes() >= self.pending_limit_bytes {
                self.write_tokens(&rows)?;
                rows = TokenRows::new(compressor.clone());
            }
            progress((nth * BLOCK + block.len()).min(missing.len()), missing.len());
        }
        self.write_tokens(&rows)?;
        fail_point!("tokens-written");
        files::sync_dir(&self.dir.join(files::SEGMENTS_DIR))?;
        commit = self.publish()?;
        Ok(TokenSummary { chunks: missing.len(), commit })
    }

    /// Forgets all token vectors. Commits pending changes first.
    ///
    /// # Errors
    /// As [`IndexWriter::commit`].
    pub fn drop_tokens(&mut self) -> Result<CommitSummary, IndexError> {
        self.commit()?;
        self.next.tokens.clear();
        self.publish()
    }

    /// Rewrites the token vectors of a generation as one file without what is dead.
    pub(super) fn merge_tokens(&mut self, live: &Generation) -> Result<(), IndexError> {
        let Some(compressor) = live.tokens.compressor() else { return Ok(()) };
        if live.tokens.is_merged(&live.alive) {
            return Ok(());
        }
        let mut rows = TokenRows::new(compressor.clone());
        live.tokens.copy_rows(&live.alive, &mut rows);
        self.next.tokens.clear();
        self.write_tokens(&rows)
    }

    fn write_tokens(&mut self, rows: &TokenRows) -> Result<(), IndexError> {
        if !rows.is_empty() {
            let (name, path) = self.new_file("tokens");
            self.bytes_written += rows.write(&path)?;
            self.next.tokens.push(name);
        }
        Ok(())
    }
}

/// A compressor on the basis that suits a sample of the index best.
fn fitted(
    live: &Generation,
    encoder: &dyn Encoder,
    layout: TokenLayout,
    chunks: &[ChunkOrd],
) -> Result<Compressor, IndexError> {
    let step = chunks.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<ChunkOrd> = chunks.iter().copied().step_by(step).collect();
    let tokens = Passages::new(live).encode(encoder, &sample)?;
    let rows = tokens.iter().flat_map(TokenVectors::rows);
    let values: Vec<f32> = rows.flat_map(|(_, row)| row.iter().copied()).collect();
    let basis = Basis::fit(&values, encoder.dim(), layout.dim());
    Ok(Compressor::new(basis, layout.bits()))
}

/// Reads passages by ascending number: a document is decoded once.
struct Passages<'a> {
    live: &'a Generation,
    open: Option<(DocumentId, DocumentRecord)>,
}

impl<'a> Passages<'a> {
    fn new(live: &'a Generation) -> Self {
        Self { live, open: None }
    }

    /// The vectors of the passages' tokens.
    fn encode(
        &mut self,
        encoder: &dyn Encoder,
        chunks: &[ChunkOrd],
    ) -> Result<Vec<TokenVectors>, IndexError> {
        let texts: Vec<String> =
            chunks.iter().map(|&ord| self.text(ord)).collect::<Result<_, _>>()?;
        let encode = |text: &String| encoder.encode_tokens(text, TextRole::Passage);
        Ok(texts.par_iter().with_max_len(1).map(encode).collect::<Result<_, _>>()?)
    }

    /// A chunk under its document's title, as a reranker would be shown it.
    fn text(&mut self, ord: ChunkOrd) -> Result<String, SegmentError> {
        let texts = &self.live.texts;
        let missing = || SegmentError::Damaged {
            path: "the text segments".into(),
            what: format!("chunk {} has no text", ord.0),
        };
        let id = texts.locate(ord).ok_or_else(missing)?;
        if self.open.as_ref().is_none_or(|(open, _)| open != id) {
            self.open = Some((id.clone(), texts.record(id)?.ok_or_else(missing)?));
        }
        let (_, record) = self.open.as_ref().ok_or_else(missing)?;
        let nth = (ord.0 - texts.ords_of(id).start) as usize;
        let span = record.chunk_span(nth).ok_or_else(missing)?;
        Ok(titled(record.title(), &record.text(span)?))
    }
}
