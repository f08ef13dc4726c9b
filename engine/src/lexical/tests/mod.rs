//! Tests of the lexical index as a whole.

mod damage;
mod durability;
mod filters;
mod identifiers;
mod languages;
mod ranking;
mod syntax;

use std::collections::BTreeMap;

use super::*;
use crate::document::{ChunkOrd, DocumentId, FieldValue};

/// Enough for one thread; tests index little.
const MEMORY_BYTES: usize = 15_000_000;

/// An index in a folder of its own.
struct TestIndex {
    dir: tempfile::TempDir,
    index: LexicalIndex,
    next: u32,
}

impl TestIndex {
    fn new() -> Self {
        Self::in_language(Language::English)
    }

    fn in_language(stemmer: Language) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = LexicalIndex::create(dir.path(), LexicalOptions { stemmer }).unwrap();
        Self { dir, index, next: 0 }
    }

    /// One document a body, one commit; ids are "0", "1" and so on.
    fn with_bodies(bodies: &[&str]) -> Self {
        let mut index = Self::new();
        index.add(bodies.iter().map(|body| TestRow::new(body)));
        index
    }

    fn writer(&self) -> LexicalWriter {
        self.index.writer(MEMORY_BYTES, 1).unwrap()
    }

    /// Adds rows in one commit.
    fn add<'a>(&mut self, rows: impl IntoIterator<Item = TestRow<'a>>) {
        let mut writer = self.writer();
        for row in rows {
            row.add(&mut writer, self.next);
            self.next += 1;
        }
        writer.commit(&self.next.to_string()).unwrap();
    }

    fn snapshot(&self) -> LexicalSnapshot {
        self.index.snapshot().unwrap()
    }

    fn query(text: &str) -> LexicalQuery {
        LexicalQuery::parse(text, QueryOptions::default(), Language::English)
    }

    /// The chunks found, best first.
    fn search(&self, text: &str) -> Vec<u32> {
        let list = self.snapshot().search(&Self::query(text), 1000, None).unwrap();
        list.ords().into_iter().map(|ord| ord.0).collect()
    }

    /// The chunks found, ascending.
    fn found(&self, text: &str) -> Vec<u32> {
        let mut found = self.search(text);
        found.sort_unstable();
        found
    }
}

/// A row with defaults.
#[derive(Clone)]
struct TestRow<'a> {
    id: Option<&'a str>,
    title: &'a str,
    headings: Vec<String>,
    body: &'a str,
    fields: BTreeMap<String, FieldValue>,
}

impl<'a> TestRow<'a> {
    fn new(body: &'a str) -> Self {
        Self { id: None, title: "", headings: Vec::new(), body, fields: BTreeMap::new() }
    }

    fn id(mut self, id: &'a str) -> Self {
        self.id = Some(id);
        self
    }

    fn title(mut self, title: &'a str) -> Self {
        self.title = title;
        self
    }

    fn heading(mut self, heading: &str) -> Self {
        self.headings.push(heading.to_owned());
        self
    }

    fn field(mut self, name: &str, value: FieldValue) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    fn add(&self, writer: &mut LexicalWriter, ord: u32) {
        let own_id = ord.to_string();
        let document = DocumentId::new(self.id.unwrap_or(&own_id)).unwrap();
        let row = LexicalRow {
            ord: ChunkOrd(ord),
            document: &document,
            title: self.title,
            headings: &self.headings,
            context: "",
            body: self.body,
            fields: &self.fields,
        };
        writer.add(&row).unwrap();
    }
}
