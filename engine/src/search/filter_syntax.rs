//! The filter language, for the command line and the query string.
//!
//! ```text
//! expression  = conjunction { "or" conjunction }
//! conjunction = condition { "and" condition }
//! condition   = "not" condition | "(" expression ")" | "exists" field
//!             | field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
//!             | field [ "not" ] "in" "[" [ value { "," value } ] "]"
//!             | field ( "^=" | "starts with" ) text
//! ```
//!
//! A field is a bare word or, where it has blanks or looks like a keyword, in
//! quotes. A value is a number, `true`, `false`, a date (`2024-01-31`, midnight
//! UTC, or RFC 3339), text in quotes, or a bare word, which is text. Quotes make
//! text of anything: `version = "1.10"`. `a != b` also holds without the field.

use super::filter::{Bound, Filter};
use crate::document::FieldValue;

/// A filter expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter, at byte {position}: expected {expected}, found {found}")]
pub struct FilterSyntaxError {
    /// Where, in bytes from the start of the expression.
    pub position: usize,
    /// What would have been understood there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`FilterSyntaxError`] with the first place that makes no sense and what
    /// was expected there.
    ///
    /// # Examples
    /// ```
    /// use engine::filter::Filter;
    ///
    /// let filter = Filter::parse("lang in [en, de] and (year >= 2020 or not exists year)").unwrap();
    /// assert!(matches!(filter, Filter::All(parts) if parts.len() == 2));
    ///
    /// let error = Filter::parse("year >=").unwrap_err();
    /// assert_eq!(error.to_string(), "filter, at byte 7: expected a value, found the end");
    /// ```
    pub fn parse(expression: &str) -> Result<Self, FilterSyntaxError> {
        let mut parser = Parser { text: expression, at: 0, depth: 0 };
        let filter = parser.expression()?;
        match parser.peek()? {
            None => Ok(filter),
            Some(_) => Err(parser.unexpected("`and`, `or` or the end")),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// One of `( ) [ ] ,` or an operator.
    Symbol(&'static str),
    /// A bare word.
    Word(String),
    /// Text in quotes.
    Quoted(String),
}

/// Longer ones first: `<=` must not be read as `<`.
const SYMBOLS: [&str; 13] = ["<=", ">=", "!=", "==", "^=", "<", ">", "=", "(", ")", "[", "]", ","];

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Filter, FilterSyntaxError> {
        let mut parts = vec![self.conjunction()?];
        while self.keyword("or")? {
            parts.push(self.conjunction()?);
        }
        Ok(single_or(parts, Filter::Any))
    }

    fn conjunction(&mut self) -> Result<Filter, FilterSyntaxError> {
        let mut parts = vec![self.condition()?];
        while self.keyword("and")? {
            parts.push(self.condition()?);
        }
        Ok(single_or(parts, Filter::All))
    }

    fn condition(&mut self) -> Result<Filter, FilterSyntaxError> {
        // Each level may add two to the filter (`Any` of `All`), the leaf as many.
        self.depth += 1;
        if self.depth * 2 + 2 > Filter::MAX_DEPTH {
            return Err(self.unexpected("fewer nested parts"));
        }
        let condition = self.condition_inside()?;
        self.depth -= 1;
        Ok(condition)
    }

    fn condition_inside(&mut self) -> Result<Filter, FilterSyntaxError> {
        if self.symbol("(")? {
            let inner = self.expression()?;
            return if self.symbol(")")? {
                Ok(inner)
            } else {
                Err(self.unexpected("`and`, `or` or `)`"))
            };
        }
        let start = self.at;
        let field = self.name("a field, `not`, `exists` or `(`")?;
        // A keyword is a field where an operator follows: `not = 1`.
        if let Token::Word(word) = &field
            && !self.comparison_follows()?
        {
            if word.eq_ignore_ascii_case("not") {
                return Ok(Filter::Not(Box::new(self.condition()?)));
            }
            if word.eq_ignore_ascii_case("exists") {
                return Ok(Filter::Exists { field: self.name("a field")?.into_text() });
            }
            if is_connective(word) {
                self.at = start;
                return Err(self.unexpected("a field, `not`, `exists` or `(`"));
            }
        }
        self.comparison(field.into_text())
    }

    fn comparison(&mut self, field: String) -> Result<Filter, FilterSyntaxError> {
        if self.keyword("in")? {
            return Ok(Filter::In { field, values: self.list()? });
        }
        if self.keyword("not")? {
            if !self.keyword("in")? {
                return Err(self.unexpected("`in`"));
            }
            return Ok(Filter::Not(Box::new(Filter::In { field, values: self.list()? })));
        }
        if self.keyword("starts")? {
            if !self.keyword("with")? {
                return Err(self.unexpected("`with`"));
            }
            return self.starts_with(field);
        }
        let start = self.at;
        let Some(Token::Symbol(operator)) = self.next()? else {
            self.at = start;
            return Err(self.unexpected(OPERATORS));
        };
        let open = Bound::Open;
        Ok(match operator {
            "=" | "==" => Filter::In { field, values: vec![self.value()?] },
            "!=" => Filter::Not(Box::new(Filter::In { field, values: vec![self.value()?] })),
            "<" => Filter::Range { field, lower: open, upper: Bound::Excluded(self.value()?) },
            "<=" => Filter::Range { field, lower: open, upper: Bound::Included(self.value()?) },
            ">" => Filter::Range { field, lower: Bound::Excluded(self.value()?), upper: open },
            ">=" => Filter::Range { field, lower: Bound::Included(self.value()?), upper: open },
            "^=" => return self.starts_with(field),
            _ => {
                self.at = start;
                return Err(self.unexpected(OPERATORS));
            }
        })
    }

    fn starts_with(&mut self, field: String) -> Result<Filter, FilterSyntaxError> {
        let start = self.at;
        match self.next()? {
            Some(Token::Word(prefix) | Token::Quoted(prefix)) if !prefix.is_empty() => {
                Ok(Filter::StartsWith { field, prefix })
            }
            _ => {
                self.at = start;
                Err(self.unexpected("text, not empty"))
            }
        }
    }

    fn list(&mut self) -> Result<Vec<FieldValue>, FilterSyntaxError> {
        if !self.symbol("[")? {
            return Err(self.unexpected("`[`"));
        }
        let mut values = Vec::new();
        if self.symbol("]")? {
            return Ok(values);
        }
        loop {
            values.push(self.value()?);
            if self.symbol("]")? {
                return Ok(values);
            }
            if !self.symbol(",")? {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn value(&mut self) -> Result<FieldValue, FilterSyntaxError> {
        let start = self.at;
        match self.next()? {
            Some(Token::Quoted(text)) => Ok(FieldValue::Text(text)),
            Some(Token::Word(word)) => Ok(bare_value(word)),
            Some(Token::Symbol(_)) | None => {
                self.at = start;
                Err(self.unexpected("a value"))
            }
        }
    }

    fn name(&mut self, expected: &'static str) -> Result<Token, FilterSyntaxError> {
        let start = self.at;
        match self.next()? {
            Some(name @ (Token::Word(_) | Token::Quoted(_))) => Ok(name),
            Some(Token::Symbol(_)) | None => {
                self.at = start;
                Err(self.unexpected(expected))
            }
        }
    }

    fn comparison_follows(&mut self) -> Result<bool, FilterSyntaxError> {
        Ok(match self.peek()? {
            Some(Token::Symbol(symbol)) => !matches!(symbol, "(" | ")" | "[" | "]" | ","),
            Some(Token::Word(word)) => word.eq_ignore_ascii_case("in"),
            Some(Token::Quoted(_)) | None => false,
        })
    }

    fn symbol(&mut self, symbol: &'static str) -> Result<bool, FilterSyntaxError> {
        self.accept(|token| *token == Token::Symbol(symbol))
    }

    fn keyword(&mut self, keyword: &str) -> Result<bool, FilterSyntaxError> {
        self.accept(
            |token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword)),
        )
    }

    fn accept(&mut self, is_wanted: impl Fn(&Token) -> bool) -> Result<bool, FilterSyntaxError> {
        let start = self.at;
        let accepted = self.next()?.is_some_and(|token| is_wanted(&token));
        if !accepted {
            self.at = start;
        }
        Ok(accepted)
    }

    fn peek(&mut self) -> Result<Option<Token>, FilterSyntaxError> {
        let start = self.at;
        let token = self.next();
        self.at = start;
        token
    }

    fn next(&mut self) -> Result<Option<Token>, FilterSyntaxError> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            self.at += symbol.len();
            return Ok(Some(Token::Symbol(symbol)));
        }
        if first == '"' {
            return self.quoted().map(Some);
        }
        let ends = |c: char| c.is_whitespace() || "()[],\"=<>".contains(c);
        let mut end = rest.find(ends).unwrap_or(rest.len());
        // `!=` and `^=` end a word; `!` and `^` alone belong to it.
        if rest[end..].starts_with('=') && end > 1 && rest[..end].ends_with(['!', '^']) {
            end -= 1;
        }
        if end == 0 {
            return Err(self.unexpected("a field, a value or an operator"));
        }
        self.at += end;
        Ok(Some(Token::Word(rest[..end].to_owned())))
    }

    fn quoted(&mut self) -> Result<Token, FilterSyntaxError> {
        let mut text = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += 1 + at + 1;
                    return Ok(Token::Quoted(text));
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => text.push(c),
            }
        }
        self.at = self.text.len();
        Err(self.unexpected("a closing quote"))
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn unexpected(&mut self, expected: &'static str) -> FilterSyntaxError {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let found = match rest.split_whitespace().next() {
            Some(word) => format!("`{}`", word.chars().take(40).collect::<String>()),
            None => "the end".to_owned(),
        };
        FilterSyntaxError { position: self.at, expected, found }
    }
}

const OPERATORS: &str = "`=`, `!=`, `<`, `<=`, `>`, `>=`, `^=`, `in` or `starts with`";

impl Token {
    fn into_text(self) -> String {
        match self {
            Self::Word(text) | Self::Quoted(text) => text,
            Self::Symbol(symbol) => symbol.to_owned(),
        }
    }
}

fn single_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

fn is_connective(word: &str) -> bool {
    word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or")
}

/// What a word without quotes means.
fn bare_value(word: String) -> FieldValue {
    if word.eq_ignore_ascii_case("true") {
        return FieldValue::Bool(true);
    }
    if word.eq_ignore_ascii_case("false") {
        return FieldValue::Bool(false);
    }
    // Only what is written in digits: Rust also reads "inf", "nan" and "1e999".
    if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        if let Ok(number) = word.parse() {
            return FieldValue::Integer(number);
        }
        if let Some(seconds) = parse_moment(&word) {
            return FieldValue::Timestamp(seconds);
        }
        if let Some(number) = word.parse().ok().filter(|number: &f64| number.is_finite()) {
            return FieldValue::Float(number);
        }
    }
    FieldValue::Text(word)
}

/// Seconds since 1970 of `2024-01-31` or `2024-01-31T12:00:00.5+01:00`;
/// fractions are cut.
fn parse_moment(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let days = parse_date(date)?;
    let seconds = match time {
        Some(time) => parse_time(time)?,
        None => 0,
    };
    Some(days * 86_400 + seconds)
}

fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => return None,
    };
    if parts.next().is_some() || !(1..=days).contains(&day) {
        return None;
    }
    // Days from civil, with years that begin in March, so that the leap day is
    // the last: Hinnant, chrono-compatible low-level date algorithms.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn parse_time(text: &str) -> Option<i64> {
    let (clock, offset) = if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else {
        let at = text.rfind(['+', '-'])?;
        let (hours, minutes) = text[at + 1..].split_once(':')?;
        let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
        let offset = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
        (&text[..at], if text[at..].starts_with('-') { -offset } else { offset })
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let hours = digits(parts.next()?, 2)?;
    let minutes = digits(parts.next()?, 2)?;
    let seconds = digits(parts.next()?, 2)?;
    let is_time = parts.next().is_none() && hours < 24 && minutes < 60 && seconds <= 60;
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && is_fraction).then_some(hours * 3600 + minutes * 60 + seconds - offset)
}

fn digits(text: &str, n: usize) -> Option<i64> {
    (text.len() == n && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(expression: &str, expected: &Filter) {
        assert_eq!(Filter::parse(expression).as_ref(), Ok(expected), "{expression}");
    }

    fn check_error(expression: &str, message: &str) {
        let error = Filter::parse(expression).unwrap_err().to_string();
        assert_eq!(error, format!("filter, at byte {message}"), "{expression}");
    }

    fn is(field: &str, value: FieldValue) -> Filter {
        Filter::In { field: field.to_owned(), values: vec![value] }
    }

    fn text(text: &str) -> FieldValue {
        FieldValue::Text(text.to_owned())
    }

    #[test]
    fn every_operator_is_read() {
        let field = || "a".to_owned();
        let one = || Bound::Included(FieldValue::Integer(1));
        let above = || Bound::Excluded(FieldValue::Integer(1));
        check("a = 1", &is("a", FieldValue::Integer(1)));
        check("a==1", &is("a", FieldValue::Integer(1)));
        check("a!=1", &Filter::Not(Box::new(is("a", FieldValue::Integer(1)))));
        check("a < 1", &Filter::Range { field: field(), lower: Bound::Open, upper: above() });
        check("a <= 1", &Filter::Range { field: field(), lower: Bound::Open, upper: one() });
        check("a > 1", &Filter::Range { field: field(), lower: above(), upper: Bound::Open });
        check("a>=1", &Filter::Range { field: field(), lower: one(), upper: Bound::Open });
        let list = Filter::In { field: field(), values: vec![text("b"), text("c d")] };
        check("a in [b, \"c d\"]", &list);
        check("a not in [b,\"c d\"]", &Filter::Not(Box::new(list)));
        check("a in []", &Filter::In { field: field(), values: Vec::new() });
        let starts = Filter::StartsWith { field: field(), prefix: "b/c".to_owned() };
        check("a ^= b/c", &starts);
        check("a^=\"b/c\"", &starts);
        check("a starts with b/c", &starts);
        check("exists a", &Filter::Exists { field: field() });
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tightest() {
        let [a, b, c] = ["a", "b", "c"].map(|field| Filter::Exists { field: field.to_owned() });
        let not_b = Filter::Not(Box::new(b.clone()));
        check(
            "exists a or not exists b and exists c",
            &Filter::Any(vec![a.clone(), Filter::All(vec![not_b, c.clone()])]),
        );
        check(
            "(exists a OR exists b) AND exists c",
            &Filter::All(vec![Filter::Any(vec![a, b]), c]),
        );
    }

    #[test]
    fn values_have_types() {
        for (written, value) in [
            ("-5", FieldValue::Integer(-5)),
            ("9223372036854775807", FieldValue::Integer(i64::MAX)),
            ("1.50", FieldValue::Float(1.5)),
            ("1e3", FieldValue::Float(1000.0)),
            ("TRUE", FieldValue::Bool(true)),
            ("false", FieldValue::Bool(false)),
            ("1970-01-01", FieldValue::Timestamp(0)),
            ("2024-02-29", FieldValue::Timestamp(1_709_164_800)),
            ("1969-12-31T23:59:59Z", FieldValue::Timestamp(-1)),
            ("2024-01-31T12:00:00.999+01:00", FieldValue::Timestamp(1_706_698_800)),
            ("2023-02-29", text("2023-02-29")),
            ("2024-01-31T25:00:00Z", text("2024-01-31T25:00:00Z")),
            ("\"1.50\"", text("1.50")),
            ("\"a \\\"b\\\\\"", text("a \"b\\")),
            ("nan", text("nan")),
            ("1e999", text("1e999")),
            ("v1.2", text("v1.2")),
            ("std::io", text("std::io")),
            ("größe", text("größe")),
        ] {
            check(&format!("a = {written}"), &is("a", value));
        }
    }

    #[test]
    fn keywords_are_fields_where_an_operator_follows_or_in_quotes() {
        check("not = 1", &is("not", FieldValue::Integer(1)));
        check(
            "exists >= 1 and and = 2",
            &Filter::All(vec![
                Filter::Range {
                    field: "exists".to_owned(),
                    lower: Bound::Included(FieldValue::Integer(1)),
                    upper: Bound::Open,
                },
                is("and", FieldValue::Integer(2)),
            ]),
        );
        check("exists \"not\"", &Filter::Exists { field: "not".to_owned() });
        check("\"a b\" = c", &is("a b", text("c")));
    }

    #[test]
    fn errors_say_where_and_what_was_expected() {
        check_error("", "0: expected a field, `not`, `exists` or `(`, found the end");
        check_error("a", &format!("1: expected {OPERATORS}, found the end"));
        check_error("a = ", "4: expected a value, found the end");
        check_error("a = 1 b = 2", "6: expected `and`, `or` or the end, found `b`");
        check_error("(a = 1", "6: expected `and`, `or` or `)`, found the end");
        check_error("a = 1)", "5: expected `and`, `or` or the end, found `)`");
        check_error("a in (1)", "5: expected `[`, found `(1)`");
        check_error("a in [1 2]", "8: expected `,` or `]`, found `2]`");
        check_error("a = \"b", "6: expected a closing quote, found the end");
        check_error("a ^= \"\"", "5: expected text, not empty, found `\"\"`");
        check_error("exists", "6: expected a field, found the end");
        check_error("and", "0: expected a field, `not`, `exists` or `(`, found `and`");
        let deep = format!("{}exists a{}", "(".repeat(1000), ")".repeat(1000));
        assert!(Filter::parse(&deep).unwrap_err().to_string().contains("fewer nested parts"));
        assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
    }

    #[test]
    fn dates_agree_with_counting_days() {
        let mut days = 0;
        for year in 1970..2110 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(found) = parse_date(&format!("{year:04}-{month:02}-{day:02}")) {
                        assert_eq!(found, days, "{year}-{month}-{day}");
                        days += 1;
                    }
                }
            }
        }
        assert_eq!(days, 140 * 365 + 34); // 2100 is no leap year
    }

    proptest! {
        #[test]
        fn any_string_is_read_or_refused(expression in "[a-c<>=!^()\\[\\],\"0-9 \\\\é-]{0,40}|.{0,40}") {
            if let Err(error) = Filter::parse(&expression) {
                prop_assert!(expression.get(error.position..).is_some());
            }
        }
    }
}
