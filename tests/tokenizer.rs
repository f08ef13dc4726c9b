//! The short cut through BERT's tokenizers against the library, on real texts.

use std::fs;
use std::path::{Path, PathBuf};

use engine::{Span, Vocabulary};
use ingest::chunk::{EncoderSizer, Token, TokenSizer};
use models::Silent;
use tokenizers::Tokenizer;

/// Text files of this repository: English, Rust, TOML, and what tests hold of
/// other scripts.
fn texts(folder: &Path, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            texts(&path, found);
        } else if path.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push(text);
        }
    }
}

#[test]
fn the_short_cut_reads_real_texts_as_the_library_does() {
    let model =
        models::resolve(models::DEFAULT_MODEL, &Silent).unwrap_or_else(|error| panic!("{error}"));
    let mut library = Tokenizer::from_file(&model.tokenizer_path).unwrap();
    library.with_padding(None);
    library.with_truncation(None).unwrap();
    let ours = Vocabulary::load(&model.tokenizer_path, 1 << 24).unwrap();
    let sizer = EncoderSizer::from_file(&model.tokenizer_path, 256, "").unwrap();
    let mut found = Vec::new();
    texts(Path::new(env!("CARGO_MANIFEST_DIR")), &mut found);
    found.extend(
        [
            "",
            " ",
            "naïve Müller CAFÉ e\u{301}",
            "İstanbul ΣΊΣΥΦΟΣ Straße",
            "検索エンジン한국어 กรุงเทพ 🦀👩‍🚀",
            "a\u{200b}b\u{ad}c\u{b}d\u{c}e\u{85}f\u{7f}g\0h\u{fffd}i",
            "x[MASK]y [CLS] [sep] [UNK]z",
            "antidisestablishmentarianism",
            "##ing ## # $5.00 don't C++ 1e-9",
            "\u{1d400}\u{fb01}\u{2028}½",
        ]
        .map(str::to_owned),
    );
    found.push("a".repeat(100) + " " + &"b".repeat(101) + " " + &"Z".repeat(300));
    let (mut n_tokens, mut n_texts) = (0, 0);
    for text in &found {
        let expected = library.encode_fast(text.as_str(), true).unwrap();
        let ids = ours.ids(text).unwrap();
        assert_eq!(ids, expected.get_ids(), "{:?}", text.chars().take(200).collect::<String>());
        let encoding = library.encode(text.as_str(), false).unwrap();
        let words = encoding.get_word_ids();
        let expected: Vec<Token> = (0..encoding.len())
            .map(|at| {
                let (start, end) = encoding.get_offsets()[at];
                let starts_word = at == 0 || words[at].is_none() || words[at] != words[at - 1];
                Token { span: Span::new(start, end), starts_word }
            })
            .collect();
        assert!(
            sizer.tokens(text).unwrap() == expected,
            "{:?}",
            text.chars().take(200).collect::<String>()
        );
        n_tokens += ids.len();
        n_texts += 1;
    }
    assert!(n_tokens > 100_000, "{n_tokens} tokens of {n_texts} texts");
}
