//! Stemmers by choice; scripts without blanks by pairs of characters.

use super::super::{
    Language, LexicalError, LexicalIndex, LexicalOptions, LexicalQuery, QueryOptions,
};
use super::{TestIndex, TestRow};
use crate::segment_file::Verify;

fn search(index: &TestIndex, language: Language, text: &str) -> Vec<u32> {
    let query = LexicalQuery::parse(text, QueryOptions::default(), language);
    let list = index.snapshot().search(&query, 10, None).unwrap();
    list.ords().into_iter().map(|ord| ord.0).collect()
}

#[test]
fn german_inflections_meet_in_a_german_index() {
    let bodies = ["Die Häuser am Fluss", "Bücher über Straßen", "Der Zug fährt"];
    let mut german = TestIndex::in_language(Language::German);
    german.add(bodies.map(TestRow::new));
    let find = |text| search(&german, Language::German, text);
    assert_eq!(find("Haus"), [0]);
    assert_eq!(find("buch"), [1]);
    assert_eq!(find("STRASSE"), [1]);
    assert_eq!(find("\"am Fluß\""), [0]);
    // In an English index they are found as written only, accents apart.
    let mut english = TestIndex::new();
    english.add(bodies.map(TestRow::new));
    let find = |text| search(&english, Language::English, text);
    assert_eq!(find("Haus"), [0; 0]);
    assert_eq!(find("hauser"), [0]);
}

#[test]
fn an_index_remembers_its_language() {
    let index = TestIndex::in_language(Language::German);
    let error = LexicalIndex::open(index.dir.path(), LexicalOptions::default(), Verify::Full)
        .err()
        .unwrap();
    assert!(matches!(error, LexicalError::Analysis { .. }), "{error}");
    assert!(error.to_string().contains("german"), "{error}");
}

#[test]
fn japanese_is_found_by_words_inside_a_sentence() {
    let mut index = TestIndex::new();
    index.add([
        TestRow::new("全文検索エンジンを作る。"),
        TestRow::new("猫が好きです。"),
        TestRow::new("文書を検索する全ての人。"),
        TestRow::new("Rust言語の所有権"),
    ]);
    assert_eq!(index.search("全文検索")[0], 0);
    assert_eq!(index.search("\"全文検索\""), [0]);
    assert_eq!(index.found("検索"), [0, 2]);
    assert_eq!(index.search("エンジン"), [0]);
    assert_eq!(index.search("猫"), [1]);
    // One character stands for every pair it begins, and for itself at an end.
    assert_eq!(index.search("権"), [3]);
    assert_eq!(index.search("rust 所有権"), [3]);
    assert_eq!(index.found("検索 -猫 -全文検索"), [2]);
}
