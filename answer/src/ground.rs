//! A model's reply, made an answer: its quotations looked up, its markers resolved.
//!
//! Nothing that a model wrote is left out. A quotation that stands nowhere, a marker
//! of a passage that was never shown and a claim that cites nothing stay in the answer,
//! each with what is wrong with it.

use engine::filter::Filter;
use engine::{SearchError, Searcher};

use crate::answer::{Answer, Claim, cited_text};
use crate::citation::{Citation, Place, Verdict, Verifier};
use crate::context::{Context, ContextPassage};
use crate::prompt::{ParsedAnswer, ParsedClaim, PromptPassage};

/// The passages of a context as a prompt shows them.
pub fn prompt_passages(context: &Context) -> Vec<PromptPassage<'_>> {
    let shown = context.passages.iter();
    shown
        .map(|ContextPassage { number, title, text, .. }| PromptPassage {
            number: *number,
            title,
            text,
        })
        .collect()
}

/// Makes an answer of a reply.
///
/// Each quotation becomes a citation of the passage in which it stands, of the first one
/// its claim names where it stands in none. A passage that is named and not quoted
/// becomes a citation with [`Verdict::Unquoted`]; one that was never shown, with
/// [`Verdict::NotFound`].
///
/// # Arguments
/// * `filter` - that of the search: what the question could not see, its citations cannot
///   name.
///
/// # Returns
/// The answer without a confidence: a model gives none that could be trusted. It counts
/// as an abstention when the model said so and claimed nothing.
///
/// # Errors
/// [`SearchError`] when the index cannot be read.
pub fn ground(
    question: &str,
    reply: &ParsedAnswer,
    searcher: &Searcher,
    context: &Context,
    filter: Option<&Filter>,
) -> Result<Answer, SearchError> {
    if reply.abstained && reply.claims.is_empty() {
        return Ok(Answer::abstained(question, None, Vec::new()));
    }
    let mut grounding = Grounding {
        context,
        verifier: Verifier::new(searcher, context, filter),
        citations: Vec::new(),
    };
    let claims =
        reply.claims.iter().map(|claim| grounding.claim(claim)).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer {
        question: question.to_owned(),
        text: cited_text(&claims),
        abstained: false,
        confidence: None,
        claims,
        citations: grounding.citations,
        nearest: Vec::new(),
    })
}

/// The citations found so far.
struct Grounding<'a> {
    context: &'a Context,
    verifier: Verifier<'a>,
    citations: Vec<Citation>,
}

impl Grounding<'_> {
    fn claim(&mut self, claim: &ParsedClaim) -> Result<Claim, SearchError> {
        let mut numbers = Vec::new();
        let mut quoted = Vec::new();
        for quote in &claim.quotes {
            let named: Vec<u32> = match quote.passage {
                Some(number) => vec![number],
                None => claim.passages.clone(),
            };
            let cited: Vec<&ContextPassage> =
                named.iter().filter_map(|&number| self.context.passage(number)).collect();
            let (verdict, places) = self.verifier.verify(&quote.text, &cited)?;
            let holder = |place: &Place| {
                let holds = |passage: &&&ContextPassage| {
                    passage.document == place.document && passage.span.overlaps(place.span)
                };
                cited.iter().find(holds).copied()
            };
            let found = places.first().filter(|_| verdict.holds());
            let passage = found.and_then(holder).or(cited.first().copied());
            quoted.extend(passage.map(|passage| passage.number));
            numbers.push(self.cite(passage, &quote.text, verdict, places));
        }
        for &number in claim.passages.iter().filter(|number| !quoted.contains(number)) {
            let passage = self.context.passage(number);
            let verdict = if passage.is_some() { Verdict::Unquoted } else { Verdict::NotFound };
            numbers.push(self.cite(passage, "", verdict, Vec::new()));
        }
        numbers.dedup();
        let ParsedClaim { lead, text, .. } = claim;
        Ok(Claim { lead: lead.clone(), text: text.clone(), citations: numbers })
    }

    /// The number of a citation, of the one that says the same where there is one.
    fn cite(
        &mut self,
        passage: Option<&ContextPassage>,
        quote: &str,
        verdict: Verdict,
        places: Vec<Place>,
    ) -> u32 {
        let number = passage.map(|passage| passage.number);
        let same = |other: &&Citation| other.passage == number && other.quote == quote;
        if let Some(known) = self.citations.iter().find(same) {
            return known.number;
        }
        let cited = match places.first() {
            Some(place) if verdict.holds() => Some(place.clone()),
            Some(_) | None => passage
                .map(|passage| Place { document: passage.document.clone(), span: passage.span }),
        };
        let next = self.citations.len() as u32 + 1;
        self.citations.push(Citation {
            number: next,
            passage: number,
            cited,
            title: passage.map_or_else(String::new, |passage| passage.title.clone()),
            headings: passage.map_or_else(Vec::new, |passage| passage.headings.clone()),
            quote: quote.to_owned(),
            verdict,
            places,
        });
        next
    }
}
