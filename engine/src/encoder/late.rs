//! Late chunking: a text is run once, and each span in it is pooled from that
//! run.
//!
//! A passage encoded alone knows nothing of what stands around it: "it" and
//! "the city" stay words without a referent. Read within its document, its
//! tokens have attended to the rest, and their mean carries some of that.
//!
//! # Source
//! Guenther et al., "Late Chunking: Contextual Chunk Embeddings Using
//! Long-Context Embedding Models", arXiv 2409.04701, 2024.

use super::tokenize::{Cut, PlacedTokens, TokenPlace};
use super::{Embeddings, EncodeError, Pooling};
use crate::Span;

/// One unit vector per span: the mean of the tokens that share a byte with it.
///
/// Special tokens and the prefix belong to the span that holds the first or the
/// last token of the text, so that a span of the whole text has the vector that
/// the text has by itself. A token that two spans share counts in both.
///
/// # Arguments
/// * `tokens` - of the text that was run.
/// * `vectors` - what the run made of them: `[n_tokens, dim]`, row-major.
///
/// # Errors
/// [`EncodeError::EmptySpan`] for a span without a token, which may lie behind
/// the encoder's limit; [`EncodeError::NonFinite`]; [`EncodeError::Shape`] when
/// vectors and tokens differ in number.
pub(super) fn pool_spans(
    tokens: &PlacedTokens,
    vectors: &[f32],
    dim: usize,
    spans: &[Span],
) -> Result<Embeddings, EncodeError> {
    let places = &tokens.places;
    if vectors.len() != places.len() * dim {
        return Err(EncodeError::Shape { values: vectors.len(), dim });
    }
    let in_text = |place: &TokenPlace| matches!(place, TokenPlace::Text(_));
    let (first, last) = (places.iter().position(in_text), places.iter().rposition(in_text));
    let mut values = Vec::with_capacity(spans.len() * dim);
    let mut n_truncated = 0;
    for (index, &span) in spans.iter().enumerate() {
        let held = |place: &TokenPlace| matches!(place, TokenPlace::Text(at) if at.overlaps(span));
        let bounds = (places.iter().position(held), places.iter().rposition(held));
        let (Some(from), Some(to)) = bounds else {
            return Err(EncodeError::EmptySpan { index, span });
        };
        let start = if first == Some(from) { 0 } else { from };
        let end = if last == Some(to) { places.len() } else { to + 1 };
        let vector = Pooling::Mean.pool(&vectors[start * dim..end * dim], dim);
        values.extend(vector.ok_or(EncodeError::NonFinite { index })?);
        let goes_on = matches!(places[to], TokenPlace::Text(at) if at.end < span.end);
        n_truncated += usize::from(tokens.cut == Cut::Truncated && last == Some(to) && goes_on);
    }
    let mut embeddings = Embeddings::new(values, dim)?;
    embeddings.n_truncated = n_truncated;
    Ok(embeddings)
}

/// Whether spans can be pooled from a run of an encoder that makes text vectors so.
///
/// # Errors
/// [`EncodeError::NoTokenVectors`] for every way but the mean.
pub(super) fn require_token_vectors(pooling: Pooling, encoder: &str) -> Result<(), EncodeError> {
    let reason = match pooling {
        Pooling::Mean => return Ok(()),
        Pooling::Cls => "it takes the first token's vector",
        Pooling::LastToken => "it takes the last token's vector",
        Pooling::InGraph => "its graph gives vectors of texts only",
    };
    Err(EncodeError::NoTokenVectors { encoder: encoder.to_owned(), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[CLS] ab cd ef [SEP]`, a unit vector each.
    fn tokens(cut: Cut) -> PlacedTokens {
        let text = |start| TokenPlace::Text(Span::new(start, start + 2));
        let places = vec![TokenPlace::Frame, text(0), text(3), text(6), TokenPlace::Frame];
        PlacedTokens { ids: vec![0; places.len()], places, cut }
    }

    fn vectors() -> Vec<f32> {
        (0..25).map(|at| if at % 6 == 0 { 1.0 } else { 0.0 }).collect()
    }

    fn pool(spans: &[(usize, usize)]) -> Result<Embeddings, EncodeError> {
        let spans: Vec<_> = spans.iter().map(|&(start, end)| Span::new(start, end)).collect();
        pool_spans(&tokens(Cut::Whole), &vectors(), 5, &spans)
    }

    #[test]
    fn a_span_is_the_mean_of_its_tokens_and_the_ends_hold_the_frame() {
        let rows = pool(&[(3, 5), (0, 2), (4, 8), (0, 8)]).unwrap();
        let even = |of: &[usize]| -> Vec<f32> {
            let share = (1.0 / (of.len() as f64).sqrt()) as f32;
            (0..5).map(|at| if of.contains(&at) { share } else { 0.0 }).collect()
        };
        assert_eq!(rows.row(0).unwrap(), even(&[2]));
        assert_eq!(rows.row(1).unwrap(), even(&[0, 1]));
        assert_eq!(rows.row(2).unwrap(), even(&[2, 3, 4]));
        let whole = Pooling::Mean.pool(&vectors(), 5).unwrap();
        assert_eq!(rows.row(3).unwrap(), whole);
        assert_eq!(rows.n_truncated, 0);
    }

    #[test]
    fn a_span_without_a_token_is_named() {
        let error = pool(&[(0, 2), (2, 3)]).unwrap_err();
        assert!(matches!(error, EncodeError::EmptySpan { index: 1, span } if span.start == 2));
        assert!(matches!(
            pool_spans(&tokens(Cut::Whole), &[0.0; 5], 5, &[]),
            Err(EncodeError::Shape { values: 5, dim: 5 })
        ));
    }

    #[test]
    fn only_what_goes_on_behind_the_limit_was_cut() {
        let spans = [Span::new(0, 5), Span::new(3, 8), Span::new(3, 20)];
        let count = |cut, spans: &[Span]| {
            pool_spans(&tokens(cut), &vectors(), 5, spans).unwrap().n_truncated
        };
        assert_eq!(count(Cut::Truncated, &spans), 1);
        assert_eq!(count(Cut::Whole, &spans), 0);
    }
}
