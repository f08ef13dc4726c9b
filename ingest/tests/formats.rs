//! What must hold for every reader and any input, and for real pages.

#[path = "formats/mutations.rs"]
mod mutations;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::{BlockKind, Document, DocumentId};
use ingest::formats::{Format, read};
use ingest::source::{Content, FormatChoice, SkipReason, SourceItem, open};
use proptest::prelude::*;

/// Reads content as a file of the given name.
fn read_as(name: &str, content: &[u8]) -> Result<Document, SkipReason> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a writable file");
    read_path(&path)
}

fn read_path(path: &Path) -> Result<Document, SkipReason> {
    let mut source = open(&[path.to_owned()], FormatChoice::Auto).expect("a readable path");
    let item = source.next().expect("one item").map_err(|skipped| skipped.reason)?;
    read(&item)
}

#[test]
fn a_verbatim_text_keeps_every_byte_and_its_title_apart() {
    let text = "  # No heading\r\n\r\n\u{feff}tabs\tand  blanks\n\nend \n";
    let item = |content| SourceItem {
        id: DocumentId::new("d").unwrap(),
        title: Some("T".to_owned()),
        format: Format::Record,
        content,
        fields: BTreeMap::new(),
        origin: "memory".to_owned(),
        root: 0,
    };
    let document = read(&item(Content::Verbatim(text.to_owned()))).unwrap();
    assert_eq!((document.title.as_str(), document.text.as_str()), ("T", text));
    assert!(document.blocks.iter().all(|block| block.kind == BlockKind::Paragraph));
    let record = read(&item(Content::Text(text.to_owned()))).unwrap();
    assert_eq!(record.text, format!("T\n\n{text}"));
}

/// The laws of a canonical text.
fn check_laws(document: &Document) {
    document.check().expect("a valid document");
    assert!(!document.text.trim().is_empty());
    let mut outside = document.text.clone();
    for block in &document.blocks {
        let text = block.span.slice(&document.text).expect("a span inside the text");
        assert!(!text.trim().is_empty(), "an empty block: {block:?}");
        if matches!(block.kind, BlockKind::Heading { .. }) {
            assert!(!text.contains('\n'), "a heading of two lines: {text:?}");
        }
        if !matches!(block.kind, BlockKind::Code { .. }) {
            assert!(!text.trim_start().contains("  "), "blanks not collapsed: {text:?}");
            assert!(!text.contains(['\u{a0}', '\t', '\u{200b}', '\u{ad}']), "{text:?}");
        }
        outside.replace_range(block.span.range(), &" ".repeat(block.span.len()));
    }
    assert!(outside.trim().is_empty(), "text outside blocks: {:?}", outside.trim());
    assert!(!document.text.contains(['\r', '\0']));
}

/// Pieces of markup that trees are built from, well formed together or not.
fn soup() -> impl Strategy<Value = String> {
    let tags = [
        "p",
        "div",
        "b",
        "i",
        "a href=#x",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "tr",
        "td",
        "th",
        "h1",
        "h2 id=q",
        "h6",
        "pre",
        "code class=language-rust",
        "main",
        "section id=s",
        "section class=impl",
        "summary",
        "span class=structfield",
        "br",
        "hr",
        "template",
        "svg",
        "style",
        "script",
        "title",
        "select",
        "option",
        "form",
        "nav",
        "blockquote",
        "body",
        "html",
    ];
    let name = |tag: &str| tag.split(' ').next().unwrap_or("").to_owned();
    let piece = prop_oneof![
        4 => prop::sample::select(tags.to_vec()).prop_map(|tag| format!("<{tag}>")),
        3 => prop::sample::select(tags.to_vec()).prop_map(move |tag| format!("</{}>", name(tag))),
        3 => "[ a-z\\n\u{a0}\u{200b}é&;]{0,12}",
        1 => Just("<meta name=\"generator\" content=\"rustdoc\"><section id=main-content>".to_owned()),
        1 => Just("<!-- Book generated using mdBook -->".to_owned()),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A text that a reader may refuse but must not break on.
fn check_any(name: &str, content: &[u8]) {
    if let Ok(document) = read_as(name, content) {
        check_laws(&document);
        let again = read_as(name, content).expect("the same result");
        assert_eq!((&document.text, &document.blocks), (&again.text, &again.blocks));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_html_gives_lawful_text(html in soup()) {
        check_any("page.html", html.as_bytes());
    }

    #[test]
    fn any_bytes_give_lawful_text_or_a_reason(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        name in prop::sample::select(vec!["a.html", "a.md", "a.txt", "a.rs", "a.py", "a.docx"]),
    ) {
        check_any(name, &bytes);
    }

    #[test]
    fn any_markdown_gives_lawful_text(
        lines in prop::collection::vec("[ #>*+`|0-9.\\-\\[\\]()<>a-c\u{a0}\t]{0,16}", 0..30),
    ) {
        check_any("page.md", lines.join("\n").as_bytes());
    }

    #[test]
    fn any_rust_gives_lawful_text(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "pub", "fn", "a", "b", "{", "}", "(", ")", ";", ",", "struct", "enum", "impl", "trait",
                "mod", "for", "const", "=", "\n/// doc `x`\n", "\n//! inner\n", "/** d */", "#[x]", "'a",
                "\"s\"", "'{'", "macro_rules", "!", "<", ">", "/*", "\"",
            ]),
            0..60,
        ),
    ) {
        check_any("lib.rs", tokens.join(" ").as_bytes());
    }

    #[test]
    fn damaged_pages_are_still_read(at in 0usize..2000, with in any::<char>()) {
        let page = include_str!("formats_page.html");
        let at = page.char_indices().map(|(at, _)| at).nth(at % page.chars().count()).unwrap_or(0);
        check_any("page.html", format!("{}{with}{}", &page[..at], &page[at + 1..]).as_bytes());
    }
}

/// Where the documentation of the toolchain is, if it is.
fn toolchain_docs() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let docs =
        PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()).join("share/doc/rust/html");
    docs.join("book").is_dir().then_some(docs)
}

#[test]
fn pages_of_the_toolchain_are_read() {
    let Some(docs) = toolchain_docs() else {
        println!("left out: this toolchain has no documentation (rustup component add rust-docs)");
        return;
    };
    let mut n_read = 0;
    for folder in
        ["book", "cargo/reference", "nomicon", "reference/items", "std/option", "std/collections"]
    {
        let mut pages: Vec<PathBuf> = fs::read_dir(docs.join(folder))
            .expect("a folder of pages")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
            .collect();
        pages.sort();
        for page in pages.iter().take(12) {
            match read_path(page) {
                Ok(document) => {
                    check_laws(&document);
                    assert!(!document.title.is_empty(), "{} has no title", page.display());
                    n_read += 1;
                }
                Err(SkipReason::Redirect { .. } | SkipReason::PrintPage) => {}
                Err(reason) => panic!("{}: {reason}", page.display()),
            }
        }
    }
    assert!(n_read > 40, "only {n_read} pages were read");
}
