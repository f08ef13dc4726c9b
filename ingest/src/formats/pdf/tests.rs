//! Files written glyph by glyph, so that positions are what each test says.

use pdf_extract::content::{Content, Operation};
use pdf_extract::{Stream, dictionary};

use super::*;

/// A text at a position from the top left of a page of 600 by 800 points.
struct Text {
    font: &'static str,
    size: i64,
    left: i64,
    top: i64,
    words: &'static str,
}

fn text(size: i64, left: i64, top: i64, words: &'static str) -> Text {
    Text { font: "Body", size, left, top, words }
}

fn code(left: i64, top: i64, words: &'static str) -> Text {
    Text { font: "Mono", size: 9, left, top, words }
}

fn pdf(pages: &[&[Text]]) -> Vec<u8> {
    save(&mut document(pages))
}

fn save(document: &mut Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn document(pages: &[&[Text]]) -> Document {
    let mut document = Document::with_version("1.5");
    let parent = document.new_object_id();
    let mut font = |name: &str| {
        document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => name, "Encoding" => "WinAnsiEncoding",
        })
    };
    let (body, mono) = (font("Helvetica"), font("Courier"));
    let resources = document
        .add_object(dictionary! { "Font" => dictionary! { "Body" => body, "Mono" => mono } });
    let kids: Vec<Object> = pages
        .iter()
        .map(|texts| {
            let mut operations = Vec::new();
            for text in *texts {
                let latin1: Vec<u8> = text.words.chars().map(|c| c as u8).collect();
                operations.extend([
                    Operation::new("BT", vec![]),
                    Operation::new("Tf", vec![text.font.into(), text.size.into()]),
                    Operation::new("Td", vec![text.left.into(), (800 - text.top).into()]),
                    Operation::new("Tj", vec![Object::string_literal(latin1)]),
                    Operation::new("ET", vec![]),
                ]);
            }
            let content = Content { operations }.encode().unwrap();
            let content = document.add_object(Stream::new(dictionary! {}, content));
            let page = document.add_object(dictionary! {
                "Type" => "Page", "Parent" => parent, "Contents" => content, "Resources" => resources,
            });
            page.into()
        })
        .collect();
    let count = kids.len() as i64;
    let tree = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count,
        "MediaBox" => vec![0.into(), 0.into(), 600.into(), 800.into()],
    };
    document.set_object(parent, tree);
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => parent });
    document.trailer.set("Root", catalog);
    document
}

#[test]
fn sizes_gaps_and_widths_give_blocks() {
    let parsed = read(pdf(&[&[
        text(20, 50, 60, "The Title"),
        text(10, 50, 100, "A first line of text that goes"),
        text(10, 50, 112, "on in a second."),
        text(14, 50, 150, "A Section"),
        text(10, 50, 180, "\u{b7} an item whose text"),
        text(10, 60, 192, "is long"),
        text(10, 50, 210, "1. a number"),
        code(50, 240, "fn main() {"),
        code(71, 250, "run();"),
        code(50, 270, "}"),
        text(10, 50, 300, "Last words in the size of most."),
    ]]))
    .unwrap();
    assert_eq!(parsed.title, "The Title");
    assert_eq!(
        parsed.text,
        "The Title\n\nA first line of text that goes on in a second.\n\nA Section\n\n\
         - an item whose text is long\n1. a number\n\nfn main() {\n    run();\n\n}\n\n\
         Last words in the size of most."
    );
}

#[test]
fn what_repeats_at_the_margins_is_dropped_and_sentences_cross_pages() {
    let header = || text(8, 50, 30, "A Book on Things");
    let parsed = read(pdf(&[
        &[header(), text(10, 50, 400, "It goes on"), text(8, 290, 780, "Page 1")],
        &[header(), text(10, 50, 100, "over the page."), text(8, 290, 780, "Page 2")],
        &[header(), text(10, 50, 100, "And ends here."), text(8, 290, 780, "Page 3")],
    ]))
    .unwrap();
    assert_eq!(parsed.text, "It goes on over the page.\n\nAnd ends here.");
    assert_eq!(parsed.fields["pages"], FieldValue::Integer(3));
}

#[test]
fn hyphens_follow_the_files_own_words() {
    let parsed = read(pdf(&[&[
        text(10, 50, 100, "The information about multi-threaded and other infor-"),
        text(10, 50, 112, "mation is kept for multi-"),
        text(10, 50, 124, "threaded programs."),
    ]]))
    .unwrap();
    assert_eq!(
        parsed.text,
        "The information about multi-threaded and other information is kept for multi-threaded programs."
    );
}

#[test]
fn what_is_painted_late_goes_where_it_stands() {
    let parsed = read(pdf(&[&[
        text(10, 50, 100, "Above."),
        text(10, 50, 200, "Below."),
        code(50, 150, "let painted = last;"),
    ]]))
    .unwrap();
    assert_eq!(parsed.text, "Above.\n\nlet painted = last;\n\nBelow.");
}

#[test]
fn columns_keep_their_order() {
    let parsed = read(pdf(&[&[
        text(10, 50, 100, "Left one,"),
        text(10, 50, 112, "left two."),
        text(10, 350, 100, "Right one,"),
        text(10, 350, 112, "right two."),
    ]]))
    .unwrap();
    assert_eq!(parsed.text, "Left one, left two.\n\nRight one, right two.");
}

#[test]
fn forms_that_contain_themselves_are_refused() {
    let mut document = document(&[&[text(10, 50, 100, "x")]]);
    let form = document.new_object_id();
    let resources = dictionary! { "XObject" => dictionary! { "Self" => form } };
    let drawn = Content { operations: vec![Operation::new("Do", vec!["Self".into()])] };
    let dict =
        dictionary! { "Type" => "XObject", "Subtype" => "Form", "Resources" => resources.clone() };
    document.set_object(form, Stream::new(dict, drawn.encode().unwrap()));
    let page = *document.get_pages().values().next().unwrap();
    document.get_object_mut(page).unwrap().as_dict_mut().unwrap().set("Resources", resources);
    let error = read(save(&mut document)).err().unwrap();
    assert!(error.to_string().contains("nested without end"), "{error}");
}

#[test]
fn damaged_files_give_a_reason_or_a_text() {
    let whole = pdf(&[&[text(10, 50, 100, "Some words."), code(50, 200, "and code;")]]);
    for error in [read(b"no pdf".to_vec()), read(Vec::new())] {
        assert_eq!(error.err().unwrap().label(), "broken file");
    }
    for at in (0..whole.len()).step_by(7) {
        let _ = read(whole[..at].to_vec());
        let mut flipped = whole.clone();
        flipped[at] ^= 0x15;
        let _ = read(flipped);
    }
}
