//! Documents written part by part, so that each test shows the XML it is about.

use std::io::{Cursor, Write};

use engine::{BlockKind, FieldValue};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const STYLES: &str = r#"<w:styles>
    <w:style w:styleId="H2"><w:name w:val="heading 2"/></w:style>
    <w:style w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="H2"/></w:style>
    <w:style w:styleId="Src"><w:name w:val="Source Code"/></w:style>
    <w:style w:styleId="Loop"><w:name w:val="x"/><w:basedOn w:val="Loop"/></w:style>
</w:styles>"#;

const NUMBERING: &str = r#"<w:numbering>
    <w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/></w:lvl>
        <w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl></w:abstractNum>
    <w:abstractNum w:abstractNumId="2"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val=" "/></w:lvl></w:abstractNum>
    <w:num w:numId="7"><w:abstractNumId w:val="1"/></w:num>
    <w:num w:numId="8"><w:abstractNumId w:val="2"/></w:num>
</w:numbering>"#;

fn docx(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn check(body: &str, expected: &str) {
    let document = format!("<w:document><w:body>{body}</w:body></w:document>");
    let parts = [
        ("word/document.xml", document.as_str()),
        ("word/styles.xml", STYLES),
        ("word/numbering.xml", NUMBERING),
    ];
    assert_eq!(read(docx(&parts)).unwrap().text, expected);
}

/// A paragraph with properties.
fn p(properties: &str, text: &str) -> String {
    format!(
        "<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>"
    )
}

fn numbered(id: u32, depth: u32) -> String {
    format!("<w:numPr><w:ilvl w:val=\"{depth}\"/><w:numId w:val=\"{id}\"/></w:numPr>")
}

#[test]
fn styles_give_headings_and_code() {
    let body = [
        p("<w:pStyle w:val=\"Mine\"/>", "Head &amp; more"),
        p("<w:pStyle w:val=\"Heading3\"/>", "Undefined style"),
        p("<w:pStyle w:val=\"Src\"/>", "fn f() {"),
        p("<w:pStyle w:val=\"Src\"/>", "    x"),
        p("<w:pStyle w:val=\"Loop\"/>", "Text  with &#8217; blanks"),
    ];
    check(
        &body.concat(),
        "Head & more\n\nUndefined style\n\nfn f() {\n    x\n\nText with \u{2019} blanks",
    );
}

#[test]
fn lists_count_nest_and_restart() {
    let items =
        [(7, 0, "three"), (7, 1, "under"), (7, 0, "four"), (8, 0, "unmarked"), (0, 0, "out")];
    let body: String = items.map(|(id, depth, text)| p(&numbered(id, depth), text)).concat();
    check(&body, "3. three\n  - under\n4. four\n\nunmarked\n\nout");
}

#[test]
fn tables_breaks_deletions_and_hidden_text() {
    let body = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc>\
        <w:tc><w:tbl><w:tr><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>\
        <w:p><w:r><w:t>one</w:t><w:br/><w:t>two</w:t><w:br w:type=\"page\"/></w:r>\
        <w:del><w:r><w:t>gone</w:t></w:r></w:del><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>\
        <w:r><w:tab/><w:t>three</w:t></w:r></w:p>";
    check(body, "a b | c\n\none\ntwo three");
}

#[test]
fn properties_become_title_and_fields() {
    let document = "<w:document><w:p><w:r><w:t>x</w:t></w:r></w:p></w:document>";
    let core = "<cp:coreProperties><dc:title>T &amp; U</dc:title><dc:creator>Ada</dc:creator>\
        <dcterms:created>1970-01-01T00:00:09Z</dcterms:created></cp:coreProperties>";
    let parsed =
        read(docx(&[("word/document.xml", document), ("docProps/core.xml", core)])).unwrap();
    assert_eq!(parsed.title, "T & U");
    assert_eq!(parsed.fields["author"], FieldValue::Text("Ada".to_owned()));
    assert_eq!(parsed.fields["created"], FieldValue::Timestamp(9));
    assert_eq!(parsed.blocks[0].kind, BlockKind::Paragraph);
}

#[test]
fn what_is_no_docx_is_named() {
    let check = |bytes: Vec<u8>, expected: &str| {
        assert_eq!(read(bytes).err().unwrap().label(), expected);
    };
    check(b"PK\x03\x04 cut off".to_vec(), "broken file");
    check(docx(&[("other.xml", "<x/>")]), "broken file");
    check(docx(&[("word/document.xml", "<w:p><w:r></w:p>")]), "broken file");
    check(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest".to_vec(), "password protected");
}

#[test]
fn a_small_archive_cannot_unpack_without_end() {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("word/document.xml", SimpleFileOptions::default()).unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..=(MAX_DOCX_PART_BYTES >> 20) {
        archive.write_all(&blanks).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    assert!(bytes.len() < 2 << 20);
    assert_eq!(read(bytes).err().unwrap().label(), "too large");
}
