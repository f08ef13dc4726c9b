//! A key as its holder has it, and the hash by which the server knows it.
//!
//! A key is 256 random bits, so there is nothing to guess and no dictionary to try: one
//! round of SHA-256 keeps a stolen key file useless. Argon2 was the alternative; it makes
//! guessing people's passwords slow, and would make every request here slow by design.

use std::fmt::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Begins every key, so that scanners for secrets know one.
const PREFIX: &str = "tvo_";

/// Random bytes of a key.
const SECRET_BYTES: usize = 32;

/// Characters of a key: the prefix, the random bytes and a checksum, both in hexadecimal.
const KEY_CHARS: usize = PREFIX.len() + 2 * SECRET_BYTES + 8;

/// Begins a hash in a key file.
const HASH_PREFIX: &str = "sha256:";

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes to make a key of: {reason}")]
pub struct KeyGenerationError {
    reason: String,
}

/// A key: `tvo_`, 64 hexadecimal digits, and 8 more that check them. It has no `Display`,
/// and its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct AccessKey(String);

impl AccessKey {
    /// A new key, of the operating system's random bytes.
    ///
    /// # Errors
    /// [`KeyGenerationError`] where there are none.
    pub fn generate() -> Result<Self, KeyGenerationError> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| KeyGenerationError { reason: error.to_string() })?;
        let random = hex(&bytes);
        let checked = checksum(&random);
        Ok(Self(format!("{PREFIX}{random}{checked}")))
    }

    /// Reads what a client sent; `None` for what cannot be a key, a misspelt one for
    /// instance, which its checksum tells without a look at any other key.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX).filter(|_| text.len() == KEY_CHARS)?;
        let (random, checked) = digits.split_at_checked(2 * SECRET_BYTES)?;
        (checksum(random) == checked).then(|| Self(text.to_owned()))
    }

    /// For its holder, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the server keeps of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(..)")
    }
}

/// SHA-256 of a key.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Whether both are of one key, in a time that does not depend on where they differ.
    pub(crate) fn is_of_same_key(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", hex(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

impl FromStr for KeyDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let told =
            || format!("the hash must be `{HASH_PREFIX}` and 64 hexadecimal digits in lower case");
        let digits = text.strip_prefix(HASH_PREFIX).ok_or_else(told)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 64 || !digits.bytes().all(is_hex) {
            return Err(told());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| told())?;
        }
        Ok(Self(bytes))
    }
}

fn checksum(random: &str) -> String {
    format!("{:08x}", crc32fast::hash(random.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_again_by_its_hash_and_shown_by_nothing() {
        let key = AccessKey::generate().unwrap();
        let again = AccessKey::parse(key.reveal()).unwrap();
        assert!(key.digest().is_of_same_key(&again.digest()));
        let other = AccessKey::generate().unwrap();
        assert!(!key.digest().is_of_same_key(&other.digest()));
        let kept: KeyDigest = key.digest().to_string().parse().unwrap();
        assert!(kept.is_of_same_key(&key.digest()));
        let shown = format!("{key:?} {:?} {}", key.digest(), key.digest());
        assert!(!shown.contains(&key.reveal()[PREFIX.len()..20]), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_told_by_its_form_alone() {
        let key = AccessKey::generate().unwrap().reveal().to_owned();
        let misspelt = {
            let other = if key.as_bytes()[10] == b'0' { "1" } else { "0" };
            format!("{}{other}{}", &key[..10], &key[11..])
        };
        let upper = key.to_uppercase();
        let multibyte = format!("tvo_{}", "\u{e9}".repeat(36));
        for text in ["", "tvo_", &key[1..], &key[..75], &misspelt, &upper, &multibyte] {
            assert!(AccessKey::parse(text).is_none(), "{text}");
        }
        for text in ["", "sha256:", "sha256:zz", &format!("md5:{}", "0".repeat(64))] {
            assert!(text.parse::<KeyDigest>().is_err(), "{text}");
        }
    }
}
