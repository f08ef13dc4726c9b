//! Opening paths: which source they get, how roots and ids are named.

use std::fs;

use super::*;
use crate::formats::read;

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Ids of items, and labels of skips in brackets.
fn ids(source: &mut dyn DocumentSource) -> Vec<String> {
    std::iter::from_fn(|| source.next())
        .map(|result| match result {
            Ok(item) => item.id.to_string(),
            Err(skipped) => format!("[{}]", skipped.reason.label()),
        })
        .collect()
}

#[test]
fn roots_of_one_name_are_told_apart_and_own_their_documents() {
    let folder =
        Folder::with(&[("a/docs/x.md", "# x"), ("b/docs/x.md", "# y"), ("docs.md", "# z")]);
    let paths = [folder.path("a/docs"), folder.path("b/docs"), folder.path("docs.md")];
    let mut source = open(&paths, FormatChoice::Auto).unwrap();
    let names: Vec<_> = source.roots().iter().map(|root| root.name.clone()).collect();
    assert_eq!(names, ["docs", "docs-2", "docs.md"]);
    assert_eq!(source.len_hint(), Some(3));
    let items: Vec<_> = std::iter::from_fn(|| source.next()).map(Result::unwrap).collect();
    let found: Vec<_> = items.iter().map(|item| (item.id.as_str(), item.root)).collect();
    assert_eq!(found, [("docs/x.md", 0), ("docs-2/x.md", 1), ("docs.md", 2)]);
    for item in &items {
        let owners: Vec<_> =
            source.roots().iter().filter(|root| root.owns(&item.id) == Some(true)).collect();
        assert_eq!(owners, [&source.roots()[item.root]]);
    }
}

#[test]
fn collections_are_recognised_and_read_to_the_byte() {
    let corpus = "{\"_id\": \"1\", \"title\": \"T\", \"text\": \"a  b\\nc\", \"metadata\": {\"url\": \"u\"}}\n";
    let folder = Folder::with(&[
        ("set/corpus.jsonl", corpus),
        ("set/queries.jsonl", "{}\n"),
        ("set/qrels/test.tsv", ""),
    ]);
    let mut source = open(&[folder.path("set")], FormatChoice::Auto).unwrap();
    assert_eq!((source.roots()[0].name.as_str(), source.len_hint()), ("set", Some(1)));
    let item = source.next().unwrap().unwrap();
    assert_eq!(source.roots()[0].owns(&item.id), None);
    let document = read(&item).unwrap();
    assert_eq!((document.id.as_str(), document.title.as_str()), ("1", "T"));
    assert_eq!(document.text, "T\n\na  b\nc");
    assert_eq!(document.fields["metadata.url"], FieldValue::Text("u".to_owned()));
    assert_eq!(document.fields["format"], FieldValue::Text("record".to_owned()));
    assert!(source.next().is_none());
}

#[test]
fn an_id_is_given_once() {
    let folder = Folder::with(&[
        ("a.jsonl", "{\"id\": \"x\", \"text\": \"1\"}\n{\"id\": \"y\", \"text\": \"2\"}\n"),
        ("b.jsonl", "{\"id\": \"y\", \"text\": \"3\"}\n{\"id\": \"z\", \"text\": \"4\"}\n"),
    ]);
    let mut source =
        open(&[folder.path("a.jsonl"), folder.path("b.jsonl")], FormatChoice::Jsonl).unwrap();
    assert_eq!(ids(source.as_mut()), ["x", "y", "[duplicate id]", "z"]);
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let folder = Folder::with(&[("picture.png", "\u{89}PNG"), ("empty/x.md", "x")]);
    let check = |paths: &[PathBuf], format, expected: &str| {
        let message = open(paths, format).err().unwrap().to_string();
        assert!(message.contains(expected), "{message}");
    };
    check(&[], FormatChoice::Auto, "name at least one");
    check(&[folder.path("gone")], FormatChoice::Auto, "check the spelling");
    check(&[folder.path("picture.png")], FormatChoice::Auto, "no reader for .png");
    check(&[folder.path("empty")], FormatChoice::Beir, "it has no corpus.jsonl");
    assert!("pdf".parse::<FormatChoice>().unwrap_err().to_string().contains("auto, beir, jsonl"));
}

#[test]
fn a_list_of_files_keeps_its_ids_and_reports_what_is_missing() {
    let folder = Folder::with(&[("a.md", "text"), ("b.bin", "x")]);
    let root = Root { name: "corpus".to_owned(), path: folder.path(""), ids: IdScheme::Paths };
    let files = ["a.md", "gone", "b.bin"].map(|name| ListedFile {
        path: folder.path(name),
        id: DocumentId::new(format!("corpus/{name}")).unwrap(),
        title: None,
    });
    let mut source = FileListSource::new(root, files.to_vec());
    assert_eq!(ids(&mut source), ["corpus/a.md", "[unreadable]", "[unsupported format]"]);
}

#[test]
fn files_without_a_title_are_called_by_their_path() {
    let folder =
        Folder::with(&[("lib/src/deep/mod.rs", "/// A.\npub fn a() {}"), ("lib/b.md", "# B\n")]);
    let mut source = open(&[folder.path("lib")], FormatChoice::Auto).unwrap();
    let titles: Vec<_> = std::iter::from_fn(|| source.next())
        .map(|item| read(&item.unwrap()).unwrap().title)
        .collect();
    assert_eq!(titles, ["B", "src/deep/mod.rs"]);
}
