//! What a result depends on, as named parts and one short digest.

use std::collections::BTreeMap;

use serde::Serialize;

/// The parts that a result was made from, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Fingerprint {
    parts: BTreeMap<&'static str, String>,
}

impl Fingerprint {
    /// One that holds only the version of this code.
    pub fn new() -> Self {
        Self::default().with("version", env!("CARGO_PKG_VERSION"))
    }

    /// Adds a part.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parts.insert(name, value.into());
        self
    }

    /// The parts, by name.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.parts.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// 16 hexadecimal digits over all parts; equal parts, equal digest.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, value) in &self.parts {
            // Lengths keep ("a", "bc") apart from ("ab", "c").
            for text in [*name, value.as_str()] {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let base = Fingerprint::new().with("chunker", "whole");
        assert_eq!(base.digest(), Fingerprint::new().with("chunker", "whole").digest());
        assert_ne!(base.digest(), Fingerprint::new().with("chunker", "whole ").digest());
        assert_ne!(
            base.digest(),
            Fingerprint::new().with("chunker", "").with("whole", "").digest()
        );
        assert_ne!(base.digest(), base.clone().with("encoder", "").digest());
    }
}
