//! A chunker of your own: one that cuts a log into its entries.
//!
//! A chunker is whatever implements [`Chunker`]: it gets a document and returns
//! byte spans into its text. Everything else (reading files, encoding, writing,
//! searching, citing) works with it as with those that have a SPEC, and so does
//! evaluation, since spans of any chunker are judged on the same text.
//!
//! Run it with `cargo run -p ingest --example own_chunker`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use engine::{
    Chunk, Document, DocumentId, Encoder, EncoderIdentity, HashEncoder, Index, Manifest,
    SearchRequest, Signature, Span, TextRole, WriterOptions,
};
use ingest::chunk::{ChunkError, Chunker, SizedChunk};

/// One chunk an entry: a line that starts with a digit, as dates do, and the
/// lines up to the next such line.
struct LogEntries;

impl Chunker for LogEntries {
    /// Kept in the index's manifest and in documents' signatures: change it
    /// with every change of what is cut, and documents are taken in again.
    fn spec(&self) -> String {
        "log-entries-v1".to_owned()
    }

    fn cut(&self, document: &Document) -> Result<Vec<SizedChunk>, ChunkError> {
        document.check()?;
        let mut entries: Vec<Span> = Vec::new();
        let mut start = 0;
        for line in document.text.split_inclusive('\n') {
            let end = start + line.len();
            match entries.last_mut() {
                Some(entry) if !line.starts_with(|c: char| c.is_ascii_digit()) => {
                    entry.end = Span::new(start, end).end;
                }
                _ => entries.push(Span::new(start, end)),
            }
            start = end;
        }
        Ok(entries.into_iter().filter_map(|entry| sized(&document.text, entry)).collect())
    }
}

/// A chunk without white space at its ends; none where nothing is left.
fn sized(text: &str, entry: Span) -> Option<SizedChunk> {
    let passage = entry.slice(text)?;
    let start = entry.start as usize + passage.len() - passage.trim_start().len();
    let passage = passage.trim();
    let span = Span::new(start, start + passage.len());
    // An estimate serves: the pipeline encodes long texts first by it.
    let n_tokens = passage.split_whitespace().count();
    (!passage.is_empty()).then(|| SizedChunk { chunk: Chunk::plain(span), n_tokens, within: None })
}

const LOG: &str = "\
2026-03-01 12:00 service started
2026-03-01 12:07 request failed
  caused by: connection to the database was refused
  hint: is the database running?
2026-03-01 12:09 request served in 12 ms
";

/// Cuts a log, indexes the entries, and finds one by its third line.
fn entry_about(question: &str) -> Result<String, Box<dyn Error>> {
    let document = Document {
        id: DocumentId::new("logs/service.log")?,
        title: "service.log".to_owned(),
        text: LOG.to_owned(),
        blocks: Vec::new(),
        fields: BTreeMap::new(),
    };
    let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(64, 256));
    let chunks = LogEntries.chunk(&document)?;
    let texts: Vec<String> = chunks.iter().map(|chunk| chunk.encoder_text(LOG)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = encoder.encode(&texts, TextRole::Passage)?;

    let folder = tempfile::tempdir()?;
    let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), LogEntries.spec());
    let index = Index::create(folder.path(), manifest, Some(encoder))?;
    let mut writer = index.writer(WriterOptions::default())?;
    writer.upsert(&document, Signature([0; 32]), &chunks, &vectors)?;
    writer.commit()?;
    index.refresh()?;
    let outcome = index.searcher().search(&SearchRequest::new(question))?;
    Ok(outcome.hits.first().map(|hit| hit.text.clone()).unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", entry_about("was the database running")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_whole_by_any_of_its_lines() {
        let entry = entry_about("was the database running").unwrap();
        assert!(entry.starts_with("2026-03-01 12:07 request failed"), "{entry}");
        assert!(entry.ends_with("is the database running?"), "{entry}");
    }
}
