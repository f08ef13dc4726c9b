//! What a SPEC leaves open: the encoder, and whose tokens are counted.

use std::sync::Arc;

use engine::Encoder;

use super::tokenizer::TokenSizer;

/// What [`ChunkerSpec::build`](super::ChunkerSpec::build) makes a chunker from,
/// besides the SPEC.
///
/// Every chunker measures; only those that compare meanings (`cluster`,
/// `semantic`) encode. They get the index's own encoder and not one of their
/// own: a second model would be a second choice to account for in every
/// comparison, and an index is refused for another encoder anyway.
#[derive(Clone)]
pub struct ChunkerParts {
    /// The encoder's tokenizer; a spec that names another does not use it.
    pub sizer: Arc<dyn TokenSizer>,
    /// The encoder of the index the chunks are for.
    pub encoder: Arc<dyn Encoder>,
}
