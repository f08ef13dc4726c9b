//! From an index to answers: contexts, quotations, verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;

use answer::{
    AnswerRequest, Context, ContextOptions, ContextOrder, LeftOutReason, Verdict, Verifier,
    answer_question, assemble, estimated_tokens,
};
use engine::filter::Filter;
use engine::{
    Chunk, Document, DocumentId, Encoder, EncoderIdentity, FieldValue, HashEncoder, Hit, Index,
    Manifest, SearchRequest, Searcher, Signature, Span, TextRole, WriterOptions,
};
use tempfile::TempDir;

/// Three documents of chunks; a chunk is a paragraph.
const TEXTS: [(&str, &[&str]); 3] = [
    (
        "book/ownership",
        &[
            "Every value has exactly one owner at a time.",
            "When the owner goes out of scope the value is dropped and its memory is freed.",
            "Moving a value gives it to another owner, who frees it later.",
        ],
    ),
    (
        "book/threads",
        &[
            "A thread owns its stack and may borrow shared values.",
            "The memory of a thread is freed when the last handle is dropped.",
        ],
    ),
    ("secret/plan", &["The release date of the secret project is the first of May."]),
];

struct Fixture {
    searcher: Searcher,
    _dir: TempDir,
}

fn fixture() -> Fixture {
    let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(256, 64));
    let dir = tempfile::tempdir().unwrap();
    let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), "paragraphs");
    let index = Index::create(dir.path(), manifest, Some(Arc::clone(&encoder))).unwrap();
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for (id, paragraphs) in TEXTS {
        let text = paragraphs.join("\n\n");
        let chunks: Vec<Chunk> = paragraphs
            .iter()
            .map(|paragraph| {
                let start = text.find(paragraph).unwrap();
                Chunk::plain(Span::new(start, start + paragraph.len()))
            })
            .collect();
        let vectors = encoder.encode(paragraphs, TextRole::Passage).unwrap();
        let folder = id.split('/').next().unwrap().to_owned();
        let document = Document {
            id: DocumentId::new(id).unwrap(),
            title: id.to_owned(),
            text,
            blocks: Vec::new(),
            fields: BTreeMap::from([("folder".to_owned(), FieldValue::Text(folder))]),
        };
        writer.upsert(&document, Signature([0; 32]), &chunks, &vectors).unwrap();
    }
    writer.commit().unwrap();
    index.refresh().unwrap();
    Fixture { searcher: index.searcher(), _dir: dir }
}

impl Fixture {
    fn hits(&self, query: &str, top: usize) -> Vec<Hit> {
        let request = SearchRequest { top, ..SearchRequest::new(query) };
        self.searcher.search(&request).unwrap().hits
    }

    fn context(&self, query: &str, options: ContextOptions) -> Context {
        assemble(&self.searcher, &self.hits(query, 10), &options).unwrap()
    }
}

fn texts(context: &Context) -> Vec<&str> {
    context.passages.iter().map(|passage| passage.text.as_str()).collect()
}

#[test]
fn passages_that_touch_become_one_unless_they_are_to_stay_apart() {
    let fixture = fixture();
    let query = "owner value memory freed";
    let merged = fixture.context(query, ContextOptions::default());
    let whole = TEXTS[0].1.join("\n\n");
    assert!(texts(&merged).contains(&whole.as_str()), "{:?}", texts(&merged));
    let apart =
        fixture.context(query, ContextOptions { merge: false, ..ContextOptions::default() });
    assert!(apart.passages.len() > merged.passages.len());
    for (at, passage) in apart.passages.iter().enumerate() {
        assert_eq!(passage.number as usize, at + 1);
        assert_eq!(passage.tokens, estimated_tokens(&passage.text));
        let stored = apart.document(&passage.document).unwrap();
        assert_eq!(passage.span.slice(&stored.text), Some(passage.text.as_str()));
    }
    assert!(apart.passages.windows(2).all(|pair| pair[0].rank < pair[1].rank));
}

#[test]
fn neighbours_widen_and_a_cap_leaves_out_with_its_reason() {
    let fixture = fixture();
    let hits = fixture.hits("exactly one owner at a time", 1);
    let options = ContextOptions { neighbours: 1, ..ContextOptions::default() };
    let context = assemble(&fixture.searcher, &hits, &options).unwrap();
    assert_eq!(texts(&context), [TEXTS[0].1[..2].join("\n\n")]);

    let options =
        ContextOptions { merge: false, per_document: Some(1), ..ContextOptions::default() };
    let context = fixture.context("owner value memory freed", options);
    let mut documents: Vec<_> = context.passages.iter().map(|it| &it.document).collect();
    documents.dedup();
    assert_eq!(documents.len(), context.passages.len());
    assert!(!context.left_out.is_empty());
    assert!(context.left_out.iter().all(|it| it.reason == LeftOutReason::DocumentCap));
}

#[test]
fn a_budget_is_kept_and_what_it_costs_is_told() {
    let fixture = fixture();
    let query = "owner value memory freed";
    let all = fixture.context(query, ContextOptions { merge: false, ..ContextOptions::default() });
    for budget_tokens in 1..=all.tokens {
        let options = ContextOptions { budget_tokens, merge: false, ..ContextOptions::default() };
        let context = fixture.context(query, options);
        assert!(context.tokens <= budget_tokens, "{budget_tokens}: {context:?}");
        assert!(!context.passages.is_empty(), "the best passage is cut before nothing is shown");
        let shown: usize = context.passages.iter().map(|passage| passage.span.len()).sum();
        let lost: usize = context.left_out.iter().map(|it| it.span.len()).sum();
        let whole: usize = all.passages.iter().map(|passage| passage.span.len()).sum();
        assert_eq!(shown + lost, whole, "{budget_tokens}: every byte is shown or told");
    }
}

#[test]
fn passages_come_in_the_order_asked_for() {
    let fixture = fixture();
    let ranks = |order| {
        let options = ContextOptions { merge: false, order, ..ContextOptions::default() };
        let context = fixture.context("owner value memory freed thread", options);
        let ranks: Vec<usize> = context.passages.iter().map(|passage| passage.rank).collect();
        (context, ranks)
    };
    let (_, by_rank) = ranks(ContextOrder::Rank);
    assert!(by_rank.is_sorted() && by_rank.len() > 3, "{by_rank:?}");
    let (_, edges) = ranks(ContextOrder::Edges);
    assert_eq!((edges[0], edges[edges.len() - 1]), (by_rank[0], by_rank[1]), "{edges:?}");
    let (reading, _) = ranks(ContextOrder::Reading);
    for pair in reading.passages.windows(2) {
        let follows =
            pair[0].document != pair[1].document || pair[0].span.end <= pair[1].span.start;
        assert!(follows, "{pair:?}");
    }
}

#[test]
fn a_quote_gets_the_verdict_it_deserves() {
    let fixture = fixture();
    let options = ContextOptions { merge: false, ..ContextOptions::default() };
    let context = fixture.context("owner scope value dropped thread stack", options);
    let passage = |text: &str| {
        context
            .passages
            .iter()
            .find(|passage| passage.text == text)
            .unwrap_or_else(|| panic!("{text:?} is not among {:?}", texts(&context)))
    };
    let owner = passage(TEXTS[0].1[0]);
    let thread = passage(TEXTS[1].1[0]);
    let mut verifier = Verifier::new(&fixture.searcher, &context, None);
    let mut verdict = |quote: &str, cited| verifier.verify(quote, &[cited]).unwrap();

    let (found, places) = verdict("has exactly\n  one owner", owner);
    assert_eq!((found, places.len()), (Verdict::Found, 1));
    assert_eq!(places[0].document, owner.document);
    // Over the end of the chunk that is cited, into the next one.
    let (found, _) = verdict("one owner at a time. When the owner goes", owner);
    assert_eq!(found, Verdict::Found);
    let (found, places) = verdict("A thread owns its stack", owner);
    assert_eq!((found, &places[0].document), (Verdict::Elsewhere, &thread.document));
    // Not in the context at all.
    let (found, places) = verdict("the first of May", owner);
    assert_eq!((found, places[0].document.as_str()), (Verdict::Elsewhere, "secret/plan"));
    let (found, places) = verdict("Every value has exactly ... its memory is freed", owner);
    assert_eq!((found, places.len()), (Verdict::Stitched, 2));
    let (found, places) = verdict("Every value has exactly A thread owns its stack", owner);
    assert_eq!((found, places.len()), (Verdict::Stitched, 2));
    assert_eq!(verdict("Every value has exactly two owners", owner).0, Verdict::NotFound);
    assert_eq!(verdict("a garbage collector frees it", owner).0, Verdict::NotFound);
    assert_eq!(verdict("  ", owner).0, Verdict::Unquoted);

    // What the question could not see, its citations cannot name.
    let filter = Filter::parse("folder = book").unwrap();
    let visible: Vec<Hit> = fixture
        .hits("owner scope value dropped thread stack", 10)
        .into_iter()
        .filter(|hit| hit.document.as_str().starts_with("book/"))
        .collect();
    let context = assemble(&fixture.searcher, &visible, &options).unwrap();
    let mut verifier = Verifier::new(&fixture.searcher, &context, Some(&filter));
    let (found, _) = verifier.verify("the first of May", &[owner]).unwrap();
    assert_eq!(found, Verdict::NotFound);
}

#[test]
fn an_answer_quotes_what_was_found_and_every_quotation_is_looked_up() {
    let fixture = fixture();
    let request = AnswerRequest::new("when is the memory of a value freed by its owner?");
    let outcome = answer_question(&fixture.searcher, &request).unwrap();
    let answer = &outcome.answer;
    let shown = if answer.abstained { &answer.nearest } else { &answer.citations };
    assert!(!shown.is_empty());
    for citation in shown {
        assert_eq!(citation.verdict, Verdict::Found, "{citation:?}");
        let place = citation.cited.as_ref().unwrap();
        let stored = fixture.searcher.document(&place.document).unwrap().unwrap();
        assert_eq!(place.span.slice(&stored.text), Some(citation.quote.as_str()));
    }
    let again = answer_question(&fixture.searcher, &request).unwrap();
    assert_eq!(answer, &again.answer, "equal requests give equal answers");
}

#[test]
fn a_question_that_nothing_answers_is_refused_with_what_came_nearest() {
    let fixture = fixture();
    let request = AnswerRequest::new("how tall is mount everest");
    let outcome = answer_question(&fixture.searcher, &request).unwrap();
    let answer = outcome.answer;
    assert!(answer.abstained && answer.text.is_empty() && answer.claims.is_empty(), "{answer:?}");
    assert!(answer.confidence.is_some_and(|chance| chance < 0.5));
    assert!(answer.nearest.iter().all(|citation| citation.verdict == Verdict::Found));
}
