//! Collections as files, for tests that read them.

use std::fs;
use std::path::Path;

use corpora::BeirCollection;
use serde_json::json;

/// Writes a collection in BEIR's layout and opens its split `test`.
///
/// # Arguments
/// * `documents` - id, title, text.
/// * `topics` - id, text.
/// * `qrels` - lines of topic, document and grade, apart by tabs.
pub(crate) fn collection<const D: usize, const T: usize>(
    dir: &Path,
    documents: [(&str, &str, &str); D],
    topics: [(&str, &str); T],
    qrels: &str,
) -> BeirCollection {
    let corpus = documents
        .map(|(id, title, text)| json!({ "_id": id, "title": title, "text": text }).to_string());
    let queries = topics.map(|(id, text)| json!({ "_id": id, "text": text }).to_string());
    fs::create_dir_all(dir.join("qrels")).unwrap();
    fs::write(dir.join("corpus.jsonl"), corpus.join("\n")).unwrap();
    fs::write(dir.join("queries.jsonl"), queries.join("\n")).unwrap();
    let qrels = format!("query-id\tcorpus-id\tscore\n{qrels}");
    fs::write(dir.join("qrels/test.tsv"), qrels).unwrap();
    BeirCollection::open(dir, "test").unwrap()
}
