//! An answer: claims, what they rest on, and whether that holds.

use engine::filter::Filter;
use engine::{SearchError, Searcher};

use crate::citation::{Citation, Verifier};
use crate::context::Context;

/// Something an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What stands between it and the claim before: a new line, or what a model wrote there,
    /// such as a list's bullet.
    pub lead: String,
    /// Its words, without markers.
    pub text: String,
    /// The numbers of its citations; empty for a claim that cites nothing.
    pub citations: Vec<u32>,
}

impl Claim {
    /// The words with a marker `[n]` for each citation, without the lead.
    pub fn marked(&self) -> String {
        let markers: Vec<String> =
            self.citations.iter().map(|number| format!("[{number}]")).collect();
        if markers.is_empty() {
            self.text.clone()
        } else {
            format!("{} {}", self.text, markers.concat())
        }
    }
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was asked.
    pub question: String,
    /// The claims, laid out as their leads say, with a marker `[n]` for each citation; empty
    /// when nothing is claimed.
    pub text: String,
    /// Whether the question was not answered, as nothing that was found answers it.
    pub abstained: bool,
    /// The chance that the index answers the question, in `[0, 1]`, at even odds before
    /// anything was read. `None` where nothing estimates it.
    pub confidence: Option<f64>,
    /// What is claimed, in order.
    pub claims: Vec<Claim>,
    /// What the claims rest on, by ascending number.
    pub citations: Vec<Citation>,
    /// After an abstention, what came nearest.
    pub nearest: Vec<Citation>,
}

impl Answer {
    /// An answer that claims nothing.
    pub(crate) fn abstained(
        question: &str,
        confidence: Option<f64>,
        nearest: Vec<Citation>,
    ) -> Self {
        Self {
            question: question.to_owned(),
            text: String::new(),
            abstained: true,
            confidence,
            claims: Vec::new(),
            citations: Vec::new(),
            nearest,
        }
    }
}

/// The claims as one text, a marker for each citation.
pub(crate) fn cited_text(claims: &[Claim]) -> String {
    claims.iter().fold(String::new(), |text, claim| text + &claim.lead + &claim.marked())
}

/// Looks every citation of an answer up, and writes down what was found.
///
/// # Arguments
/// * `context` - what the answer was made of.
/// * `filter` - that of the search.
///
/// # Errors
/// [`SearchError`] when the index cannot be read.
pub fn verify_answer(
    answer: &mut Answer,
    searcher: &Searcher,
    context: &Context,
    filter: Option<&Filter>,
) -> Result<(), SearchError> {
    let mut verifier = Verifier::new(searcher, context, filter);
    for citation in answer.citations.iter_mut().chain(&mut answer.nearest) {
        let passage = citation.passage.and_then(|number| context.passage(number));
        let cited: Vec<_> = passage.into_iter().collect();
        let (verdict, places) = verifier.verify(&citation.quote, &cited)?;
        if verdict.holds() {
            citation.cited = places.first().cloned();
        }
        citation.verdict = verdict;
        citation.places = places;
    }
    Ok(())
}
