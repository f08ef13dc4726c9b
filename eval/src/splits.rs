//! Which questions are for tuning and which for reporting.
//!
//! No document may serve both, so what is assigned is not a question but a
//! group: questions whose evidence shares a document, directly or by way of
//! others. Groups come in the order of a hash, which has nothing to do with
//! their names or contents, and go to dev until it has about two fifths. A
//! threshold on the hash itself was rejected: it would leave every group where
//! it is when documents are added, but one small folder in ten would have no
//! dev question at all.

use std::collections::{BTreeMap, HashMap};

use corpora::{Question, QuestionSplit};

/// Share of the questions that dev is to have, in percent.
const DEV_PERCENT: usize = 40;

/// Sets the split of every question.
pub(crate) fn assign_splits(questions: &mut [Question]) {
    let groups = groups(questions);
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for &group in &groups {
        *sizes.entry(group).or_default() += 1;
    }
    // A group is the index of its first question; its hash is of that
    // question's first document.
    let key = |group: usize| {
        let question = &questions[group];
        let name = question.evidence.first().map_or(question.id.as_str(), |e| e.document.as_str());
        *blake3::hash(name.as_bytes()).as_bytes()
    };
    let mut order: Vec<_> =
        sizes.into_iter().map(|(group, size)| (key(group), group, size)).collect();
    order.sort_unstable();
    let (mut n_dev, total) = (0, questions.len());
    let mut split_of = HashMap::new();
    for (_, group, size) in order {
        // To dev if that brings it nearer to its share than it is without.
        let is_dev = (2 * n_dev + size) * 100 <= 2 * DEV_PERCENT * total;
        n_dev += if is_dev { size } else { 0 };
        split_of.insert(group, if is_dev { QuestionSplit::Dev } else { QuestionSplit::Test });
    }
    for (question, group) in questions.iter_mut().zip(groups) {
        question.split = split_of[&group];
    }
}

/// For each question the index of the first question of its group.
fn groups(questions: &[Question]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..questions.len()).collect();
    let mut holder = HashMap::new();
    for (at, question) in questions.iter().enumerate() {
        for evidence in &question.evidence {
            let other = *holder.entry(&evidence.document).or_insert(at);
            let (a, b) = (root(&mut parent, at), root(&mut parent, other));
            parent[a.max(b)] = a.min(b);
        }
    }
    (0..questions.len()).map(|at| root(&mut parent, at)).collect()
}

/// The root of a node, halving the way to it.
fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use corpora::{Evidence, QuestionKind, QuestionStatus};
    use engine::DocumentId;
    use proptest::prelude::*;

    use super::*;

    fn split(documents: &[Vec<u8>]) -> Vec<Question> {
        let mut questions: Vec<_> = documents
            .iter()
            .enumerate()
            .map(|(at, documents)| Question {
                id: at.to_string(),
                question: String::new(),
                answer: String::new(),
                kind: QuestionKind::Fact,
                split: QuestionSplit::Test,
                status: QuestionStatus::Confirmed,
                evidence: documents
                    .iter()
                    .map(|document| Evidence {
                        document: DocumentId::new(format!("d/{document}")).unwrap(),
                        quote: "q".to_owned(),
                        occurrence: 1,
                    })
                    .collect(),
            })
            .collect();
        assign_splits(&mut questions);
        questions
    }

    fn n_dev(questions: &[Question]) -> usize {
        questions.iter().filter(|question| question.split == QuestionSplit::Dev).count()
    }

    #[test]
    fn two_fifths_of_equal_documents_are_dev() {
        for (n_documents, expected) in [(1_u8, 0), (2, 1), (5, 2), (10, 4), (100, 40)] {
            let documents: Vec<_> = (0..n_documents).map(|n| vec![n]).collect();
            assert_eq!(n_dev(&split(&documents)), expected, "{n_documents}");
        }
    }

    proptest! {
        #[test]
        fn no_document_serves_both(documents in prop::collection::vec(prop::collection::vec(0_u8..40, 0..3), 0..30)) {
            let questions = split(&documents);
            let mut of_split = [HashSet::new(), HashSet::new()];
            for question in &questions {
                of_split[usize::from(question.split == QuestionSplit::Dev)]
                    .extend(question.evidence.iter().map(|evidence| &evidence.document));
            }
            prop_assert!(of_split[0].is_disjoint(&of_split[1]));
        }
    }
}
