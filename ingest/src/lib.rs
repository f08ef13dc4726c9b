//! From files to an index: sources, formats, chunkers and the pipeline.

pub mod chunk;
pub mod formats;
pub mod pipeline;
pub mod report;
pub mod source;
