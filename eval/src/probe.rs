//! A probe: a hash of what analyser, chunker and encoder do to fixed texts.
//!
//! Names and versions do not tell that a stemmer was exchanged, a tokenizer
//! fixed or a model file replaced. Their outputs do, so the outputs are part of
//! an evaluation index's key, and a changed component never meets an index that
//! was built with another.

use std::collections::BTreeMap;

use engine::Encoder;
use engine::{
    Chunk, Document, DocumentId, EncoderIdentity, HashEncoder, Index, Manifest, NearDuplicates,
    SearchRequest, Signature, Span, Strategy, TextRole, WriterOptions,
};
use ingest::chunk::SizedChunk;

use crate::error::EvalError;
use crate::indexing::Recipe;

/// Texts that reach the branches of a chunker and an analyser: headings, code,
/// lists, long and short sentences, identifiers, accents, numbers, CJK.
const TEXTS: [(&str, &str); 3] = [
    (
        "Owning values",
        "Owning values\n\nEvery value has one owner. When the owner goes out of scope, Dr. Drop frees it; \
         moving a value changes its owner, e.g. by `let b = a;`.\n\nBorrowing\n\nfn main() {\n    let s = \
         String::from(\"hello\");\n    println!(\"{}\", s.len());\n}\n\n- A shared reference only reads.\n- A \
         mutable one is exclusive: see E0499 and E0502.\n",
    ),
    (
        "Measurements",
        "Measurements\n\nBetween 1998 and 2004 the mean fell from 12.5 to 11.75 (p < .001). Its causes, as the \
         naïve reading of Müller's café study has it, are running costs; others disagree, arguing that \
         `read_to_string`, HashMap<K, V> and std::collections::BTreeMap were compared on different machines.\n",
    ),
    ("検索", "検索エンジンは文書を探す。\n\nhybrid search mixes words and vectors. 🦀\n"),
];

/// Queries over those texts: stems, identifiers in whole and in parts, a
/// phrase, a required word, CJK.
const QUERIES: [&str; 6] = [
    "owners borrowed values",
    "HashMap",
    "btree map collections",
    "\"shared reference\" +reads",
    "E0499",
    "検索",
];

/// The probe of a recipe, in hexadecimal.
///
/// # Errors
/// Whatever the components answer to the fixed texts; [`EvalError::Io`] when no
/// temporary folder can be made.
pub fn probe(recipe: &Recipe) -> Result<String, EvalError> {
    let documents = documents()?;
    let mut hasher = blake3::Hasher::new();
    probe_chunker(recipe, &documents, &mut hasher)?;
    probe_encoder(recipe, &documents, &mut hasher)?;
    probe_analyser(&documents, &mut hasher)?;
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

fn documents() -> Result<Vec<Document>, EvalError> {
    TEXTS
        .iter()
        .map(|(title, text)| {
            Ok(Document {
                id: DocumentId::new(*title)?,
                title: (*title).to_owned(),
                text: (*text).to_owned(),
                blocks: Vec::new(),
                fields: BTreeMap::new(),
            })
        })
        .collect()
}

fn probe_chunker(
    recipe: &Recipe,
    documents: &[Document],
    hasher: &mut blake3::Hasher,
) -> Result<(), EvalError> {
    let chunker = recipe.build_chunker();
    hasher.update(&ingest::chunk::REVISION.to_le_bytes());
    for document in documents {
        for SizedChunk { chunk, within, .. } in chunker.cut(document)? {
            if let Some(within) = within {
                probe_spans(recipe, document, (within, chunk.span), hasher)?;
            }
            hasher.update(&chunk.span.start.to_le_bytes());
            hasher.update(&chunk.span.end.to_le_bytes());
            if let Some(parent) = chunk.parent {
                hasher.update(&parent.start.to_le_bytes());
                hasher.update(&parent.end.to_le_bytes());
            }
            hasher.update(chunk.encoder_text(&document.text).as_bytes());
        }
    }
    Ok(())
}

/// Where a chunk is encoded within its document, and what comes of it.
fn probe_spans(
    recipe: &Recipe,
    document: &Document,
    (within, chunk): (Span, Span),
    hasher: &mut blake3::Hasher,
) -> Result<(), EvalError> {
    hasher.update(&within.start.to_le_bytes());
    hasher.update(&within.end.to_le_bytes());
    let from_start = |at: u32| at.saturating_sub(within.start);
    let span = Span { start: from_start(chunk.start), end: from_start(chunk.end) };
    let text = within.slice(&document.text).unwrap_or("");
    for value in recipe.encoder.encode_spans(text, &[span])?.values() {
        hasher.update(&value.to_bits().to_le_bytes());
    }
    Ok(())
}

fn probe_encoder(
    recipe: &Recipe,
    documents: &[Document],
    hasher: &mut blake3::Hasher,
) -> Result<(), EvalError> {
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    for role in [TextRole::Passage, TextRole::Query] {
        for value in recipe.encoder.encode(&texts, role)?.values() {
            hasher.update(&value.to_bits().to_le_bytes());
        }
    }
    Ok(())
}

/// The analyser is the engine's own business, so it is probed where it shows:
/// in the scores of a small index. Vectors play no part in them.
fn probe_analyser(documents: &[Document], hasher: &mut blake3::Hasher) -> Result<(), EvalError> {
    let folder = tempfile::tempdir().map_err(EvalError::io(&std::env::temp_dir()))?;
    let encoder = HashEncoder::new(8, 64);
    let manifest = Manifest::new(EncoderIdentity::of(&encoder), "whole");
    // The options that indexes are created with: fields, stemmer, graphs.
    hasher.update(format!("{manifest:?}").as_bytes());
    let index = Index::create(&folder.path().join("index"), manifest, None)?;
    let mut writer = index.writer(WriterOptions::default())?;
    for document in documents {
        let chunk = Chunk::plain(Span::new(0, document.text.len()));
        let vectors = encoder.encode(&[&document.text], TextRole::Passage)?;
        writer.upsert(document, Signature([0; 32]), &[chunk], &vectors)?;
    }
    writer.commit()?;
    drop(writer);
    index.refresh()?;
    let searcher = index.searcher();
    for query in QUERIES {
        let request = SearchRequest {
            strategy: Strategy::Lexical,
            near_duplicates: NearDuplicates::List,
            ..SearchRequest::new(query)
        };
        let outcome = searcher
            .search(&request)
            .map_err(|source| EvalError::Search { topic: query.to_owned(), source })?;
        for hit in outcome.hits {
            hasher.update(hit.document.as_str().as_bytes());
            hasher.update(&hit.score.to_bits().to_le_bytes());
        }
        hasher.update(query.as_bytes());
    }
    Ok(())
}
