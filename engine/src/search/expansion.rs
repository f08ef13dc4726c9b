//! Asking more than was typed: what may be asked for, and how it is written.
//!
//! [`Expansion`] names a method with its parameters, as [`crate::Fusion`] does;
//! [`ExpansionReport`] says what came of it. The stage itself is in `expand`, the
//! rules of `multi-query` in `variants`, the arithmetic of feedback in
//! `dense::feedback` and `lexical::feedback`.

use std::fmt;
use std::str::FromStr;

use super::request::Strategy;
use super::variants::QueryVariant;
use crate::fusion::Weight;
use crate::lexical::ExpansionTerm;

/// What is searched for besides the query as it was typed.
///
/// Off by default, which only a win on every collection would change: see
/// docs/experiments/expansion.md. All of them are deterministic; each costs further
/// searches by one leg or both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Expansion {
    /// Nothing.
    #[default]
    None,
    /// Dense pseudo-relevance feedback: the query's vector is moved towards the mean
    /// vector of the best passages, and the dense leg searched again.
    ///
    /// Source: Rocchio, 1971, without negative examples.
    Feedback {
        /// Passages of the first ranking that are learnt from, 1 to
        /// [`Expansion::MAX_PASSAGES`].
        passages: usize,
        /// Their mean's part of the new vector, above 0; the query has the rest.
        weight: Weight,
    },
    /// Lexical pseudo-relevance feedback (RM3): the most telling words of the best
    /// passages join the query, and the lexical leg is searched again.
    ///
    /// Source: Lavrenko and Croft, SIGIR 2001; Abdul-Jaleel et al., TREC 2004.
    LexicalFeedback {
        /// Passages of the first ranking that are learnt from, 1 to
        /// [`Expansion::MAX_PASSAGES`].
        passages: usize,
        /// The learnt words' part of the new query's weight, above 0; the query's own
        /// have the rest.
        weight: Weight,
        /// Words learnt, 1 to [`Expansion::MAX_TERMS`].
        terms: usize,
    },
    /// Variants of the query by rules ([`crate::VariantRule`]), each searched by every
    /// leg, and the rankings fused. A query that no rule applies to, or that has
    /// operators, is searched as it is, at no cost.
    MultiQuery {
        /// The variants' part of the fused score, all together, above 0; the query's
        /// own ranking has the rest.
        weight: Weight,
    },
}

impl Expansion {
    /// Most passages that are learnt from.
    pub const MAX_PASSAGES: usize = 100;
    /// Most words that are learnt.
    pub const MAX_TERMS: usize = 100;
    /// Passages that dense feedback learns from by default.
    pub const DEFAULT_PASSAGES: usize = 3;
    /// Passages that lexical feedback learns from by default: Anserini's.
    pub const DEFAULT_LEXICAL_PASSAGES: usize = 10;
    /// Words that lexical feedback learns by default: Anserini's.
    pub const DEFAULT_TERMS: usize = 10;

    /// Whether it would change a search by these legs: vectors cannot be moved where
    /// none are searched, nor words added.
    pub fn suits(self, strategy: Strategy) -> bool {
        match self {
            Self::None | Self::MultiQuery { .. } => true,
            Self::Feedback { .. } => strategy.reads_vectors(),
            Self::LexicalFeedback { .. } => strategy != Strategy::Dense,
        }
    }

    /// Checks the ranges that the types leave open.
    ///
    /// # Errors
    /// [`ExpansionError`] naming the first parameter out of range.
    pub fn check(self) -> Result<(), ExpansionError> {
        let passages = |n: usize| match n {
            1..=Self::MAX_PASSAGES => Ok(()),
            _ => Err(ExpansionError::Passages { given: n.to_string() }),
        };
        let weight = |weight: Weight| {
            let given = weight.get();
            if given > 0.0 {
                Ok(())
            } else {
                Err(ExpansionError::Weight { given: given.to_string() })
            }
        };
        match self {
            Self::None => Ok(()),
            Self::Feedback { passages: n, weight: share } => passages(n).and(weight(share)),
            Self::LexicalFeedback { passages: n, weight: share, terms } => {
                passages(n).and(weight(share))?;
                match terms {
                    1..=Self::MAX_TERMS => Ok(()),
                    _ => Err(ExpansionError::Terms { given: terms.to_string() }),
                }
            }
            Self::MultiQuery { weight: share } => weight(share),
        }
    }
}

impl fmt::Display for Expansion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Feedback { passages, weight } => {
                write!(f, "feedback:{passages}:{}", weight.get())
            }
            Self::LexicalFeedback { passages, weight, terms } => {
                write!(f, "feedback:lexical:{passages}:{}:{terms}", weight.get())
            }
            Self::MultiQuery { weight } => write!(f, "multi-query:{}", weight.get()),
        }
    }
}

/// An expansion that could not be read or has a parameter out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExpansionError {
    /// The name is none of ours, or it has more parameters than it takes.
    #[error(
        "unknown expansion {given:?}; known are none, feedback[:M[:W]], feedback:lexical[:M[:W[:N]]] \
         and multi-query[:W]"
    )]
    Unknown {
        /// What was given.
        given: String,
    },
    /// The number of passages.
    #[error(
        "the number of passages is {given:?}; it must be from 1 to {}",
        Expansion::MAX_PASSAGES
    )]
    Passages {
        /// What was given.
        given: String,
    },
    /// The weight.
    #[error("the weight of the expansion is {given:?}; it must be a number above 0 and at most 1")]
    Weight {
        /// What was given.
        given: String,
    },
    /// The number of words.
    #[error("the number of words is {given:?}; it must be from 1 to {}", Expansion::MAX_TERMS)]
    Terms {
        /// What was given.
        given: String,
    },
}

impl FromStr for Expansion {
    type Err = ExpansionError;

    /// Reads `none`, `feedback[:M[:W]]`, `feedback:lexical[:M[:W[:N]]]` or
    /// `multi-query[:W]`: M passages, N words, W the weight of what is added.
    fn from_str(text: &str) -> Result<Self, ExpansionError> {
        let parts: Vec<&str> = text.split(':').collect();
        let passages = |given: Option<&&str>, default: usize| {
            given.map_or(Ok(default), |given| {
                given.parse().map_err(|_| ExpansionError::Passages { given: (*given).to_owned() })
            })
        };
        let weight = |given: Option<&&str>| {
            given.map_or(Ok(Weight::HALF), |given| {
                let number = given.parse().unwrap_or(f64::NAN);
                Weight::new(number)
                    .map_err(|_| ExpansionError::Weight { given: (*given).to_owned() })
            })
        };
        let expansion = match parts[..] {
            ["none"] => Self::None,
            ["feedback", "lexical", ref rest @ ..] if rest.len() <= 3 => {
                let terms = rest.get(2).map_or(Ok(Self::DEFAULT_TERMS), |given| {
                    given.parse().map_err(|_| ExpansionError::Terms { given: (*given).to_owned() })
                })?;
                let passages = passages(rest.first(), Self::DEFAULT_LEXICAL_PASSAGES)?;
                Self::LexicalFeedback { passages, weight: weight(rest.get(1))?, terms }
            }
            ["feedback", ref rest @ ..] if rest.len() <= 2 => Self::Feedback {
                passages: passages(rest.first(), Self::DEFAULT_PASSAGES)?,
                weight: weight(rest.get(1))?,
            },
            ["multi-query", ref rest @ ..] if rest.len() <= 1 => {
                Self::MultiQuery { weight: weight(rest.first())? }
            }
            _ => return Err(ExpansionError::Unknown { given: text.to_owned() }),
        };
        expansion.check()?;
        Ok(expansion)
    }
}

/// What an expansion came to.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpansionReport {
    /// Which one.
    pub expansion: Expansion,
    /// What it added.
    pub added: Added,
}

/// What was searched for besides the query.
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// The query's vector was moved.
    Vector {
        /// Passages that were learnt from; fewer than asked for where fewer were found,
        /// and with none nothing was searched again.
        passages: usize,
        /// Cosine of the vector before and after, in `[-1, 1]`.
        cosine: f64,
    },
    /// Words joined the query.
    Terms {
        /// Passages that were learnt from.
        passages: usize,
        /// The words, the strongest first; none where nothing was to be learnt, and
        /// then nothing was searched again.
        terms: Vec<ExpansionTerm>,
    },
    /// The query was asked in other ways too.
    Variants(
        /// Those ways; none where no rule applies.
        Vec<QueryVariant>,
    ),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy as _, prop_assert_eq, prop_oneof, proptest};

    fn expansions() -> impl proptest::strategy::Strategy<Value = Expansion> {
        let weight = || (0.001..=1.0).prop_map(|weight| Weight::new(weight).unwrap());
        prop_oneof![
            Just(Expansion::None),
            (1..=100_usize, weight())
                .prop_map(|(passages, weight)| Expansion::Feedback { passages, weight }),
            (1..=100_usize, weight(), 1..=100_usize).prop_map(|(passages, weight, terms)| {
                Expansion::LexicalFeedback { passages, weight, terms }
            }),
            weight().prop_map(|weight| Expansion::MultiQuery { weight }),
        ]
    }

    proptest! {
        #[test]
        fn names_read_back(expansion in expansions()) {
            prop_assert_eq!(expansion.to_string().parse::<Expansion>().unwrap(), expansion);
        }
    }

    #[test]
    fn parameters_have_defaults() {
        for (given, expected) in [
            ("none", "none"),
            ("feedback", "feedback:3:0.5"),
            ("feedback:5", "feedback:5:0.5"),
            ("feedback:5:.25", "feedback:5:0.25"),
            ("feedback:lexical", "feedback:lexical:10:0.5:10"),
            ("feedback:lexical:5:1:20", "feedback:lexical:5:1:20"),
            ("multi-query", "multi-query:0.5"),
        ] {
            assert_eq!(given.parse::<Expansion>().unwrap().to_string(), expected);
        }
        assert_eq!(Expansion::default(), Expansion::None);
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        for (given, expected) in [
            ("feedbak", "known are none, feedback[:M[:W]], feedback:lexical[:M[:W[:N]]]"),
            ("", "unknown expansion"),
            ("none:1", "unknown expansion"),
            ("feedback:3:0.5:7", "unknown expansion"),
            ("multi-query:.5:1", "unknown expansion"),
            ("feedback:dense", "number of passages"),
            ("feedback:0", "from 1 to 100"),
            ("feedback:101", "from 1 to 100"),
            ("feedback:3:0", "above 0"),
            ("feedback:3:NaN", "above 0"),
            ("multi-query:1.5", "at most 1"),
            ("feedback:lexical:3:.5:0", "number of words"),
            ("feedback:lexical:3:.5:many", "number of words"),
        ] {
            let error = given.parse::<Expansion>().unwrap_err().to_string();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }

    #[test]
    fn feedback_suits_the_legs_it_changes() {
        let suits = |name: &str, strategy| name.parse::<Expansion>().unwrap().suits(strategy);
        assert!(!suits("feedback", super::Strategy::Lexical));
        assert!(suits("feedback", super::Strategy::Dense));
        assert!(!suits("feedback:lexical", super::Strategy::Dense));
        assert!(suits("feedback:lexical", super::Strategy::Lexical));
        for name in ["none", "feedback", "feedback:lexical", "multi-query"] {
            assert!(suits(name, super::Strategy::DEFAULT), "{name}");
        }
    }
}
