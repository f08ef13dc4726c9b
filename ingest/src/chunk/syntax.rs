//! Where code can be cut: between the nodes of its syntax tree.
//!
//! tree-sitter parses without running anything and recovers from errors, so a
//! file that does not compile is cut where it still has structure. Without the
//! feature `tree-sitter`, or where a node has no parts, code is cut between
//! lines.

use engine::Span;

use super::token_map::TokenMap;

/// A language with a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    C,
    Go,
    Java,
    JavaScript,
    Python,
    Rust,
    TypeScript,
}

impl Grammar {
    /// The grammar of a language, by the name a code block has it under.
    pub(super) fn of(language: &str) -> Option<Self> {
        Some(match language.to_ascii_lowercase().as_str() {
            "c" | "h" => Self::C,
            "go" | "golang" => Self::Go,
            "java" => Self::Java,
            "javascript" | "js" | "jsx" => Self::JavaScript,
            "python" | "py" => Self::Python,
            "rust" | "rs" => Self::Rust,
            "typescript" | "ts" => Self::TypeScript,
            _ => return None,
        })
    }

    #[cfg(feature = "tree-sitter")]
    fn parse(self, code: &str) -> Option<tree_sitter::Tree> {
        let language = match self {
            Self::C => tree_sitter_c::LANGUAGE,
            Self::Go => tree_sitter_go::LANGUAGE,
            Self::Java => tree_sitter_java::LANGUAGE,
            Self::JavaScript => tree_sitter_javascript::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        };
        let mut parser = tree_sitter::Parser::new();
        // Fails for a grammar of another ABI, which a test of each rules out.
        parser.set_language(&language.into()).ok()?;
        parser.parse(code, None)
    }
}

/// Cuts code into pieces that are not divided further: whole items where they
/// fit, else their parts.
///
/// # Returns
/// For each item of the outermost level that fits `limit` tokens a list of one,
/// for each other the list of its parts. Pieces touch, cover `span` together,
/// and have at most `limit` tokens unless a line is longer.
pub(super) fn items(
    map: &TokenMap<'_>,
    span: Span,
    grammar: Grammar,
    limit: usize,
) -> Vec<Vec<Span>> {
    #[cfg(feature = "tree-sitter")]
    if let Some(tree) = span.slice(map.text()).and_then(|code| grammar.parse(code)) {
        let cutter = tree::Cutter { map, offset: span.start, limit };
        return cutter.items(tree.root_node(), span);
    }
    #[cfg(not(feature = "tree-sitter"))]
    let _ = (grammar, limit);
    vec![lines(map.text(), span)]
}

/// The lines of `span`, each with its line end.
pub(super) fn lines(text: &str, span: Span) -> Vec<Span> {
    let mut start = span.start as usize;
    span.slice(text)
        .unwrap_or("")
        .split_inclusive('\n')
        .map(|line| {
            let piece = Span::new(start, start + line.len());
            start += line.len();
            piece
        })
        .collect()
}

#[cfg(feature = "tree-sitter")]
mod tree {
    use engine::Span;
    use tree_sitter::Node;

    use super::{TokenMap, lines};

    /// Deeper nodes are cut between lines; no person nests so far.
    const MAX_DEPTH: usize = 100;

    pub(super) struct Cutter<'m, 't> {
        pub(super) map: &'m TokenMap<'t>,
        /// Where the parsed code starts in the text.
        pub(super) offset: u32,
        pub(super) limit: usize,
    }

    /// Nodes that belong together, and the text from the first of them to the
    /// next group.
    struct Group<'n> {
        nodes: Vec<Node<'n>>,
        span: Span,
    }

    impl Cutter<'_, '_> {
        pub(super) fn items(&self, root: Node<'_>, span: Span) -> Vec<Vec<Span>> {
            let groups = self.groups(&children(root), span);
            if groups.is_empty() {
                return vec![lines(self.map.text(), span)];
            }
            groups
                .into_iter()
                .map(|group| {
                    let mut parts = Vec::new();
                    self.cut(&group.nodes, group.span, 0, &mut parts);
                    parts
                })
                .collect()
        }

        fn cut(&self, nodes: &[Node<'_>], span: Span, depth: usize, parts: &mut Vec<Span>) {
            if self.map.count(span) <= self.limit {
                parts.push(span);
                return;
            }
            let within: Vec<Group<'_>> = match nodes {
                // What led an item is cut from it before the item is cut.
                [_, _, ..] => self.spread(nodes.iter().map(|node| vec![*node]).collect(), span),
                [node] if depth < MAX_DEPTH => self.groups(&children(*node), span),
                _ => Vec::new(),
            };
            if within.is_empty() {
                parts.extend(lines(self.map.text(), span));
            }
            for group in within {
                self.cut(&group.nodes, group.span, depth + 1, parts);
            }
        }

        /// Puts comments and attributes with what they precede, and marks
        /// (commas, closing braces) and comments on its line with what they
        /// follow.
        fn groups<'n>(&self, nodes: &[Node<'n>], span: Span) -> Vec<Group<'n>> {
            let mut groups: Vec<Vec<Node<'n>>> = Vec::new();
            // Whether the last group waits for what it leads.
            let mut open = false;
            for &node in nodes {
                let comment = node.kind().ends_with("comment");
                let leads = comment || node.kind() == "attribute_item";
                match groups.last_mut() {
                    Some(last) if open => {
                        last.push(node);
                        open = leads;
                    }
                    Some(last) if !node.is_named() || (comment && same_line(last, node)) => {
                        last.push(node);
                    }
                    _ => {
                        groups.push(vec![node]);
                        open = leads || !node.is_named();
                    }
                }
            }
            self.spread(groups, span)
        }

        /// Gives each group the text up to the next one, and the first what is
        /// before it.
        fn spread<'n>(&self, groups: Vec<Vec<Node<'n>>>, span: Span) -> Vec<Group<'n>> {
            let starts: Vec<u32> = groups
                .iter()
                .skip(1)
                .filter_map(|nodes| nodes.first())
                .map(|node| self.offset + node.start_byte() as u32)
                .collect();
            let from = std::iter::once(span.start).chain(starts.iter().copied());
            let to = starts.iter().copied().chain(std::iter::once(span.end));
            groups
                .into_iter()
                .zip(from.zip(to))
                .map(|(nodes, (start, end))| Group { nodes, span: Span { start, end } })
                .filter(|group| !group.span.is_empty())
                .collect()
        }
    }

    fn children(node: Node<'_>) -> Vec<Node<'_>> {
        // Nodes of no width stand for what the parser missed.
        node.children(&mut node.walk())
            .filter(|child| child.end_byte() > child.start_byte())
            .collect()
    }

    fn same_line(group: &[Node<'_>], node: Node<'_>) -> bool {
        // Some nodes own the end of their line and so end at the start of the next.
        let end = group.last().map(Node::end_position);
        end.is_some_and(|end| end.column > 0 && end.row == node.start_position().row)
    }
}

#[cfg(all(test, feature = "tree-sitter"))]
mod tests {
    use super::*;
    use crate::chunk::tokenizer::WordSizer;

    fn check(language: &str, code: &str, expected: &[&str]) {
        let map = TokenMap::new(code, &WordSizer::ruler()).unwrap();
        let grammar = Grammar::of(language).unwrap();
        let items = items(&map, Span::new(0, code.len()), grammar, 1000);
        let mut end = 0;
        for span in items.iter().flatten() {
            assert_eq!(span.start, end, "{language}: pieces touch");
            end = span.end;
        }
        assert_eq!(end as usize, code.len(), "{language}");
        let texts: Vec<&str> =
            items.iter().flatten().map(|span| span.slice(code).unwrap().trim()).collect();
        assert_eq!(texts, expected, "{language}");
    }

    #[test]
    fn every_grammar_loads_and_keeps_comments_with_their_items() {
        check(
            "rust",
            "use a::b; // why\n\n/// One.\n#[inline]\nfn one() {}\n\n// Two.\nstruct Two;\n",
            &["use a::b; // why", "/// One.\n#[inline]\nfn one() {}", "// Two.\nstruct Two;"],
        );
        check(
            "python",
            "import os\n\n# One.\n@cached\ndef one():\n    pass\n\nclass Two:\n    pass\n",
            &["import os", "# One.\n@cached\ndef one():\n    pass", "class Two:\n    pass"],
        );
        check(
            "javascript",
            "/** One. */\nfunction one() {}\nconst two = 2;\n",
            &["/** One. */\nfunction one() {}", "const two = 2;"],
        );
        check(
            "ts",
            "// One.\ninterface One { a: string }\nexport type Two = One;\n",
            &["// One.\ninterface One { a: string }", "export type Two = One;"],
        );
        check(
            "go",
            "package one\n\n// Two does.\nfunc Two() int { return 2 }\n",
            &["package one", "// Two does.\nfunc Two() int { return 2 }"],
        );
        check(
            "java",
            "import a.B;\n\n/** One. */\n@Final\nclass One { int a; }\n",
            &["import a.B;", "/** One. */\n@Final\nclass One { int a; }"],
        );
        check(
            "c",
            "#include <a.h>\n/* One. */\nint one(void) { return 1; }\nint two; /* here */\n",
            &["#include <a.h>", "/* One. */\nint one(void) { return 1; }", "int two; /* here */"],
        );
    }

    #[test]
    fn a_long_item_is_cut_at_its_parts_and_a_long_line_is_left() {
        let code =
            "impl A {\n    /// One.\n    fn one(&self) { a(); }\n\n    fn two(&self) { b(); }\n}\n";
        let map = TokenMap::new(code, &WordSizer::ruler()).unwrap();
        let parts = items(&map, Span::new(0, code.len()), Grammar::Rust, 20);
        assert_eq!(parts.len(), 1);
        let texts: Vec<&str> =
            parts[0].iter().map(|span| span.slice(code).unwrap().trim()).collect();
        assert!(texts.contains(&"fn two(&self) { b(); }\n}"), "{texts:?}");
        assert!(
            texts.iter().any(|text| text.ends_with("/// One.\n    fn one(&self) { a(); }")),
            "{texts:?}"
        );
        // Nothing in a comment can be cut by syntax.
        let comment = format!("// {}", "word ".repeat(50));
        let map = TokenMap::new(&comment, &WordSizer::ruler()).unwrap();
        let whole = Span::new(0, comment.len());
        assert_eq!(items(&map, whole, Grammar::Rust, 10), [vec![whole]]);
    }

    #[test]
    fn nesting_without_end_is_cut() {
        let code = format!("let a = {}1{};", "(".repeat(5000), ")".repeat(5000));
        let map = TokenMap::new(&code, &WordSizer::ruler()).unwrap();
        let parts = items(&map, Span::new(0, code.len()), Grammar::JavaScript, 20).concat();
        assert_eq!(parts.last().unwrap().end as usize, code.len());
    }
}
