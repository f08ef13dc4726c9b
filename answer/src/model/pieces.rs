//! An answer as a stream that whoever asked may stop listening to.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Completed, Completion, LanguageModel, ModelError};

/// What a [`PieceStream`] gives.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent {
    /// More of the text.
    Piece(String),
    /// The end; nothing follows.
    End(Result<Completed, ModelError>),
}

/// The pieces of one answer. Dropping it cancels the question: the connection
/// to the provider is closed, whether or not a piece had come.
#[derive(Debug)]
pub struct PieceStream(UnboundedReceiver<StreamEvent>);

impl PieceStream {
    /// The next event; `None` behind [`StreamEvent::End`].
    pub async fn next(&mut self) -> Option<StreamEvent> {
        self.0.recv().await
    }
}

/// Asks in a task of its own. Must be called on a tokio runtime.
///
/// The channel is unbounded: a model writes slower than anybody reads, and an
/// answer is bounded, while a full channel would stall the provider's stream
/// and run into its timeouts.
pub fn stream(model: Arc<dyn LanguageModel>, completion: Completion) -> PieceStream {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let pieces = sender.clone();
        let mut on_piece = move |piece: &str| {
            // Nobody listens: the other branch below ends this in a moment.
            let _ = pieces.send(StreamEvent::Piece(piece.to_owned()));
        };
        tokio::select! {
            () = sender.closed() => {}
            end = model.complete(&completion, &mut on_piece) => {
                let _ = sender.send(StreamEvent::End(end));
            }
        }
    });
    PieceStream(receiver)
}
