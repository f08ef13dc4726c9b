//! What a key may be used for.

use std::fmt;
use std::str::FromStr;

/// What a key may be used for. None holds another: whoever collects metrics need not be
/// able to read documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Search, read documents, encode and rerank texts, judge passages, use the tools of
    /// agents.
    Search,
    /// Have questions answered, by language models too, which may cost money.
    Answer,
    /// Add, change and delete documents.
    Write,
    /// See how the server is and what it measured.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Search, Self::Answer, Self::Write, Self::Admin];

    /// As key files and errors name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Answer => "answer",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == text);
        found.ok_or_else(|| {
            format!("{text:?} is no scope; there are {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}
