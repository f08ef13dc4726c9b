//! Code is found as it is written, in parts, and in other spellings.

use super::{TestIndex, TestRow};

#[test]
fn a_name_is_found_in_every_spelling() {
    let index = TestIndex::with_bodies(&[
        "use std::collections::HashMap;",
        "a HashMap of strings",
        "the hash_map module",
        "one hash map per thread",
        "a hashmap",
        "something else about trees",
    ]);
    for query in ["HashMap", "hash_map", "hashmap HashMap", "std::collections::HashMap"] {
        assert_eq!(index.found(query), [0, 1, 2, 3, 4], "{query}");
    }
    assert_eq!(index.found("hash map"), [0, 1, 2, 3]);
    assert_eq!(index.found("hashmap"), [0, 1, 2, 4]);
    assert_eq!(index.found("collections hashmap"), [0, 1, 2, 4]);
    assert_eq!(index.search("std::collections::HashMap")[0], 0);
    assert_eq!(index.search("collections::HashMap")[0], 0);
    assert_eq!(index.search("hash_map")[0], 2);
}

#[test]
fn codes_flags_attributes_generics_and_versions_are_found() {
    let bodies = [
        "error[E0382]: use of moved value",
        "see #[derive(Debug)] above the struct",
        "pass --no-default-features to cargo",
        "a Vec<T> grows",
        "since v1.2.3 of the crate",
        "written in C++ mostly",
        "parseHttpRequest is camel",
        "the e-mail address",
    ];
    let index = TestIndex::with_bodies(&bodies);
    for (query, expected) in [
        ("E0382", 0),
        ("0382", 0),
        ("error[E0382]", 0),
        ("#[derive(Debug)]", 1),
        ("derive", 1),
        ("--no-default-features", 2),
        ("default features", 2),
        ("no-default-features", 2),
        ("Vec<T>", 3),
        ("vec", 3),
        ("v1.2.3", 4),
        ("1.2.3", 4),
        ("C++", 5),
        ("http request", 6),
        ("parseHttpRequest", 6),
        ("parsehttprequest", 6),
        ("parse_http_request", 6),
        ("email", 7),
        ("e-mail", 7),
    ] {
        assert_eq!(index.search(query).first(), Some(&expected), "{query}");
    }
}

#[test]
fn an_exact_spelling_ranks_before_its_parts() {
    let index =
        TestIndex::with_bodies(&["vec and t and vec and t", "a Vec<T> and others", "a vec of t"]);
    assert_eq!(index.search("Vec<T>")[0], 1);
}

#[test]
fn title_and_headings_are_searched() {
    let mut index = TestIndex::new();
    index.add([
        TestRow::new("nothing here").title("Ownership"),
        TestRow::new("nothing there").heading("References").heading("Borrowing rules"),
        TestRow::new("nothing at all").title("HashMap"),
    ]);
    assert_eq!(index.search("ownership"), [0]);
    assert_eq!(index.search("borrowed"), [1]);
    assert_eq!(index.search("\"borrowing rules\""), [1]);
    // Values of one field are not neighbours.
    assert_eq!(index.search("\"references borrowing\""), [0; 0]);
    assert_eq!(index.search("hash_map"), [2]);
}
