//! Prose as models write it, and prose as nobody should.

use proptest::prelude::*;

use super::*;

/// Each claim as `text | passages | quotations`, against what was shown.
#[track_caller]
fn check(reply: &str, expected: &[&str]) {
    let answer = read(reply, &[1, 2, 3]).unwrap();
    let said: Vec<String> = answer
        .claims
        .iter()
        .map(|claim| {
            let quotes: Vec<_> = claim.quotes.iter().map(|quote| quote.text.as_str()).collect();
            format!("{} | {:?} | {}", claim.text, claim.passages, quotes.join(" / "))
        })
        .collect();
    assert_eq!(said, expected);
    assert!(!answer.abstained);
}

#[test]
fn each_sentence_is_a_claim_with_its_markers() {
    check(
        "A value has one owner [1]. Moving it ends that [1, 2][3]! Why? Nobody says.",
        &[
            "A value has one owner. | [1] | ",
            "Moving it ends that! | [1, 2, 3] | ",
            "Why? | [] | ",
            "Nobody says. | [] | ",
        ],
    );
}

#[test]
fn markers_behind_the_full_stop_belong_to_the_sentence_before() {
    check(
        "It is moved. [1] [2] Then it is gone.[3]\nDone [1-3].",
        &["It is moved. | [1, 2] | ", "Then it is gone. | [3] | ", "Done. | [1, 2, 3] | "],
    );
}

#[test]
fn quotations_are_verbatim_and_hold_sentences_and_brackets() {
    check(
        "It says \"One owner. See [2].\" [1]. And „zwei  Leer“ [2] «trois» [3] “four” [1].",
        &[
            "It says \"One owner. See [2].\". | [1] | One owner. See [2].",
            "And „zwei  Leer“  «trois»  “four”. | [2, 3, 1] | zwei  Leer / trois / four",
        ],
    );
}

#[test]
fn a_mark_that_opens_nothing_is_text() {
    check(
        "A 5\" pipe is \"wide\" [1].\n\nHe said \"and left [2].\n\nNext \"one\" [3].",
        &[
            "A 5\" pipe is \"wide\". | [1] | wide",
            "He said \"and left. | [2] | ",
            "Next \"one\". | [3] | one",
        ],
    );
}

#[test]
fn lists_lose_their_bullets() {
    check(
        "1. First point [1].\n2. Second [2]\n- third [3]\n\n---\n## Head\n",
        &["First point. | [1] | ", "Second | [2] | ", "third | [3] | ", "Head | [] | "],
    );
}

#[test]
fn code_is_one_claim_in_which_nothing_is_quoted() {
    check(
        "Make one with `String::from(\"hi\")` [1].\n\n```rust\nlet s = v[1]. \"a b\";\nDone. It.\n```\n\nIt \"owns\" them [2].",
        &[
            "Make one with `String::from(\"hi\")`. | [1] | ",
            "```rust\nlet s = v[1]. \"a b\";\nDone. It.\n``` | [] | ",
            "It \"owns\" them. | [2] | owns",
        ],
    );
}

#[test]
fn a_reply_keeps_its_layout() {
    let reply =
        "# Owners\n\nA value has one. It is\nfreed:\n\n- first\n- `then`\n\n---\n\n1. Last.";
    let answer = read(reply, &[]).unwrap();
    let text = answer.claims.iter().fold(String::new(), |text, it| text + &it.lead + &it.text);
    assert_eq!(text, reply);
}

#[test]
fn passages_that_were_never_shown_are_kept_and_flagged() {
    let answer = read("One [1][7]. Year [2024].", &[1, 2]).unwrap();
    assert_eq!(answer.claims[0].passages, [1, 7]);
    assert_eq!(answer.claims[0].unknown_passages, [7]);
    assert_eq!(answer.claims[1].unknown_passages, [2024]);
}

#[test]
fn abstention_is_the_marker_and_not_a_phrase() {
    for reply in ["[[ABSTAIN]]", "  **[[ABSTAIN]]**\n", "`[[ABSTAIN]]`"] {
        let expected = ParsedAnswer { abstained: true, ..ParsedAnswer::default() };
        assert_eq!(read(reply, &[1]).unwrap(), expected, "{reply}");
    }
    assert!(!read("I cannot answer this.", &[1]).unwrap().abstained);
    assert!(!read("It says \"[[ABSTAIN]]\" [1].", &[1]).unwrap().abstained);
    let both = read("[[ABSTAIN]]\nYet it is so [1].", &[1]).unwrap();
    assert!(both.abstained && both.claims.len() == 1, "a contradiction is kept");
    assert_eq!(read(" \n", &[1]), Err(ReplyError::Empty));
}

proptest! {
    #[test]
    fn nothing_panics(reply in ".{0,200}") {
        let _ = read(&reply, &[1]);
    }

    #[test]
    fn nothing_panics_on_what_looks_like_an_answer(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "a", " ", ".", "\n", "\n\n", "[1]", "[1-", "[", "]", "\"", "“", "”", "„", "«", "»",
                "【2】", "é", "🦀", "1. ", "- ", "[[ABSTAIN]]", "日本。", "\r\n", "\u{301}",
            ]),
            0..40,
        )
    ) {
        let reply = pieces.concat();
        if let Ok(answer) = read(&reply, &[1]) {
            for claim in answer.claims {
                for quote in claim.quotes {
                    // A refusal is taken out first; a quotation across one has lost it.
                    let is_whole = reply.replace("\r\n", "\n").contains(&quote.text);
                    prop_assert!(is_whole || reply.contains(super::ABSTAIN));
                }
                let unknown = &claim.unknown_passages;
                prop_assert!(unknown.iter().all(|number| claim.passages.contains(number)));
            }
        }
    }
}
