//! The vectors of a text's tokens, each of unit length, with their places.

use super::EncodeError;
use super::tokenize::{PlacedTokens, TokenPlace};
use crate::Span;

/// `[n, dim]`, `f32`, row-major, every row of L2 norm 1: one for each token that
/// stands for bytes of the text. Special tokens and prefixes are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenVectors {
    values: Vec<f32>,
    dim: usize,
    places: Vec<Span>,
}

impl TokenVectors {
    /// Normalises rows.
    ///
    /// # Arguments
    /// * `values` - `[n, dim]`, row-major.
    /// * `places` - `[n]`, bytes of the text.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when there are not as many rows as places;
    /// [`EncodeError::NonFinite`], `index` being the row, for one that is not
    /// finite or has no direction.
    pub fn new(mut values: Vec<f32>, dim: usize, places: Vec<Span>) -> Result<Self, EncodeError> {
        if dim == 0 || values.len() != places.len() * dim {
            return Err(EncodeError::Shape { values: values.len(), dim });
        }
        for (index, row) in values.chunks_exact_mut(dim).enumerate() {
            let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            if !(norm.is_finite() && norm > 0.0) {
                return Err(EncodeError::NonFinite { index });
            }
            for x in row {
                *x = (f64::from(*x) / norm) as f32;
            }
        }
        Ok(Self { values, dim, places })
    }

    /// Those of a run, `[tokens, dim]`.
    pub(super) fn of_run(
        tokens: &PlacedTokens,
        states: &[f32],
        dim: usize,
    ) -> Result<Self, EncodeError> {
        if states.len() != tokens.places.len() * dim {
            return Err(EncodeError::Shape { values: states.len(), dim });
        }
        let (mut values, mut places) = (Vec::new(), Vec::new());
        for (place, row) in tokens.places.iter().zip(states.chunks_exact(dim)) {
            if let TokenPlace::Text(span) = *place {
                values.extend_from_slice(row);
                places.push(span);
            }
        }
        Self::new(values, dim, places)
    }

    /// Rows with the bytes they stand for, in the order of the text.
    pub fn rows(&self) -> impl Iterator<Item = (Span, &[f32])> {
        self.places.iter().copied().zip(self.values.chunks_exact(self.dim))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the text has no token.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokenize::Cut;
    use super::*;

    #[test]
    fn only_the_texts_own_tokens_count_and_have_unit_length() {
        let text = TokenPlace::Text(Span::new(2, 4));
        let places = vec![TokenPlace::Frame, text, TokenPlace::Frame];
        let tokens = PlacedTokens { ids: vec![0; 3], places, cut: Cut::Whole };
        let vectors = TokenVectors::of_run(&tokens, &[1.0, 1.0, 3.0, 4.0, 1.0, 1.0], 2).unwrap();
        let rows: Vec<_> = vectors.rows().collect();
        assert_eq!(rows, [(Span::new(2, 4), &[0.6, 0.8][..])]);
        assert!(matches!(
            TokenVectors::of_run(&tokens, &[0.0; 6], 2),
            Err(EncodeError::NonFinite { index: 0 })
        ));
        assert!(matches!(
            TokenVectors::of_run(&tokens, &[0.0; 5], 2),
            Err(EncodeError::Shape { values: 5, dim: 2 })
        ));
    }
}
