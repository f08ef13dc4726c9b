//! A provider's key: read from the environment, sent, and never shown.

use std::fmt;

use super::config::ConfigError;

/// What stands where a key stood.
const REDACTED: &str = "[key]";

/// A provider's key. It has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ApiKey(String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl ApiKey {
    /// Takes a key that the variable `name` holds. White space around it, such
    /// as a file's last line end, is not part of it.
    ///
    /// # Errors
    /// [`ConfigError::KeyUnusable`] for a key that is empty or cannot be a
    /// header's value.
    pub fn new(name: &str, value: &str) -> Result<Self, ConfigError> {
        let value = value.trim();
        // Quotes and backslashes are excluded so that a key reads the same
        // inside JSON, where it is looked for in order to be removed.
        let usable = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if value.is_empty() || !value.bytes().all(usable) {
            return Err(ConfigError::KeyUnusable { variable: name.to_owned() });
        }
        Ok(Self(value.to_owned()))
    }

    /// For the header that carries it, and for nothing else.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence replaced.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_nowhere() {
        let key = ApiKey::new("KEY", " sk-secret\n").unwrap();
        assert_eq!(key.secret(), "sk-secret");
        assert_eq!(format!("{key:?} {:#?}", Some(&key)).matches("secret").count(), 0);
        assert_eq!(key.redact("bad key sk-secret, sk-secret!"), "bad key [key], [key]!");
    }

    #[test]
    fn an_unusable_key_is_named_by_its_variable_only() {
        for bad in ["", " ", "a b", "a\nb", "ключ", "a\"b"] {
            let said = ApiKey::new("THE_KEY", bad).unwrap_err().to_string();
            assert!(said.contains("THE_KEY"), "{said}");
        }
        let said = ApiKey::new("THE_KEY", "top secret").unwrap_err();
        assert!(!format!("{said} {said:?}").contains("top"));
    }
}
