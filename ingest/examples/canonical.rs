//! Prints what a file becomes: its title, its fields, its blocks.
//!
//! `cargo run -p ingest --example canonical -- FILE...` shows each block behind
//! its kind, which is the quickest way to see what a reader makes of a page.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use ingest::formats::read;
use ingest::source::{FormatChoice, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut source = open(&paths, FormatChoice::Auto)?;
    let mut out = BufWriter::new(stdout().lock());
    while let Some(item) = source.next() {
        let document = item
            .map_err(|skipped| skipped.to_string())
            .and_then(|item| read(&item).map_err(|reason| format!("{}: {reason}", item.origin)));
        match document {
            Ok(document) => {
                writeln!(out, "== {} | {} | {:?}", document.id, document.title, document.fields)?;
                for block in &document.blocks {
                    let text = block.span.slice(&document.text).unwrap_or("");
                    writeln!(out, "{:?}\n{text}\n", block.kind)?;
                }
            }
            Err(problem) => writeln!(out, "-- {problem}")?,
        }
    }
    Ok(out.flush()?)
}
