//! What a model's own files say about it: the layout of sentence-transformers.
//!
//! `modules.json` lists the stages after the transformer; their folders hold
//! the pooling mode and the dense layers' sizes. `config.json` says what the
//! transformer is. Nothing is guessed: a directory that does not name its
//! pooling is refused.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::card::{ModelCard, Pooling};
use crate::error::ModelError;
use crate::graph::{Activation, BertConfig, Bias, DenseLayer, Head};

/// A model as its files describe it.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// `None` when the directory holds a ready graph and no checkpoint.
    pub(crate) config: Option<BertConfig>,
    pub(crate) pooling: Pooling,
    pub(crate) dense: Vec<DenseLayer>,
    pub(crate) query_prefix: String,
    pub(crate) passage_prefix: String,
    pub(crate) max_tokens: usize,
    /// Components of the final vector.
    pub(crate) dim: usize,
}

/// Whether a directory's transformer is to be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transformer {
    /// It is a checkpoint; other architectures than BERT are refused.
    Checkpoint,
    /// It is a graph already; any architecture will do.
    ReadyGraph,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PoolingConfig {
    /// The newer form, one name.
    pooling_mode: Option<String>,
    include_prompt: Option<bool>,
    /// Holds the older form: a `pooling_mode_*` flag for each mode.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct DenseConfig {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default = "tanh")]
    activation_function: String,
}

/// The layout's defaults for fields that older files leave out.
fn yes() -> bool {
    true
}

fn tanh() -> String {
    "torch.nn.modules.activation.Tanh".into()
}

#[derive(Deserialize, Default)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize, Default)]
struct PromptConfig {
    #[serde(default)]
    prompts: Prompts,
}

#[derive(Deserialize, Default)]
struct Prompts {
    query: Option<String>,
    passage: Option<String>,
    document: Option<String>,
}

#[derive(Deserialize)]
struct AnyConfig {
    hidden_size: usize,
    max_position_embeddings: Option<usize>,
}

impl Description {
    /// Reads a directory.
    ///
    /// # Errors
    /// [`ModelError::Config`], [`ModelError::UnsupportedArchitecture`],
    /// [`ModelError::Io`].
    pub(crate) fn read(directory: &Path, transformer: Transformer) -> Result<Self, ModelError> {
        let path = directory.join("config.json");
        let bytes = fs::read(&path).map_err(ModelError::io("read", &path))?;
        let any: AnyConfig = parse(&bytes, &path)?;
        let config = match transformer {
            Transformer::Checkpoint => Some(BertConfig::parse(&bytes, &path)?),
            Transformer::ReadyGraph => None,
        };
        let (pooling, dense) = modules(directory)?;
        if transformer == Transformer::ReadyGraph && !dense.is_empty() {
            return Err(ModelError::Config {
                path: directory.join("modules.json"),
                reason: "a dense layer after a ready graph cannot be applied; put \
                         model.safetensors there instead of model.onnx"
                    .into(),
            });
        }
        let mut width = any.hidden_size;
        for layer in &dense {
            if layer.inputs != width {
                return Err(ModelError::Config {
                    path: layer.weights_path.clone(),
                    reason: format!("takes {} components, but gets {width}", layer.inputs),
                });
            }
            width = layer.outputs;
        }
        let sentence: SentenceConfig = optional(&directory.join("sentence_bert_config.json"))?;
        let prompts: PromptConfig = optional(&directory.join("config_sentence_transformers.json"))?;
        let prompts = prompts.prompts;
        let max_tokens = sentence.max_seq_length.or(any.max_position_embeddings);
        let max_tokens = max_tokens.ok_or_else(|| ModelError::Config {
            path,
            reason: "names no max_position_embeddings, and there is no \
                     sentence_bert_config.json with max_seq_length"
                .into(),
        })?;
        Ok(Self {
            config,
            pooling,
            dense,
            query_prefix: prompts.query.unwrap_or_default(),
            passage_prefix: prompts.passage.or(prompts.document).unwrap_or_default(),
            max_tokens,
            dim: width,
        })
    }

    /// Lets the card have its say on what the files leave open, once both
    /// agree on what neither may get wrong.
    ///
    /// # Errors
    /// [`ModelError::CardMismatch`].
    pub(crate) fn with_card(mut self, card: &ModelCard) -> Result<Self, ModelError> {
        let mismatch = |field, card_says: String, found: String| {
            Err(ModelError::CardMismatch {
                model: card.name.to_owned(),
                field,
                card: card_says,
                found,
            })
        };
        if self.pooling != card.pooling {
            return mismatch("pooling", card.pooling.to_string(), self.pooling.to_string());
        }
        if self.dim != card.dim {
            return mismatch("dim", card.dim.to_string(), self.dim.to_string());
        }
        if let Some(config) = &self.config
            && card.max_tokens > config.positions
        {
            let found = format!("{} positions", config.positions);
            return mismatch("max_tokens", card.max_tokens.to_string(), found);
        }
        card.query_prefix.clone_into(&mut self.query_prefix);
        card.passage_prefix.clone_into(&mut self.passage_prefix);
        self.max_tokens = card.max_tokens;
        Ok(self)
    }

    /// What must follow the encoder inside the graph.
    pub(crate) fn head(&self) -> Option<Head> {
        (!self.dense.is_empty()).then(|| Head { pooling: self.pooling, dense: self.dense.clone() })
    }
}

/// Pooling mode and dense layers.
fn modules(directory: &Path) -> Result<(Pooling, Vec<DenseLayer>), ModelError> {
    let path = directory.join("modules.json");
    if !path.exists() {
        // A bare pooling folder is enough; without either, mean and CLS are
        // equally plausible and only one is right.
        let pooling = directory.join("1_Pooling/config.json");
        return Ok((read_pooling(&pooling)?, Vec::new()));
    }
    let mut pooling = None;
    let mut dense = Vec::new();
    for module in required::<Vec<Module>>(&path)? {
        let folder = inside(directory, &module.path, &path)?;
        match module.kind.rsplit('.').next().unwrap_or("") {
            "Transformer" | "Normalize" => {}
            "Pooling" => pooling = Some(read_pooling(&folder.join("config.json"))?),
            "Dense" => dense.push(read_dense(&folder)?),
            other => {
                return Err(ModelError::UnsupportedArchitecture {
                    found: format!("a module of type {other}"),
                    path,
                });
            }
        }
    }
    match pooling {
        Some(pooling) => Ok((pooling, dense)),
        None => Err(ModelError::Config { path, reason: "lists no Pooling module".into() }),
    }
}

/// A module's folder, which must not lead out of the model's.
fn inside(directory: &Path, relative: &str, named_by: &Path) -> Result<PathBuf, ModelError> {
    let plain = Path::new(relative)
        .components()
        .all(|component| matches!(component, std::path::Component::Normal(_)));
    if plain {
        Ok(directory.join(relative))
    } else {
        Err(ModelError::Config {
            path: named_by.to_owned(),
            reason: format!("module path `{relative}` leads out of the model's folder"),
        })
    }
}

fn read_pooling(path: &Path) -> Result<Pooling, ModelError> {
    let config: PoolingConfig = required(path)?;
    let error = |reason: String| ModelError::Config { path: path.to_owned(), reason };
    if config.include_prompt == Some(false) {
        return Err(error("include_prompt = false is not supported".into()));
    }
    let flag = |(name, value): (String, Value)| {
        let mode = name.strip_prefix("pooling_mode_")?.to_owned();
        (value == Value::Bool(true)).then_some(mode)
    };
    let flags = config.others.into_iter().filter_map(flag);
    let modes: Vec<String> = config.pooling_mode.into_iter().chain(flags).collect();
    match modes.as_slice() {
        [mode] => match mode.as_str() {
            "mean" | "mean_tokens" => Ok(Pooling::Mean),
            "cls" | "cls_token" => Ok(Pooling::Cls),
            "lasttoken" => Ok(Pooling::LastToken),
            other => Err(error(format!("pooling `{other}` is not supported"))),
        },
        [] => Err(error("chooses no pooling mode".into())),
        _ => Err(error(format!("joining pooling modes is not supported: {}", modes.join(", ")))),
    }
}

fn read_dense(folder: &Path) -> Result<DenseLayer, ModelError> {
    let path = folder.join("config.json");
    let config: DenseConfig = required(&path)?;
    let activation = match config.activation_function.rsplit('.').next().unwrap_or("") {
        "Identity" => Activation::Identity,
        "Tanh" => Activation::Tanh,
        other => {
            let reason = format!("activation `{other}` is not supported; Identity and Tanh are");
            return Err(ModelError::Config { path, reason });
        }
    };
    Ok(DenseLayer {
        weights_path: folder.join("model.safetensors"),
        inputs: config.in_features,
        outputs: config.out_features,
        bias: if config.bias { Bias::Present } else { Bias::Absent },
        activation,
    })
}

fn required<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    match fs::read(path) {
        Ok(bytes) => parse(&bytes, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ModelError::Config {
            path: path.to_owned(),
            reason: "is missing; without it the model's pooling is unknown. Copy it from the \
                     model's repository"
                .into(),
        }),
        Err(error) => Err(ModelError::io("read", path)(error)),
    }
}

fn optional<T: DeserializeOwned + Default>(path: &Path) -> Result<T, ModelError> {
    match fs::read(path) {
        Ok(bytes) => parse(&bytes, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(ModelError::io("read", path)(error)),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, ModelError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ModelError::Config { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERT: &str = r#"{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 10,
        "max_position_embeddings": 32, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}"#;
    const MEAN: &str = r#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}"#;

    fn read(files: &[(&str, &str)]) -> Result<Description, ModelError> {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Description::read(directory.path(), Transformer::Checkpoint)
    }

    fn refusal(files: &[(&str, &str)]) -> String {
        read(files).unwrap_err().to_string()
    }

    #[test]
    fn limits_prompts_and_projection_are_honoured() {
        let modules = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
            {"path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;
        let dense = r#"{"in_features": 8, "out_features": 12, "bias": false,
            "activation_function": "torch.nn.modules.linear.Identity"}"#;
        let model = read(&[
            ("config.json", BERT),
            ("modules.json", modules),
            ("1_Pooling/config.json", r#"{"pooling_mode_cls_token": true}"#),
            ("2_Dense/config.json", dense),
            ("sentence_bert_config.json", r#"{"max_seq_length": 16}"#),
            ("config_sentence_transformers.json", r#"{"prompts": {"query": "q: "}}"#),
        ])
        .unwrap();
        assert_eq!((model.pooling, model.dim, model.max_tokens), (Pooling::Cls, 12, 16));
        assert_eq!((model.query_prefix.as_str(), model.passage_prefix.as_str()), ("q: ", ""));
        let head = model.head().unwrap();
        assert_eq!(head.dense[0].bias, Bias::Absent);
        assert_eq!(head.dense[0].activation, Activation::Identity);
    }

    #[test]
    fn without_a_projection_the_engine_pools() {
        let model = read(&[("config.json", BERT), ("1_Pooling/config.json", MEAN)]).unwrap();
        assert_eq!((model.pooling, model.dim, model.max_tokens), (Pooling::Mean, 8, 32));
        assert!(model.head().is_none());
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let pooling = ("1_Pooling/config.json", MEAN);
        for (config, named) in [
            (BERT.replace("\"bert\"", "\"mpnet\""), "mpnet"),
            (BERT.replace("\"gelu\"", "\"relu\""), "relu"),
            (BERT.replace("\"hidden_size\": 8", "\"hidden_size\": 9"), "hidden_size 9"),
            (BERT.replace("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 0"), "num_hidden"),
        ] {
            let message = refusal(&[("config.json", &config), pooling]);
            assert!(message.contains(named), "{message}");
        }
        let message = refusal(&[("config.json", BERT)]);
        assert!(message.contains("1_Pooling"), "{message}");
        let both = r#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#;
        let message = refusal(&[("config.json", BERT), ("1_Pooling/config.json", both)]);
        assert!(message.contains("cls_token, mean_tokens"), "{message}");
        let escape = r#"[{"path": "../x", "type": "a.Pooling"}]"#;
        let message = refusal(&[("config.json", BERT), ("modules.json", escape)]);
        assert!(message.contains("../x"), "{message}");
    }

    #[test]
    fn a_card_that_contradicts_the_files_is_refused() {
        let card = crate::catalog::card("bge-small-en-v1.5").unwrap();
        let model = read(&[("config.json", BERT), ("1_Pooling/config.json", MEAN)]).unwrap();
        let message = model.with_card(card).unwrap_err().to_string();
        assert!(message.contains("pooling is cls"), "{message}");
    }
}
