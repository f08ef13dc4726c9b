//! The known name that a mistyped one was most likely meant to be.

/// Below this similarity a guess would mislead more than it helps.
const MIN_SIMILARITY: f64 = 0.6;

/// The known name most like `typed` by Jaro-Winkler; of equal ones the first.
///
/// # Returns
/// `None` where nothing is alike.
pub(crate) fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let mut best: Option<(f64, &str)> = None;
    for &name in known {
        let similarity = strsim::jaro_winkler(typed, name);
        if similarity >= MIN_SIMILARITY && best.is_none_or(|(so_far, _)| similarity > so_far) {
            best = Some((similarity, name));
        }
    }
    best.map(|(_, name)| name)
}

/// `; did you mean X?`, or the names there are.
pub(crate) fn suggestion(typed: &str, known: &[&str]) -> String {
    match nearest(typed, known) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["base_url", "timeout_s", "max_retries"];
        assert_eq!(nearest("base-url", &known), Some("base_url"));
        assert_eq!(nearest("timeout", &known), Some("timeout_s"));
        assert_eq!(nearest("q", &known), None);
        assert_eq!(suggestion("q", &known), "there are base_url, timeout_s, max_retries");
    }
}
