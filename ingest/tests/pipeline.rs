//! The pipeline over folders of small text files: what is done, what is left
//! alone, what is refused, and that nothing depends on the threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{
    DocumentId, Embeddings, EncodeError, Encoder, EncoderIdentity, HashEncoder, Index, IndexInfo,
    Manifest, SearchRequest, StoredDocument, Strategy, TextRole, WriterOptions,
};
use ingest::chunk::{Chunker, ChunkerParts, ChunkerSpec, WordSizer};
use ingest::pipeline::{
    Consent, Event, IngestError, IngestOptions, Progress, Prune, Silent, ingest,
};
use ingest::report::{IngestReport, PruneOutcome};
use ingest::source::{
    Content, DocumentSource, FormatChoice, IdScheme, Root, SkipReason, Skipped, SourceItem, open,
};

const DIM: usize = 16;
const WORDS: usize = 64;

/// Counts texts, refuses some, takes its time.
#[derive(Default)]
struct TestEncoder {
    encoded: Mutex<Vec<String>>,
    refused: Option<&'static str>,
    delay: Duration,
    panics: bool,
}

impl Encoder for TestEncoder {
    fn name(&self) -> &'static str {
        "test"
    }

    fn fingerprint(&self) -> &'static str {
        "test-v1"
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn max_tokens(&self) -> usize {
        WORDS
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        assert!(!self.panics, "the encoder panics");
        std::thread::sleep(self.delay);
        let refused = |text: &&str| self.refused.is_some_and(|word| text.contains(word));
        if let Some(index) = texts.iter().position(refused) {
            return Err(EncodeError::NonFinite { index });
        }
        self.encoded.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
        HashEncoder::new(DIM, WORDS).encode(texts, role)
    }
}

/// A folder of files, an index, and what is needed to bring one to the other.
struct Bench {
    folder: tempfile::TempDir,
    index: Index,
    encoder: TestEncoder,
    chunker: Box<dyn Chunker>,
    options: IngestOptions,
}

impl Bench {
    fn new() -> Self {
        Self::with_chunker("fixed:32/0")
    }

    fn with_chunker(spec: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let encoder = TestEncoder::default();
        let manifest = Manifest::new(EncoderIdentity::of(&encoder), spec);
        let index = Index::create(&folder.path().join("index"), manifest, None).unwrap();
        Self { folder, index, encoder, chunker: chunker(spec), options: options(2) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Ingests the named folders.
    fn run(&self, roots: &[&str]) -> IngestReport {
        let paths: Vec<_> = roots.iter().map(|root| self.path(root)).collect();
        let mut source = open(&paths, FormatChoice::Auto).unwrap();
        self.ingest(source.as_mut(), &Silent).unwrap()
    }

    fn ingest(
        &self,
        source: &mut dyn DocumentSource,
        progress: &dyn Progress,
    ) -> Result<IngestReport, IngestError> {
        let mut writer = self.index.writer(WriterOptions::default()).unwrap();
        let chunker = self.chunker.as_ref();
        let report = ingest(source, chunker, &self.encoder, &mut writer, &self.options, progress);
        drop(writer);
        self.index.refresh().unwrap();
        report
    }

    fn info(&self) -> IndexInfo {
        self.index.info().unwrap()
    }

    fn document(&self, id: &str) -> Option<StoredDocument> {
        self.index.searcher().document(&DocumentId::new(id).unwrap()).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> =
            self.index.searcher().document_ids().iter().map(ToString::to_string).collect();
        ids.sort();
        ids
    }

    fn n_encoded(&self) -> usize {
        self.encoder.encoded.lock().unwrap().len()
    }
}

fn chunker(spec: &str) -> Box<dyn Chunker> {
    let sizer = Arc::new(WordSizer::for_encoder(WORDS));
    let parts = ChunkerParts { sizer, encoder: Arc::new(HashEncoder::new(DIM, WORDS)) };
    ChunkerSpec::parse(spec).unwrap().build(&parts)
}

fn options(threads: usize) -> IngestOptions {
    IngestOptions { threads, ..IngestOptions::default() }
}

fn counts(report: &IngestReport) -> (usize, usize, usize, usize, usize) {
    let duplicates = report.duplicates.len();
    (report.new, report.changed, report.unchanged, report.removed, duplicates)
}

#[test]
fn new_unchanged_and_changed_documents() {
    let bench = Bench::new();
    bench.write("docs/a.txt", "the borrow checker complains");
    bench.write("docs/sub/b.txt", "cargo builds packages");
    let report = bench.run(&["docs"]);
    assert_eq!(counts(&report), (2, 0, 0, 0, 0), "{report:?}");
    assert_eq!((report.chunks, report.tokens), (2, 7));
    assert_eq!(bench.ids(), ["docs/a.txt", "docs/sub/b.txt"]);
    assert_eq!(bench.n_encoded(), 2);

    // The same files, one of them touched: nothing is cut, encoded or written.
    let later = std::time::SystemTime::now() + Duration::from_secs(100);
    fs::File::options()
        .append(true)
        .open(bench.path("docs/a.txt"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    let generation = bench.info().generation;
    let report = bench.run(&["docs"]);
    assert_eq!(counts(&report), (0, 0, 2, 0, 0));
    assert_eq!((bench.n_encoded(), report.chunks), (2, 0));
    assert_eq!(bench.info().generation, generation);

    bench.write("docs/a.txt", "lifetimes are inferred");
    let report = bench.run(&["docs"]);
    assert_eq!(counts(&report), (0, 1, 1, 0, 0));
    assert_eq!(bench.n_encoded(), 3);
    assert_eq!(bench.document("docs/a.txt").unwrap().text.trim(), "lifetimes are inferred");
    let found = |query: &str| {
        let request = SearchRequest { strategy: Strategy::Lexical, ..SearchRequest::new(query) };
        bench.index.searcher().search(&request).unwrap().hits.len()
    };
    assert_eq!((found("borrow"), found("lifetimes")), (0, 1));
}

#[test]
fn another_recipe_makes_every_document_a_changed_one() {
    let mut bench = Bench::new();
    bench.write("docs/a.txt", "one two three");
    bench.run(&["docs"]);
    bench.chunker = chunker("sentence:32/0");
    assert_eq!(counts(&bench.run(&["docs"])), (0, 1, 0, 0, 0));
}

#[test]
fn duplicates_are_stored_once() {
    let bench = Bench::new();
    bench.write("docs/a.txt", "the same words");
    bench.write("docs/b.txt", "the same words");
    bench.write("docs/c.txt", "other words");
    let report = bench.run(&["docs"]);
    assert_eq!(counts(&report), (3, 0, 0, 0, 1));
    assert_eq!(
        (report.duplicates[0].id.as_str(), report.duplicates[0].of.as_str()),
        ("docs/b.txt", "docs/a.txt")
    );
    assert_eq!((bench.info().documents, bench.info().duplicates), (2, 1));
    assert_eq!(bench.document("docs/b.txt").unwrap().text, "the same words");
    assert_eq!(counts(&bench.run(&["docs"])), (0, 0, 3, 0, 0));
    assert_eq!(bench.n_encoded(), 2);
}

#[test]
fn a_duplicate_becomes_a_document_when_its_original_changes() {
    for (original, duplicate) in [("docs/a.txt", "docs/b.txt"), ("docs/b.txt", "docs/a.txt")] {
        let bench = Bench::new();
        // The original is the one that is there first.
        bench.write(original, "the same words");
        bench.run(&["docs"]);
        bench.write(duplicate, "the same words");
        let report = bench.run(&["docs"]);
        assert_eq!(counts(&report), (1, 0, 1, 0, 1), "{original}");
        let id = DocumentId::new(original).unwrap();
        assert_eq!(bench.document(duplicate).unwrap().duplicate_of, Some(id));

        bench.write(original, "something else");
        let report = bench.run(&["docs"]);
        assert_eq!(report.skipped, []);
        assert_eq!(bench.document(original).unwrap().text, "something else");
        let stored = bench.document(duplicate).unwrap();
        assert_eq!((stored.text.as_str(), stored.duplicate_of), ("the same words", None));
        assert_eq!((bench.info().documents, bench.info().duplicates), (2, 0));
    }
}

#[test]
fn duplicates_outlive_their_original() {
    let mut bench = Bench::new();
    for name in ["a", "b", "c", "d"] {
        bench.write(&format!("docs/{name}.txt"), "the same words");
    }
    bench.run(&["docs"]);
    assert_eq!((bench.info().documents, bench.info().duplicates), (1, 3));
    bench.remove("docs/a.txt");
    bench.options.prune = Prune::Remove;
    let report = bench.run(&["docs"]);
    assert_eq!(report.removed, 1);
    assert_eq!(bench.ids(), ["docs/b.txt", "docs/c.txt", "docs/d.txt"]);
    assert_eq!((bench.info().documents, bench.info().duplicates), (1, 2));
    assert_eq!(bench.document("docs/d.txt").unwrap().text, "the same words");
    assert_eq!(counts(&bench.run(&["docs"])), (0, 0, 3, 0, 0));
}

#[test]
fn duplicates_survive_a_new_recipe_and_are_not_sought_across_roots() {
    let mut bench = Bench::new();
    bench.write("docs/a.txt", "the same words");
    bench.write("docs/b.txt", "the same words");
    bench.write("more/a.txt", "the same words");
    let report = bench.run(&["docs", "more"]);
    assert_eq!(counts(&report), (3, 0, 0, 0, 1));
    assert_eq!(report.repeated_texts, 1);
    bench.chunker = chunker("sentence:32/0");
    let report = bench.run(&["docs"]);
    assert_eq!(counts(&report), (0, 2, 0, 0, 1));
    assert_eq!((bench.info().documents, bench.info().duplicates), (2, 1));
}

#[test]
fn equal_texts_are_encoded_once_in_a_run() {
    let bench = Bench::with_chunker("sentence:16/0");
    for name in 0..40 {
        let own =
            format!("Page number {name} has this first sentence of exactly a dozen words here.");
        let shared = "Licensed under terms that every page of the folder repeats in the footer.";
        bench.write(&format!("docs/{name:02}.txt"), &format!("{own}\n\n{shared}"));
    }
    let report = bench.run(&["docs"]);
    assert_eq!((report.chunks, report.repeated_texts, bench.n_encoded()), (80, 39, 41));
    assert_eq!(bench.info().chunks, 80);
}

#[test]
fn vanished_documents_stay_unless_pruning_is_asked_for() {
    let mut bench = Bench::new();
    for name in 0..30 {
        bench.write(&format!("docs/{name:02}.txt"), &format!("text number {name}"));
        bench.write(&format!("more/{name:02}.txt"), &format!("other text {name}"));
    }
    bench.run(&["docs", "more"]);
    bench.remove("docs/07.txt");
    bench.remove("more/07.txt");
    let report = bench.run(&["docs"]);
    assert_eq!((report.removed, report.prune), (0, PruneOutcome::NotAsked));

    // One in thirty needs no consent, and other roots are not touched.
    bench.options.prune = Prune::Ask(Box::new(|request| panic!("asked: {request:?}")));
    let report = bench.run(&["docs"]);
    assert_eq!((report.removed, report.prune), (1, PruneOutcome::Done));
    assert!(bench.document("docs/07.txt").is_none() && bench.document("more/07.txt").is_some());

    for name in 10..16 {
        bench.remove(&format!("docs/{name}.txt"));
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let (seen, answers) = (Arc::clone(&asked), [Consent::Refused, Consent::Given]);
    bench.options.prune = Prune::Ask(Box::new(move |request| {
        assert_eq!((request.root.as_str(), request.vanished, request.of), ("docs", 6, 29));
        answers[seen.fetch_add(1, Ordering::Relaxed)]
    }));
    let report = bench.run(&["docs"]);
    assert_eq!((report.removed, report.prune), (0, PruneOutcome::Refused { vanished: 6, of: 29 }));
    assert!(bench.document("docs/12.txt").is_some());
    let report = bench.run(&["docs"]);
    assert_eq!((report.removed, report.prune), (6, PruneOutcome::Done));
    assert_eq!((bench.ids().len(), asked.load(Ordering::Relaxed)), (23 + 30, 2));
}

#[test]
fn a_root_that_moved_is_told_and_pruned_with_consent_only() {
    let mut bench = Bench::new();
    for name in 0..30 {
        bench.write(&format!("docs/{name:02}.txt"), &format!("text number {name}"));
    }
    bench.run(&["docs"]);
    fs::create_dir(bench.path("elsewhere")).unwrap();
    fs::rename(bench.path("docs"), bench.path("elsewhere/docs")).unwrap();
    bench.remove("elsewhere/docs/03.txt");
    bench.options.prune = Prune::Ask(Box::new(|request| {
        assert!(request.moved_from.as_ref().unwrap().ends_with("docs"));
        Consent::Refused
    }));
    let report = bench.run(&["elsewhere/docs"]);
    assert_eq!((report.unchanged, report.removed, report.moved_roots.len()), (29, 0, 1));
    assert_eq!(bench.run(&["elsewhere/docs"]).removed, 1, "it has not moved since");
}

/// Items from memory, with skips in between.
struct MemorySource {
    roots: Vec<Root>,
    items: std::vec::IntoIter<Result<SourceItem, Skipped>>,
    taken: Arc<AtomicUsize>,
}

impl MemorySource {
    fn new(items: Vec<Result<SourceItem, Skipped>>) -> Self {
        let root = Root {
            name: "memory".to_owned(),
            path: PathBuf::from("memory"),
            ids: IdScheme::Records,
        };
        Self { roots: vec![root], items: items.into_iter(), taken: Arc::default() }
    }

    fn texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::new(texts.into_iter().map(|(id, text)| Ok(record(&id, &text))).collect())
    }
}

impl DocumentSource for MemorySource {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn len_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }

    fn next(&mut self) -> Option<Result<SourceItem, Skipped>> {
        let next = self.items.next()?;
        self.taken.fetch_add(1, Ordering::SeqCst);
        Some(next)
    }
}

fn record(id: &str, text: &str) -> SourceItem {
    SourceItem {
        id: DocumentId::new(id).unwrap(),
        title: None,
        format: ingest::formats::Format::Record,
        content: Content::Text(text.to_owned()),
        fields: BTreeMap::new(),
        origin: format!("memory:{id}"),
        root: 0,
    }
}

fn unreadable(origin: &str) -> Skipped {
    let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    Skipped { origin: origin.to_owned(), reason: SkipReason::Unreadable { source } }
}

#[test]
fn what_cannot_be_read_is_named_and_never_pruned() {
    let mut bench = Bench::new();
    let mut source = MemorySource::texts((0..10).map(|n| (format!("m{n}"), format!("text {n}"))));
    bench.ingest(&mut source, &Silent).unwrap();
    assert_eq!(bench.info().documents, 10);

    bench.options.prune = Prune::Remove;
    let mut items: Vec<_> =
        (1..9).map(|n| Ok(record(&format!("m{n}"), &format!("text {n}")))).collect();
    items.insert(3, Err(unreadable("memory/locked")));
    items.push(Ok(record("m9", "   ")));
    let report = bench.ingest(&mut MemorySource::new(items), &Silent).unwrap();
    let skipped: Vec<_> =
        report.skipped.iter().map(|file| (file.origin.as_str(), file.kind)).collect();
    assert_eq!(skipped, [("memory/locked", "unreadable"), ("memory:m9", "no text")]);
    assert_eq!(report.prune, PruneOutcome::Withheld { origin: "memory/locked".to_owned() });
    assert_eq!(bench.info().documents, 10);

    let items = (1..9).map(|n| Ok(record(&format!("m{n}"), &format!("text {n}"))));
    let report = bench.ingest(&mut MemorySource::new(items.collect()), &Silent).unwrap();
    assert_eq!((report.removed, bench.info().documents), (2, 8));
}

#[test]
fn a_text_the_encoder_refuses_costs_its_document_only() {
    let mut bench = Bench::new();
    bench.encoder.refused = Some("poison");
    let texts = (0..300).map(|n| {
        let word = if n == 123 { "poison" } else { "food" };
        (format!("m{n}"), format!("{word} number {n}"))
    });
    let report = bench.ingest(&mut MemorySource::texts(texts), &Silent).unwrap();
    assert_eq!((report.new, report.skipped.len()), (299, 1));
    assert_eq!(
        (report.skipped[0].origin.as_str(), report.skipped[0].kind),
        ("memory:m123", "cannot be encoded")
    );

    bench.encoder.refused = Some("number");
    let texts = (0..30).map(|n| (format!("n{n}"), format!("meal number {n}")));
    let error = bench.ingest(&mut MemorySource::texts(texts), &Silent).unwrap_err();
    assert!(matches!(error, IngestError::Encode(EncodeError::NonFinite { .. })));
    assert_eq!(bench.info().documents, 299, "what was committed stays");
}

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Progress for Recorder {
    fn report(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

#[test]
#[should_panic(expected = "the encoder panics")]
fn a_panic_ends_the_ingest_instead_of_hanging_it() {
    let mut bench = Bench::new();
    bench.encoder.panics = true;
    let texts = (0..5000).map(|n| (format!("m{n}"), format!("text {n}")));
    let _ = bench.ingest(&mut MemorySource::texts(texts), &Silent);
}

fn documents_done(event: &Event) -> Option<usize> {
    if let Event::Advanced(totals) = event { Some(totals.documents) } else { None }
}

#[test]
fn progress_goes_up_to_the_total() {
    let mut bench = Bench::new();
    bench.options.commit_documents = 1000;
    let texts: Vec<_> = (0..2500).map(|n| (format!("m{n}"), format!("text {n}"))).collect();
    let recorder = Recorder::default();
    bench.ingest(&mut MemorySource::texts(texts.clone()), &recorder).unwrap();
    let events = recorder.events.into_inner().unwrap();
    assert_eq!(events.first(), Some(&Event::Started { documents: Some(2500) }));
    assert_eq!(events.last(), Some(&Event::Finished));
    assert_eq!(events.iter().filter(|event| **event == Event::Committing).count(), 3);
    let done: Vec<_> = events.iter().filter_map(documents_done).collect();
    assert!(done.len() > 3 && done.is_sorted() && done.last() == Some(&2500), "{done:?}");

    let recorder = Recorder::default();
    bench.ingest(&mut MemorySource::texts(texts), &recorder).unwrap();
    let events = recorder.events.into_inner().unwrap();
    let last = events.iter().rev().find(|event| matches!(event, Event::Advanced(_)));
    assert!(matches!(last, Some(Event::Advanced(totals)) if totals.documents == 2500));
    assert!(!events.contains(&Event::Committing));
}

#[test]
fn reading_stops_when_writing_falls_behind() {
    struct Lead {
        taken: Arc<AtomicUsize>,
        largest: Mutex<usize>,
    }
    impl Progress for Lead {
        fn report(&self, event: Event) {
            if let Event::Advanced(totals) = event {
                let lead = self.taken.load(Ordering::SeqCst) - totals.documents;
                let mut largest = self.largest.lock().unwrap();
                *largest = lead.max(*largest);
            }
        }
    }
    let mut bench = Bench::new();
    bench.encoder.delay = Duration::from_millis(3);
    let mut source =
        MemorySource::texts((0..10_000).map(|n| (format!("m{n}"), format!("text number {n}"))));
    let lead = Lead { taken: Arc::clone(&source.taken), largest: Mutex::new(0) };
    let report = bench.ingest(&mut source, &lead).unwrap();
    assert_eq!(report.new, 10_000);
    // Four batches of 256 under way, a fifth being filled by groups of 64.
    let largest = lead.largest.into_inner().unwrap();
    assert!(largest <= 5 * (256 + 64), "{largest} documents in memory");
}

#[test]
fn the_index_does_not_depend_on_threads() {
    let words: Vec<_> = (0..200).map(|at| format!("word{}", at % 50)).collect();
    let long = |n: usize| words[..n * 7 % 200].join(" ");
    let run = |threads: usize| {
        let mut bench = Bench::with_chunker("fixed:24/8");
        bench.options = options(threads);
        let texts = (0..400).map(|n| (format!("m{n}"), format!("document {n} {}", long(n))));
        bench.ingest(&mut MemorySource::texts(texts), &Silent).unwrap();
        (0..400).map(|n| bench.document(&format!("m{n}")).unwrap().chunks).collect::<Vec<_>>()
    };
    let one = run(1);
    assert!(one.iter().flatten().map(|chunk| chunk.ord.0).is_sorted());
    assert_eq!(one, run(3));
}
