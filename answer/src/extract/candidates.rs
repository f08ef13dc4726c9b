//! Sentences with what is known of them, best first.

use engine::{
    DocumentId, Encoder, QueryWords, RerankPassage, RerankQuery, Reranker, Searcher, Span,
    TextRole, WordWeight,
};
use unicode_segmentation::UnicodeSegmentation;

use super::features::{SentenceFeature, SentenceFeatures};
use super::weights::Logistic;
use super::{ExtractError, ExtractOptions};
use crate::context::{Context, ContextPassage};
use crate::sentence::{Sentence, sentences};

/// Words beyond which sentences count as equally long.
const LONG_SENTENCE_WORDS: usize = 40;

/// A sentence that may answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The passage it begins in.
    pub passage: u32,
    /// That passage's rank.
    pub rank: usize,
    /// The document.
    pub document: DocumentId,
    /// Its bytes in the canonical text, with the code it introduces.
    pub span: Span,
    /// What is known of it.
    pub features: SentenceFeatures,
    /// The chance that it answers, in `[0, 1]`.
    pub chance: f64,
}

/// A sentence whose features are being gathered.
struct Draft<'a> {
    candidate: Candidate,
    passage: &'a ContextPassage,
    text: &'a str,
}

/// The sentences of a context that reach the last rung of the ladder, with what is
/// known of them, best first. What an answer's weights are fitted to.
///
/// # Errors
/// [`ExtractError`].
pub fn rated_sentences(
    question: &str,
    context: &Context,
    searcher: &Searcher,
    reranker: Option<&dyn Reranker>,
    options: &ExtractOptions,
) -> Result<Vec<Candidate>, ExtractError> {
    let mut drafts = drafts(context, options.max_sentences);
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let words = searcher.query_words(question)?;
    match_words(&mut drafts, &words);
    best_first(&mut drafts, &options.weights.words.sentence);
    let max_read = options.max_read.max(1);
    if let Some(encoder) = searcher.encoder() {
        let compared =
            if reranker.is_some() { max_read + max_read / 2 } else { options.max_compared };
        drafts.truncate(compared.max(1));
        compare(&mut drafts, question, encoder.as_ref())?;
        best_first(&mut drafts, &options.weights.compared.sentence);
    }
    if let Some(reranker) = reranker {
        drafts.truncate(max_read);
        read(&mut drafts, question, &words, reranker)?;
        best_first(&mut drafts, &options.weights.read.sentence);
    }
    Ok(drafts.into_iter().map(|draft| draft.candidate).collect())
}

/// The first rung: words that sentence, passage and question share.
fn match_words(drafts: &mut [Draft<'_>], words: &QueryWords) {
    let mut around = Surroundings::default();
    for draft in drafts {
        around.look_at(draft.passage, words);
        let places = words.places(draft.text);
        let together: Vec<_> = places.iter().chain(&around.headings).copied().collect();
        let features = &mut draft.candidate.features;
        features.set(SentenceFeature::PassageMatch, around.share);
        features.set(SentenceFeature::WordMatch, words.share(&places));
        features.set(SentenceFeature::ContextMatch, words.share(&together));
        features.set(SentenceFeature::CodeMatch, words.identifier_share(draft.text));
    }
}

/// The second: how near the sentence's vector is to the question's.
fn compare(
    drafts: &mut [Draft<'_>],
    question: &str,
    encoder: &dyn Encoder,
) -> Result<(), ExtractError> {
    let texts: Vec<&str> = drafts.iter().map(|draft| draft.text).collect();
    let query = encoder.encode(&[question], TextRole::Query)?;
    let vectors = encoder.encode(&texts, TextRole::Passage)?;
    let query = query.row(0).unwrap_or_default();
    for (at, draft) in drafts.iter_mut().enumerate() {
        let row = vectors.row(at).unwrap_or_default();
        let cosine: f32 = query.iter().zip(row).map(|(x, y)| x * y).sum();
        draft.candidate.features.set(SentenceFeature::Cosine, f64::from(cosine));
    }
    Ok(())
}

/// The third: what a reranker makes of question and sentence together.
fn read(
    drafts: &mut [Draft<'_>],
    question: &str,
    words: &QueryWords,
    reranker: &dyn Reranker,
) -> Result<(), ExtractError> {
    let weights: Vec<_> =
        words.words().iter().map(|word| WordWeight { span: word.span, idf: word.idf }).collect();
    let query = RerankQuery { text: question, word_weights: &weights };
    let texts: Vec<String> = drafts.iter().map(Draft::titled).collect();
    let passages: Vec<_> = texts.iter().map(|text| RerankPassage::from(text.as_str())).collect();
    let scores = reranker.score(&query, &passages)?;
    for (draft, score) in drafts.iter_mut().zip(scores) {
        draft.candidate.features.set(SentenceFeature::Rerank, f64::from(score));
    }
    Ok(())
}

/// What is known of the passage that sentences are looked at in, once for all of them.
#[derive(Default)]
struct Surroundings {
    passage: Option<u32>,
    /// Where title and headings have words of the question.
    headings: Vec<(Span, usize)>,
    /// [`SentenceFeature::PassageMatch`].
    share: f64,
}

impl Surroundings {
    fn look_at(&mut self, passage: &ContextPassage, words: &QueryWords) {
        if self.passage == Some(passage.number) {
            return;
        }
        let headings = passage.headings.join("\n");
        let headings = words.places(&[passage.title.as_str(), &headings].join("\n"));
        let mut all = words.places(&passage.text);
        all.extend(&headings);
        *self = Self { passage: Some(passage.number), headings, share: words.share(&all) };
    }
}

/// The sentences of the best passages, each once.
fn drafts(context: &Context, most: usize) -> Vec<Draft<'_>> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for passage in context.by_rank() {
        let Some(document) = context.document(&passage.document) else { continue };
        let found = sentences(&document.text, &document.blocks, passage.span);
        for (at, sentence) in found.into_iter().enumerate() {
            if drafts.len() == most {
                return drafts;
            }
            let Some(text) = sentence.whole().slice(&document.text) else { continue };
            // Templates and boilerplate repeat; the first one stands for all.
            if drafts.iter().all(|other| other.text != text) {
                drafts.push(Draft {
                    candidate: candidate(passage, at, sentence, text),
                    passage,
                    text,
                });
            }
        }
    }
    drafts
}

fn candidate(passage: &ContextPassage, at: usize, sentence: Sentence, text: &str) -> Candidate {
    let words = text.unicode_words().take(LONG_SENTENCE_WORDS).count();
    let mut features = SentenceFeatures::default();
    features.set(SentenceFeature::PassageRank, 1.0 / passage.rank as f64);
    features.set(SentenceFeature::Position, 1.0 / (at + 1) as f64);
    features.set(SentenceFeature::Length, words as f64 / LONG_SENTENCE_WORDS as f64);
    features.set(SentenceFeature::Code, if sentence.code.is_some() { 1.0 } else { 0.0 });
    Candidate {
        passage: passage.number,
        rank: passage.rank,
        document: passage.document.clone(),
        span: sentence.whole(),
        features,
        chance: 0.0,
    }
}

/// By the chance that a rung gives them; equal ones as they were.
fn best_first(drafts: &mut [Draft<'_>], rung: &Logistic) {
    for draft in drafts.iter_mut() {
        draft.candidate.chance = rung.apply(&draft.candidate.features);
    }
    drafts.sort_by(|a, b| b.candidate.chance.total_cmp(&a.candidate.chance));
}

impl Draft<'_> {
    /// The sentence under its document's title, as rerankers are shown passages.
    fn titled(&self) -> String {
        if self.passage.title.is_empty() {
            self.text.to_owned()
        } else {
            format!("{}\n{}", self.passage.title, self.text)
        }
    }
}
