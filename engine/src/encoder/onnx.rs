//! A real model on ONNX Runtime: a pool of single-threaded sessions.
//!
//! Each text is run by itself, without padding: dynamic 8-bit quantisation
//! takes one activation scale per tensor, so in a batch a text's vector would
//! depend on its neighbours. Parallelism comes from the pool, one session a
//! core, which at 256 tokens is also faster than any batch.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::late::{pool_spans, require_token_vectors};
use super::tokenize::TextTokenizer;
use super::{Embeddings, EncodeError, Encoder, EncoderFiles, EncoderSpec, Pooling, Row, TextRole};
use crate::Span;

/// Runs a model that an [`EncoderSpec`] describes.
#[derive(Debug)]
pub struct OnnxEncoder {
    spec: EncoderSpec,
    name: String,
    tokenizer: TextTokenizer,
    pool: SessionPool,
}

impl OnnxEncoder {
    /// Loads a model.
    ///
    /// # Arguments
    /// * `spec` - the model's files and how to use them.
    /// * `runtime` - ONNX Runtime's library. A process can load one only.
    /// * `threads` - most texts in work at once, in sessions of one thread
    ///   each; 0 counts as 1. The first session is created now, each further
    ///   one when first needed. Weights in a data file beside the graph are
    ///   mapped, and so shared between them.
    ///
    /// # Errors
    /// [`EncodeError::Runtime`], [`EncodeError::RuntimeConflict`],
    /// [`EncodeError::Load`].
    pub fn load(spec: &EncoderSpec, runtime: &Path, threads: usize) -> Result<Self, EncodeError> {
        let graph = match &spec.files {
            EncoderFiles::Graph { path } => path,
            EncoderFiles::Weights { path } => {
                let reason = "it holds 8-bit weights, and an ONNX graph is wanted".to_owned();
                return Err(EncodeError::Unsuitable { path: path.clone(), reason });
            }
        };
        let environment = environment(runtime)?;
        let tokenizer = TextTokenizer::load(&spec.tokenizer_path, spec.max_tokens)
            .map_err(|source| EncodeError::Load { path: spec.tokenizer_path.clone(), source })?;
        let pool = SessionPool::new(environment, graph, spec.pooling, threads.max(1))?;
        let name = format!("{}@{}", spec.name, spec.precision);
        Ok(Self { spec: spec.clone(), name, tokenizer, pool })
    }

    fn encode_one(&self, index: usize, text: &str, role: TextRole) -> Result<Row, EncodeError> {
        let tokens = self
            .tokenizer
            .encode(self.spec.prefix(role), text)
            .map_err(|source| EncodeError::Tokenize { index, source })?;
        let mut session = self.pool.take()?;
        let vector = session.run(&tokens.ids, &self.spec, index, |values| {
            self.spec.pooling.pool(values, self.spec.dim).ok_or(EncodeError::NonFinite { index })
        })?;
        Ok(Row { vector, cut: tokens.cut })
    }
}

impl Encoder for OnnxEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> &str {
        &self.spec.fingerprint
    }

    fn dim(&self) -> usize {
        self.spec.dim
    }

    fn max_tokens(&self) -> usize {
        self.spec.max_tokens
    }

    /// Texts are spread over the caller's rayon pool.
    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        Row::each(texts, self.spec.dim, |index, text| self.encode_one(index, text, role))
    }

    /// One run in the caller's thread.
    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        require_token_vectors(self.spec.pooling, &self.name)?;
        if spans.is_empty() {
            return Embeddings::new(Vec::new(), self.spec.dim);
        }
        let tokens = self
            .tokenizer
            .encode_placed(self.spec.prefix(TextRole::Passage), text)
            .map_err(|source| EncodeError::Tokenize { index: 0, source })?;
        let mut session = self.pool.take()?;
        session.run(&tokens.ids, &self.spec, 0, |values| {
            pool_spans(&tokens, values, self.spec.dim, spans)
        })
    }
}

/// The library this process has loaded, and its environment.
static RUNTIME: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Loads the library on the first call; later calls must name the same.
fn environment(path: &Path) -> Result<Environment, EncodeError> {
    // Two names of one file are one library.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut runtime = lock(&RUNTIME);
    if let Some((loaded, environment)) = runtime.as_ref() {
        if *loaded == path {
            return Ok(environment.clone());
        }
        return Err(EncodeError::RuntimeConflict { loaded: loaded.clone(), asked: path });
    }
    let failed = |source| EncodeError::Runtime { path: path.clone(), source };
    let builder = ort::init_from(&path).map_err(|source| failed(Box::new(source)))?;
    let environment =
        builder.with_telemetry(false).build().map_err(|source| failed(Box::new(source)))?;
    *runtime = Some((path, environment.clone()));
    Ok(environment)
}

/// Sessions that are checked out by one thread at a time.
#[derive(Debug)]
struct SessionPool {
    environment: Environment,
    graph_path: PathBuf,
    output: String,
    state: Mutex<PoolState>,
    returned: Condvar,
}

#[derive(Debug)]
struct PoolState {
    idle: Vec<Session>,
    /// How many more sessions may be created.
    remaining: usize,
}

/// A session on loan; dropping it gives it back.
struct Loan<'a> {
    pool: &'a SessionPool,
    /// Taken only by `drop`.
    session: Option<Session>,
}

impl SessionPool {
    fn new(
        environment: Environment,
        graph: &Path,
        pooling: Pooling,
        sessions: usize,
    ) -> Result<Self, EncodeError> {
        let graph_path = graph.to_owned();
        let first = create(&environment, &graph_path)?;
        let unsuitable =
            |reason: String| EncodeError::Unsuitable { path: graph_path.clone(), reason };
        for input in first.inputs() {
            if Feed::of(input.name()).is_none() {
                return Err(unsuitable(format!("input `{}` is unknown", input.name())));
            }
        }
        let wanted: &[&str] = match pooling {
            Pooling::InGraph => &["sentence_embedding"],
            Pooling::Mean | Pooling::Cls | Pooling::LastToken => {
                &["last_hidden_state", "token_embeddings"]
            }
        };
        let output = wanted
            .iter()
            .find(|wanted| first.outputs().iter().any(|output| output.name() == **wanted))
            .ok_or_else(|| unsuitable(format!("it has no output {}", wanted.join(" or "))))?;
        Ok(Self {
            output: (*output).to_owned(),
            environment,
            graph_path,
            state: Mutex::new(PoolState { idle: vec![first], remaining: sessions - 1 }),
            returned: Condvar::new(),
        })
    }

    /// Takes an idle session, creates one, or waits for one.
    fn take(&self) -> Result<Loan<'_>, EncodeError> {
        let mut state = lock(&self.state);
        let session = loop {
            if let Some(session) = state.idle.pop() {
                break session;
            }
            if state.remaining > 0 {
                state.remaining -= 1;
                drop(state);
                break create(&self.environment, &self.graph_path).inspect_err(|_| {
                    lock(&self.state).remaining += 1;
                    self.returned.notify_one();
                })?;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        Ok(Loan { pool: self, session: Some(session) })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        lock(&self.pool.state).idle.extend(self.session.take());
        self.pool.returned.notify_one();
    }
}

/// What a graph's input receives.
enum Feed {
    Ids,
    Ones,
    Zeros,
}

impl Feed {
    fn of(input: &str) -> Option<Self> {
        match input {
            "input_ids" => Some(Self::Ids),
            "attention_mask" => Some(Self::Ones),
            "token_type_ids" => Some(Self::Zeros),
            _ => None,
        }
    }

    fn values(&self, ids: &[i64]) -> Vec<i64> {
        match self {
            Self::Ids => ids.to_vec(),
            Self::Ones => vec![1; ids.len()],
            Self::Zeros => vec![0; ids.len()],
        }
    }
}

impl Loan<'_> {
    /// Runs one text and returns what `pool` makes of the graph's output.
    fn run<T>(
        &mut self,
        ids: &[i64],
        spec: &EncoderSpec,
        index: usize,
        pool: impl FnOnce(&[f32]) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let session = self.session.as_mut().expect("a loan holds its session until dropped");
        let failed = |source| EncodeError::Run { index, source: Box::new(source) };
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::new();
        for input in session.inputs() {
            let values = Feed::of(input.name()).map(|feed| feed.values(ids)).unwrap_or_default();
            let tensor = Tensor::from_array(([1, ids.len()], values)).map_err(failed)?;
            inputs.push((input.name().to_owned(), tensor.into()));
        }
        let outputs = session.run(inputs).map_err(failed)?;
        let Some(output) = outputs.get(self.pool.output.as_str()) else {
            return Err(EncodeError::Shape { values: 0, dim: spec.dim });
        };
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(failed)?;
        if shape.last().copied() != Some(spec.dim as i64) {
            return Err(EncodeError::Shape { values: values.len(), dim: spec.dim });
        }
        pool(values)
    }
}

fn create(environment: &Environment, graph: &Path) -> Result<Session, EncodeError> {
    let build = || -> ort::Result<Session> {
        Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            // Denormals in a softmax's tail would cost more than they carry.
            .with_flush_to_zero()?
            .commit_from_file(graph)
    };
    build().map_err(|source| EncodeError::Load { path: graph.to_owned(), source: Box::new(source) })
}

/// A lock whose holder panicked guards plain data that is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;

    #[test]
    fn a_library_that_is_not_there_is_named_with_its_remedy() {
        let file = PathBuf::from("unused");
        let spec = EncoderSpec {
            name: "m".into(),
            files: EncoderFiles::Graph { path: file.clone() },
            tokenizer_path: file,
            pooling: Pooling::Mean,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            max_tokens: 8,
            dim: 4,
            precision: Precision::Fp32,
            fingerprint: "m".into(),
        };
        let error = OnnxEncoder::load(&spec, Path::new("no-such-library.so"), 1).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, EncodeError::Runtime { .. }), "{message}");
        for told in ["no-such-library.so", "trovato models pull"] {
            assert!(message.contains(told), "{message}");
        }
    }
}
