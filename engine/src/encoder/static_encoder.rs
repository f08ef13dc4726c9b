//! Static encoding: a text's vector is the sum of its tokens' rows, made one long.
//!
//! No token sees another, so a text costs a look-up a token instead of a pass
//! through a transformer. Rows come from a distillation (`trovato models
//! distill`), weights included. Where they lie in the teacher's own space,
//! [`AsymmetricEncoder`] lets the teacher read queries, which are few and short,
//! and the table read passages.
//!
//! # Source
//! Weighted means of word vectors as text vectors: Arora, Liang and Ma, ICLR
//! 2017. Rows distilled from a sentence encoder: model2vec (Minish Lab, 2024).

use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::static_table::{StaticTable, TableRows};
use super::tokenize::{Cut, TextTokenizer};
use super::{Embeddings, EncodeError, Encoder, TextRole};
use crate::error::SegmentError;

/// Everything needed to run a static encoder whose files are already there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticSpec {
    /// The name users write.
    pub name: String,
    /// The table, see [`StaticTable`].
    pub table_path: PathBuf,
    /// The teacher's `tokenizer.json`.
    pub tokenizer_path: PathBuf,
    /// Longest input in tokens, special tokens included; what follows is cut.
    pub max_tokens: usize,
    /// See [`super::EncoderSpec::fingerprint`].
    pub fingerprint: String,
}

/// Sums rows of a table.
#[derive(Debug)]
pub struct StaticEncoder {
    spec: StaticSpec,
    tokenizer: TextTokenizer,
    table: StaticTable,
}

impl StaticEncoder {
    /// Maps the table and loads the tokenizer.
    ///
    /// # Errors
    /// [`EncodeError::Load`] naming the file; also when the table has fewer rows
    /// than the tokenizer has tokens.
    pub fn load(spec: &StaticSpec) -> Result<Self, EncodeError> {
        let tokenizer = TextTokenizer::load(&spec.tokenizer_path, spec.max_tokens)
            .map_err(|source| EncodeError::Load { path: spec.tokenizer_path.clone(), source })?;
        let failed = |reason: String| EncodeError::Load {
            path: spec.table_path.clone(),
            source: reason.into(),
        };
        let table = StaticTable::open(&spec.table_path).map_err(|error| failed(reason(&error)))?;
        let (rows, tokens) = (table.n_tokens(), tokenizer.n_tokens());
        if rows < tokens {
            return Err(failed(format!("it has {rows} rows for {tokens} tokens")));
        }
        Ok(Self { spec: spec.clone(), tokenizer, table })
    }

    /// The sum of the rows of `ids`, made one long: what [`Encoder::encode`] does
    /// after tokenising.
    ///
    /// # Arguments
    /// * `ids` - token ids; those beyond the table add nothing.
    /// * `row` - [`Encoder::dim`] components, overwritten.
    ///
    /// # Errors
    /// [`EncodeError::Load`] when the table is unreadable, which opening it has
    /// ruled out.
    pub fn encode_ids(&self, ids: &[i64], row: &mut [f32]) -> Result<(), EncodeError> {
        self.rows().map(|rows| sum_rows(rows, ids, row))
    }

    /// The ids [`Encoder::encode`] makes of `text`.
    ///
    /// # Errors
    /// [`EncodeError::Tokenize`].
    pub fn token_ids(&self, text: &str) -> Result<Vec<i64>, EncodeError> {
        let tokens = self.tokenizer.encode("", text);
        tokens.map(|t| t.ids).map_err(|source| EncodeError::Tokenize { index: 0, source })
    }

    fn rows(&self) -> Result<TableRows<'_>, EncodeError> {
        self.table.rows().map_err(|error| EncodeError::Load {
            path: self.spec.table_path.clone(),
            source: reason(&error).into(),
        })
    }
}

/// What is wrong with a table, without the advice for indexes that
/// [`SegmentError`] gives.
fn reason(error: &SegmentError) -> String {
    match error {
        SegmentError::Io { source, .. } => source.to_string(),
        SegmentError::Damaged { what, .. } => format!("it is damaged: {what}"),
        SegmentError::Version { found, supported, .. } => {
            format!("it has format {found}, this version reads {supported}; distill it again")
        }
    }
}

fn sum_rows(rows: TableRows<'_>, ids: &[i64], sum: &mut [f32]) {
    sum.fill(0.0);
    for &id in ids {
        rows.add(usize::try_from(id).unwrap_or(usize::MAX), sum);
    }
    let norm = sum.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        let factor = 1.0 / norm;
        for x in sum.iter_mut() {
            *x = (f64::from(*x) * factor) as f32;
        }
    } else if let Some(first) = sum.first_mut() {
        // Only tokens without a row, or rows that cancelled: a fixed direction,
        // since a zero vector has no cosine.
        *first = 1.0;
    }
}

impl Encoder for StaticEncoder {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn fingerprint(&self) -> &str {
        &self.spec.fingerprint
    }

    fn dim(&self) -> usize {
        self.table.dim()
    }

    fn max_tokens(&self) -> usize {
        self.spec.max_tokens
    }

    /// Texts are spread over the caller's rayon pool. Both roles are read alike.
    fn encode(&self, texts: &[&str], _role: TextRole) -> Result<Embeddings, EncodeError> {
        let (dim, rows) = (self.dim(), self.rows()?);
        let mut values = vec![0.0; texts.len() * dim];
        let encode = |index: usize, text: &str, row: &mut [f32]| {
            let tokens = self
                .tokenizer
                .encode("", text)
                .map_err(|source| EncodeError::Tokenize { index, source })?;
            sum_rows(rows, &tokens.ids, row);
            Ok([usize::from(tokens.cut == Cut::Truncated), tokens.ids.len()])
        };
        let [n_truncated, n_tokens] = match texts {
            // A query should not wait for a pool that an ingest keeps busy.
            [text] => encode(0, text, &mut values)?,
            texts => values
                .par_chunks_exact_mut(dim)
                .zip(texts)
                .enumerate()
                .map(|(index, (row, text))| encode(index, text, row))
                .try_reduce(|| [0, 0], |a, b| Ok([a[0] + b[0], a[1] + b[1]]))?,
        };
        let mut embeddings = Embeddings::new(values, dim)?;
        embeddings.n_truncated = n_truncated;
        embeddings.n_tokens = n_tokens;
        Ok(embeddings)
    }
}

/// One encoder for passages, another for queries, in one space.
///
/// An index holds passage vectors only, so what is read a million times can be
/// read by the cheaper of the two.
pub struct AsymmetricEncoder {
    passages: StaticEncoder,
    queries: Arc<dyn Encoder>,
    name: String,
    fingerprint: String,
}

impl AsymmetricEncoder {
    /// Pairs a table with the teacher whose space its rows lie in. Whether they
    /// do is for the caller to know.
    ///
    /// # Arguments
    /// * `name` - the pair's, which differs from the table's.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when the two have vectors of different sizes.
    pub fn new(
        name: String,
        passages: StaticEncoder,
        queries: Arc<dyn Encoder>,
    ) -> Result<Self, EncodeError> {
        if passages.dim() != queries.dim() {
            return Err(EncodeError::Shape { values: queries.dim(), dim: passages.dim() });
        }
        let fingerprint = format!("{}+{}", passages.fingerprint(), queries.fingerprint());
        Ok(Self { passages, queries, name, fingerprint })
    }
}

impl Encoder for AsymmetricEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn dim(&self) -> usize {
        self.passages.dim()
    }

    fn max_tokens(&self) -> usize {
        self.passages.max_tokens()
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        match role {
            TextRole::Query => self.queries.encode(texts, role),
            TextRole::Passage => self.passages.encode(texts, role),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::tokenize::tests::bert;
    use super::*;
    use crate::HashEncoder;

    const DIM: usize = 3;

    /// A table over the test tokenizer's letters: token `t` has the row
    /// `(t, 1, -t)`, special tokens none.
    fn spec(dir: &Path) -> StaticSpec {
        let tokenizer = bert();
        let n = tokenizer.get_vocab_size(true);
        let mut values = vec![0.0; 4 * DIM];
        values.extend((4..n).flat_map(|id| [id as f32, 1.0, -(id as f32)]));
        let table_path = dir.join("table.bin");
        StaticTable::write(&table_path, &values, DIM).unwrap();
        let tokenizer_path = dir.join("tokenizer.json");
        tokenizer.save(&tokenizer_path, false).unwrap();
        StaticSpec {
            name: "letters".into(),
            table_path,
            tokenizer_path,
            max_tokens: 8,
            fingerprint: "letters-1".into(),
        }
    }

    #[test]
    fn a_vector_is_the_sum_of_rows_and_depends_on_its_text_alone() {
        let dir = tempfile::tempdir().unwrap();
        let encoder = StaticEncoder::load(&spec(dir.path())).unwrap();
        let texts = ["a b", "b a", "", "abcdefghij", "a"];
        let rows = encoder.encode(&texts, TextRole::Query).unwrap();
        assert_eq!((rows.len(), rows.dim(), rows.n_truncated), (5, DIM, 1));
        // Each with two special tokens, the longest cut at eight.
        assert_eq!(rows.n_tokens, (2 + 2) + (2 + 2) + 2 + 8 + (1 + 2));
        // a is token 4, b token 6: (10, 2, -10).
        let norm = 204.0_f32.sqrt();
        for (x, expected) in rows.row(0).unwrap().iter().zip([10.0, 2.0, -10.0]) {
            assert!((x - expected / norm).abs() < 0.01, "{rows:?}");
        }
        assert_eq!(rows.row(2).unwrap(), [1.0, 0.0, 0.0], "no token has a row");
        for (at, text) in texts.iter().enumerate() {
            let alone = encoder.encode(&[text], TextRole::Query).unwrap();
            assert_eq!(alone.row(0), rows.row(at), "{text:?}");
            let mut row = [9.0; DIM];
            let ids = encoder.token_ids(text).unwrap();
            encoder.encode_ids(&ids, &mut row).unwrap();
            assert_eq!(rows.row(at).unwrap(), row);
        }
        let passages = encoder.encode(&texts, TextRole::Passage).unwrap();
        assert_eq!(passages, rows, "both roles are read alike");
    }

    #[test]
    fn damaged_and_unfit_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let spec = spec(dir.path());
        let whole = fs::read(&spec.table_path).unwrap();
        let message = |bytes: &[u8]| {
            fs::write(&spec.table_path, bytes).unwrap();
            let error = StaticEncoder::load(&spec).unwrap_err();
            assert!(matches!(error, EncodeError::Load { .. }), "{error}");
            error.to_string()
        };
        let damaged = message(&whole[..whole.len() - 1]);
        assert!(damaged.contains("table.bin") && damaged.contains("damaged"), "{damaged}");
        assert!(damaged.contains("models verify") && !damaged.contains("index"), "{damaged}");
        fs::remove_file(&spec.table_path).unwrap();
        StaticTable::write(&spec.table_path, &[1.0; 2 * DIM], DIM).unwrap();
        let few = fs::read(&spec.table_path).unwrap();
        assert!(message(&few).contains("2 rows for"), "{}", message(&few));
        fs::write(&spec.tokenizer_path, "{}").unwrap();
        assert!(message(&whole).contains("tokenizer.json"));
    }

    #[test]
    fn a_pair_sends_each_role_to_its_encoder() {
        let dir = tempfile::tempdir().unwrap();
        let load = || StaticEncoder::load(&spec(dir.path()));
        let queries: Arc<dyn Encoder> = Arc::new(HashEncoder::new(DIM, 8));
        let table = load().unwrap();
        fs::remove_file(dir.path().join("table.bin")).unwrap();
        let pair =
            AsymmetricEncoder::new("pair".into(), load().unwrap(), Arc::clone(&queries)).unwrap();
        let encode = |encoder: &dyn Encoder, role| encoder.encode(&["a b"], role).unwrap();
        let (query, passage) = (TextRole::Query, TextRole::Passage);
        assert_eq!(encode(&pair, query), encode(queries.as_ref(), query));
        assert_eq!(encode(&pair, passage), encode(&table, passage));
        assert_ne!(pair.fingerprint(), table.fingerprint());
        assert_eq!((pair.name(), pair.dim()), ("pair", DIM));
        let wide: Arc<dyn Encoder> = Arc::new(HashEncoder::new(DIM + 1, 8));
        assert!(AsymmetricEncoder::new("pair".into(), table, wide).is_err());
    }
}
