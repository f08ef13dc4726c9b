//! Signatures: what a stored document was made from, in 32 bytes.
//!
//! The engine keeps a signature without looking into it. Ours has three parts,
//! so that what is in the index can be asked without reading a text:
//!
//! | bytes | hash of | answers |
//! |---|---|---|
//! | 0..16 | text, blocks | is there a document of the same text? |
//! | 16..24 | title, metadata, chunker, encoder | would indexing again change anything? |
//! | 24..32 | the root's name | did it come from this root? |
//!
//! The title is not part of the text's key: where a document shows one, it is
//! in the text, and elsewhere it may be no more than the file's name.
//! Equal prefixes of BLAKE3 are taken as equality: among 2^32 documents two of
//! the 16-byte parts agree by chance with probability 2^-65.

use std::collections::BTreeMap;

use engine::{BlockKind, Document, Encoder, FieldValue, Signature};

use crate::chunk::{self, Chunker};

/// Equal for documents of equal text and structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ContentKey([u8; 16]);

/// Equal for documents that come from roots of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RootKey([u8; 8]);

impl RootKey {
    pub(super) fn new(root: &str) -> Self {
        Self(first_bytes(blake3::hash(root.as_bytes())))
    }

    pub(super) fn of(signature: Signature) -> Self {
        Self(part(signature, 24))
    }
}

impl ContentKey {
    pub(super) fn of(signature: Signature) -> Self {
        Self(part(signature, 0))
    }
}

/// Makes signatures for one chunker and one encoder.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    recipe: String,
}

impl Signer {
    pub(super) fn new(chunker: &dyn Chunker, encoder: &dyn Encoder) -> Self {
        let (spec, fingerprint) = (chunker.spec(), encoder.fingerprint());
        Self { recipe: format!("{}\n{spec}\n{fingerprint}", chunk::REVISION) }
    }

    /// The signature of `document` under the root of `key`.
    ///
    /// # Arguments
    /// * `incidental` - metadata that does not count, by name and value: the
    ///   date of a file changes with every checkout or copy, and indexing again
    ///   for it would be work for nothing. The index then keeps the date at
    ///   which it first saw this content.
    pub(super) fn sign(
        &self,
        document: &Document,
        key: RootKey,
        incidental: &BTreeMap<String, FieldValue>,
    ) -> Signature {
        let mut rest = Hasher::default();
        rest.text(&self.recipe);
        rest.text(&document.title);
        for (name, value) in &document.fields {
            if incidental.get(name) != Some(value) {
                rest.text(name);
                rest.value(value);
            }
        }
        let mut signature = [0; 32];
        signature[..16].copy_from_slice(&content_key(document).0);
        signature[16..24].copy_from_slice(&first_bytes::<8>(rest.0.finalize()));
        signature[24..].copy_from_slice(&key.0);
        Signature(signature)
    }
}

fn content_key(document: &Document) -> ContentKey {
    let mut content = Hasher::default();
    content.text(&document.text);
    for block in &document.blocks {
        match &block.kind {
            BlockKind::Heading { level, anchor } => {
                content.tag(&[0, *level]);
                content.text(anchor.as_deref().unwrap_or(""));
            }
            BlockKind::Paragraph => content.tag(&[1]),
            BlockKind::ListItem => content.tag(&[2]),
            BlockKind::Code { language } => {
                content.tag(&[3]);
                content.text(language.as_deref().unwrap_or(""));
            }
            BlockKind::Table => content.tag(&[4]),
        }
        content.tag(&block.span.start.to_le_bytes());
        content.tag(&block.span.end.to_le_bytes());
    }
    ContentKey(first_bytes(content.0.finalize()))
}

/// Hashes fields so that their borders count.
#[derive(Default)]
struct Hasher(blake3::Hasher);

impl Hasher {
    fn tag(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.tag(&(text.len() as u64).to_le_bytes());
        self.tag(text.as_bytes());
    }

    fn value(&mut self, value: &FieldValue) {
        match value {
            FieldValue::Bool(value) => self.tag(&[0, u8::from(*value)]),
            FieldValue::Integer(value) => {
                self.tag(&[1]);
                self.tag(&value.to_le_bytes());
            }
            FieldValue::Float(value) => {
                self.tag(&[2]);
                self.tag(&value.to_bits().to_le_bytes());
            }
            FieldValue::Timestamp(value) => {
                self.tag(&[3]);
                self.tag(&value.to_le_bytes());
            }
            FieldValue::Text(value) => {
                self.tag(&[4]);
                self.text(value);
            }
            FieldValue::List(values) => {
                self.tag(&[5]);
                self.tag(&(values.len() as u64).to_le_bytes());
                for value in values {
                    self.value(value);
                }
            }
        }
    }
}

fn first_bytes<const N: usize>(hash: blake3::Hash) -> [u8; N] {
    std::array::from_fn(|at| hash.as_bytes()[at])
}

fn part<const N: usize>(signature: Signature, start: usize) -> [u8; N] {
    std::array::from_fn(|at| signature.0[start + at])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{Block, DocumentId, HashEncoder, Span};

    use super::*;
    use crate::chunk::{ChunkerParts, ChunkerSpec, WordSizer};

    fn document() -> Document {
        Document {
            id: DocumentId::new("a/b").unwrap(),
            title: "T".to_owned(),
            text: "some text".to_owned(),
            blocks: vec![Block { kind: BlockKind::Paragraph, span: Span::new(0, 9) }],
            fields: BTreeMap::from([("modified".to_owned(), FieldValue::Timestamp(5))]),
        }
    }

    fn signer(spec: &str, words: usize) -> Signer {
        let encoder = Arc::new(HashEncoder::new(8, words));
        let sizer = Arc::new(WordSizer::for_encoder(64));
        let parts = ChunkerParts { sizer, encoder: Arc::<HashEncoder>::clone(&encoder) };
        let chunker = ChunkerSpec::parse(spec).unwrap().build(&parts);
        Signer::new(&*chunker, &*encoder)
    }

    #[test]
    fn every_part_counts_where_it_should() {
        let (key, none) = (RootKey::new("a"), BTreeMap::new());
        let sign = |document: &Document| signer("whole", 64).sign(document, key, &none);
        let base = sign(&document());
        assert_eq!(base, sign(&document()));
        assert_eq!(RootKey::of(base), key);

        let changes: [fn(&mut Document); 3] = [
            |document| document.text.push('!'),
            |document| document.blocks[0].kind = BlockKind::Table,
            |document| document.blocks[0].span.end = 4,
        ];
        for change in changes {
            let mut other = document();
            change(&mut other);
            assert_ne!(ContentKey::of(sign(&other)), ContentKey::of(base));
        }
        let changes: [fn(&mut Document); 2] = [
            |document| document.title.push('!'),
            |document| {
                document.fields.insert("tag".to_owned(), FieldValue::Bool(true));
            },
        ];
        for change in changes {
            let mut other = document();
            change(&mut other);
            assert_ne!(sign(&other), base);
            assert_eq!(ContentKey::of(sign(&other)), ContentKey::of(base));
        }
        for other in [signer("fixed:64/0", 64), signer("whole", 65)] {
            assert_ne!(other.sign(&document(), key, &none), base);
        }
    }

    #[test]
    fn a_files_date_does_not_count_but_a_stated_one_does() {
        let key = RootKey::new("a");
        let signer = signer("whole", 64);
        let dated = |date| {
            let mut document = document();
            document.fields.insert("modified".to_owned(), FieldValue::Timestamp(date));
            let file = BTreeMap::from([("modified".to_owned(), FieldValue::Timestamp(date))]);
            (signer.sign(&document, key, &file), signer.sign(&document, key, &BTreeMap::new()))
        };
        let ((file_a, stated_a), (file_b, stated_b)) = (dated(1), dated(2));
        assert_eq!(file_a, file_b);
        assert_ne!(stated_a, stated_b);
    }
}
