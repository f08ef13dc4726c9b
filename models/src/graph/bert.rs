//! The BERT encoder as a graph of ONNX Runtime's fused operators.
//!
//! Input `input_ids` `[batch, tokens]`, output `last_hidden_state`
//! `[batch, tokens, hidden]`. There is no attention mask: all rows of a run
//! have the same length, since dynamic quantisation forbids padding anyway
//! (a padded row changes the scale of its neighbours) and a mask costs 8 % of
//! the speed. Architecture: Devlin et al., BERT, NAACL 2019.

use std::io::Write;
use std::path::Path;

use serde::Deserialize;

use super::builder::{Attribute, Dim, GraphBuilder, Op};
use super::proto::ElementType;
use super::quantize::{WeightCode, quantize_columns};
use super::weights::Weights;
use super::{Activation, Bias, ConvertError, GraphPrecision, Head};
use crate::card::Pooling;
use crate::error::ModelError;

/// The sizes of a BERT encoder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BertConfig {
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) token_types: usize,
    pub(crate) norm_epsilon: f32,
}

/// `config.json` as it is stored.
#[derive(Deserialize)]
struct StoredConfig {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    layer_norm_eps: f32,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

/// BERT's own default, for files that leave the field out.
fn two() -> usize {
    2
}

fn absolute() -> String {
    "absolute".into()
}

/// The one field that is read before the rest is trusted to be BERT's.
#[derive(Deserialize)]
struct Architecture {
    model_type: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
}

impl BertConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`ModelError::UnsupportedArchitecture`] for anything but BERT with exact
    /// GELU and absolute positions; [`ModelError::Config`] for sizes that
    /// cannot be.
    pub(crate) fn parse(json: &[u8], path: &Path) -> Result<Self, ModelError> {
        let config = |reason: String| ModelError::Config { path: path.to_owned(), reason };
        let unsupported =
            |found: String| ModelError::UnsupportedArchitecture { found, path: path.to_owned() };
        let family: Architecture =
            serde_json::from_slice(json).map_err(|error| config(error.to_string()))?;
        if family.model_type.as_deref() != Some("bert") {
            let found = family.model_type.or_else(|| family.architectures.into_iter().next());
            return Err(unsupported(found.unwrap_or_else(|| "an unnamed architecture".into())));
        }
        let stored: StoredConfig =
            serde_json::from_slice(json).map_err(|error| config(error.to_string()))?;
        if stored.hidden_act != "gelu" {
            return Err(unsupported(format!("bert with activation `{}`", stored.hidden_act)));
        }
        if stored.position_embedding_type != "absolute" {
            let found = format!("bert with `{}` positions", stored.position_embedding_type);
            return Err(unsupported(found));
        }
        stored.checked().map_err(config)
    }
}

impl StoredConfig {
    fn checked(self) -> Result<BertConfig, String> {
        // Destructured whole: a size that is read but not checked is a bug.
        let Self {
            hidden_size: hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: intermediate,
            vocab_size: vocabulary,
            max_position_embeddings: positions,
            type_vocab_size: token_types,
            layer_norm_eps: norm_epsilon,
            hidden_act: _,
            position_embedding_type: _,
        } = self;
        for (name, size) in [
            ("hidden_size", hidden),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("intermediate_size", intermediate),
            ("vocab_size", vocabulary),
            ("max_position_embeddings", positions),
            ("type_vocab_size", token_types),
        ] {
            if size == 0 {
                return Err(format!("{name} is 0"));
            }
        }
        if !hidden.is_multiple_of(heads) {
            return Err(format!("hidden_size {hidden} is no multiple of {heads} heads"));
        }
        if !(norm_epsilon.is_finite() && norm_epsilon >= 0.0) {
            return Err(format!("layer_norm_eps is {norm_epsilon}"));
        }
        Ok(BertConfig {
            hidden,
            layers,
            heads,
            intermediate,
            vocabulary,
            positions,
            token_types,
            norm_epsilon,
        })
    }
}

/// Name of the graph's token-level output.
const TOKENS_OUTPUT: &str = "last_hidden_state";
/// Name of the output behind a [`Head`].
const SENTENCE_OUTPUT: &str = "sentence_embedding";

/// Adds the encoder to `builder`.
pub(crate) fn encoder<W: Write>(
    builder: &mut GraphBuilder<W>,
    weights: &Weights<'_>,
    config: &BertConfig,
    precision: GraphPrecision,
) -> Result<(), ConvertError> {
    let batch_tokens = [Dim::Named("batch"), Dim::Named("tokens")];
    builder.input("input_ids", ElementType::Int64, &batch_tokens);
    let [batch, tokens] = batch_tokens;
    let dims = [batch, tokens, Dim::Fixed(config.hidden)];
    builder.output(TOKENS_OUTPUT, ElementType::Float, &dims);

    let mut encoder = Encoder { builder, weights, config, precision };
    let mut states = encoder.embeddings()?;
    encoder.norm_parameters();
    for layer in 0..config.layers {
        states = encoder.layer(layer, &states)?;
    }
    Ok(())
}

/// Adds pooling and dense layers, whose output is `sentence_embedding`.
pub(crate) fn head<W: Write>(
    builder: &mut GraphBuilder<W>,
    head: &Head,
    hidden: usize,
) -> Result<(), ConvertError> {
    let mut vector = match head.pooling {
        Pooling::Mean => {
            let op = Op::onnx("ReduceMean").with(Attribute::Int("keepdims", 0));
            let axes = builder.integers("pooling.axes", &[1]);
            builder.node(op, &[TOKENS_OUTPUT, &axes], "pooled")
        }
        Pooling::Cls => pick_token(builder, 0),
        Pooling::LastToken => pick_token(builder, -1),
    };
    let mut width = hidden;
    let last = head.dense.len().saturating_sub(1);
    for (index, layer) in head.dense.iter().enumerate() {
        let bytes = super::read(&layer.weights_path)?;
        let weights = Weights::parse(&bytes, &layer.weights_path)?;
        let matrix = weights.linear("linear.weight", layer.inputs, layer.outputs)?;
        let name = |part: &str| format!("dense.{index}.{part}");
        let output = |here: bool, part: &str| {
            if here && index == last { SENTENCE_OUTPUT.to_owned() } else { name(part) }
        };
        let identity = layer.activation == Activation::Identity;
        let biased = layer.bias == Bias::Present;
        let dims = [layer.inputs, layer.outputs];
        let matrix =
            builder.floats(&name("weight"), &dims, &matrix).map_err(ConvertError::Write)?;
        let product = output(identity && !biased, "product");
        vector = builder.node(Op::onnx("MatMul"), &[&vector, &matrix], &product);
        if biased {
            let bias = weights.tensor("linear.bias", &[layer.outputs])?;
            let bias = builder
                .floats(&name("bias"), &[layer.outputs], &bias)
                .map_err(ConvertError::Write)?;
            vector = builder.node(Op::onnx("Add"), &[&vector, &bias], &output(identity, "sum"));
        }
        if !identity {
            vector = builder.node(Op::onnx("Tanh"), &[&vector], &output(true, "tanh"));
        }
        width = layer.outputs;
    }
    builder.output(SENTENCE_OUTPUT, ElementType::Float, &[Dim::Named("batch"), Dim::Fixed(width)]);
    Ok(())
}

fn pick_token<W: Write>(builder: &mut GraphBuilder<W>, position: i64) -> String {
    let index = builder.integers("pooling.position", &[position]);
    let op = Op::onnx("Gather").with(Attribute::Int("axis", 1));
    builder.node(op, &[TOKENS_OUTPUT, &index], "picked");
    let axes = builder.integers("pooling.axes", &[1]);
    builder.node(Op::onnx("Squeeze"), &["picked", &axes], "pooled")
}

/// The pieces of the encoder share these.
struct Encoder<'a, 'w, W> {
    builder: &'a mut GraphBuilder<W>,
    weights: &'a Weights<'w>,
    config: &'a BertConfig,
    precision: GraphPrecision,
}

/// A linear layer with its place in the checkpoint and its sizes.
struct Linear<'a> {
    /// Key of the layer, without `.weight` or `.bias`.
    key: &'a str,
    inputs: usize,
    outputs: usize,
}

impl<W: Write> Encoder<'_, '_, W> {
    /// Word, position and type embeddings, summed and normalised.
    fn embeddings(&mut self) -> Result<String, ConvertError> {
        let hidden = self.config.hidden;
        let words =
            self.stored("embeddings.word_embeddings.weight", &[self.config.vocabulary, hidden])?;
        let mut positions = self
            .weights
            .tensor("embeddings.position_embeddings.weight", &[self.config.positions, hidden])?;
        // Every token of a single text has type 0, so its row is a constant
        // that the positions can carry.
        let types = self.weights.tensor(
            "embeddings.token_type_embeddings.weight",
            &[self.config.token_types, hidden],
        )?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(value, kind)| *value += kind);
        }
        let positions =
            self.floats("embeddings.positions", &[self.config.positions, hidden], &positions)?;
        let gamma = self.stored("embeddings.LayerNorm.weight", &[hidden])?;
        let beta = self.stored("embeddings.LayerNorm.bias", &[hidden])?;

        let int32 = Attribute::Int("to", ElementType::Int32 as i64);
        let ids = self.builder.node(Op::onnx("Cast").with(int32), &["input_ids"], "ids");
        let op = Op::microsoft("EmbedLayerNormalization").with(self.epsilon());
        self.builder.node_with_outputs(
            op,
            &[&ids, "", &words, &positions, "", &gamma, &beta],
            &["embedded", "mask_index"],
        );
        Ok("embedded".to_owned())
    }

    /// Ones and zeros of the number of tokens: scale and shift of the
    /// instance normalisations, see [`Encoder::add_and_norm`].
    fn norm_parameters(&mut self) {
        let shape = self.builder.node(Op::onnx("Shape"), &["input_ids"], "ids.shape");
        let axis = self.builder.integers("tokens.axis", &[1]);
        let tokens = self.builder.node(Op::onnx("Gather"), &[&shape, &axis], "tokens");
        for (name, value) in [("ones", 1.0), ("zeros", 0.0)] {
            let op = Op::onnx("ConstantOfShape").with(Attribute::FloatTensor("value", value));
            self.builder.node(op, &[&tokens], name);
        }
    }

    fn layer(&mut self, layer: usize, states: &str) -> Result<String, ConvertError> {
        let BertConfig { hidden, intermediate, layers, .. } = *self.config;
        let key = |part: &str| format!("encoder.layer.{layer}.{part}");
        let attended = self.attention(layer, states)?;
        let dense = key("attention.output.dense");
        let projected =
            self.linear(&Linear { key: &dense, inputs: hidden, outputs: hidden }, &attended)?;
        let norm = key("attention.output.LayerNorm");
        let states = self.add_and_norm(&norm, &projected, states, &norm)?;

        let widening = key("intermediate.dense");
        let widening = Linear { key: &widening, inputs: hidden, outputs: intermediate };
        let widened = self.widen(&widening, &states)?;
        let narrowing = key("output.dense");
        let narrowing = Linear { key: &narrowing, inputs: intermediate, outputs: hidden };
        let narrowed = self.linear(&narrowing, &widened)?;
        let norm = key("output.LayerNorm");
        let output = if layer + 1 == layers { TOKENS_OUTPUT } else { &norm };
        self.add_and_norm(&norm, &narrowed, &states, output)
    }

    /// Multi-head self-attention, its three projections in one matrix.
    fn attention(&mut self, layer: usize, states: &str) -> Result<String, ConvertError> {
        let hidden = self.config.hidden;
        let key = |part: &str| format!("encoder.layer.{layer}.attention.{part}");
        let mut matrix = vec![0.0; hidden * 3 * hidden];
        let mut bias = Vec::with_capacity(3 * hidden);
        for (part, name) in ["query", "key", "value"].into_iter().enumerate() {
            let name = key(&format!("self.{name}"));
            let one = self.weights.linear(&format!("{name}.weight"), hidden, hidden)?;
            for (into, from) in matrix.chunks_exact_mut(3 * hidden).zip(one.chunks_exact(hidden)) {
                into[part * hidden..(part + 1) * hidden].copy_from_slice(from);
            }
            bias.extend(self.weights.tensor(&format!("{name}.bias"), &[hidden])?);
        }
        let output = key("attended");
        let bias = self.floats(&key("qkv.bias"), &[3 * hidden], &bias)?;
        let dims = [hidden, 3 * hidden];
        let heads = Attribute::Int("num_heads", self.config.heads as i64);
        let code = match self.precision {
            GraphPrecision::Fp32 => {
                let matrix = self.floats(&key("qkv.weight"), &dims, &matrix)?;
                let op = Op::microsoft("Attention").with(heads);
                return Ok(self.builder.node(op, &[states, &matrix, &bias], &output));
            }
            GraphPrecision::Int8(code) => code,
        };
        let Quantized { matrix, scales, zeros } =
            self.quantized(&key("qkv"), &matrix, &dims, code)?;
        let [input, input_scale, input_zero] = ["input", "input.scale", "input.zero"].map(&key);
        self.builder.node_with_outputs(
            Op::onnx("DynamicQuantizeLinear"),
            &[states],
            &[&input, &input_scale, &input_zero],
        );
        let op = Op::microsoft("QAttention").with(heads);
        let inputs: [&str; 8] =
            [&input, &matrix, &bias, &input_scale, &scales, "", &input_zero, &zeros];
        Ok(self.builder.node(op, &inputs, &output))
    }

    /// A linear layer with its bias.
    fn linear(&mut self, linear: &Linear<'_>, states: &str) -> Result<String, ConvertError> {
        let bias = self.bias(linear)?;
        let sum = format!("{}.sum", linear.key);
        Ok(match self.product(linear, states)? {
            Product::Float(product) => self.builder.node(Op::onnx("Add"), &[&product, &bias], &sum),
            Product::Quantized(Quantized { matrix, scales, zeros }) => {
                let op = Op::microsoft("DynamicQuantizeMatMul");
                self.builder.node(op, &[states, &matrix, &scales, &zeros, &bias], &sum)
            }
        })
    }

    /// The feed-forward network's first layer with its activation, the exact
    /// GELU. The tanh approximation was no faster (3 % of the time is here)
    /// and is not what the checkpoints were trained with.
    fn widen(&mut self, linear: &Linear<'_>, states: &str) -> Result<String, ConvertError> {
        let output = format!("{}.gelu", linear.key);
        Ok(match self.product(linear, states)? {
            Product::Float(product) => {
                let bias = self.bias(linear)?;
                self.builder.node(Op::microsoft("BiasGelu"), &[&product, &bias], &output)
            }
            Product::Quantized(Quantized { matrix, scales, zeros }) => {
                let bias = self.bias(linear)?;
                let op = Op::microsoft("DynamicQuantizeMatMul");
                let sum = format!("{}.sum", linear.key);
                let sum = self.builder.node(op, &[states, &matrix, &scales, &zeros, &bias], &sum);
                self.builder.node(Op::microsoft("Gelu"), &[&sum], &output)
            }
        })
    }

    fn product(&mut self, linear: &Linear<'_>, states: &str) -> Result<Product, ConvertError> {
        let Linear { key, inputs, outputs } = *linear;
        let name = format!("{key}.weight");
        let matrix = self.weights.linear(&name, inputs, outputs)?;
        Ok(match self.precision {
            GraphPrecision::Fp32 => {
                let matrix = self.floats(&name, &[inputs, outputs], &matrix)?;
                let product = format!("{key}.product");
                Product::Float(self.builder.node(Op::onnx("MatMul"), &[states, &matrix], &product))
            }
            GraphPrecision::Int8(code) => {
                Product::Quantized(self.quantized(key, &matrix, &[inputs, outputs], code)?)
            }
        })
    }

    /// Quantises a matrix and stores what an operator needs of it.
    fn quantized(
        &mut self,
        key: &str,
        matrix: &[f32],
        dims: &[usize; 2],
        code: WeightCode,
    ) -> Result<Quantized, ConvertError> {
        let [_, columns] = *dims;
        let name = |part: &str| format!("{key}.{part}");
        let quantized = quantize_columns(&name("weight"), matrix, columns)?;
        let mut store = |part: &str, dims: &[usize], values: &[i8]| {
            self.builder.weights(&name(part), dims, values, code).map_err(ConvertError::Write)
        };
        let matrix = store("weight", dims, &quantized.values)?;
        // Absent zero points are 0, which spares the runtime their products.
        let zeros = match code {
            WeightCode::Signed => String::new(),
            WeightCode::Offset => store("zeros", &[columns], &vec![0; columns])?,
        };
        let scales = self.floats(&name("scales"), &[columns], &quantized.scales)?;
        Ok(Quantized { matrix, scales, zeros })
    }

    fn bias(&mut self, linear: &Linear<'_>) -> Result<String, ConvertError> {
        self.stored(&format!("{}.bias", linear.key), &[linear.outputs])
    }

    /// Residual connection and layer normalisation.
    ///
    /// ONNX Runtime's layer normalisations sum in scalar code and took 24 % of
    /// the 8-bit run time. Its instance normalisation is vectorised, and over
    /// `[batch, tokens, hidden]` it normalises each token's row: the same
    /// formula with the affine part applied afterwards. A quarter faster.
    fn add_and_norm(
        &mut self,
        key: &str,
        update: &str,
        states: &str,
        output: &str,
    ) -> Result<String, ConvertError> {
        let gamma = self.stored(&format!("{key}.weight"), &[self.config.hidden])?;
        let beta = self.stored(&format!("{key}.bias"), &[self.config.hidden])?;
        let name = |part: &str| format!("{key}.{part}");
        let sum = self.builder.node(Op::onnx("Add"), &[update, states], &name("residual"));
        let op = Op::onnx("InstanceNormalization").with(self.epsilon());
        let normed = self.builder.node(op, &[&sum, "ones", "zeros"], &name("normed"));
        let scaled = self.builder.node(Op::onnx("Mul"), &[&normed, &gamma], &name("scaled"));
        Ok(self.builder.node(Op::onnx("Add"), &[&scaled, &beta], output))
    }

    fn epsilon(&self) -> Attribute {
        Attribute::Float("epsilon", self.config.norm_epsilon)
    }

    /// A tensor as the checkpoint stores it.
    fn stored(&mut self, key: &str, dims: &[usize]) -> Result<String, ConvertError> {
        let values = self.weights.tensor(key, dims)?;
        self.floats(key, dims, &values)
    }

    fn floats(&mut self, name: &str, dims: &[usize], of: &[f32]) -> Result<String, ConvertError> {
        self.builder.floats(name, dims, of).map_err(ConvertError::Write)
    }
}

/// A matrix product on its way to its bias.
enum Product {
    /// The product's name.
    Float(String),
    /// The operands of an operator that multiplies and adds at once.
    Quantized(Quantized),
}

/// Names of a quantised matrix, its columns' scales and their zero points;
/// the last is empty where they are 0.
struct Quantized {
    matrix: String,
    scales: String,
    zeros: String,
}
