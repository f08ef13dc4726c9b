//! Answers that a person has labelled: what a judge is checked by.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::answers::AnswerSet;
use crate::error::EvalError;

/// An answer, and whether a person finds it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledAnswer {
    /// What was asked.
    pub question: String,
    /// What was expected; at least one.
    pub expected: Vec<String>,
    /// What was answered.
    pub answer: String,
    /// Whether that is right.
    pub right: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelLine {
    question: String,
    #[serde(default)]
    expected: Vec<String>,
    answer: String,
    label: Label,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Label {
    Right,
    Wrong,
}

/// Reads labels: JSON lines with `question`, `answer`, `label` (`right` or `wrong`) and,
/// for questions that are not asked here, `expected`, a list of right answers.
///
/// # Arguments
/// * `set` - whose expected answers serve a line that gives none. A judge is shown them
///   with the systems' answers, so it is checked with them too.
///
/// # Errors
/// [`EvalError::Io`]; [`EvalError::Format`] with the line;
/// [`EvalError::OneSidedLabels`] without both kinds: agreement with one-sided labels says
/// nothing.
pub fn read_labels(path: &Path, set: &AnswerSet) -> Result<Vec<LabelledAnswer>, EvalError> {
    let content = fs::read_to_string(path).map_err(EvalError::io(path))?;
    let known: HashMap<&str, &[String]> =
        set.questions.iter().map(|it| (it.text.as_str(), it.expected.as_slice())).collect();
    let mut labels = Vec::new();
    for (at, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: String| EvalError::Format {
            path: path.to_owned(),
            reason: format!("line {}: {what}", at + 1),
        };
        let LabelLine { question, mut expected, answer, label } = serde_json::from_str(line)
            .map_err(|error| {
                let told =
                    "a label has question, answer, label (right or wrong) and may have expected";
                wrong(format!("{error}; {told}"))
            })?;
        if expected.is_empty() {
            let asked = known.get(question.as_str()).copied().unwrap_or_default();
            expected = asked.to_vec();
        }
        if expected.is_empty() {
            let told = "no answer is known to this question; give a list of them as expected";
            return Err(wrong(told.to_owned()));
        }
        labels.push(LabelledAnswer { question, expected, answer, right: label == Label::Right });
    }
    let right = labels.iter().filter(|label| label.right).count();
    let wrong = labels.len() - right;
    if right == 0 || wrong == 0 {
        return Err(EvalError::OneSidedLabels { right, wrong });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::AnswerQuestion;

    fn read(lines: &str) -> Result<Vec<LabelledAnswer>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("labels.jsonl");
        fs::write(&path, lines).unwrap();
        let question = AnswerQuestion {
            id: "q".into(),
            text: "Who owns it?".into(),
            needs: Vec::new(),
            expected: vec!["one owner".into()],
        };
        let set = AnswerSet { questions: vec![question], ..AnswerSet::default() };
        read_labels(&path, &set).map_err(|error| error.to_string())
    }

    #[test]
    fn expected_answers_come_from_the_line_or_from_the_question() {
        let labels = read(
            "{\"question\":\"Who owns it?\",\"answer\":\"its owner\",\"label\":\"right\"}\n\n\
             {\"question\":\"How tall?\",\"expected\":[\"8,849 m\"],\"answer\":\"2 m\",\"label\":\"wrong\"}\n",
        )
        .unwrap();
        assert_eq!(
            (&labels[0].expected[..], labels[0].right),
            (&["one owner".to_owned()][..], true)
        );
        assert_eq!(
            (&labels[1].expected[..], labels[1].right),
            (&["8,849 m".to_owned()][..], false)
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let right = "{\"question\":\"Who owns it?\",\"answer\":\"a\",\"label\":\"right\"}\n";
        for (more, expected) in [
            ("", "1 are right and 0 are wrong"),
            (
                "{\"question\":\"How tall?\",\"answer\":\"a\",\"label\":\"wrong\"}",
                "line 2: no answer is known",
            ),
            (
                "{\"question\":\"Who owns it?\",\"answer\":\"a\",\"label\":\"good\"}",
                "line 2: unknown variant",
            ),
            ("nonsense", "right or wrong"),
        ] {
            let told = read(&format!("{right}{more}\n")).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
    }
}
