//! The rerankers known by name.
//!
//! No hash of their files is verified ([`FileHash::Unverified`]), and what a card
//! says of a model is what the model's own page says.

use super::ScoreActivation;
use crate::card::{CardFile, FileHash, HubRepository};

/// What a reranker's repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RerankerForm {
    /// `model.safetensors` of BERT with its pooler and one class: converted to
    /// 8-bit weights, a scale for each output.
    BertClassifier,
    /// An ONNX graph with the output `logits`: its weights are quantised in the same way.
    Graph {
        /// Its path in the repository.
        path: &'static str,
    },
}

/// Everything needed to fetch a reranker and to use it rightly.
#[derive(Clone, Debug, PartialEq)]
pub struct RerankerCard {
    /// The name users write.
    pub name: &'static str,
    /// One line: what it is.
    pub summary: &'static str,
    /// The weights' licence, as an SPDX identifier.
    pub licence: &'static str,
    /// What its repository holds.
    pub form: RerankerForm,
    /// From the model's output to a score.
    pub activation: ScoreActivation,
    /// Longest pair in tokens, special tokens included.
    pub max_tokens: usize,
    /// Files to fetch; `config.json` and `tokenizer.json` are always among them.
    pub files: &'static [CardFile],
    /// Its repository on the hub.
    pub hub: HubRepository,
}

/// All cards, the smallest of a family first.
pub fn reranker_catalog() -> &'static [RerankerCard] {
    CATALOG
}

/// The card of a name, in any case.
pub fn reranker_card(name: &str) -> Option<&'static RerankerCard> {
    CATALOG.iter().find(|card| card.name.eq_ignore_ascii_case(name))
}

const fn unverified(path: &'static str) -> CardFile {
    CardFile { path, hash: FileHash::Unverified }
}

const CHECKPOINT: &[CardFile] =
    &[unverified("config.json"), unverified("tokenizer.json"), unverified("model.safetensors")];

const GRAPH_PATH: &str = "onnx/model.onnx";

const GRAPH: &[CardFile] =
    &[unverified("config.json"), unverified("tokenizer.json"), unverified(GRAPH_PATH)];

/// The teacher's outputs, which these were trained to repeat: the model's page says
/// about -12 to 22.
const ETTIN: ScoreActivation = ScoreActivation::Linear { low: -12.0, high: 22.0 };

const fn hub(id: &'static str) -> HubRepository {
    HubRepository { id, revision: "main" }
}

const CATALOG: &[RerankerCard] = &[
    RerankerCard {
        name: "ms-marco-MiniLM-L6-v2",
        summary: "web questions, 6 layers",
        licence: "Apache-2.0",
        form: RerankerForm::BertClassifier,
        activation: ScoreActivation::UNSTATED_RANGE,
        max_tokens: 512,
        files: CHECKPOINT,
        hub: hub("cross-encoder/ms-marco-MiniLM-L6-v2"),
    },
    RerankerCard {
        name: "ms-marco-MiniLM-L12-v2",
        summary: "web questions, 12 layers",
        licence: "Apache-2.0",
        form: RerankerForm::BertClassifier,
        activation: ScoreActivation::UNSTATED_RANGE,
        max_tokens: 512,
        files: CHECKPOINT,
        hub: hub("cross-encoder/ms-marco-MiniLM-L12-v2"),
    },
    RerankerCard {
        name: "ettin-reranker-17m-v1",
        summary: "ModernBERT, distilled, long passages",
        licence: "Apache-2.0",
        form: RerankerForm::Graph { path: GRAPH_PATH },
        activation: ETTIN,
        max_tokens: 7999,
        files: GRAPH,
        hub: hub("cross-encoder/ettin-reranker-17m-v1"),
    },
    RerankerCard {
        name: "ettin-reranker-32m-v1",
        summary: "ModernBERT, distilled, long passages",
        licence: "Apache-2.0",
        form: RerankerForm::Graph { path: GRAPH_PATH },
        activation: ETTIN,
        max_tokens: 7999,
        files: GRAPH,
        hub: hub("cross-encoder/ettin-reranker-32m-v1"),
    },
    RerankerCard {
        name: "jina-reranker-v1-tiny-en",
        summary: "4 layers, long passages",
        licence: "Apache-2.0",
        form: RerankerForm::Graph { path: GRAPH_PATH },
        activation: ScoreActivation::Sigmoid,
        max_tokens: 8192,
        files: GRAPH,
        hub: hub("jinaai/jina-reranker-v1-tiny-en"),
    },
    RerankerCard {
        name: "jina-reranker-v1-turbo-en",
        summary: "6 layers, long passages",
        licence: "Apache-2.0",
        form: RerankerForm::Graph { path: GRAPH_PATH },
        activation: ScoreActivation::Sigmoid,
        max_tokens: 8192,
        files: GRAPH,
        hub: hub("jinaai/jina-reranker-v1-turbo-en"),
    },
    RerankerCard {
        name: "mxbai-rerank-xsmall-v1",
        summary: "DeBERTa, 12 layers",
        licence: "Apache-2.0",
        form: RerankerForm::Graph { path: GRAPH_PATH },
        activation: ScoreActivation::Sigmoid,
        max_tokens: 512,
        files: GRAPH,
        hub: hub("mixedbread-ai/mxbai-rerank-xsmall-v1"),
    },
    RerankerCard {
        name: "bge-reranker-base",
        summary: "XLM-RoBERTa, English and Chinese, slow",
        licence: "MIT",
        form: RerankerForm::Graph { path: GRAPH_PATH },
        activation: ScoreActivation::Sigmoid,
        max_tokens: 512,
        files: GRAPH,
        hub: hub("BAAI/bge-reranker-base"),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_card_has_the_files_its_form_needs_and_a_name_of_its_own() {
        let mut names = HashSet::new();
        for card in reranker_catalog() {
            assert!(names.insert(card.name.to_lowercase()), "{}", card.name);
            assert!(crate::catalog::card(card.name).is_err(), "{} is an encoder too", card.name);
            let weights = match card.form {
                RerankerForm::BertClassifier => "model.safetensors",
                RerankerForm::Graph { path } => path,
            };
            for needed in ["config.json", "tokenizer.json", weights] {
                assert!(card.files.iter().any(|file| file.path == needed), "{}", card.name);
            }
            if let ScoreActivation::Linear { low, high } = card.activation {
                assert!(low < high, "{}", card.name);
            }
        }
    }
}
