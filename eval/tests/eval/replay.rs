//! A log replayed against an index, from logged searches to questions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use corpora::{
    LoggedFeedback, LoggedHit, LoggedRequest, LoggedSearch, QuestionKind, RedactionRule,
    parse_feedback, text_digest,
};
use engine::{
    Chunk, Document, DocumentId, Encoder, EncoderIdentity, HashEncoder, Index, Manifest,
    SearchRequest, Searcher, Signature, Span, Strategy, TextRole, WriterOptions,
};
use eval::{
    EvalError, JudgingLine, Persistence, ReplayLevel, ReplayOptions, ReplayReport,
    feedback_judgments, judging_lines, parse_judging_lines, questions_from_judgments, replay,
};

const TEXTS: [(&str, &str); 4] = [
    ("n/owls.md", "Owls hunt at night. Owls hear mice under snow."),
    ("n/mice.md", "Mice store seeds in snow and hear owls late."),
    ("n/rivers.md", "Rivers carry snow water to the sea in spring."),
    ("n/bread.md", "Bread rises at night when the yeast is fresh."),
];

fn index(dir: &Path) -> Index {
    let encoder: Arc<dyn Encoder> = Arc::new(HashEncoder::new(64, 256));
    let manifest = Manifest::new(EncoderIdentity::of(encoder.as_ref()), "whole");
    let index = Index::create(dir, manifest, Some(Arc::clone(&encoder))).unwrap();
    let mut writer = index.writer(WriterOptions::default()).unwrap();
    for (id, text) in TEXTS {
        let document = Document {
            id: DocumentId::new(id).unwrap(),
            title: String::new(),
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
    index
}

/// A search as a server with this index would have logged it.
fn logged(searcher: &Searcher, query: &str, strategy: &str) -> LoggedSearch {
    let request = SearchRequest {
        strategy: if strategy == "lexical" { Strategy::Lexical } else { Strategy::Dense },
        top: 3,
        ..SearchRequest::new(query)
    };
    let outcome = searcher.search(&request).unwrap();
    LoggedSearch {
        time: "2026-01-02T03:04:05.678Z".to_owned(),
        collection: "n".to_owned(),
        generation: outcome.generation,
        sample: None,
        request: LoggedRequest {
            own_vector: false,
            query: query.to_owned(),
            strategy: strategy.to_owned(),
            fusion: None,
            top: 3,
            depth: None,
            expand: None,
            rerank: None,
            rerank_depth: None,
            filter: None,
            per_document: None,
            typos: false,
            list_near_duplicates: false,
        },
        redactions: BTreeMap::new(),
        hits: outcome
            .hits
            .into_iter()
            .map(|hit| LoggedHit { document: hit.document, span: hit.span, score: hit.score })
            .collect(),
        timings_ms: BTreeMap::new(),
        degraded: Vec::new(),
    }
}

fn options(strategy: Option<Strategy>) -> ReplayOptions {
    ReplayOptions { strategy, persistence: Persistence::DEFAULT }
}

#[test]
fn the_same_configuration_agrees_with_itself() {
    let dir = tempfile::tempdir().unwrap();
    let searcher = index(&dir.path().join("index")).searcher();
    let mut searches = vec![
        logged(&searcher, "owls at night", "lexical"),
        logged(&searcher, "snow", "dense"),
        logged(&searcher, "owls at night", "lexical"),
        logged(&searcher, "mail [email]", "lexical"),
        logged(&searcher, "sea", "dense"),
        logged(&searcher, "moon", "dense"),
    ];
    searches[5].request.own_vector = true;
    searches[3].redactions = BTreeMap::from([(RedactionRule::Email, 1)]);
    searches[4].degraded = vec!["dense".to_owned()];
    // The operator changed the rate: ten searches, and two times three.
    searches[0].sample = Some(0.1);
    searches[1].sample = Some(1.0 / 3.0);
    searches[2].sample = Some(1.0 / 3.0);
    let mut told = Vec::new();
    let outcome =
        replay(&searches, &searcher, &options(None), &mut |done, total| told.push((done, total)))
            .unwrap();
    assert_eq!(told, [(1, 2), (2, 2)]);
    assert_eq!((outcome.n_searches, outcome.n_repeated), (6, 1));
    assert_eq!(outcome.n_sampled_from, 10 + 2 * 3 + 3);
    assert_eq!((outcome.n_redacted, outcome.n_own_vector, outcome.n_degraded), (1, 1, 1));
    // The last answer to a repeated request counts, in its place.
    let asked: Vec<_> = outcome.queries.iter().map(|q| q.request.query.as_str()).collect();
    assert_eq!(asked, ["snow", "owls at night"]);
    assert!(outcome.disagreements(ReplayLevel::Passages).is_empty());
    let report = ReplayReport::new(&outcome, Persistence::DEFAULT, (ReplayLevel::Documents, 10));
    assert!((report.documents.mean - 1.0).abs() < 1e-12 && report.documents.identical == 2);
}

#[test]
fn disagreements_are_exported_judged_and_become_questions() {
    let dir = tempfile::tempdir().unwrap();
    let searcher = index(&dir.path().join("index")).searcher();
    let mut searches =
        vec![logged(&searcher, "owls hear", "lexical"), logged(&searcher, "sea", "lexical")];
    // What users saw: nothing in common with what is found, and a document that
    // the index does not hold any more.
    let gone = LoggedHit {
        document: DocumentId::new("n/gone.md").unwrap(),
        span: Span::new(0, 9),
        score: 1.0,
    };
    searches[0].hits = vec![gone];
    let outcome = replay(&searches, &searcher, &options(None), &mut |_, _| {}).unwrap();
    let disagreements = outcome.disagreements(ReplayLevel::Documents);
    assert_eq!(disagreements.len(), 1);
    assert_eq!(disagreements[0].documents_rbo, 0.0);

    let lines = judging_lines(&disagreements, &searcher).unwrap();
    let places: Vec<_> = lines
        .iter()
        .map(|line| (line.document.as_str(), line.logged_rank, line.replayed_rank))
        .collect();
    let owls = lines.iter().find(|line| line.document.as_str() == "n/owls.md").unwrap();
    assert_eq!(places[0], ("n/gone.md", Some(1), None));
    assert!(lines[0].text.is_none() && owls.logged_rank.is_none() && owls.replayed_rank.is_some());
    assert_eq!(owls.text.as_deref(), Some(TEXTS[0].1));

    let judge = |document: &str, grade: u8, quote: Option<&str>| JudgingLine {
        grade: Some(grade),
        quote: quote.map(str::to_owned),
        ..lines.iter().find(|line| line.document.as_str() == document).unwrap().clone()
    };
    let file = |lines: &[JudgingLine]| {
        let line = |line: &JudgingLine| serde_json::to_string(line).unwrap() + "\n";
        parse_judging_lines(&lines.iter().map(line).collect::<String>()).unwrap()
    };
    let judged = file(&[
        judge("n/gone.md", 0, None),
        judge("n/mice.md", 1, Some("hear  owls")),
        judge("n/owls.md", 2, Some("Owls hear mice")),
        JudgingLine { query: "other".to_owned(), grade: None, ..owls.clone() },
        JudgingLine { query: "none".to_owned(), grade: Some(0), ..owls.clone() },
    ]);
    let made = questions_from_judgments(&judged, &searcher).unwrap();
    assert_eq!((made.questions.len(), made.n_unjudged, made.n_without_relevant), (1, 1, 1));
    let question = &made.questions[0];
    assert_eq!(
        (question.question.as_str(), question.answer.as_str()),
        ("owls hear", "Owls hear mice")
    );
    assert_eq!(question.kind, QuestionKind::MultiPassage);
    assert!(!question.status.is_unconfirmed());
    let evidence: Vec<_> =
        question.evidence.iter().map(|e| (e.document.as_str(), e.quote.as_str())).collect();
    assert_eq!(evidence, [("n/owls.md", "Owls hear mice"), ("n/mice.md", "hear owls")]);

    for (line, expected) in [
        (judge("n/owls.md", 1, Some("Owls sleep")), "does not stand in"),
        (judge("n/gone.md", 1, None), "neither text nor quote"),
        (judge("n/gone.md", 1, Some("x")), "does not hold n/gone.md"),
    ] {
        let error = questions_from_judgments(&file(&[line]), &searcher).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_request_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let searcher = index(&dir.path().join("index")).searcher();
    let check = |change: fn(&mut LoggedRequest), expected: &str| {
        let mut search = logged(&searcher, "owls", "lexical");
        change(&mut search.request);
        let error = replay(&[search], &searcher, &options(None), &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, EvalError::LoggedRequest { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains("\"owls\"") && told.contains(expected), "{told}");
    };
    check(|request| request.strategy = "sparse".to_owned(), "sparse");
    check(|request| request.fusion = Some("rrf:60".to_owned()), "lexical");
    check(|request| request.filter = Some("year >".to_owned()), "expected");
}

/// Feedback as a server with this index would have kept it.
fn said(relevant: bool, query: &str, (document, text): (&str, &str), span: Span) -> LoggedFeedback {
    LoggedFeedback {
        relevant,
        time: "2026-01-02T03:04:05.678Z".to_owned(),
        collection: "n".to_owned(),
        generation: 1,
        query: query.to_owned(),
        filter: None,
        redactions: BTreeMap::new(),
        document: DocumentId::new(document).unwrap(),
        text: text_digest(text),
        span,
    }
}

#[test]
fn feedback_becomes_questions_whose_evidence_is_what_was_judged() {
    let dir = tempfile::tempdir().unwrap();
    let searcher = index(&dir.path().join("index")).searcher();
    let [owls, mice, ..] = TEXTS;
    let mut redacted = said(true, "mail [email]", owls, Span::new(0, 19));
    redacted.redactions.insert(RedactionRule::Email, 1);
    let kept = [
        said(false, "when do owls hunt", owls, Span::new(0, 19)),
        redacted,
        said(true, "when do owls hunt", owls, Span::new(0, 19)),
        said(false, "when do owls hunt", mice, Span::new(0, 10)),
        said(true, "an older text", (mice.0, "Mice sleep."), Span::new(0, 4)),
        said(false, "who carries water", mice, Span::new(0, 10)),
    ];
    let lines: String = kept.iter().map(|feedback| feedback.to_line() + "\n").collect();
    let judgments = feedback_judgments(&parse_feedback(&lines).unwrap(), &searcher).unwrap();
    let left_out = (judgments.n_redacted, judgments.n_replaced, judgments.n_outdated);
    assert_eq!(left_out, (1, 1, 1));
    let graded: Vec<_> = judgments.lines.iter().map(|(at, line)| (*at, line.grade)).collect();
    assert_eq!(graded, [(3, Some(1)), (4, Some(0)), (6, Some(0))]);

    let made = questions_from_judgments(&judgments.lines, &searcher).unwrap();
    assert_eq!((made.questions.len(), made.n_without_relevant, made.n_unjudged), (1, 1, 0));
    let question = &made.questions[0];
    assert_eq!(question.question, "when do owls hunt");
    assert_eq!(question.evidence[0].quote, "Owls hunt at night.");
    assert_eq!(question.evidence[0].document.as_str(), "n/owls.md");

    // Exported lines of the same passage and query get the users' grade.
    let mut exported = vec![judgments.lines[0].1.clone(), judgments.lines[0].1.clone()];
    exported[0].grade = None;
    exported[1].grade = None;
    exported[1].query = "another".to_owned();
    assert_eq!(judgments.grade(&mut exported), 1);
    assert_eq!((exported[0].grade, exported[1].grade), (Some(1), None));
}
