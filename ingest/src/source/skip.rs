//! Why something a source offered did not become a document.

use thiserror::Error;

use engine::DocumentError;

/// Something that was left out, and why. Reported, never silent.
#[derive(Debug, Error)]
#[error("{origin}: {reason}")]
pub struct Skipped {
    /// Where it stands: a path, or `path:line` for a record.
    pub origin: String,
    /// The reason.
    #[source]
    pub reason: SkipReason,
}

/// A reason to leave a file or record out. [`SkipReason::label`] groups them.
#[derive(Debug, Error)]
pub enum SkipReason {
    /// No reader for this kind of file.
    #[error("no reader for {what}")]
    Unsupported {
        /// The extension with its dot, or what the content looks like.
        what: String,
    },
    /// The name starts with a dot.
    #[error("hidden; name it on the command line to read it")]
    Hidden,
    /// A link to elsewhere: following it could leave the folder or never end.
    #[error("a symbolic link; name its target on the command line to read it")]
    SymbolicLink,
    /// The file could not be opened or read.
    #[error("cannot be read: {source}")]
    Unreadable {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A folder could not be walked.
    #[error("cannot be walked: {source}")]
    Unwalkable {
        /// What the walker said.
        #[source]
        source: ignore::Error,
    },
    /// Larger than its reader accepts.
    #[error("{bytes} bytes; {what} may have {limit}")]
    TooLarge {
        /// What was measured, for example "an HTML page".
        what: &'static str,
        /// How large it is; at least this large where reading stopped early.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Bytes that are no text.
    #[error("not text: a zero byte at offset {offset}")]
    NotText {
        /// Where the first zero byte stands.
        offset: usize,
    },
    /// Elements nested deeper than any browser shows them.
    #[error("elements nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A small file that asks for a huge structure.
    #[error("more than {limit} {part}")]
    TooManyParts {
        /// Of what, in the plural.
        part: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The page only sends its reader on.
    #[error("redirects to {to}")]
    Redirect {
        /// Where to.
        to: String,
    },
    /// A copy of a whole book on one page, made for printing.
    #[error("the print version of pages that are read one by one")]
    PrintPage,
    /// Made by a program for programs: a line longer than any person writes.
    #[error("minified or generated: line {line} has {bytes} bytes")]
    Generated {
        /// The line, from 1.
        line: usize,
        /// Its length.
        bytes: usize,
    },
    /// A record that is no document.
    #[error("invalid record: {problem}")]
    InvalidRecord {
        /// What is wrong and what to do.
        problem: String,
    },
    /// A record that is not JSON.
    #[error("not JSON: {source}")]
    InvalidJson {
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// Another record or file of this run has the same id.
    #[error("the id {id:?} was used before; the first one was kept")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// The document breaks a rule of the index: its id, its size, a field.
    #[error(transparent)]
    Refused {
        /// Which rule.
        #[from]
        source: DocumentError,
    },
    /// The file contradicts its format.
    #[error("broken {format}: {problem}")]
    Broken {
        /// `PDF`, `DOCX`, `front matter`.
        format: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Opens only with a password.
    #[error("protected by a password")]
    PasswordProtected,
    /// Reading took longer than a broken file is worth.
    #[error("reading took more than {limit_seconds} seconds")]
    TooSlow {
        /// The limit.
        limit_seconds: u64,
    },
    /// Nothing to read in it; for a PDF often scanned pages.
    #[error("no text in it")]
    EmptyText,
}

impl SkipReason {
    /// The kind of reason in a few words, for counts in a report.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "unsupported format",
            Self::Hidden => "hidden",
            Self::SymbolicLink => "symbolic link",
            Self::Unreadable { .. } | Self::Unwalkable { .. } => "unreadable",
            Self::TooLarge { .. } => "too large",
            Self::NotText { .. } => "not text",
            Self::TooDeep { .. } | Self::TooManyParts { .. } => "too complex",
            Self::Redirect { .. } => "redirect",
            Self::PrintPage => "print page",
            Self::Generated { .. } => "generated",
            Self::InvalidRecord { .. } | Self::InvalidJson { .. } => "invalid record",
            Self::DuplicateId { .. } => "duplicate id",
            Self::Refused { .. } => "refused",
            Self::Broken { .. } => "broken file",
            Self::PasswordProtected => "password protected",
            Self::TooSlow { .. } => "too slow",
            Self::EmptyText => "no text",
        }
    }
}
