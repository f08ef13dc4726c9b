//! The fields of a chunk in the lexical index.

use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};

use super::analyzer::{Analyzer, Terms};
use super::language::Language;

/// Number of [`TextField`]s.
pub(super) const N_TEXT_FIELDS: usize = 5;

/// A field whose terms are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TextField {
    /// The document's title, as stems.
    Title = 0,
    /// The headings above the chunk, as stems.
    Headings = 1,
    /// The chunk, as stems.
    Body = 2,
    /// Exact spellings of code in title and chunk.
    Identifiers = 3,
    /// The words of title, headings and chunk as spelled. Prefixes and typing
    /// errors are about spellings: no stem begins with "serializ", and the stem
    /// of a misspelt word is anything.
    Spellings = 4,
}

impl TextField {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; N_TEXT_FIELDS] =
        [Self::Title, Self::Headings, Self::Body, Self::Identifiers, Self::Spellings];
    /// Those that hold stems and positions.
    pub(super) const STEMMED: [Self; 3] = [Self::Title, Self::Headings, Self::Body];

    /// Its name in the schema and in explanations.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Headings => "headings",
            Self::Body => "body",
            Self::Identifiers => "identifiers",
            Self::Spellings => "spellings",
        }
    }

    fn terms(self) -> Terms {
        match self {
            Self::Title | Self::Headings | Self::Body => Terms::Stems,
            Self::Identifiers => Terms::Identifiers,
            Self::Spellings => Terms::Surfaces,
        }
    }
}

/// Name of the chunk number's column.
pub(super) const ORD: &str = "ord";
/// Name of the metadata's column, see [`super::field_key`].
pub(super) const KEYS: &str = "keys";

/// The schema's handles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    text: [Field; N_TEXT_FIELDS],
    /// The chunk number.
    pub(super) ord: Field,
    /// Id, title and metadata as ordered keys.
    pub(super) keys: Field,
}

impl Fields {
    /// The handle of a text field.
    pub(super) fn text(&self, field: TextField) -> Field {
        self.text[field as usize]
    }
}

/// The schema of an index in `language`. The tokenizers' names carry language
/// and version, so comparing schemas compares the analysis as well.
pub(super) fn schema(language: Language) -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let text = TextField::ALL.map(|field| {
        let record = match field.terms() {
            Terms::Stems => IndexRecordOption::WithFreqsAndPositions,
            Terms::Surfaces | Terms::Identifiers => IndexRecordOption::WithFreqs,
        };
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(&Analyzer::name(field.terms(), language))
            .set_index_option(record);
        schema.add_text_field(field.name(), TextOptions::default().set_indexing_options(indexing))
    });
    let ord = schema.add_u64_field(ORD, NumericOptions::default().set_fast());
    let keys = schema.add_bytes_field(KEYS, BytesOptions::default().set_indexed().set_fast());
    (schema.build(), Fields { text, ord, keys })
}

/// How a schema's text is analysed, for a message.
pub(super) fn analysis(schema: &Schema) -> String {
    let body = schema.get_field(TextField::Body.name()).map(|field| schema.get_field_entry(field));
    match body.map(tantivy::schema::FieldEntry::field_type) {
        Ok(tantivy::schema::FieldType::Str(options)) => options
            .get_indexing_options()
            .map_or_else(|| "nothing".to_owned(), |indexing| indexing.tokenizer().to_owned()),
        _ => "another schema".to_owned(),
    }
}
