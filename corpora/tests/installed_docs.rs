//! The demo corpus on this machine's own documentation. Where it is not
//! installed, the tests say so and pass: they cannot be run there.

use std::collections::HashSet;
use std::path::PathBuf;

use corpora::rust_docs::{self, CorpusFile, DropReason, Listing, Origin, PageManifest, Profile};
use corpora::rust_docs_questions;

fn listing(profile: Profile) -> Option<(Listing, PathBuf)> {
    match rust_docs::list(profile) {
        Ok(listing) => match listing.origin.clone() {
            Origin::Documentation(docs) => return Some((listing, docs.dir)),
            Origin::CratesOnly { missing } => println!("skipped: {missing}"),
        },
        Err(error) => println!("skipped: {error}"),
    }
    None
}

#[test]
fn the_guides_are_about_1490_pages() {
    let Some((listing, html)) = listing(Profile::Books) else { return };
    // The size moves a little with every release; a rule that stops working
    // moves it by hundreds.
    assert!((1_300..1_700).contains(&listing.files.len()), "{} pages", listing.files.len());
    for reason in [DropReason::Translation, DropReason::OldEdition, DropReason::Redirect] {
        assert!(
            listing.dropped.get(&reason).is_some_and(|n| *n > 50),
            "{reason}: {:?}",
            listing.dropped
        );
    }
    for CorpusFile { id, path } in &listing.files {
        assert_eq!(html.join(id.as_str().strip_prefix("rust-docs/").unwrap()), *path);
    }
}

#[test]
fn every_quoted_page_is_in_the_corpus() {
    let Some((listing, _)) = listing(Profile::Books) else { return };
    let listed: HashSet<_> = listing.files.iter().map(|file| &file.id).collect();
    for question in rust_docs_questions().unwrap() {
        for evidence in &question.evidence {
            assert!(listed.contains(&evidence.document), "{}: {}", question.id, evidence.document);
        }
    }
}

#[test]
fn the_full_profile_has_more_than_ten_thousand_documents_without_repeats() {
    let Some((listing, _)) = listing(Profile::Full) else { return };
    let ids: HashSet<_> = listing.files.iter().map(|file| &file.id).collect();
    assert_eq!(ids.len(), listing.files.len());
    assert!(listing.files.is_sorted());
    assert!(
        listing.files.len() > 10_000,
        "{} documents; dropped: {:?}",
        listing.files.len(),
        listing.dropped
    );
    assert!(ids.iter().any(|id| id.as_str() == "rust-docs/std/vec/struct.Vec.html"));
    println!("{} documents; dropped: {:?}", listing.files.len(), listing.dropped);
}

#[test]
fn the_manifest_is_that_of_the_version_it_names() {
    let Some((listing, _)) = listing(Profile::Books) else { return };
    let written = PageManifest::of_questions().unwrap();
    let installed = PageManifest::of_listing(&listing).unwrap();
    if installed.version != written.version {
        println!(
            "skipped: Rust {} is installed, the manifest is of {}",
            installed.version, written.version
        );
        return;
    }
    let changes = written.changes_to(&installed);
    assert_eq!((changes.changed, changes.missing, changes.added), (0, 0, 0));
}
