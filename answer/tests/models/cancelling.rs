//! Whoever stops listening stops the provider.

use std::sync::Arc;

use answer::model::scripted::{LineEnd, Reply, Scripted, Step, events, reply};
use answer::model::{Completion, LanguageModel, Provider, StreamEvent, stream};

use super::{PROVIDERS, ScriptedProvider, model_at, provider_of};

fn listen(provider: Provider, server: &ScriptedProvider) -> answer::model::PieceStream {
    stream(Arc::new(model_at(provider, server)), Completion::new("", "Why?"))
}

async fn hung_up(server: Arc<ScriptedProvider>) -> bool {
    tokio::task::spawn_blocking(move || server.was_hung_up_on()).await.unwrap()
}

#[tokio::test]
async fn a_stream_gives_pieces_and_then_its_end() {
    let server = provider_of([reply(Provider::Openai, &Scripted::new(["one ", "two"]))]);
    let mut pieces = listen(Provider::Openai, &server);
    assert_eq!(pieces.next().await, Some(StreamEvent::Piece("one ".to_owned())));
    assert_eq!(pieces.next().await, Some(StreamEvent::Piece("two".to_owned())));
    let end = pieces.next().await;
    assert!(matches!(end, Some(StreamEvent::End(Ok(end))) if end.text == "one two"));
    assert_eq!(pieces.next().await, None);
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection_within_an_answer() {
    for provider in PROVIDERS {
        let parts = events(provider, &Scripted::new(["one ", "two"]), LineEnd::Lf);
        let until = parts.iter().position(|part| part.windows(4).any(|w| w == b"one ")).unwrap();
        let begun = Step::Send(parts[..=until].concat());
        let server = Arc::new(provider_of([Reply::stream([begun, Step::UntilHungUp])]));
        let mut pieces = listen(provider, &server);
        assert_eq!(pieces.next().await, Some(StreamEvent::Piece("one ".to_owned())));
        drop(pieces);
        assert!(hung_up(server).await, "{provider:?}");
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection_before_the_first_piece() {
    let ping = Step::Send(b": ping\n\n".to_vec());
    let server = Arc::new(provider_of([Reply::stream([ping, Step::UntilHungUp])]));
    let pieces = listen(Provider::Anthropic, &server);
    while server.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(pieces);
    assert!(hung_up(server).await);
}

#[tokio::test]
async fn dropping_the_completion_itself_does_so_too() {
    let server = Arc::new(provider_of([Reply::stream([Step::UntilHungUp])]));
    let model = model_at(Provider::Gemini, &server);
    let completion = Completion::new("", "Why?");
    let mut on_piece = |_: &str| {};
    tokio::select! {
        end = model.complete(&completion, &mut on_piece) => panic!("it cannot end: {end:?}"),
        () = async {
            while server.asked().is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert!(hung_up(server).await);
}
