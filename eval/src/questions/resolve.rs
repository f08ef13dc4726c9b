//! From quotes to spans in an index, and from spans to what a ranking found.

use corpora::{Question, QuestionKind};
use engine::{DocumentId, Searcher, Span, resolve_quote};

use crate::error::EvalError;

/// A passage that proves an answer, found in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidencePassage {
    /// The document that holds the text. For a quoted document that is an exact
    /// duplicate this is the one it duplicates: one text, one result, one
    /// judgment.
    pub document: DocumentId,
    /// The quote's bytes in its canonical text.
    pub span: Span,
}

/// A question whose evidence is in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedQuestion {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// What it asks for.
    pub kind: QuestionKind,
    /// The passages that prove its answer, at least one.
    pub evidence: Vec<EvidencePassage>,
}

/// A quote that is not in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnresolvedQuote {
    /// The question's id.
    pub question: String,
    /// The document that should hold it.
    pub document: DocumentId,
    /// What is missing.
    pub missing: MissingEvidence,
}

/// Why a quote did not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingEvidence {
    /// The index does not hold the document.
    Document,
    /// The document's text does not hold the quote.
    Quote,
}

/// Questions split by whether they can be scored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedQuestions {
    /// Those whose every quote was found, by ascending id: intervals depend on
    /// the order of topics.
    pub questions: Vec<ResolvedQuestion>,
    /// The quotes that were not.
    pub unresolved: Vec<UnresolvedQuote>,
    /// How many questions have no evidence by design.
    pub n_unanswerable: usize,
}

/// Finds each question's quotes in the index.
///
/// # Errors
/// [`EvalError::Segment`] when a document cannot be read.
pub fn resolve_questions(
    searcher: &Searcher,
    questions: &[Question],
) -> Result<ResolvedQuestions, EvalError> {
    let mut resolved = ResolvedQuestions::default();
    for question in questions {
        if question.kind == QuestionKind::Unanswerable {
            resolved.n_unanswerable += 1;
            continue;
        }
        let mut evidence = Vec::with_capacity(question.evidence.len());
        for quoted in &question.evidence {
            let missing = match searcher.document(&quoted.document)? {
                None => MissingEvidence::Document,
                Some(stored) => match resolve_quote(&stored.text, &quoted.quote, quoted.occurrence)
                {
                    None => MissingEvidence::Quote,
                    Some(span) => {
                        let document = stored.duplicate_of.unwrap_or(stored.id);
                        evidence.push(EvidencePassage { document, span });
                        continue;
                    }
                },
            };
            resolved.unresolved.push(UnresolvedQuote {
                question: question.id.clone(),
                document: quoted.document.clone(),
                missing,
            });
        }
        if evidence.len() == question.evidence.len() {
            resolved.questions.push(ResolvedQuestion {
                id: question.id.clone(),
                text: question.question.clone(),
                kind: question.kind,
                evidence,
            });
        }
    }
    resolved.questions.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(resolved)
}

impl ResolvedQuestion {
    /// For each hit, best first, how many pieces of evidence it is the first to
    /// overlap.
    pub fn newly_found(&self, hits: &[(&DocumentId, Span)]) -> Vec<usize> {
        let mut missing: Vec<_> = self.evidence.iter().collect();
        hits.iter()
            .map(|(document, span)| {
                let before = missing.len();
                missing.retain(|evidence| {
                    evidence.document != **document || !evidence.span.overlaps(*span)
                });
                before - missing.len()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_of_evidence_counts_once_for_the_first_hit_that_reaches_it() {
        let [a, b] = ["a", "b"].map(|id| DocumentId::new(id).unwrap());
        let passage = |document: &DocumentId, start, end| EvidencePassage {
            document: document.clone(),
            span: Span::new(start, end),
        };
        let question = ResolvedQuestion {
            id: "q".into(),
            text: "?".into(),
            kind: QuestionKind::MultiPassage,
            evidence: vec![passage(&a, 10, 20), passage(&a, 18, 30), passage(&b, 0, 5)],
        };
        let hits = [
            (&b, Span::new(5, 90)), // begins where the evidence ends
            (&a, Span::new(0, 11)), // one byte of the first
            (&a, Span::new(0, 19)), // the first again, the second anew
            (&b, Span::new(4, 6)),
        ];
        assert_eq!(question.newly_found(&hits), [0, 1, 1, 1]);
        assert_eq!(question.newly_found(&[(&a, Span::new(0, 100))]), [2]);
    }
}
