//! The extractive answer: sentences of the context, quoted, and the courage to say
//! that nothing there answers.
//!
//! Every sentence of the best passages is a candidate. A ladder chooses: the question's
//! words choose those that are encoded, their vectors those that a reranker reads, if
//! there is one; what is known at the last rung makes the chance that a sentence
//! answers ([`AnswerWeights`]). The best are quoted in the order in which they stand,
//! neighbours as one quotation. Another regression says how likely the index holds an
//! answer at all, at even odds beforehand: the answer's confidence. No key, no network,
//! no word that is not in a document.

mod candidates;
mod features;
mod weights;

use engine::{EncodeError, RerankError, Reranker, SearchError, Searcher, Span};

use crate::answer::{Answer, Claim, cited_text};
use crate::citation::{Citation, Place, Verdict};
use crate::context::Context;
pub use candidates::{Candidate, rated_sentences};
pub use features::{SentenceFeature, SentenceFeatures};
use weights::Judge;
pub use weights::{AnswerWeights, WeightsError};

/// How much is read and quoted.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractOptions {
    /// Most citations; at least 1 counts.
    pub max_citations: usize,
    /// Most sentences that are looked at, those of the best passages.
    pub max_sentences: usize,
    /// Most of them whose vectors are compared with the question's, chosen by words. An
    /// answer's time goes here: each is encoded.
    pub max_compared: usize,
    /// Most of them that a reranker reads; with one, half as many again are compared,
    /// so that vectors have a say in which.
    pub max_read: usize,
    /// A further sentence is quoted when its chance is at least this share of the best
    /// one's.
    pub min_share: f64,
    /// What chooses.
    pub weights: AnswerWeights,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            max_citations: 3,
            max_sentences: 80,
            // On the dev questions the best sentence among 16 is the best among all.
            max_compared: 16,
            max_read: 16,
            min_share: 0.6,
            weights: AnswerWeights::shipped(),
        }
    }
}

/// Why no answer could be made.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The index could not be read.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Question or sentences could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The reranker failed.
    #[error(transparent)]
    Rerank(#[from] RerankError),
}

/// Answers a question with sentences of a context.
///
/// The citations' verdicts are [`Verdict::Found`] as far as this function knows;
/// [`crate::verify_answer`] looks.
///
/// # Arguments
/// * `searcher` - the view the context was made of; its encoder compares sentences with
///   the question, and without one words alone decide.
/// * `reranker` - reads the most promising sentences; `None` for none.
///
/// # Returns
/// An answer without claims where the context has no sentence, or none whose chance
/// reaches the threshold; [`Answer::nearest`] then has the best one found.
///
/// # Errors
/// [`ExtractError`].
pub fn extract(
    question: &str,
    context: &Context,
    searcher: &Searcher,
    reranker: Option<&dyn Reranker>,
    options: &ExtractOptions,
) -> Result<Answer, ExtractError> {
    let candidates = rated_sentences(question, context, searcher, reranker, options)?;
    let judge = options.weights.last_rung(searcher.encoder().is_some(), reranker.is_some());
    Ok(answer(question, context, &candidates, judge, options))
}

fn answer(
    question: &str,
    context: &Context,
    candidates: &[Candidate],
    judge: &Judge,
    options: &ExtractOptions,
) -> Answer {
    let Some(best) = candidates.first() else {
        return Answer::abstained(question, Some(0.0), Vec::new());
    };
    let confidence = judge.confidence.chance.apply(&best.features);
    let least = best.chance * options.min_share;
    let most = options.max_citations.max(1);
    let mut chosen: Vec<&Candidate> =
        candidates.iter().take_while(|other| other.chance >= least).take(most).collect();
    // Passages best first, sentences as they stand.
    chosen.sort_by_key(|other| (other.rank, other.span.start));
    let citations = quotations(context, &chosen);
    if confidence < judge.confidence.threshold {
        return Answer::abstained(question, Some(confidence), citations);
    }
    let claims: Vec<Claim> = citations
        .iter()
        .enumerate()
        .map(|(at, citation)| Claim {
            lead: if at == 0 { String::new() } else { "\n".to_owned() },
            text: citation.quote.clone(),
            citations: vec![citation.number],
        })
        .collect();
    Answer {
        question: question.to_owned(),
        text: cited_text(&claims),
        abstained: false,
        confidence: Some(confidence),
        claims,
        citations,
        nearest: Vec::new(),
    }
}

/// The sentences as citations; those that follow one another are one.
fn quotations(context: &Context, chosen: &[&Candidate]) -> Vec<Citation> {
    let mut quotations: Vec<Citation> = Vec::new();
    for candidate in chosen {
        let (Some(passage), Some(document)) =
            (context.passage(candidate.passage), context.document(&candidate.document))
        else {
            continue;
        };
        let mut span = candidate.span;
        let last = quotations.last_mut();
        let joined = last.filter(|last| {
            let place = last.cited.as_ref().filter(|place| place.document == document.id);
            place.is_some_and(|place| {
                let between = Span { start: place.span.end, end: span.start };
                between.slice(&document.text).is_some_and(|gap| gap.trim().is_empty())
            })
        });
        let quotation = if let Some(last) = joined {
            span.start = last.cited.as_ref().map_or(span.start, |place| place.span.start);
            last
        } else {
            quotations.push(Citation {
                number: quotations.len() as u32 + 1,
                passage: Some(passage.number),
                cited: None,
                title: passage.title.clone(),
                headings: passage.headings.clone(),
                quote: String::new(),
                verdict: Verdict::Found,
                places: Vec::new(),
            });
            let last = quotations.len() - 1;
            &mut quotations[last]
        };
        let place = Place { document: document.id.clone(), span };
        span.slice(&document.text).unwrap_or_default().clone_into(&mut quotation.quote);
        quotation.places = vec![place.clone()];
        quotation.cited = Some(place);
    }
    quotations
}
