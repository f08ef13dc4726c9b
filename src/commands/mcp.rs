//! `trovato mcp`: answer an agent over standard input and output.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use server::{CollectionSource, Limits, QueryVectors};

use super::serve::{Encoders, NamedIndex, open};
use crate::options::RerankArgs;

const EXAMPLES: &str = "\
Examples:
  trovato mcp --index notes.trovato
  trovato mcp --index rust=rust.trovato --index notes=notes.trovato --rerank default

A host of the Model Context Protocol starts this command and speaks with it over its standard
streams; what goes wrong is told on standard error. docs/agents.md has the settings of common
hosts. `trovato serve` answers the same protocol over HTTP, at /mcp.
Tools: search, read_document, explain, list_collections; documents are resources as well.
Commits made to an index while it is served are picked up within seconds.";

/// Memory for vectors of queries: an agent often asks again in other ways.
const QUERY_VECTOR_BYTES: u64 = 16 << 20;

/// Answer an agent over standard input and output (Model Context Protocol)
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct McpArgs {
    /// An index, and the name agents know it by (by default the folder's, without its
    /// extension); the first one answers calls that name none
    #[arg(long = "index", value_name = "[NAME=]DIR", required = true, num_args = 1..,
          value_parser = named_index)]
    indexes: Vec<NamedIndex>,

    #[command(flatten)]
    rerank: RerankArgs,
}

fn named_index(text: &str) -> Result<NamedIndex, String> {
    if text.contains('=') {
        return text.parse();
    }
    match Path::new(text).file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) => Ok(NamedIndex { name: stem.to_owned(), dir: PathBuf::from(text) }),
        None => Err(format!("{text:?} gives no name; write NAME={text}")),
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: McpArgs) -> anyhow::Result<()> {
    let McpArgs { indexes, rerank } = args;
    let encoders = Arc::new(Encoders::new(QueryVectors::new(QUERY_VECTOR_BYTES)));
    let collections = indexes
        .into_iter()
        .map(|NamedIndex { name, dir }| {
            let (encoders, rerank) = (Arc::clone(&encoders), rerank.clone());
            CollectionSource::deferred(name, move || Ok(open(&dir, &encoders, &rerank, false)?))
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(server::serve_mcp_stdio(collections, Limits::default()));
    // A thread that still reads standard input, or opens an index, must not keep the
    // process.
    runtime.shutdown_background();
    Ok(ended?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_its_collection_unless_told_otherwise() {
        let named = |text| named_index(text).map(|index| (index.name, index.dir));
        for (text, name, dir) in [
            ("notes.trovato", "notes", "notes.trovato"),
            ("a/b/rust/", "rust", "a/b/rust/"),
            ("docs=a/b.trovato", "docs", "a/b.trovato"),
        ] {
            assert_eq!(named(text), Ok((name.to_owned(), PathBuf::from(dir))), "{text}");
        }
        for text in ["/", "..", "", "=dir", "name="] {
            assert!(named(text).is_err(), "{text}");
        }
    }
}
