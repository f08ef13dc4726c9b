//! Other ways to ask the same: variants of a query by rules.
//!
//! A pure function of text and language. The words it knows are English, so the
//! rules about words are for indexes in English; those about sentences and code are
//! for all.

use std::fmt;

use unicode_segmentation::UnicodeSegmentation;

use crate::lexical::{Language, code_spans, words_of_code};

/// How a variant was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariantRule {
    /// The last sentence of several: what is asked after what led to it.
    LastSentence,
    /// Without question words and politeness at the beginning: "could you tell me what
    /// a lifetime is" is "a lifetime is".
    Statement,
    /// Without words that say nothing by themselves.
    Keywords,
    /// The spellings of code alone.
    Code,
    /// With the spellings of code taken apart: "`HashMap::new`" is "Hash Map new".
    SplitCode,
}

impl VariantRule {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastSentence => "last-sentence",
            Self::Statement => "statement",
            Self::Keywords => "keywords",
            Self::Code => "code",
            Self::SplitCode => "split-code",
        }
    }
}

impl fmt::Display for VariantRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A query asked in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryVariant {
    /// Its text.
    pub text: String,
    /// How it was made.
    pub rule: VariantRule,
}

/// Words that begin a question or a request; what follows them is what is asked.
const ASKING: [&str; 36] = [
    "what", "what's", "who", "whom", "whose", "which", "where", "when", "why", "how", "is", "are",
    "was", "were", "do", "does", "did", "can", "could", "should", "would", "will", "may", "must",
    "please", "tell", "explain", "describe", "give", "show", "help", "hi", "hello", "i", "i'm",
    "there",
];

/// Words that follow those and say as little.
const FILLING: [&str; 12] =
    ["me", "you", "we", "us", "to", "know", "want", "need", "like", "the", "a", "an"];

/// Words that say nothing by themselves, besides the above. "not" and "no" do say
/// something.
const EMPTY: [&str; 48] = [
    "of", "in", "on", "at", "by", "for", "with", "from", "into", "and", "or", "as", "be", "been",
    "being", "has", "have", "had", "might", "shall", "my", "your", "our", "its", "it", "this",
    "that", "these", "those", "if", "than", "then", "so", "such", "some", "any", "about", "also",
    "one", "they", "their", "them", "he", "she", "his", "her", "am", "get",
];

/// Other ways to ask `text`, each once and none of them the text itself.
///
/// Two ways are the same when their words are, whatever their punctuation and case.
///
/// # Arguments
/// * `text` - the query without operators.
/// * `language` - the index's.
///
/// # Returns
/// At most one variant a rule, in the order of [`VariantRule`]; often none.
pub(super) fn variants(text: &str, language: Language) -> Vec<QueryVariant> {
    let code = code_spans(text);
    let is_english = language == Language::English;
    let spellings: Vec<&str> = code.iter().filter_map(|span| span.slice(text)).collect();
    let mut made: Vec<(VariantRule, Option<String>)> =
        vec![(VariantRule::LastSentence, last_sentence(text))];
    if is_english {
        made.push((VariantRule::Statement, statement(text)));
        made.push((VariantRule::Keywords, keywords(text)));
    }
    if !spellings.is_empty() {
        made.push((VariantRule::Code, Some(spellings.join(" "))));
        let mut split = String::with_capacity(2 * text.len());
        let mut rest = 0;
        for span in &code {
            split.push_str(text.get(rest..span.start as usize).unwrap_or_default());
            split.push_str(&words_of_code(span.slice(text).unwrap_or_default()).join(" "));
            rest = span.end as usize;
        }
        split.push_str(text.get(rest..).unwrap_or_default());
        made.push((VariantRule::SplitCode, Some(split)));
    }
    let mut seen = vec![words(text)];
    made.into_iter()
        .filter_map(|(rule, text)| Some(QueryVariant { text: text?, rule }))
        .filter(|variant| {
            let own = words(&variant.text);
            let is_new = !own.is_empty() && !seen.contains(&own);
            seen.push(own);
            is_new
        })
        .collect()
}

/// What two ways to ask are compared by.
fn words(text: &str) -> Vec<String> {
    text.unicode_words().map(str::to_lowercase).collect()
}

/// A word of a query as the lists know it: lower case, no punctuation around it.
fn bare(token: &str) -> String {
    token.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().replace('\u{2019}', "'")
}

/// Drops the stops of a sentence behind a word; code may end in other characters.
fn without_stops(token: &str) -> &str {
    token.trim_end_matches(['?', '!', '.', ',', ';', ':'])
}

fn last_sentence(text: &str) -> Option<String> {
    let sentences: Vec<&str> = text.unicode_sentences().map(str::trim).collect();
    let (last, before) = sentences.split_last()?;
    // One word is a leftover of an abbreviation, or of thanks.
    let is_sentence = |text: &str| text.unicode_words().nth(1).is_some();
    (is_sentence(last) && before.iter().any(|it| is_sentence(it))).then(|| (*last).to_owned())
}

fn statement(text: &str) -> Option<String> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let is = |list: &[&str], token: &str| list.contains(&bare(token).as_str());
    if !is(&ASKING, tokens.first()?) {
        return None;
    }
    let begins = tokens.iter().position(|token| !is(&ASKING, token) && !is(&FILLING, token))?;
    Some(without_stops(&tokens[begins..].join(" ")).trim_end().to_owned())
}

fn keywords(text: &str) -> Option<String> {
    let is_empty = |token: &str| {
        let word = bare(token);
        let word = word.as_str();
        word.is_empty()
            || ASKING.contains(&word)
            || FILLING.contains(&word)
            || EMPTY.contains(&word)
    };
    let kept: Vec<&str> =
        text.split_whitespace().filter(|token| !is_empty(token)).map(without_stops).collect();
    (!kept.is_empty()).then(|| kept.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = variants(text, Language::English);
        let found: Vec<_> =
            found.iter().map(|variant| (variant.rule.name(), variant.text.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_question_is_asked_as_a_statement_and_by_its_keywords() {
        check(
            "Could you please tell me how to borrow a value?",
            &[("statement", "borrow a value"), ("keywords", "borrow value")],
        );
        check(
            "Who frees the memory of a boxed value",
            &[
                ("statement", "frees the memory of a boxed value"),
                ("keywords", "frees memory boxed value"),
            ],
        );
        check("the capital of France", &[("keywords", "capital France")]);
    }

    #[test]
    fn code_is_asked_for_alone_and_in_words() {
        check(
            "why does Vec::with_capacity fail (E0382)?",
            &[
                ("statement", "Vec::with_capacity fail (E0382)"),
                ("code", "Vec::with_capacity E0382"),
                ("split-code", "why does Vec with capacity fail (E0382)?"),
            ],
        );
    }

    #[test]
    fn the_last_of_several_sentences_is_a_variant() {
        check(
            "My build breaks since Monday. Which lint warns of shadowed names? Thanks!",
            &[("keywords", "build breaks since Monday lint warns shadowed names Thanks")],
        );
        check(
            "My build breaks since Monday. Which lint warns of shadowed names?",
            &[
                ("last-sentence", "Which lint warns of shadowed names?"),
                ("keywords", "build breaks since Monday lint warns shadowed names"),
            ],
        );
    }

    #[test]
    fn a_query_that_says_nothing_else_has_no_variant() {
        for text in ["borrow checker", "Ownership?", "what is", "", "?", "所有権"] {
            check(text, &[]);
        }
    }

    #[test]
    fn rules_about_english_words_are_for_english() {
        let found = variants("was is die do", Language::German);
        assert!(found.is_empty(), "{found:?}");
        let code = variants("was ist HashMap", Language::German);
        assert_eq!(
            code.iter().map(|variant| variant.rule).collect::<Vec<_>>(),
            [VariantRule::Code, VariantRule::SplitCode]
        );
    }
}
