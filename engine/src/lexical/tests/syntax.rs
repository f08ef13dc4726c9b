//! What the operators of the query language do, and that nothing else does.

use proptest::prelude::*;

use super::super::{Language, LexicalQuery, QueryOptions, Typos};
use super::{TestIndex, TestRow};

fn animals() -> TestIndex {
    TestIndex::with_bodies(&[
        "the quick brown fox jumps",
        "the brown quick fox sleeps",
        "a lazy dog sleeps",
        "serialization of foxes",
        "a serial about dogs",
        "well-known facts",
    ])
}

#[test]
fn bare_words_are_alternatives() {
    assert_eq!(animals().found("fox dogs"), [0, 1, 2, 3, 4]);
    assert_eq!(animals().found("unknownword"), [0; 0]);
}

#[test]
fn a_phrase_stands_together_and_in_order() {
    let index = animals();
    assert_eq!(index.found("\"quick brown\""), [0]);
    assert_eq!(index.found("\u{201C}brown quick\u{201D}"), [1]);
    assert_eq!(index.found("\"quick brown\" dog"), [0, 2, 4]);
    assert_eq!(index.found("+\"quick brown\" dog"), [0]);
    assert_eq!(index.found("fox -\"quick brown\""), [1, 3]);
    assert_eq!(index.found("\"dog\""), [2, 4]);
    assert_eq!(index.found("\"fox fox\""), [0; 0]);
}

#[test]
fn plus_requires_and_minus_excludes() {
    let index = animals();
    assert_eq!(index.found("+fox sleeps"), [0, 1, 3]);
    assert_eq!(index.found("+fox +sleeps"), [1]);
    assert_eq!(index.found("sleeps -dog"), [1]);
    assert_eq!(index.found("-dog"), [0; 0]);
    assert_eq!(index.found("+well-known"), [5]);
    assert_eq!(index.found("facts -well-known"), [0; 0]);
}

#[test]
fn a_required_compound_is_met_by_any_of_its_spellings() {
    let index =
        TestIndex::with_bodies(&["a HashMap", "hash_map", "a hash map", "hashmap", "map hash"]);
    assert_eq!(index.found("+HashMap"), [0, 1, 2, 3]);
    assert_eq!(index.found("map -HashMap"), [4]);
    let index = TestIndex::with_bodies(&["std::io::Read", "io and std, read", "std io read"]);
    assert_eq!(index.found("+std::io::Read"), [0, 2]);
}

#[test]
fn a_hyphen_inside_or_before_a_number_or_doubled_is_text() {
    for text in ["well-known", "--flag", "-5", "- dog", "a -", "+", "-", "+ -", "dog- +-"] {
        let query = TestIndex::query(text);
        assert!(query.excluded.is_empty() && query.required.is_empty(), "{text}");
        assert_eq!(query.plain_text(), text);
    }
}

#[test]
fn a_star_asks_for_spellings_that_begin_so() {
    let index = animals();
    assert_eq!(index.found("seriali*"), [3]);
    assert_eq!(index.found("serial*"), [3, 4]);
    assert_eq!(index.found("fo*"), [0, 1, 3]);
    assert_eq!(index.found("+serial* dog"), [3, 4]);
    assert_eq!(index.found("fox -serial*"), [0, 1]);
    // Too short to be meant: a letter with a star is the letter.
    assert_eq!(index.found("s*"), [0; 0]);
}

#[test]
fn one_edit_is_allowed_where_asked_for_and_only_to_unknown_words() {
    let mut index = animals();
    index.add([TestRow::new("from a form")]);
    let find = |text: &str, typos| {
        let query = LexicalQuery::parse(text, QueryOptions { typos }, Language::English);
        let mut ords: Vec<_> = index
            .snapshot()
            .search(&query, 10, None)
            .unwrap()
            .ords()
            .iter()
            .map(|ord| ord.0)
            .collect();
        ords.sort_unstable();
        ords
    };
    for typo in ["serialzation", "serializatoin", "serializatiion", "serializatiom"] {
        // The correction is searched by its stem, as if it had been typed.
        assert_eq!(find(typo, Typos::OneEdit), [3, 4], "{typo}");
        assert_eq!(find(typo, Typos::Exact), [0; 0], "{typo}");
        assert_eq!(find(&format!("+{typo} +of"), Typos::OneEdit), [3], "{typo}");
    }
    // A known word is not corrected, a short one neither.
    assert_eq!(find("sleeps", Typos::OneEdit), [1, 2]);
    assert_eq!(find("fxo", Typos::OneEdit), [0; 0]);
}

#[test]
fn plain_text_is_what_an_encoder_should_read() {
    for (text, plain) in [
        ("how do I borrow?", "how do I borrow?"),
        ("  spaces  inside ", "spaces  inside"),
        ("+borrow \"mutable reference\" -unsafe", "borrow mutable reference"),
        ("seriali* in rust", "seriali in rust"),
        ("-only", ""),
        (
            "C++ -> Vec<T>: foo(bar)^2 AND \"unbalanced",
            "C++ -> Vec<T>: foo(bar)^2 AND \"unbalanced",
        ),
        ("", ""),
    ] {
        assert_eq!(TestIndex::query(text).plain_text(), plain);
    }
}

#[test]
fn what_looks_like_syntax_elsewhere_is_text() {
    let index = TestIndex::with_bodies(&[
        "C++ has no Vec<T>",
        "foo(bar)^2",
        "AND gates",
        "unbalanced trees",
        "other",
    ]);
    assert_eq!(index.found("C++ -> Vec<T>: foo(bar)^2 AND \"unbalanced"), [0, 1, 2, 3]);
    for text in [
        "title:other",
        "body:(other)",
        "[other TO other]",
        "other~2",
        "/other/",
        "\"other",
        "other\"",
    ] {
        assert!(index.found(text).contains(&4), "{text}");
    }
}

#[test]
fn a_long_query_keeps_its_first_terms_and_says_so() {
    let words: Vec<String> =
        (0..LexicalQuery::MAX_TERMS + 10).map(|n| format!("word{n}x")).collect();
    let query = TestIndex::query(&words.join(" "));
    assert!(query.n_dropped_terms() >= 10);
    assert!(query.clauses.len() <= LexicalQuery::MAX_TERMS);
    // A repeated word is one term, dropped or not.
    let repeated = TestIndex::query(&"again ".repeat(10_000));
    assert_eq!(repeated.n_dropped_terms(), 0);
    assert_eq!(repeated.clauses[0].count, 10_000);
    // Sizes that would show a quadratic step.
    for text in
        ["\"".repeat(200_000), "(".repeat(200_000), "a_".repeat(200_000), "\"a ".repeat(100_000)]
    {
        TestIndex::query(&text);
    }
}

#[test]
fn any_string_is_a_query() {
    let index = TestIndex::with_bodies(&["some HashMap text", "全文検索", "a-b c_d E0382"]);
    let snapshot = index.snapshot();
    let text = "[a-zA-Z\"+*: _.<>()\\[\\]{}^~/#-]{0,60}|.{0,60}|[全文検索 猫\"+*-]{0,12}";
    proptest!(|(text in text)| {
        for typos in [Typos::Exact, Typos::OneEdit] {
            let query = LexicalQuery::parse(&text, QueryOptions { typos }, Language::English);
            for entry in snapshot.search(&query, 10, None).unwrap().entries() {
                let explanation = snapshot.explain(&query, entry.ord).unwrap().unwrap();
                prop_assert!((explanation.recombine() - entry.score).abs() < 1e-9);
            }
            for span in query.highlighter().highlights(&text) {
                prop_assert!(span.slice(&text).is_some_and(|part| !part.is_empty()));
            }
        }
    });
}
