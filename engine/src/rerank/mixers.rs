//! Which weights a search mixes with: what ranked its candidates decides.
//!
//! Behind words alone a model's score deserves more weight, and vectors, which the
//! first stage knew nothing of, deserve some; behind a fused first stage both would
//! count twice. One set of weights with features of the query for it was tried and
//! lost half of what two sets gain (`docs/experiments/rerank.md`).

use super::Mixer;

/// What ranked the candidates before a model reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstStage {
    /// Words alone: the lexical leg, or a ranking from elsewhere that agrees with it.
    Words,
    /// Anything else: vectors, or both.
    Vectors,
}

/// The weights for either.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixers {
    vectors: Mixer,
    words: Mixer,
}

impl Mixers {
    /// Those that ship with the engine.
    pub(super) fn shipped() -> Self {
        Self { vectors: Mixer::default(), words: Mixer::behind_words() }
    }

    /// The same weights whatever the first stage.
    pub(super) fn same(mixer: Mixer) -> Self {
        Self { vectors: mixer.clone(), words: mixer }
    }

    /// The weights for a first stage.
    pub(super) fn behind(&self, first: FirstStage) -> &Mixer {
        match first {
            FirstStage::Words => &self.words,
            FirstStage::Vectors => &self.vectors,
        }
    }

    /// Those that are not the same.
    pub(super) fn distinct(&self) -> impl Iterator<Item = &Mixer> {
        let words = Some(&self.words).filter(|words| **words != self.vectors);
        std::iter::once(&self.vectors).chain(words)
    }

    /// Identifies the weights.
    pub(super) fn fingerprint(&self) -> String {
        let fingerprints: Vec<&str> = self.distinct().map(Mixer::fingerprint).collect();
        fingerprints.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_first_stage_has_its_weights_unless_they_are_given() {
        let shipped = Mixers::shipped();
        let names = |mixers: &Mixers| {
            [FirstStage::Words, FirstStage::Vectors].map(|it| mixers.behind(it).name().to_owned())
        };
        assert_eq!(names(&shipped), ["trovato-mixer-words", "trovato-mixer"]);
        assert_eq!(shipped.distinct().count(), 2);
        let same = Mixers::same(Mixer::default());
        assert_eq!(names(&same), ["trovato-mixer", "trovato-mixer"]);
        assert_eq!(same.fingerprint(), Mixer::default().fingerprint());
        assert_ne!(same.fingerprint(), shipped.fingerprint());
    }
}
