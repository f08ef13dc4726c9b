//! Reads source code: for Rust the documentation comments and signatures, for
//! other languages the file itself.
//!
//! A Rust file becomes what its documentation would show: prose, and every item
//! with its signature under a heading. Other languages are code blocks, cut
//! where a line at the left margin follows an empty one, which is where
//! definitions begin in nearly all of them. Grammars (tree-sitter) serve the
//! chunker `code` only: here they would change the text with their versions.

mod lexer;
mod rust;

use engine::FieldValue;

use super::ParsedText;
use super::canonical::CanonicalText;
use crate::source::SkipReason;

/// A longer line is minified code or embedded data.
const MAX_LINE_BYTES: usize = 16 << 10;

/// A programming language, as far as it matters here: its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the languages' own names")]
pub enum Language {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    Go,
    C,
    Cpp,
    CSharp,
    Java,
    Kotlin,
    Swift,
    Scala,
    Ruby,
    Php,
    Perl,
    Lua,
    Haskell,
    Elixir,
    Julia,
    R,
    Shell,
    Sql,
    Protobuf,
    Toml,
    Yaml,
}

impl Language {
    /// The language of files with an extension, given in lower case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" => Self::JavaScript,
            "ts" | "mts" | "cts" | "tsx" => Self::TypeScript,
            "go" => Self::Go,
            "c" | "h" => Self::C,
            "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" => Self::Cpp,
            "cs" => Self::CSharp,
            "java" => Self::Java,
            "kt" | "kts" => Self::Kotlin,
            "swift" => Self::Swift,
            "scala" => Self::Scala,
            "rb" => Self::Ruby,
            "php" => Self::Php,
            "pl" | "pm" => Self::Perl,
            "lua" => Self::Lua,
            "hs" => Self::Haskell,
            "ex" | "exs" => Self::Elixir,
            "jl" => Self::Julia,
            "r" => Self::R,
            "sh" | "bash" | "zsh" => Self::Shell,
            "sql" => Self::Sql,
            "proto" => Self::Protobuf,
            "toml" => Self::Toml,
            "yaml" | "yml" => Self::Yaml,
            _ => return None,
        })
    }

    /// The name in lower case, as fences of code blocks use it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Go => "go",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::CSharp => "csharp",
            Self::Java => "java",
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
            Self::Scala => "scala",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Perl => "perl",
            Self::Lua => "lua",
            Self::Haskell => "haskell",
            Self::Elixir => "elixir",
            Self::Julia => "julia",
            Self::R => "r",
            Self::Shell => "shell",
            Self::Sql => "sql",
            Self::Protobuf => "protobuf",
            Self::Toml => "toml",
            Self::Yaml => "yaml",
        }
    }
}

/// Reads a source file.
///
/// # Errors
/// [`SkipReason::Generated`] for a line that no person writes;
/// [`SkipReason::EmptyText`] for Rust without documentation or public items.
pub(super) fn read(source: &str, language: Language) -> Result<ParsedText, SkipReason> {
    if let Some((at, line)) =
        source.lines().enumerate().find(|(_, line)| line.len() > MAX_LINE_BYTES)
    {
        return Err(SkipReason::Generated { line: at + 1, bytes: line.len() });
    }
    let mut out = CanonicalText::default();
    if language == Language::Rust {
        rust::append(source, &mut out)?;
    } else {
        append_sections(source, language, &mut out);
    }
    let mut parsed = ParsedText::new(String::new(), out);
    parsed.fields.insert("language".to_owned(), FieldValue::Text(language.name().to_owned()));
    Ok(parsed)
}

/// One code block a section.
fn append_sections(source: &str, language: Language, out: &mut CanonicalText) {
    let mut start = 0;
    let mut at = 0;
    let mut after_blank = false;
    for line in source.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        if after_blank && !blank && !line.starts_with([' ', '\t', '}', ')', ']']) {
            out.code(Some(language.name().to_owned()), &source[start..at]);
            start = at;
        }
        after_blank = blank;
        at += line.len();
    }
    out.code(Some(language.name().to_owned()), &source[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_languages_are_cut_between_definitions() {
        let source = "# Tools.\n\nimport os\n\n\ndef f(x):\n    y = x\n\n    return y\n\nclass A:\n    pass\n";
        let parsed = read(source, Language::Python).unwrap();
        assert_eq!(
            parsed.text,
            "# Tools.\n\nimport os\n\ndef f(x):\n    y = x\n\n    return y\n\nclass A:\n    pass"
        );
        assert_eq!(parsed.blocks.len(), 4);
        assert_eq!(parsed.fields["language"], FieldValue::Text("python".to_owned()));
    }

    #[test]
    fn minified_code_is_refused() {
        let source = format!("var a;\n{}", "a();".repeat(MAX_LINE_BYTES));
        let error = read(&source, Language::JavaScript).err().unwrap();
        assert!(matches!(error, SkipReason::Generated { line: 2, .. }));
    }
}
