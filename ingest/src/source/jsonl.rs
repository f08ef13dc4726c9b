//! A file with one JSON record a line.
//!
//! A record has an id (`id` or `_id`, text or number), a `text`, and may have a
//! `title`; every other member becomes typed metadata. Lines are read one at a
//! time, so the file may be larger than memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use engine::{DocumentId, FieldValue};
use serde_json::{Map, Value};

use super::{
    Content, DocumentSource, IdScheme, Root, SkipReason, Skipped, SourceError, SourceItem,
};
use crate::formats::{Format, insert_json};

/// Longest line, in bytes: twice a canonical text's limit, for the escapes.
pub const MAX_RECORD_BYTES: u64 = 128 << 20;

/// Files up to this size are counted when opened, which takes well under a
/// second; larger ones have no length hint.
const MAX_COUNTED_BYTES: u64 = 512 << 20;

/// What to do when a line cannot be a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    /// Report it and go on: the user said that these are records.
    EveryLine,
    /// Give up when it is the first: the file was found in a folder, and JSON
    /// lines are as often a log.
    FirstLine,
}

/// The records of a JSONL file.
pub struct JsonlSource {
    roots: [Root; 1],
    reader: BufReader<File>,
    origin: String,
    /// Put before every record's id.
    prefix: String,
    strictness: Strictness,
    line: usize,
    records: Option<usize>,
    ended: bool,
}

impl JsonlSource {
    /// Opens a file; ids are the records' own.
    ///
    /// # Errors
    /// [`SourceError::NotFound`], [`SourceError::Unopenable`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Self::under(Root::new(path, IdScheme::Records)?, path)
    }

    /// Opens a file that belongs to another root, such as a collection's folder.
    pub(super) fn under(root: Root, path: &Path) -> Result<Self, SourceError> {
        let unopenable = |source| SourceError::Unopenable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unopenable)?;
        let records = count_lines(&mut file, path).map_err(unopenable)?;
        Ok(Self::new(root, file, path, Strictness::EveryLine).counted(records))
    }

    /// Opens a file found in a folder; ids are `<file id>/<record id>`.
    pub(super) fn inside(root: Root, path: &Path, file_id: &DocumentId) -> Result<Self, Skipped> {
        let file = File::open(path).map_err(|source| Skipped {
            origin: path.display().to_string(),
            reason: SkipReason::Unreadable { source },
        })?;
        let mut source = Self::new(root, file, path, Strictness::FirstLine);
        source.prefix = format!("{file_id}/");
        Ok(source)
    }

    fn new(root: Root, file: File, path: &Path, strictness: Strictness) -> Self {
        Self {
            roots: [root],
            reader: BufReader::with_capacity(1 << 16, file),
            origin: path.display().to_string(),
            prefix: String::new(),
            strictness,
            line: 0,
            records: None,
            ended: false,
        }
    }

    fn counted(self, records: Option<usize>) -> Self {
        Self { records, ..self }
    }

    /// The next line that is not blank; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, SkipReason> {
        let unreadable = |source| SkipReason::Unreadable { source };
        loop {
            let mut line = Vec::new();
            self.line += 1;
            let mut limited = (&mut self.reader).take(MAX_RECORD_BYTES + 1);
            if limited.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                return Ok(None);
            }
            if line.len() as u64 > MAX_RECORD_BYTES {
                let bytes = line.len() as u64 + skip_line(&mut self.reader).map_err(unreadable)?;
                return Err(SkipReason::TooLarge {
                    what: "a record",
                    bytes,
                    limit: MAX_RECORD_BYTES,
                });
            }
            if self.line == 1 && line.starts_with(b"\xEF\xBB\xBF") {
                line.drain(..3);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn item(&self, line: &[u8]) -> Result<SourceItem, SkipReason> {
        let record =
            serde_json::from_slice(line).map_err(|source| SkipReason::InvalidJson { source })?;
        let Value::Object(record) = record else {
            return Err(invalid("it is no object; write one {\"id\": ..., \"text\": ...} a line"));
        };
        read_record(record, &self.prefix, format!("{}:{}", self.origin, self.line))
    }
}

/// The item that a record describes; see the module's documentation for its members.
///
/// # Arguments
/// * `prefix` - put before the record's id.
/// * `origin` - where the record stands, for reports.
///
/// # Errors
/// [`SkipReason::InvalidRecord`] for an id, a title or a text that is missing or no
/// text; [`SkipReason::EmptyText`]; [`SkipReason::Refused`] for an id that cannot be.
pub fn read_record(
    record: Map<String, Value>,
    prefix: &str,
    origin: String,
) -> Result<SourceItem, SkipReason> {
    let Record { id, title, text, fields } = Record::parse(record)?;
    if title.trim().is_empty() && text.trim().is_empty() {
        return Err(SkipReason::EmptyText);
    }
    Ok(SourceItem {
        id: DocumentId::new(format!("{prefix}{id}"))?,
        title: Some(title),
        format: Format::Record,
        content: Content::Text(text),
        fields,
        origin,
        root: 0,
    })
}

impl DocumentSource for JsonlSource {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn len_hint(&self) -> Option<usize> {
        self.records
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        if self.ended {
            return None;
        }
        let result = match self.next_line() {
            Ok(Some(line)) => self.item(&line),
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Err(reason) => {
                // A file that cannot be read on would give the same error for ever.
                self.ended = matches!(reason, SkipReason::Unreadable { .. });
                Err(reason)
            }
        };
        Some(result.map_err(|reason| {
            let first = self.line == 1 && self.strictness == Strictness::FirstLine;
            self.ended |= first;
            let origin =
                if first { self.origin.clone() } else { format!("{}:{}", self.origin, self.line) };
            Skipped { origin, reason }
        }))
    }
}

struct Record {
    id: String,
    title: String,
    text: String,
    fields: BTreeMap<String, FieldValue>,
}

impl Record {
    fn parse(mut record: Map<String, Value>) -> Result<Self, SkipReason> {
        let id = match record.remove("_id").or_else(|| record.remove("id")) {
            Some(Value::String(id)) => id,
            Some(Value::Number(id)) => id.to_string(),
            Some(_) => return Err(invalid("its id is neither text nor a number")),
            None => return Err(invalid("it has no id; add a member \"id\" or \"_id\"")),
        };
        let text = match record.remove("text") {
            Some(Value::String(text)) => text,
            Some(_) => return Err(invalid("its member \"text\" is not text")),
            None => return Err(invalid("it has no member \"text\"")),
        };
        let title = match record.remove("title") {
            Some(Value::String(title)) => title,
            Some(Value::Null) | None => String::new(),
            Some(_) => return Err(invalid("its member \"title\" is not text")),
        };
        let mut fields = BTreeMap::new();
        for (name, value) in record {
            insert_json(&mut fields, &name, value);
        }
        Ok(Self { id, title, text, fields })
    }
}

fn invalid(problem: &str) -> SkipReason {
    SkipReason::InvalidRecord { problem: problem.to_owned() }
}

/// Reads past the end of a line without keeping it; the bytes passed.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut passed = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(passed);
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        passed += used as u64;
        if end.is_some() {
            return Ok(passed);
        }
    }
}

/// The number of lines, for files small enough; the file is back at its start.
fn count_lines(file: &mut File, path: &Path) -> std::io::Result<Option<usize>> {
    if file.metadata()?.len() > MAX_COUNTED_BYTES {
        return Ok(None);
    }
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut lines = 0;
    while skip_line(&mut reader)? > 0 {
        lines += 1;
    }
    Ok(Some(lines))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &[u8]) -> Vec<Result<SourceItem, Skipped>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        fs::write(&path, content).unwrap();
        let mut source = JsonlSource::open(&path).unwrap();
        std::iter::from_fn(|| source.next()).collect()
    }

    #[test]
    fn records_become_items_with_typed_fields() {
        let items = read(
            b"{\"_id\": \"d1\", \"title\": \"T\", \"text\": \"x\", \"year\": 1999, \"at\": \"2001-01-01\"}\n\n{\"id\": 2, \"text\": \"y\"}",
        );
        let [first, second] = items.try_into().unwrap();
        let first = first.unwrap();
        assert_eq!((first.id.as_str(), first.title.as_deref()), ("d1", Some("T")));
        assert_eq!(first.content, Content::Text("x".into()));
        assert_eq!(first.fields["year"], FieldValue::Integer(1999));
        assert_eq!(first.fields["at"], FieldValue::Timestamp(978_307_200));
        let second = second.unwrap();
        assert_eq!(second.id.as_str(), "2");
        assert!(second.origin.ends_with("records.jsonl:3"));
    }

    #[test]
    fn broken_lines_are_named_and_passed_over() {
        let items = read(
            b"not json\n[1]\n{\"text\": \"x\"}\n{\"id\": \"a\"}\n{\"id\": \"a\\u0000\", \"text\": \"x\"}\n{\"id\": \"e\", \"text\": \" \"}\n\xFF\xFE\n{\"id\": \"ok\", \"text\": \"x\"}\n",
        );
        let labels: Vec<_> = items
            .iter()
            .map(|item| match item {
                Ok(item) => item.id.as_str(),
                Err(skipped) => skipped.reason.label(),
            })
            .collect();
        let bad = "invalid record";
        assert_eq!(labels, [bad, bad, bad, bad, "refused", "no text", bad, "ok"]);
        assert!(items[0].as_ref().unwrap_err().to_string().contains("records.jsonl:1: not JSON"));
    }

    #[test]
    fn a_log_in_a_folder_is_one_skip_not_thousands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        fs::write(&path, "{\"level\": \"info\"}\n".repeat(50)).unwrap();
        let root = Root::new(folder.path(), IdScheme::Paths).unwrap();
        let id = DocumentId::new("root/log.jsonl").unwrap();
        let mut source = JsonlSource::inside(root, &path, &id).unwrap();
        assert!(source.next().unwrap().is_err());
        assert!(source.next().is_none());
    }
}
