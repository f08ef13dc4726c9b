//! Prompts compared over a real socket in the providers' real formats: a small index, a
//! scripted provider, scores that can be checked by hand.

mod against;
mod failures;
mod judging;
mod scores;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use answer::model::scripted::{Reply, Scripted, ScriptedProvider, reply};
use answer::model::{Backoff, HttpModel, LanguageModel, ModelConfig, Price, Provider};
use answer::prompt::Prompt;
use answer::{AnswerRequest, retrieve};
use engine::{
    Chunk, Document, DocumentId, Encoder, EncoderIdentity, HashEncoder, Index, Manifest, Searcher,
    Signature, Span, TextRole, WriterOptions,
};
use eval::{
    AnswerQuestion, AnswerSet, EvalError, EvidencePassage, PromptRun, PromptWriter,
    evaluate_prompts,
};
use tempfile::TempDir;

const TEXTS: [(&str, &str); 3] = [
    ("book/ownership", "Every value has exactly one owner at a time, never two of them."),
    ("book/threads", "The memory of a thread is freed when the last handle is dropped."),
    ("book/loops", "A loop repeats its block until it meets a break with or without a value."),
];

/// Id, question, expected answer, the document and the words that prove it.
const ASKED: [(&str, &str, &str, &str, &str); 3] = [
    (
        "q1",
        "how many owners has a value?",
        "exactly one owner",
        "book/ownership",
        "exactly one owner",
    ),
    (
        "q2",
        "when is the memory of a thread freed?",
        "when the last handle is dropped",
        "book/threads",
        "when the last handle is dropped",
    ),
    ("q3", "how long does a loop repeat?", "until a break", "book/loops", "until it meets a break"),
];

/// What nothing in the index answers; the last by its id.
const UNANSWERABLE: (&str, &str) = ("q9", "how tall is mount everest in feet?");

struct Fixture {
    searcher: Searcher,
    set: AnswerSet,
    _dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(256, 64));
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), "whole");
        let index = Index::create(dir.path(), manifest, Some(Arc::clone(&encoder))).unwrap();
        let mut writer = index.writer(WriterOptions::default()).unwrap();
        for (id, text) in TEXTS {
            let document = Document {
                id: DocumentId::new(id).unwrap(),
                title: id.to_owned(),
                text: text.to_owned(),
                blocks: Vec::new(),
                fields: BTreeMap::new(),
            };
            let vectors = encoder.encode(&[text], TextRole::Passage).unwrap();
            let chunk = Chunk::plain(Span::new(0, text.len()));
            writer.upsert(&document, Signature([0; 32]), &[chunk], &vectors).unwrap();
        }
        writer.commit().unwrap();
        index.refresh().unwrap();
        Self { searcher: index.searcher(), set: questions(), _dir: dir }
    }

    /// The number that the passage with these words has in a question's context.
    fn number(&self, question: &str, words: &str) -> u32 {
        let found = retrieve(&self.searcher, &AnswerRequest::new(question)).unwrap();
        let holds = |passage: &&answer::ContextPassage| passage.text.contains(words);
        found.context.passages.iter().find(holds).unwrap().number
    }

    /// A good reply to question `at` for each built-in prompt.
    fn good(&self, prompt: &str, at: usize) -> String {
        let (_, question, _, _, quote) = ASKED[at];
        let number = self.number(question, quote);
        match prompt {
            "cited-v1" => format!("It is \"{quote}\" [{number}]."),
            _ => format!(
                "{{\"abstained\": false, \"claims\": [{{\"text\": \"{quote}\", \
                 \"quotes\": [{{\"passage\": {number}, \"quote\": \"{quote}\"}}]}}]}}"
            ),
        }
    }

    /// Has the writers answer, one request at a time, so that a script's order is known.
    fn run(&self, writers: &[PromptWriter]) -> Result<PromptRun, EvalError> {
        let n_answers = Cell::new(0);
        let template = AnswerRequest::new("");
        let on_answer = || n_answers.set(n_answers.get() + 1);
        let asking = evaluate_prompts(&self.searcher, &self.set, &template, writers, 1, &on_answer);
        let run = block_on(asking)?;
        assert_eq!(n_answers.get(), self.set.questions.len() * (writers.len() + 1));
        Ok(run)
    }
}

fn questions() -> AnswerSet {
    let answerable = ASKED.into_iter().map(|(id, text, expected, document, quote)| {
        let (_, body) = TEXTS.into_iter().find(|(known, _)| *known == document).unwrap();
        let start = body.find(quote).unwrap();
        let document = DocumentId::new(document).unwrap();
        let place = EvidencePassage { document, span: Span::new(start, start + quote.len()) };
        AnswerQuestion {
            id: id.to_owned(),
            text: text.to_owned(),
            needs: vec![vec![place]],
            expected: vec![expected.to_owned()],
        }
    });
    let (id, text) = UNANSWERABLE;
    let unanswerable = AnswerQuestion {
        id: id.to_owned(),
        text: text.to_owned(),
        needs: Vec::new(),
        expected: Vec::new(),
    };
    let questions = answerable.chain([unanswerable]).collect();
    AnswerSet { questions, ..AnswerSet::default() }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A model called `small` at a provider, which waits a moment between its tries.
fn model_at(provider: Provider, base_url: &str) -> Arc<dyn LanguageModel> {
    let config = ModelConfig::new("small", provider, "m", Some(base_url)).unwrap();
    let price = Price { input_usd_per_mtok: 1.0, output_usd_per_mtok: 5.0 };
    let config = ModelConfig { price: Some(price), ..config };
    let backoff = Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(4) };
    Arc::new(HttpModel::new(config, None).unwrap().with_backoff(backoff))
}

/// A writer for each prompt, and the provider that they ask.
fn writers(
    provider: Provider,
    prompts: &[&str],
    script: impl IntoIterator<Item = Reply>,
) -> (Vec<PromptWriter>, ScriptedProvider) {
    let server = ScriptedProvider::start(script).unwrap();
    let model = model_at(provider, &server.base_url());
    let writers = prompts.iter().map(|name| {
        PromptWriter::new(Arc::clone(&model), Prompt::built_in(name).unwrap()).unwrap()
    });
    (writers.collect(), server)
}

fn says(provider: Provider, text: &str) -> Reply {
    reply(provider, &Scripted::new([text]))
}
