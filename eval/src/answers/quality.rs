//! How what an answer shows fits what is true: one rule for quotations and for what a
//! model wrote.

use answer::{Citation, Verdict};
use serde::{Deserialize, Serialize};

use super::{AnswerQuestion, words};

/// How good an answer is to a question that the index answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Whether a right citation is shown.
    pub right: bool,
    /// Share of the citations that are right, in `[0, 1]`; 0 without any.
    pub precision: f64,
    /// Share of the needs that a right citation meets, in `[0, 1]`.
    pub recall: f64,
    /// Token F1 of the text against the expected answers; `None` where none is
    /// expected.
    pub f1: Option<f64>,
    /// Whether the text is an expected answer; likewise.
    pub exact: Option<bool>,
}

impl AnswerQuestion {
    /// Judges what is shown.
    ///
    /// A citation is right when it shares a byte with a place that proves the answer,
    /// as passages are judged too, and its quote stands there. One that quotes nothing
    /// is judged by its whole passage; a false or misplaced quote is wrong, wherever it
    /// claims to be from.
    ///
    /// # Arguments
    /// * `text` - the answer's words, without markers.
    pub(crate) fn judge(&self, shown: &[Citation], text: &str) -> Quality {
        let met: Vec<Vec<usize>> = shown
            .iter()
            .filter(|citation| matches!(citation.verdict, Verdict::Found | Verdict::Unquoted))
            .filter_map(|citation| citation.cited.as_ref())
            .map(|place| self.met_by(&place.document, place.span))
            .collect();
        let n_right = met.iter().filter(|needs| !needs.is_empty()).count();
        let covered = (0..self.needs.len()).filter(|need| met.iter().flatten().any(|m| m == need));
        let expects = !self.expected.is_empty();
        Quality {
            right: n_right > 0,
            precision: n_right as f64 / shown.len().max(1) as f64,
            recall: covered.count() as f64 / self.needs.len().max(1) as f64,
            f1: expects.then(|| words::token_f1(text, &self.expected)),
            exact: expects.then(|| words::exact_match(text, &self.expected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use answer::Place;
    use engine::{DocumentId, Span};

    use super::*;
    use crate::questions::EvidencePassage;

    fn place(start: usize, end: usize) -> Place {
        Place { document: DocumentId::new("a").unwrap(), span: Span::new(start, end) }
    }

    fn citation(verdict: Verdict, (start, end): (usize, usize)) -> Citation {
        Citation {
            number: 1,
            passage: Some(1),
            cited: Some(place(start, end)),
            title: String::new(),
            headings: Vec::new(),
            quote: String::new(),
            verdict,
            places: Vec::new(),
        }
    }

    fn question() -> AnswerQuestion {
        let need = |start, end| {
            let Place { document, span } = place(start, end);
            vec![EvidencePassage { document, span }]
        };
        AnswerQuestion {
            id: "q".into(),
            text: "?".into(),
            needs: vec![need(10, 20), need(50, 60)],
            expected: vec!["one owner".into()],
        }
    }

    #[test]
    fn a_citation_is_right_where_its_quote_holds_and_meets_a_need() {
        let judged = |shown: &[Citation]| question().judge(shown, "the owner");
        let found = judged(&[citation(Verdict::Found, (15, 17)), citation(Verdict::Found, (0, 5))]);
        assert_eq!((found.right, found.precision, found.recall), (true, 0.5, 0.5));
        assert_eq!((found.f1, found.exact), (Some(2.0 / 3.0), Some(false)));
        // A passage that is named and not quoted is judged as a passage.
        let unquoted = judged(&[citation(Verdict::Unquoted, (0, 100))]);
        assert_eq!((unquoted.precision, unquoted.recall), (1.0, 1.0));
        for verdict in [Verdict::Elsewhere, Verdict::Stitched, Verdict::NotFound] {
            let false_quote = judged(&[citation(verdict, (0, 100))]);
            assert_eq!((false_quote.right, false_quote.recall), (false, 0.0), "{verdict}");
        }
        assert_eq!(judged(&[]).precision, 0.0);
    }

    #[test]
    fn words_are_compared_only_where_some_are_expected() {
        let silent = AnswerQuestion { expected: Vec::new(), ..question() };
        let judged = silent.judge(&[], "one owner");
        assert_eq!((judged.f1, judged.exact), (None, None));
        assert_eq!(question().judge(&[], "One owner.").exact, Some(true));
    }
}
