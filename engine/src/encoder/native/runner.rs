//! A loaded model with room to work in: what the encoder and the cross-encoder
//! share.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::EncodeError;
use super::super::tokenize::RunTokens;
use super::file::Model;
use super::forward::Arena;
use super::head::ScoreHead;
use super::kernels::{self, Kernels};

/// Runs a model's forward pass, one text a call, from many threads at once.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(super) model: Model,
    pub(super) kernels: &'static Kernels,
    /// Arenas nobody works in; as many as texts were ever at work at once.
    arenas: Mutex<Vec<Arena>>,
}

impl Runner {
    /// Maps a weights file, checks the whole of it, packs its matrices for this
    /// machine's instructions.
    ///
    /// # Errors
    /// [`EncodeError::Load`].
    pub(crate) fn open(path: &Path) -> Result<Self, EncodeError> {
        let model = Model::open(path).map_err(|source| EncodeError::Load {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self { model, kernels: kernels::best(), arenas: Mutex::default() })
    }

    /// Components of a token's vector.
    pub(crate) fn hidden(&self) -> usize {
        self.model.hidden()
    }

    /// Longest run in tokens.
    pub(crate) fn max_tokens(&self) -> usize {
        self.model.max_tokens()
    }

    /// What makes scores of token vectors; `None` in a model of single texts.
    pub(crate) fn head(&self) -> Option<&ScoreHead> {
        self.model.head.as_ref()
    }

    /// Runs one text and makes of its token vectors, `[tokens, hidden]`, what
    /// `pool` makes.
    ///
    /// # Arguments
    /// * `index` - the text's position in the caller's batch, for errors.
    ///
    /// # Errors
    /// [`EncodeError::Run`] for tokens that the model does not know or has no
    /// room for; whatever `pool` returns.
    pub(crate) fn run<T>(
        &self,
        tokens: RunTokens<'_>,
        index: usize,
        pool: impl FnOnce(&[f32]) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let RunTokens { ids, types } = tokens;
        let embed = |position: usize, row: &mut [f32]| {
            self.model.embed(ids[position], position, row)?;
            match types {
                Some(types) if types[position] != 0 => self.model.add_second_type(row),
                Some(_) | None => Ok(()),
            }
        };
        let mut arena = self.arenas().pop().unwrap_or_default();
        let pooled = self
            .model
            .encoder
            .run(self.kernels, &mut arena, ids.len(), embed)
            .map_err(|source| EncodeError::Run { index, source: Box::new(source) })
            .and_then(pool);
        self.arenas().push(arena);
        pooled
    }

    fn arenas(&self) -> MutexGuard<'_, Vec<Arena>> {
        // Whoever panicked held no arena: it was popped before.
        self.arenas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
