//! Judges' answers: checked against what was read, turned into judgments, and
//! compared with one another.

use std::collections::{BTreeMap, HashMap, HashSet};

use corpora::{JudgedDocument, JudgedSpan, MAX_GRADE, RelevantQuote};
use engine::{DocumentId, Span, quote_occurrence};
use serde::Deserialize;

use super::{PooledQuestion, PooledRegion};
use crate::stats::kappa;

/// One judge's answer for one question: what answers it. Everything else in the
/// question's regions does not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAnswer {
    /// The question's id.
    pub question: String,
    /// What answers it.
    pub relevant: Vec<GivenQuote>,
}

/// Words that answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenQuote {
    /// Where they stand.
    pub region: usize,
    /// The words, as they stand there.
    pub quote: String,
    /// 2: answer by themselves; 1: in part.
    pub grade: u8,
}

/// An answer that does not fit what was to be read.
#[derive(Debug, thiserror::Error)]
pub enum JudgingError {
    /// A line is no answer.
    #[error("answers, line {line}: {source}")]
    Json {
        /// 1-based.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// The pool does not hold the question.
    #[error("{question:?} is not in the pool")]
    Question {
        /// Its id.
        question: String,
    },
    /// A question was answered twice.
    #[error("{question:?} is answered twice by {judge:?}")]
    Repeated {
        /// Its id.
        question: String,
        /// By whom.
        judge: String,
    },
    /// The question has no such region.
    #[error("{question:?} has no region {region}; it has 1 to {last}")]
    Region {
        /// The question's id.
        question: String,
        /// As given.
        region: usize,
        /// The last there is.
        last: usize,
    },
    /// The quote is not in the region, or its grade is none.
    #[error(
        "{question:?}, region {region}: {quote:?} with grade {grade} is not to be had; quote the region's own words, grade 1 or {MAX_GRADE}"
    )]
    Quote {
        /// The question's id.
        question: String,
        /// The region.
        region: usize,
        /// As given.
        quote: String,
        /// As given.
        grade: u8,
    },
}

/// How far two judges agree on what both read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Regions that both read.
    pub n_regions: usize,
    /// Share on which they agree whether the region answers at all.
    pub observed: f64,
    /// Cohen's kappa of that.
    pub kappa: f64,
    /// Cohen's kappa of the three grades with linear weights.
    pub weighted_kappa: f64,
}

/// Parses answers, one JSON object a line.
///
/// # Errors
/// [`JudgingError::Json`], with the line.
pub fn parse_answers(jsonl: &str) -> Result<Vec<GivenAnswer>, JudgingError> {
    jsonl
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|source| JudgingError::Json { line: at + 1, source })
        })
        .collect()
}

/// Turns a judge's answers into judgments, one per question and document.
///
/// # Arguments
/// * `text_of` - the canonical text of a document, to find a quote's place in.
///
/// # Errors
/// [`JudgingError`] for the first answer that does not fit the pool.
pub fn judgments_from_answers(
    pool: &[PooledQuestion],
    answers: &[GivenAnswer],
    (judge, date): (&str, &str),
    text_of: &dyn Fn(&DocumentId) -> Option<String>,
) -> Result<Vec<JudgedDocument>, JudgingError> {
    let mut judgments = Vec::new();
    let mut answered = HashSet::new();
    for answer in answers {
        let id = || answer.question.clone();
        if !answered.insert(&answer.question) {
            return Err(JudgingError::Repeated { question: id(), judge: judge.to_owned() });
        }
        let pooled = pool
            .iter()
            .find(|pooled| pooled.question == answer.question)
            .ok_or_else(|| JudgingError::Question { question: id() })?;
        let mut documents: BTreeMap<&DocumentId, JudgedDocument> = BTreeMap::new();
        for region in &pooled.regions {
            let judged = documents.entry(&region.document).or_insert_with(|| JudgedDocument {
                question: id(),
                document: region.document.clone(),
                text: region.digest.clone(),
                judged: Vec::new(),
                relevant: Vec::new(),
                judge: judge.to_owned(),
                date: date.to_owned(),
            });
            judged.judged.push(JudgedSpan(Span { start: region.span[0], end: region.span[1] }));
        }
        for given in &answer.relevant {
            let last = pooled.regions.len();
            let region =
                pooled.regions.iter().find(|region| region.region == given.region).ok_or_else(
                    || JudgingError::Region { question: id(), region: given.region, last },
                )?;
            let text = text_of(&region.document).unwrap_or_default();
            let quote =
                relevant_quote(&text, region, given).ok_or_else(|| JudgingError::Quote {
                    question: id(),
                    region: given.region,
                    quote: given.quote.clone(),
                    grade: given.grade,
                })?;
            if let Some(judged) = documents.get_mut(&region.document) {
                judged.relevant.push(quote);
            }
        }
        judgments.extend(documents.into_values());
    }
    Ok(judgments)
}

/// The quote with the number of its first occurrence inside the region.
fn relevant_quote(text: &str, region: &PooledRegion, given: &GivenQuote) -> Option<RelevantQuote> {
    let [start, end] = region.span;
    let occurrence = quote_occurrence(text, &given.quote, Span { start, end })?;
    (1..=MAX_GRADE).contains(&given.grade).then(|| RelevantQuote {
        quote: given.quote.split_whitespace().collect::<Vec<_>>().join(" "),
        occurrence,
        grade: given.grade,
    })
}

/// Compares two judges region by region, on the questions that both answered.
///
/// # Source
/// Cohen, Educational and Psychological Measurement 20, 1960; weights: Cohen,
/// Psychological Bulletin 70, 1968.
pub fn agreement(
    pool: &[PooledQuestion],
    first: &[GivenAnswer],
    second: &[GivenAnswer],
) -> Agreement {
    let second: HashMap<&str, &GivenAnswer> =
        second.iter().map(|answer| (answer.question.as_str(), answer)).collect();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for answer in first {
        let Some(other) = second.get(answer.question.as_str()) else { continue };
        let pooled = pool.iter().find(|pooled| pooled.question == answer.question);
        for region in pooled.map(|pooled| pooled.regions.as_slice()).unwrap_or_default() {
            pairs.push((grade_of(answer, region.region), grade_of(other, region.region)));
        }
    }
    let binary: Vec<(usize, usize)> =
        pairs.iter().map(|&(a, b)| (usize::from(a > 0), usize::from(b > 0))).collect();
    let same = binary.iter().filter(|(a, b)| a == b).count();
    Agreement {
        n_regions: pairs.len(),
        observed: same as f64 / pairs.len().max(1) as f64,
        kappa: kappa(&binary, 2),
        weighted_kappa: kappa(&pairs, usize::from(MAX_GRADE) + 1),
    }
}

fn grade_of(answer: &GivenAnswer, region: usize) -> usize {
    let grades = answer.relevant.iter().filter(|given| given.region == region);
    grades.map(|given| usize::from(given.grade)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(number: usize, document: &str, start: u32, text: &str) -> PooledRegion {
        PooledRegion {
            region: number,
            document: DocumentId::new(document).unwrap(),
            title: String::new(),
            span: [start, start + text.len() as u32],
            digest: "0".into(),
            text: text.into(),
        }
    }

    fn pool() -> Vec<PooledQuestion> {
        vec![PooledQuestion {
            question: "q".into(),
            text: "?".into(),
            answer: "!".into(),
            regions: vec![
                region(1, "a", 0, "A value has\none owner."),
                region(2, "a", 90, "Nothing has one owner."),
                region(3, "b", 5, "Owners drop values."),
            ],
        }]
    }

    fn text_of(document: &DocumentId) -> Option<String> {
        match document.as_str() {
            "a" => Some(format!("{:<90}Nothing has one owner.", "A value has\none owner.")),
            "b" => Some("     Owners drop values.".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn answers_become_judgments_of_everything_that_was_read() {
        let answers = parse_answers(
            r#"{"question":"q","relevant":[{"region":1,"quote":"has one owner","grade":2},{"region":2,"quote":"has one  owner","grade":1}]}"#,
        )
        .unwrap();
        let judgments =
            judgments_from_answers(&pool(), &answers, ("j1", "2026-01-02"), &text_of).unwrap();
        let [a, b] = &judgments[..] else { panic!("{judgments:?}") };
        assert_eq!(a.judged, [JudgedSpan(Span::new(0, 22)), JudgedSpan(Span::new(90, 112))]);
        assert_eq!(
            a.relevant,
            [
                RelevantQuote { quote: "has one owner".into(), occurrence: 1, grade: 2 },
                RelevantQuote { quote: "has one owner".into(), occurrence: 2, grade: 1 },
            ]
        );
        assert_eq!((b.judged.len(), b.relevant.len()), (1, 0));
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        let message = |answer: &str| {
            let answers = parse_answers(answer).unwrap();
            judgments_from_answers(&pool(), &answers, ("j", "d"), &text_of).unwrap_err().to_string()
        };
        let one = |region: usize, quote: &str, grade: u8| {
            format!(
                r#"{{"question":"q","relevant":[{{"region":{region},"quote":"{quote}","grade":{grade}}}]}}"#
            )
        };
        assert!(message(&one(4, "x", 1)).contains("1 to 3"));
        assert!(message(&one(3, "one owner", 1)).contains("one owner"));
        assert!(message(&one(1, "one owner", 3)).contains("grade 3"));
        assert!(message(r#"{"question":"z","relevant":[]}"#).contains("not in the pool"));
        let twice = r#"{"question":"q","relevant":[]}"#;
        assert!(message(&format!("{twice}\n{twice}")).contains("twice"));
        assert!(parse_answers("\n{}").unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn agreement_is_over_regions_that_both_read() {
        let answers = |text: &str| parse_answers(text).unwrap();
        let first = answers(
            r#"{"question":"q","relevant":[{"region":1,"quote":"x","grade":2},{"region":3,"quote":"y","grade":1}]}"#,
        );
        let second = answers(r#"{"question":"q","relevant":[{"region":1,"quote":"x","grade":1}]}"#);
        let agreement = agreement(&pool(), &first, &second);
        assert_eq!(agreement.n_regions, 3);
        assert!((agreement.observed - 2.0 / 3.0).abs() < 1e-12);
        assert!((agreement.kappa - 0.4).abs() < 1e-12, "{}", agreement.kappa);
    }
}
