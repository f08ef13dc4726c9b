//! Late chunking through the pipeline: what the encoder is given, what the
//! index keeps, what is done again, and who is refused.

use std::fs;
use std::sync::{Arc, Mutex};

use engine::{
    DocumentId, Embeddings, EncodeError, Encoder, EncoderIdentity, HashEncoder, Index, Manifest,
    NearDuplicates, SearchRequest, Span, Strategy, TextRole, VectorSearch, WriterOptions,
};
use ingest::chunk::{Chunker, ChunkerParts, ChunkerSpec, TokenSizer, WordSizer};
use ingest::pipeline::{IngestError, IngestOptions, Silent, ingest};
use ingest::report::IngestReport;
use ingest::source::{FormatChoice, open};

const WINDOW: usize = 64;

/// Remembers the stretches it is given; reads texts alone too.
struct Recorder {
    inner: HashEncoder,
    stretches: Mutex<Vec<(String, Vec<Span>)>>,
    alone: Mutex<usize>,
}

impl Recorder {
    fn new() -> Arc<Self> {
        let inner = HashEncoder::new(256, WINDOW);
        Arc::new(Self { inner, stretches: Mutex::default(), alone: Mutex::default() })
    }
}

impl Encoder for Recorder {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }
    fn dim(&self) -> usize {
        self.inner.dim()
    }
    fn max_tokens(&self) -> usize {
        self.inner.max_tokens()
    }
    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        *self.alone.lock().unwrap() += texts.len() * usize::from(role == TextRole::Passage);
        self.inner.encode(texts, role)
    }
    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        self.stretches.lock().unwrap().push((text.to_owned(), spans.to_vec()));
        self.inner.encode_spans(text, spans)
    }
}

/// Gives vectors of texts only.
struct TextsOnly(HashEncoder);

impl Encoder for TextsOnly {
    fn name(&self) -> &'static str {
        "texts-only"
    }
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn max_tokens(&self) -> usize {
        self.0.max_tokens()
    }
    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        self.0.encode(texts, role)
    }
}

fn chunker(spec: &str, encoder: &Arc<dyn Encoder>) -> Box<dyn Chunker> {
    let sizer: Arc<dyn TokenSizer> = Arc::new(WordSizer::for_encoder(WINDOW));
    let parts = ChunkerParts { sizer, encoder: Arc::clone(encoder) };
    ChunkerSpec::parse(spec).unwrap().build(&parts)
}

struct Bench {
    folder: tempfile::TempDir,
    index: Index,
    encoder: Arc<dyn Encoder>,
}

impl Bench {
    fn new(encoder: Arc<dyn Encoder>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), "late");
        let index = Index::create(&path, manifest, Some(Arc::clone(&encoder))).unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        Self { folder, index, encoder }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join("docs").join(name), text).unwrap();
    }

    fn run(&self, spec: &str) -> Result<IngestReport, IngestError> {
        let mut source = open(&[self.folder.path().join("docs")], FormatChoice::Auto).unwrap();
        let mut writer = self.index.writer(WriterOptions::default()).unwrap();
        let (chunker, encoder) = (chunker(spec, &self.encoder), self.encoder.as_ref());
        let options = IngestOptions { threads: 2, ..IngestOptions::default() };
        let report =
            ingest(source.as_mut(), chunker.as_ref(), encoder, &mut writer, &options, &Silent);
        drop(writer);
        self.index.refresh().unwrap();
        report
    }
}

/// Numbered words in sentences of eight.
fn long_text(words: usize) -> String {
    let word = |n: usize| format!("w{n}{}", if n % 8 == 7 { "." } else { "" });
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn chunks_are_read_in_stretches_of_a_window_and_found_by_those_vectors() {
    let recorder = Recorder::new();
    let bench = Bench::new(Arc::clone(&recorder) as _);
    let long = long_text(300);
    bench.write("long.txt", &long);
    let short = "One stretch serves a short document. All of it.";
    bench.write("short.txt", short);
    let report = bench.run("recursive:16,late").unwrap();
    assert!(report.skipped.is_empty() && report.truncated == 0, "{report:?}");
    assert_eq!(*recorder.alone.lock().unwrap(), 0);

    let sizer = WordSizer::ruler();
    let stretches = recorder.stretches.lock().unwrap().clone();
    let counts: Vec<_> =
        stretches.iter().map(|(text, _)| sizer.tokens(text).unwrap().len()).collect();
    assert!(counts.iter().all(|count| *count <= WINDOW), "{counts:?}");
    assert_eq!(report.tokens, counts.iter().sum::<usize>());
    let read: usize = counts.iter().sum();
    let once = sizer.tokens(&format!("{long} {short}")).unwrap().len();
    assert!(read > once && read < 2 * once, "{read} {once}");

    // What the index keeps of each chunk is what its stretch gave.
    let searcher = bench.index.searcher();
    let document = searcher.document(&DocumentId::new("docs/long.txt").unwrap()).unwrap().unwrap();
    let of_long: Vec<_> = stretches.iter().filter(|(text, _)| long.contains(text)).collect();
    assert_eq!(of_long.iter().map(|(_, spans)| spans.len()).sum::<usize>(), document.chunks.len());
    let query = "w150 w151 w152";
    let asked = recorder.inner.encode(&[query], TextRole::Query).unwrap();
    let request = SearchRequest {
        strategy: Strategy::Dense,
        vectors: VectorSearch::Exact,
        near_duplicates: NearDuplicates::List,
        top: 100,
        ..SearchRequest::new(query)
    };
    let hits = searcher.search(&request).unwrap().hits;
    assert!(hits[0].text.contains("w151"), "{}", hits[0].text);
    let mut checked = 0;
    for (text, spans) in of_long {
        let rows = recorder.inner.encode_spans(text, spans).unwrap();
        for (at, span) in spans.iter().enumerate() {
            let hit = hits.iter().find(|hit| span.slice(text) == Some(hit.text.as_str())).unwrap();
            let pairs = asked.row(0).unwrap().iter().zip(rows.row(at).unwrap());
            let cosine: f32 = pairs.map(|(a, b)| a * b).sum();
            assert!((hit.score - f64::from(cosine)).abs() < 1e-2, "{} {cosine}", hit.score);
            checked += 1;
        }
    }
    assert_eq!(checked, document.chunks.len());
}

#[test]
fn what_is_late_already_is_left_alone_and_a_change_of_mind_is_not() {
    let recorder = Recorder::new();
    let bench = Bench::new(Arc::clone(&recorder) as _);
    bench.write("a.txt", &long_text(100));
    let counts = |report: IngestReport| (report.new, report.changed, report.unchanged);
    assert_eq!(counts(bench.run("recursive:16").unwrap()), (1, 0, 0));
    assert!(recorder.stretches.lock().unwrap().is_empty());
    assert_eq!(counts(bench.run("recursive:16,late").unwrap()), (0, 1, 0));
    let read = recorder.stretches.lock().unwrap().len();
    assert!(read > 0);
    assert_eq!(counts(bench.run("recursive:16,late").unwrap()), (0, 0, 1));
    assert_eq!(recorder.stretches.lock().unwrap().len(), read);
    assert_eq!(counts(bench.run("recursive:16").unwrap()), (0, 1, 0));
}

#[test]
fn equal_passages_of_different_documents_have_their_own_vectors() {
    let recorder = Recorder::new();
    let bench = Bench::new(Arc::clone(&recorder) as _);
    let shared = "The same sixteen words stand here in both of the two pages we have got.";
    for name in ["alpha", "beta"] {
        let first = vec![name; 16].join(" ");
        bench.write(&format!("{name}.txt"), &format!("{first}\n\n{shared}"));
    }
    let report = bench.run("recursive:16,late").unwrap();
    assert_eq!((report.chunks, report.repeated_texts), (4, 0));
    assert_eq!(recorder.stretches.lock().unwrap().len(), 2);
    let alone = bench.run("recursive:16").unwrap();
    assert_eq!((alone.chunks, alone.repeated_texts), (4, 1));
}

#[test]
fn an_encoder_without_token_vectors_is_refused_by_name() {
    let encoder: Arc<dyn Encoder> = Arc::new(TextsOnly(HashEncoder::new(16, WINDOW)));
    let late: ChunkerSpec = "fixed:16,late".parse().unwrap();
    let refused = late.check_encoder(encoder.as_ref()).unwrap_err();
    assert!(refused.to_string().contains("texts-only"), "{refused}");
    ChunkerSpec::parse("fixed:16").unwrap().check_encoder(encoder.as_ref()).unwrap();
    late.check_encoder(&HashEncoder::new(16, WINDOW)).unwrap();

    let bench = Bench::new(encoder);
    bench.write("a.txt", "some words");
    let error = bench.run("fixed:16,late").unwrap_err();
    assert!(matches!(error, IngestError::Encode(EncodeError::NoTokenVectors { .. })), "{error}");
}

#[test]
fn a_chunk_longer_than_the_window_is_read_alone_from_its_start() {
    let recorder = Recorder::new();
    let bench = Bench::new(Arc::clone(&recorder) as _);
    bench.write("long.txt", &long_text(3 * WINDOW));
    let report = bench.run("fixed:100,late").unwrap();
    assert!(report.skipped.is_empty());
    assert_eq!((report.chunks, report.truncated), (3, 2), "the last one fits");
    let stretches = recorder.stretches.lock().unwrap();
    let read_alone = |(text, spans): &&(String, Vec<Span>)| spans == &[Span::new(0, text.len())];
    assert_eq!(stretches.iter().filter(read_alone).count(), 2);
}
