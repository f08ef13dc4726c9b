//! Takes out of a query what should not be kept: addresses, numbers of people
//! and cards, credentials.
//!
//! Rules are patterns over characters, written by hand rather than as regular
//! expressions so that each can say what it takes and what it misses. They
//! prefer to take too much: a date or an IP address is replaced too, because a
//! log that lacks a date is useful and one that holds a card number is a
//! liability. They know nothing of meaning: a name, a street, a password that
//! is a common word stay. Whoever must keep those out must not log queries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is taken out, in the order in which the rules are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RedactionRule {
    /// Credentials: words with a known prefix (`ghp_...`, `AKIA...`, a JSON web
    /// token), 32 and more hexadecimal digits, long words that change between
    /// letters and digits as random ones do, and what follows `password=`,
    /// `token:` and the like in one word.
    Secret,
    /// `local@host.domain`.
    Email,
    /// Seven and more digits in a row, or apart by single blanks, dots,
    /// hyphens, slashes or brackets: numbers of telephones, cards, accounts.
    Number,
}

impl RedactionRule {
    /// Every rule, in the order in which they are applied. Secrets come first:
    /// they may hold runs of digits.
    pub const ALL: [Self; 3] = [Self::Secret, Self::Email, Self::Number];

    fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Email => "email",
            Self::Number => "number",
        }
    }

    /// The parts of `text` that the rule takes, ascending and disjoint.
    fn find(self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Secret => secrets(text),
            Self::Email => emails(text),
            Self::Number => numbers(text),
        }
    }
}

impl fmt::Display for RedactionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown redaction rule {name:?}; known are secret, email, number, all and none")]
pub struct UnknownRedactionRule {
    /// The word.
    pub name: String,
}

/// A set of rules; by default all of them.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use corpora::{Redaction, RedactionRule};
///
/// let mut counts = BTreeMap::new();
/// let kept = Redaction::default().apply("call +49 170 1234567 or a.b@example.org", &mut counts);
/// assert_eq!(kept, "call +[number] or [email]");
/// assert_eq!(counts[&RedactionRule::Email], 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction(BTreeSet<RedactionRule>);

impl Default for Redaction {
    fn default() -> Self {
        Self(RedactionRule::ALL.into())
    }
}

impl FromStr for Redaction {
    type Err = UnknownRedactionRule;

    /// Reads `all`, `none`, or rules separated by commas.
    fn from_str(text: &str) -> Result<Self, UnknownRedactionRule> {
        match text {
            "all" => return Ok(Self::default()),
            "none" => return Ok(Self(BTreeSet::new())),
            _ => {}
        }
        let rule = |name: &str| {
            RedactionRule::ALL
                .into_iter()
                .find(|rule| rule.name() == name.trim())
                .ok_or_else(|| UnknownRedactionRule { name: name.to_owned() })
        };
        text.split(',').map(rule).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<_> = self.0.iter().map(|rule| rule.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl Redaction {
    /// `text` with `[rule]` in place of everything a rule takes.
    ///
    /// # Arguments
    /// * `counts` - the number of replacements is added here, by rule.
    pub fn apply(&self, text: &str, counts: &mut BTreeMap<RedactionRule, usize>) -> String {
        let mut text = text.to_owned();
        // Until nothing is found: taking one thing out can part another from
        // what hid it.
        loop {
            let mut is_done = true;
            for rule in RedactionRule::ALL.into_iter().filter(|rule| self.0.contains(rule)) {
                let found = rule.find(&text);
                if found.is_empty() {
                    continue;
                }
                is_done = false;
                *counts.entry(rule).or_default() += found.len();
                // From the end, so that the earlier ranges stay right.
                for range in found.into_iter().rev() {
                    text.replace_range(range, &format!("[{rule}]"));
                }
            }
            if is_done {
                return text;
            }
        }
    }
}

fn emails(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let before = &text[found.last().map_or(0, |last| last.end)..at];
        let local_start = before
            .char_indices()
            .rfind(|(_, c)| !c.is_alphanumeric() && !"._%+-".contains(*c))
            .map_or(0, |(end, c)| end + c.len_utf8());
        let local = &before[local_start..];
        let after = &text[at + 1..];
        let host = after
            .find(|c: char| !c.is_alphanumeric() && !".-".contains(c))
            .map_or(after, |end| &after[..end])
            .trim_end_matches(['.', '-']);
        // A top level of letters: `model@1.5` is a version.
        let has_domain = host.rsplit_once('.').is_some_and(|(name, top)| {
            !name.is_empty() && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)
        });
        if !local.is_empty() && has_domain {
            found.push(at - local.len()..at + 1 + host.len());
        }
    }
    found
}

/// Digits of a telephone number without its area code.
const MIN_DIGITS: usize = 7;

fn numbers(text: &str) -> Vec<Range<usize>> {
    // Groups of digits, those that belong together merged, and their digits.
    let mut merged: Vec<(Range<usize>, usize)> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
        let end = at + c.len_utf8();
        match merged.last_mut() {
            Some((range, n_digits)) if joins(&text[range.end..at]) => {
                range.end = end;
                *n_digits += 1;
            }
            _ => merged.push((at..end, 1)),
        }
    }
    merged
        .into_iter()
        .filter(|(_, n_digits)| *n_digits >= MIN_DIGITS)
        .map(|(range, _)| range)
        .collect()
}

/// Whether digits on both sides of `gap` are one number: nothing between them,
/// one separator, or a bracket with one (`(030) 12345`).
fn joins(gap: &str) -> bool {
    let mut chars = gap.chars();
    let (first, second, third) = (chars.next(), chars.next(), chars.next());
    let separates = |c: Option<char>| c.is_none_or(|c| " -./()\u{a0}\u{2011}".contains(c));
    separates(first)
        && separates(second)
        && third.is_none()
        && (second.is_none() || gap.contains(['(', ')']))
}

/// How tokens of well-known services begin.
const SECRET_PREFIXES: [&str; 17] = [
    "sk-",
    "sk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "ASIA",
    "AIza",
    "hf_",
    "npm_",
    "eyJ",
];

/// After one of these and `=` or `:`, the rest of the word is a secret.
const SECRET_KEYS: [&str; 9] =
    ["password", "passwd", "pwd", "secret", "token", "api_key", "apikey", "api-key", "access_key"];

/// A word with a known prefix this long is a credential.
const MIN_PREFIXED: usize = 12;
/// A word of letters and digits this long can be one.
const MIN_RANDOM: usize = 20;
/// Hexadecimal digits of the shortest common hash; a UUID has as many.
const MIN_HEXADECIMAL: usize = 32;

fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut end = 0;
    while let Some((start, word)) = next_word(text, end) {
        end = start + word.len();
        if let Some(value) = keyed_value(word) {
            found.push(end - value.len()..end);
        } else if is_secret(word) {
            found.push(start..end);
        }
    }
    found
}

/// The first word of `text` at or after `from`, without quotes and brackets.
fn next_word(text: &str, from: usize) -> Option<(usize, &str)> {
    let splits = |c: char| c.is_whitespace() || "\"'`<>()[]{},;".contains(c);
    let start = from + text[from..].find(|c| !splits(c))?;
    let rest = &text[start..];
    Some((start, &rest[..rest.find(splits).unwrap_or(rest.len())]))
}

fn keyed_value(word: &str) -> Option<&str> {
    word.match_indices(['=', ':']).find_map(|(at, mark)| {
        // The end of what stands before: "db.password=..." and "--token=..." are
        // keys as well.
        let key = word[..at].to_lowercase();
        let value = &word[at + mark.len()..];
        let is_key = SECRET_KEYS.iter().any(|known| key.ends_with(known));
        (is_key && !value.is_empty() && !value.starts_with(':')).then_some(value)
    })
}

fn is_secret(word: &str) -> bool {
    let n_chars = word.chars().count();
    if SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && n_chars >= MIN_PREFIXED {
        return true;
    }
    let hexadecimal = word.chars().filter(char::is_ascii_hexdigit).count();
    if hexadecimal >= MIN_HEXADECIMAL && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return true;
    }
    n_chars >= MIN_RANDOM && looks_random(word)
}

/// Whether neighbouring characters differ in kind (lower case, upper case,
/// digit) as often as drawn ones do: 62 % of the pairs of a random word over
/// letters and digits, about 30 % of `CamelCase2Names`, none of plain words.
fn looks_random(word: &str) -> bool {
    const MIN_CHANGES: f64 = 0.45;
    let kind = |c: char| match c {
        'a'..='z' => Some(0),
        'A'..='Z' => Some(1),
        '0'..='9' => Some(2),
        _ => None,
    };
    if !word.chars().all(|c| kind(c).is_some() || "+/=_-.".contains(c)) {
        return false;
    }
    let kinds: Vec<_> = word.chars().filter_map(kind).collect();
    let n_changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    kinds.contains(&2) && n_changes as f64 >= MIN_CHANGES * (kinds.len().max(2) - 1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Redaction::default().apply(text, &mut BTreeMap::new()), expected);
    }

    #[test]
    fn addresses_are_taken_and_versions_stay() {
        check("who is jane.doe+x@mail.example.org?", "who is [email]?");
        check("<jürgen@bücher.example>, b@c.de.", "<[email]>, [email].");
        check("https://ann:pw@host.example/x", "https://ann:[email]/x");
        check("x @ 1..=5", "x @ 1..=5");
        check(
            "all-MiniLM-L6-v2@fp32 model@1.5 @derive a@b",
            "all-MiniLM-L6-v2@fp32 model@1.5 @derive a@b",
        );
    }

    #[test]
    fn numbers_of_people_are_taken_and_those_of_rust_stay() {
        check("card 4111 1111 1111 1111 refused", "card [number] refused");
        check("call (030) 123 45 67.", "call ([number].");
        check("+49-170-1234567", "+[number]");
        check("4294967295 and ٠١٢٣٤٥٦٧", "[number] and [number]");
        check("at 127.0.0.1", "at 127.0.0.1");
        check("from 192.168.10.127", "from [number]");
        check("E0382 in Rust 1.95.0, 2018 or 2021?", "E0382 in Rust 1.95.0, 2018 or 2021?");
        check("u32 u64, 100_000 and 65536", "u32 u64, 100_000 and 65536");
        check("123456, 7890123", "123456, [number]");
    }

    #[test]
    fn credentials_are_taken_and_identifiers_stay() {
        check("ghp_16C7e42F292c6912E7 fails", "[secret] fails");
        check("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Bearer [secret]");
        check("port=80:token=hunter2", "port=80:token=[secret]");
        check("api_key=hunter2 now", "api_key=[secret] now");
        check("--db.password:hunter2", "--db.password:[secret]");
        check("d41d8cd98f00b204e9800998ecf8427e", "[secret]");
        check("123e4567-e89b-12d3-a456-426614174000", "[secret]");
        check("'q7Zt0WmR4xKc9LpV2bNs8'", "'[secret]'");
        for kept in [
            "token::Kind and token: a keyword",
            "is_x86_feature_detected",
            "GenericArray2DIterator3Impl",
            "std::collections::HashMap<String, Vec<u8>>",
            "aarch64-unknown-linux-gnu",
            "thumbv7em-none-eabihf",
            "the word counterrevolutionaries",
        ] {
            check(kept, kept);
        }
    }

    #[test]
    fn rules_are_chosen_by_name() {
        let text = "a@example.org 12345678";
        let apply = |rules: &str| {
            let mut counts = BTreeMap::new();
            let kept = rules.parse::<Redaction>().unwrap().apply(text, &mut counts);
            (kept, counts)
        };
        assert_eq!(apply("none"), (text.to_owned(), BTreeMap::new()));
        let email = BTreeMap::from([(RedactionRule::Email, 1)]);
        assert_eq!(apply("email"), ("[email] 12345678".to_owned(), email));
        assert_eq!(apply("number,email").1.len(), 2);
        for rules in ["none", "email,number", "secret,email,number"] {
            assert_eq!(rules.parse::<Redaction>().unwrap().to_string(), rules);
        }
        assert_eq!("all".parse::<Redaction>().unwrap(), Redaction::default());
        let message = "e-mail".parse::<Redaction>().unwrap_err().to_string();
        assert!(message.contains("\"e-mail\"") && message.contains("email"), "{message}");
    }

    proptest! {
        /// Nothing a rule takes is left, a second time changes nothing, and any
        /// text is survived.
        #[test]
        fn what_is_redacted_stays_redacted(text in "[ -~éß٣@.\\-]{0,80}|\\PC{0,40}") {
            let once = Redaction::default().apply(&text, &mut BTreeMap::new());
            let mut counts = BTreeMap::new();
            let twice = Redaction::default().apply(&once, &mut counts);
            prop_assert_eq!(once, twice);
            prop_assert!(counts.is_empty(), "{:?}", counts);
        }
    }
}
