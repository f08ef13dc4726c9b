//! Seeds of every format, mutated: a reader gives a lawful text or a reason, in time.

#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use std::fmt::Write as _;
use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{check_laws, read_as};
use mutate::Mutator;

/// Longest time for one input of at most 64 KiB, on a busy machine.
const SLOW: Duration = Duration::from_secs(20);

const HTML: &str = r#"<!doctype html><html lang="en"><head><title>A &lt;b&gt; page</title></head><body><main>
<h1 id=a>Feeding</h1><p>Feed <em>it</em> &amp; wait&nbsp;a day.<ul><li>one<ol><li>two</ol></ul>
<table><tr><th>a<td>b</table><pre><code class="language-rust">fn f() { "x" }</code></pre>
<svg><foreignObject><p>in</p></foreignObject></svg><math><mi>x</math><!-- c --><script>let a = "</p>"</script>"#;

const MARKDOWN: &str = "---\ntitle: A page\nyear: 2021\ntags: [a, \"b\"]\n---\n# Feeding\n\n- one\n  1. two\n\n\
| a | b |\n|---|---|\n| `c` | d |\n\n```rust\nfn f() {}\n```\n\nA [link](x \"y\")[^1] and <b>html</b>.\n\n[^1]: note\n";

const DOCUMENT_XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?><w:document
xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Feeding</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">Feed it </w:t><w:br/><w:t>daily &amp; well.</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>"#;

/// The objects of a page of two lines.
const PDF: &str = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n\
3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R\n\
/Resources << /Font << /F1 5 0 R >> >> >>\nendobj\n\
4 0 obj\n<< /Length 77 >>\nstream\nBT /F1 12 Tf 50 250 Td (Feeding a zyzzyva) Tj 0 -20 Td (takes leaves.) Tj ET\n\
endstream\nendobj\n\
5 0 obj\n<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>\nendobj\n";

/// Objects, mutated perhaps, with a table that says where each begins: a reader that
/// cannot find them would see little of the mutation.
fn pdf(objects: Vec<u8>) -> Vec<u8> {
    let mut table = format!("xref\n0 6\n{:010} 65535 f \n", 0);
    for number in 1..6 {
        let head = format!("{number} 0 obj");
        let found = objects.windows(head.len()).position(|at| at == head.as_bytes());
        let offset = found.unwrap_or(0);
        writeln!(table, "{offset:010} 00000 n ").unwrap();
    }
    let start = objects.len();
    let end = format!("{table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    [objects, end.into_bytes()].concat()
}

fn docx(document: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("word/document.xml", SimpleFileOptions::default()).unwrap();
    archive.write_all(document).unwrap();
    archive.finish().unwrap().into_inner()
}

fn check(name: &str, seeds: &[Vec<u8>], packed: impl Fn(Vec<u8>) -> Vec<u8>) {
    let mut mutator = Mutator::start();
    let mut n_read = 0;
    while let Some(input) = mutator.next(seeds) {
        let input = packed(input);
        let begun = Instant::now();
        if let Ok(document) = read_as(name, &input) {
            check_laws(&document);
            n_read += 1;
        }
        let took = begun.elapsed();
        assert!(took < SLOW, "{took:?} for {:?}", String::from_utf8_lossy(&input));
    }
    println!("{name}: {} inputs, of which {n_read} were read", mutator.n_given);
    assert!(mutator.n_given > 0);
}

fn plain(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[test]
fn mutated_html() {
    check("a.html", &[plain(HTML), plain(include_str!("../formats_page.html"))], |input| input);
}

#[test]
fn mutated_markdown() {
    check("a.md", &[plain(MARKDOWN)], |input| input);
}

#[test]
fn mutated_pdf() {
    let whole = read_as("whole.pdf", &pdf(plain(PDF))).expect("the seed is a whole one");
    assert!(whole.text.contains("takes leaves"), "{}", whole.text);
    check("a.pdf", &[plain(PDF)], pdf);
    check("b.pdf", &[pdf(plain(PDF))], |input| input);
}

#[test]
fn mutated_docx() {
    check("a.docx", &[plain(DOCUMENT_XML)], |input| docx(&input));
    check("b.docx", &[docx(DOCUMENT_XML.as_bytes())], |input| input);
}
