//! A small index and a client without a network, for all tests of the server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use answer::model::scripted::{Reply, Scripted, ScriptedProvider, reply};
use answer::model::{HttpModel, LanguageModel, ModelConfig, Provider};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use engine::{
    Block, BlockKind, Chunk, Document, DocumentId, Embeddings, EncodeError, Encoder,
    EncoderIdentity, FieldValue, HashEncoder, Index, Manifest, Signature, Span, TextRole,
    WriterOptions,
};
use serde_json::Value;
use server::{AppState, Collection, Collections, HostPolicy, Limits, LoadedReranker, app};
use tempfile::TempDir;
use tower::ServiceExt;

/// Texts whose words take one, two, three and four bytes a character.
pub(crate) const TEXTS: [(&str, &str, &str); 5] = [
    ("book/references.md", "References", "A reference borrows a value without owning it."),
    (
        "book/größe.md",
        "Größe und Maß",
        "Die Größe eines Wertes: für Übergaben zählt das Maß. 🦀 Ende.",
    ),
    ("book/日本語.md", "日本語の文書", "所有権は値を管理する。借用は値を借りる。"),
    ("notes/a b?c#d%.md", "Odd name", "A borrowed value in a file with an odd name."),
    ("notes/threads.md", "Threads", "A thread owns its stack and borrows shared values."),
];

/// Builds an index of [`TEXTS`] in `dir`.
pub(crate) fn build_index(dir: &Path, encoder: Arc<dyn Encoder>) -> Arc<Index> {
    let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), "whole");
    let index = Index::create(dir, manifest, Some(encoder)).unwrap();
    let documents: Vec<_> =
        TEXTS.iter().map(|(id, title, body)| document(id, title, body)).collect();
    add(&index, &documents);
    index.refresh().unwrap();
    Arc::new(index)
}

/// Adds documents as one chunk each, and commits.
pub(crate) fn add(index: &Index, documents: &[Document]) {
    let encoder = index.encoder().unwrap();
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for document in documents {
        let vectors = encoder.encode(&[&document.text], TextRole::Passage).unwrap();
        let chunk = Chunk {
            headings: vec![document.title.clone()],
            ..Chunk::plain(Span::new(0, document.text.len()))
        };
        writer.upsert(document, Signature([0; 32]), &[chunk], &vectors).unwrap();
    }
    writer.commit().unwrap();
}

/// A heading and a paragraph, with a field for the folder.
pub(crate) fn document(id: &str, title: &str, body: &str) -> Document {
    let text = format!("{title}\n\n{body}");
    let heading = BlockKind::Heading { level: 1, anchor: None };
    let blocks = vec![
        Block { kind: heading, span: Span::new(0, title.len()) },
        Block { kind: BlockKind::Paragraph, span: Span::new(title.len() + 2, text.len()) },
    ];
    let folder = id.split('/').next().unwrap_or_default().to_owned();
    let fields = BTreeMap::from([
        ("folder".to_owned(), FieldValue::Text(folder)),
        ("bytes".to_owned(), FieldValue::Integer(text.len() as i64)),
    ]);
    Document { id: DocumentId::new(id).unwrap(), title: title.to_owned(), text, blocks, fields }
}

pub(crate) fn hash_encoder() -> Arc<dyn Encoder> {
    Arc::new(HashEncoder::new(128, 256))
}

/// A service over one collection, `texts`.
pub(crate) struct Fixture {
    pub(crate) app: Router,
    pub(crate) state: AppState,
    pub(crate) index: Arc<Index>,
    _dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default(), hash_encoder())
    }

    pub(crate) fn with(limits: Limits, encoder: Arc<dyn Encoder>) -> Self {
        Self::over(limits, encoder, |collection| collection)
    }

    pub(crate) fn reranked(reranker: LoadedReranker) -> Self {
        let add = |collection: Collection| collection.with_reranker(reranker);
        Self::over(Limits::default(), hash_encoder(), add)
    }

    pub(crate) fn over(
        limits: Limits,
        encoder: Arc<dyn Encoder>,
        add: impl FnOnce(Collection) -> Collection,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = build_index(&dir.path().join("index"), encoder);
        let state = AppState::starting(limits, HostPolicy::Any);
        let collection = add(Collection::new("texts", Arc::clone(&index)));
        state.publish(Collections::new(vec![collection]).unwrap());
        Self { app: app(state.clone()), state, index, _dir: dir }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(&self.app, Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn search(&self, body: &str) -> Answer {
        send(&self.app, search_request(body)).await
    }
}

/// A service whose language model `small` gives these replies.
pub(crate) fn written(script: impl IntoIterator<Item = Reply>) -> (Fixture, ScriptedProvider) {
    let provider = ScriptedProvider::start(script).unwrap();
    let config =
        ModelConfig::new("small", Provider::Openai, "m", Some(&provider.base_url())).unwrap();
    let config = ModelConfig { max_retries: 0, ..config };
    let model: Arc<dyn LanguageModel> = Arc::new(HttpModel::new(config, None).unwrap());
    // Replies are given in turn, also to equal questions.
    let limits = Limits { cached_bytes: 0, ..Limits::default() };
    let fixture = Fixture::with(limits, hash_encoder());
    fixture.state.answer_with([model].into_iter().collect());
    (fixture, provider)
}

/// A reply in these pieces.
pub(crate) fn says(pieces: &[&str]) -> Reply {
    reply(Provider::Openai, &Scripted::new(pieces.iter().copied()))
}

pub(crate) fn search_request(body: &str) -> Request<Body> {
    post("/v1/search", Body::from(body.to_owned()))
}

/// A body of JSON for a route.
pub(crate) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body).unwrap()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// The `error` of a refusal with this status and code.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        let body: Value = serde_json::from_str(&self.text).unwrap();
        assert_eq!(body["error"]["code"], code, "{}", self.text);
        assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
        body["error"].clone()
    }
}

/// The texts of `pieces`, joined; of the marked ones only where `marked`.
pub(crate) fn join_pieces(pieces: &Value, wanted: impl Fn(bool) -> bool) -> String {
    pieces
        .as_array()
        .unwrap()
        .iter()
        .filter(|piece| wanted(piece["match"].as_bool().unwrap()))
        .map(|piece| piece["text"].as_str().unwrap())
        .collect()
}

/// Encodes like [`HashEncoder`], but holds texts with the word `hold` until the
/// gate opens, and panics at the word `panic`.
pub(crate) struct GateEncoder {
    inner: HashEncoder,
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Default)]
struct Gate {
    is_open: bool,
    n_held: usize,
}

impl GateEncoder {
    pub(crate) fn new() -> Arc<Self> {
        let inner = HashEncoder::new(128, 256);
        Arc::new(Self { inner, gate: Mutex::default(), changed: Condvar::new() })
    }

    pub(crate) fn open(&self) {
        self.gate.lock().unwrap().is_open = true;
        self.changed.notify_all();
    }

    /// Waits, without blocking the runtime, until `n` texts are being held.
    pub(crate) async fn until_held(&self, n: usize) {
        for _ in 0..1000 {
            if self.gate.lock().unwrap().n_held >= n {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{n} texts were never held at once");
    }

    pub(crate) fn n_held(&self) -> usize {
        self.gate.lock().unwrap().n_held
    }
}

impl Encoder for GateEncoder {
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
        assert!(!texts.iter().any(|text| text.contains("panic")), "the word was panic");
        if texts.iter().any(|text| text.contains("hold")) {
            let mut gate = self.gate.lock().unwrap();
            gate.n_held += 1;
            while !gate.is_open {
                gate = self.changed.wait(gate).unwrap();
            }
            gate.n_held -= 1;
        }
        self.inner.encode(texts, role)
    }
}
