//! Answers that can be checked: from the hits of a search to claims with citations,
//! each looked up in the stored texts.
//!
//! [`answer_question`] is the whole path without a language model. The ladder:
//! [`standalone`] makes a follow-up a question of its own; [`assemble`] makes of hits a
//! [`Context`] of numbered passages within a token budget; [`extract`] answers with
//! sentences of it, and needs no key and no network; a [`model::LanguageModel`] answers
//! in words of its own, told how by a [`prompt::Prompt`], and [`ground`] makes claims
//! and citations of its reply. Either way every quotation is looked up and gets its
//! [`Verdict`].

mod answer;
mod citation;
mod context;
mod extract;
mod follow_up;
mod ground;
#[cfg(feature = "models")]
pub mod model;
mod nearest;
mod pipeline;
pub mod prompt;
#[cfg(feature = "models")]
mod rewrite;
mod sentence;
mod tokens;
mod toml_place;
#[cfg(feature = "models")]
mod write;

pub use answer::{Answer, Claim, verify_answer};
pub use citation::{Citation, Place, Verdict, Verifier};
pub use context::{
    Context, ContextOptions, ContextOrder, ContextPassage, LeftOut, LeftOutReason, assemble,
};
pub use extract::{
    AnswerWeights, Candidate, ExtractError, ExtractOptions, SentenceFeature, SentenceFeatures,
    WeightsError, extract, rated_sentences,
};
pub use follow_up::{Leaning, Standalone, Turn, standalone};
pub use ground::{ground, prompt_passages};
pub use pipeline::{
    AnswerError, AnswerOutcome, AnswerRequest, AnswerTimings, Retrieved, answer_question, retrieve,
};
#[cfg(feature = "models")]
pub use rewrite::{Rewritten, rewrite};
pub use sentence::{Sentence, sentences};
pub use tokens::estimated_tokens;
#[cfg(feature = "models")]
pub use write::{WriteError, Written, write};
