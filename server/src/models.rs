//! What a `model` of a request may name, and what each name stands for.
//!
//! The encoders of the collections, their rerankers, and what answers from them:
//! `trovato/COLLECTION` in the collection's own words, `trovato/COLLECTION/MODEL` in a
//! language model's. Collections that share an encoder or a reranker list it once. A
//! collection's own name is a model for everything, so that a client need not know more.

use std::sync::Arc;

use engine::{Encoder, RerankPipeline};

use crate::collections::{Collection, Collections};
use crate::error::ApiError;
use crate::language_models::LanguageModels;

/// What comes before a collection's name in that of its answering model.
const ANSWERING: &str = "trovato/";

/// A model that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// What requests call it.
    pub(crate) name: String,
    /// What it does.
    pub(crate) does: Does,
    /// The collections that have it, the first one served first.
    pub(crate) collections: Vec<String>,
    /// When the first of them was opened: seconds since 1970.
    pub(crate) opened: i64,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Texts to vectors.
    Encode {
        /// Components of a vector.
        dim: usize,
        /// Longest text in tokens.
        max_tokens: usize,
    },
    /// Scores passages for a query.
    Rerank,
    /// Answers questions from a collection, in its words.
    Quote,
    /// Answers questions from a collection, in a language model's words.
    Write,
}

/// What answers: a collection, and the language model that writes, by name.
pub(crate) type Answerer = (Arc<Collection>, Option<String>);

impl Collections {
    /// Every model: encoders, rerankers, what answers, each in the order of the
    /// collections.
    pub(crate) fn models(&self, writers: &LanguageModels) -> Vec<Model> {
        let encoders = self.iter().filter_map(|collection| {
            let encoder = collection.index().encoder()?;
            let does = Does::Encode { dim: encoder.dim(), max_tokens: encoder.max_tokens() };
            Some(Model::of(collection, encoder.name().to_owned(), does))
        });
        let rerankers = self.iter().filter_map(|collection| {
            let name = collection.reranker()?.pipeline.name().to_owned();
            Some(Model::of(collection, name, Does::Rerank))
        });
        let answering = self.answerers(writers).map(|(name, (collection, writer))| {
            let does = if writer.is_some() { Does::Write } else { Does::Quote };
            Model::of(&collection, name, does)
        });
        let mut models: Vec<Model> = Vec::new();
        for model in encoders.chain(rerankers).chain(answering) {
            match models.iter_mut().find(|known| known.name == model.name) {
                Some(known) => known.collections.extend(model.collections),
                None => models.push(model),
            }
        }
        models
    }

    /// What answers, by name.
    fn answerers(&self, writers: &LanguageModels) -> impl Iterator<Item = (String, Answerer)> {
        self.iter().flat_map(|collection| {
            let name = format!("{ANSWERING}{}", collection.name());
            let written = writers.names().map(|writer| {
                (format!("{name}/{writer}"), (Arc::clone(collection), Some(writer.to_owned())))
            });
            let written: Vec<_> = written.collect();
            std::iter::once((name, (Arc::clone(collection), None))).chain(written)
        })
    }

    /// What answers by this name; a collection's own name stands for its own words.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`].
    pub(crate) fn answerer(
        &self,
        model: &str,
        writers: &LanguageModels,
    ) -> Result<Answerer, ApiError> {
        let by_name = self.answerers(writers).find(|(name, _)| name == model);
        if let Some((_, answerer)) = by_name {
            return Ok(answerer);
        }
        if let Some(collection) = self.iter().find(|collection| collection.name() == model) {
            return Ok((Arc::clone(collection), None));
        }
        let known: Vec<String> = self.answerers(writers).map(|(name, _)| name).collect();
        Err(ApiError::UnknownModel {
            name: model.chars().take(120).collect(),
            task: "answers",
            known: known.join(", "),
        })
    }

    /// The encoder of this name or of the collection of this name; without a name, that
    /// of the first collection that has one.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`], [`ApiError::NoModel`]; [`ApiError::Loading`] while it
    /// may still come.
    pub(crate) fn encoder(&self, model: Option<&str>) -> Result<Arc<dyn Encoder>, ApiError> {
        let task = "makes vectors";
        let advice = "serve an index that was built with an encoder";
        let encoders = self.having(|collection| collection.index().encoder().cloned());
        let found = named(model, (task, advice), &encoders, |encoder| encoder.name());
        if found.is_err() && self.iter().any(|collection| collection.is_loading()) {
            return Err(ApiError::Loading);
        }
        found
    }

    /// The reranker of this name or of the collection of this name; without a name,
    /// that of the first collection that has one.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`], [`ApiError::NoModel`].
    pub(crate) fn reranker(&self, model: Option<&str>) -> Result<Arc<RerankPipeline>, ApiError> {
        let task = "reranks";
        let advice = "start the server with `trovato serve --rerank default`";
        let rerankers = self
            .having(|collection| collection.reranker().map(|loaded| Arc::clone(&loaded.pipeline)));
        named(model, (task, advice), &rerankers, |pipeline| pipeline.name())
    }

    /// What collections have, with their names.
    fn having<T>(&self, part: impl Fn(&Collection) -> Option<T>) -> Vec<(&str, T)> {
        self.iter().filter_map(|collection| Some((collection.name(), part(collection)?))).collect()
    }
}

impl Model {
    fn of(collection: &Collection, name: String, does: Does) -> Self {
        let collections = vec![collection.name().to_owned()];
        Self { name, does, collections, opened: collection.opened() }
    }
}

/// The first of `models` with this name of its own, else the one of this collection.
///
/// # Arguments
/// * `task` - what the model is for, and what helps where there is none.
fn named<T: Clone>(
    wanted: Option<&str>,
    (task, advice): (&'static str, &'static str),
    models: &[(&str, T)],
    name_of: impl Fn(&T) -> &str,
) -> Result<T, ApiError> {
    let Some((_, first)) = models.first() else {
        return Err(ApiError::NoModel { task, advice });
    };
    let Some(wanted) = wanted else { return Ok(first.clone()) };
    let by_name = models.iter().find(|(_, model)| name_of(model) == wanted);
    let by_collection = || models.iter().find(|(collection, _)| *collection == wanted);
    if let Some((_, found)) = by_name.or_else(by_collection) {
        return Ok(found.clone());
    }
    let names = models.iter().map(|(_, model)| name_of(model));
    let mut known: Vec<&str> = Vec::new();
    for name in names.chain(models.iter().map(|(collection, _)| *collection)) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    Err(ApiError::UnknownModel {
        name: wanted.chars().take(120).collect(),
        task,
        known: known.join(", "),
    })
}
