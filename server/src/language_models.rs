//! The language models that may write answers, by name.

use std::sync::Arc;

use answer::model::LanguageModel;

/// Models in the order they were given.
#[derive(Clone, Default)]
pub struct LanguageModels(Vec<Arc<dyn LanguageModel>>);

impl LanguageModels {
    /// No model.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// The same models, each wrapped.
    pub(crate) fn each(
        self,
        wrap: impl Fn(Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel>,
    ) -> Self {
        Self(self.0.into_iter().map(wrap).collect())
    }

    /// The names that requests call them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|model| model.name())
    }

    /// The model of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<dyn LanguageModel>> {
        self.0.iter().find(|model| model.name() == name)
    }
}

impl FromIterator<Arc<dyn LanguageModel>> for LanguageModels {
    fn from_iter<I: IntoIterator<Item = Arc<dyn LanguageModel>>>(models: I) -> Self {
        Self(models.into_iter().collect())
    }
}

impl std::fmt::Debug for LanguageModels {
    // The names: a model may hold a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
