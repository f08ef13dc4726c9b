//! ONNX Runtime: the library, and a pool of single-threaded sessions of a graph.
//!
//! The only file that names `ort`. What goes into a graph is tokens, one text or
//! one pair a run; what a number that comes out means is for others to know.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::EncodeError;
use super::tokenize::RunTokens;

/// What a caller needs of a graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The graph; its weights may be in a file beside it.
    pub(crate) graph: &'a Path,
    /// The names its output may have; the first one there is taken.
    pub(crate) outputs: &'a [&'a str],
}

/// Sessions that are checked out by one thread at a time.
#[derive(Debug)]
pub(crate) struct SessionPool {
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
pub(crate) struct Loan<'a> {
    pool: &'a SessionPool,
    /// Taken only by `drop`.
    session: Option<Session>,
}

impl SessionPool {
    /// Loads the library, unless this process has, and creates a first session.
    ///
    /// # Arguments
    /// * `runtime` - ONNX Runtime's library. A process can load one only.
    /// * `threads` - most sessions, of one thread each; 0 counts as 1. Further
    ///   ones are created when first needed.
    ///
    /// # Errors
    /// [`EncodeError::Runtime`], [`EncodeError::RuntimeConflict`],
    /// [`EncodeError::Load`]; [`EncodeError::Unsuitable`] for a graph with an
    /// input that is none of tokens, mask and types, or without the output.
    pub(crate) fn open(
        wanted: Wanted<'_>,
        runtime: &Path,
        threads: usize,
    ) -> Result<Self, EncodeError> {
        let environment = environment(runtime)?;
        let graph_path = wanted.graph.to_owned();
        let first = create(&environment, &graph_path)?;
        let unsuitable =
            |reason: String| EncodeError::Unsuitable { path: graph_path.clone(), reason };
        for input in first.inputs() {
            if Feed::of(input.name()).is_none() {
                return Err(unsuitable(format!("input `{}` is unknown", input.name())));
            }
        }
        let output = wanted
            .outputs
            .iter()
            .find(|wanted| first.outputs().iter().any(|output| output.name() == **wanted))
            .ok_or_else(|| {
                unsuitable(format!("it has no output {}", wanted.outputs.join(" or ")))
            })?;
        Ok(Self {
            output: (*output).to_owned(),
            environment,
            graph_path,
            state: Mutex::new(PoolState { idle: vec![first], remaining: threads.max(1) - 1 }),
            returned: Condvar::new(),
        })
    }

    /// Runs one text or pair in a session of its own, see [`SessionPool::take`] and
    /// [`Loan::run`].
    ///
    /// # Errors
    /// Those of both.
    pub(crate) fn run<T>(
        &self,
        tokens: RunTokens<'_>,
        width: usize,
        index: usize,
        read: impl FnOnce(&[f32]) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        self.take()?.run(tokens, width, index, read)
    }

    /// Takes an idle session, creates one, or waits for one.
    ///
    /// # Errors
    /// [`EncodeError::Load`] when the graph cannot be loaded once more.
    pub(crate) fn take(&self) -> Result<Loan<'_>, EncodeError> {
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

impl Loan<'_> {
    /// Runs one text or pair and returns what `read` makes of the output's values.
    ///
    /// # Arguments
    /// * `width` - size of the output's last dimension.
    /// * `index` - the text's position in the caller's batch, for errors.
    ///
    /// # Errors
    /// [`EncodeError::Run`]; [`EncodeError::Shape`] for an output of another
    /// width; whatever `read` returns.
    pub(crate) fn run<T>(
        &mut self,
        tokens: RunTokens<'_>,
        width: usize,
        index: usize,
        read: impl FnOnce(&[f32]) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let session = self.session.as_mut().expect("a loan holds its session until dropped");
        let failed = |source| EncodeError::Run { index, source: Box::new(source) };
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::new();
        for input in session.inputs() {
            let values = Feed::of(input.name()).map(|feed| feed.values(tokens)).unwrap_or_default();
            let tensor = Tensor::from_array(([1, tokens.ids.len()], values)).map_err(failed)?;
            inputs.push((input.name().to_owned(), tensor.into()));
        }
        let outputs = session.run(inputs).map_err(failed)?;
        let Some(output) = outputs.get(self.pool.output.as_str()) else {
            return Err(EncodeError::Shape { values: 0, dim: width });
        };
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(failed)?;
        if shape.last().copied() != Some(width as i64) {
            return Err(EncodeError::Shape { values: values.len(), dim: width });
        }
        read(values)
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
    Types,
}

impl Feed {
    fn of(input: &str) -> Option<Self> {
        match input {
            "input_ids" => Some(Self::Ids),
            "attention_mask" => Some(Self::Ones),
            "token_type_ids" => Some(Self::Types),
            _ => None,
        }
    }

    fn values(&self, tokens: RunTokens<'_>) -> Vec<i64> {
        let RunTokens { ids, types } = tokens;
        match self {
            Self::Ids => ids.to_vec(),
            Self::Ones => vec![1; ids.len()],
            Self::Types => types.map_or_else(|| vec![0; ids.len()], <[i64]>::to_vec),
        }
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
