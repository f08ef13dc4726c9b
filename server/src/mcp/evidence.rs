//! A passage as evidence: what it says, where it stands, and what speaks for it.

use std::collections::BTreeMap;
use std::fmt::Write;

use engine::{Degradation, Hit, HitPlaces, LegRank, SearchOutcome, SearchRequest, Stage, Strategy};
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::wire::fields_body;

/// Up to which rank a leg is taken to speak for a passage: as many as the engine's own
/// feature of agreement looks at, and as many as people look at.
const AGREE_WITHIN: usize = 10;

/// A passage that was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Evidence {
    /// 1 for the best.
    pub(super) rank: usize,
    /// The document's id, as `read_document` and `explain` take it.
    pub(super) document: String,
    /// The document's title.
    title: String,
    /// The headings above the passage, outermost first.
    headings: Vec<String>,
    /// First byte of the passage in the document's text.
    pub(super) start: u32,
    /// The byte after its last one.
    pub(super) end: u32,
    /// The passage, word for word: the document's bytes from `start` to `end`, or to
    /// `cut_at` where it was cut.
    pub(super) text: String,
    /// Where the text was cut to keep to `budget_tokens`; `read_document` goes on from
    /// here. Absent when it is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cut_at: Option<u32>,
    /// Higher is better; see the result's `score_kind`.
    pub(super) score: f64,
    /// Its rank by words alone; null when they did not rank it.
    lexical_rank: Option<usize>,
    /// Its rank by vectors alone; null when they did not rank it.
    dense_rank: Option<usize>,
    confidence: Confidence,
    /// The document's metadata, which `filter` can name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, Value>,
    /// Documents with exactly the same text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    duplicates: Vec<String>,
}

/// What speaks for a passage. Signals, not a probability: nothing here says how likely
/// it is that the passage answers the query.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Confidence {
    agreement: Agreement,
    /// Cosine of the query's and the passage's vectors, from -1 to 1; compares
    /// within one encoder. Null when vectors did not rank the passage.
    cosine: Option<f64>,
    /// Whether a reranking model read the passage together with the query.
    reranked: bool,
}

/// Which of the two independent rankings, by words and by vectors, have the passage
/// among their first ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "rmcp::schemars")]
enum Agreement {
    /// Both.
    BothLegs,
    /// Words, not vectors.
    WordsOnly,
    /// Vectors, not words.
    VectorsOnly,
    /// Neither: it came up by their sum, or because a model read it.
    Neither,
    /// Only one of them was searched, so there is nothing to agree.
    OneLeg,
}

impl Agreement {
    fn tell(self) -> &'static str {
        match self {
            Self::BothLegs => "words and vectors agree",
            Self::WordsOnly => "words only",
            Self::VectorsOnly => "vectors only",
            Self::Neither => "low in both legs",
            Self::OneLeg => "one leg searched",
        }
    }
}

/// Whether words and vectors were both searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BothSearched(bool);

impl BothSearched {
    pub(super) fn of(request: &SearchRequest, outcome: &SearchOutcome) -> Self {
        let lost = |left_out: &Degradation| matches!(left_out.stage, Stage::Encode | Stage::Dense);
        let hybrid = matches!(request.strategy, Strategy::Hybrid { .. });
        Self(hybrid && !outcome.degraded.iter().any(lost))
    }
}

impl Confidence {
    fn new(places: HitPlaces, both: BothSearched, reranked: bool) -> Self {
        let high = |place: Option<LegRank>| place.is_some_and(|place| place.rank <= AGREE_WITHIN);
        let agreement = match (high(places.lexical), high(places.dense)) {
            _ if !both.0 => Agreement::OneLeg,
            (true, true) => Agreement::BothLegs,
            (true, false) => Agreement::WordsOnly,
            (false, true) => Agreement::VectorsOnly,
            (false, false) => Agreement::Neither,
        };
        Self { agreement, cosine: places.dense.map(|place| place.score), reranked }
    }
}

impl Evidence {
    pub(super) fn new(rank: usize, hit: Hit, both: BothSearched) -> Self {
        let confidence = Confidence::new(hit.places, both, hit.features.is_some());
        Self {
            rank,
            document: hit.document.into(),
            title: hit.title,
            headings: hit.headings,
            start: hit.span.start,
            end: hit.span.end,
            text: hit.text,
            cut_at: None,
            score: hit.score,
            lexical_rank: hit.places.lexical.map(|place| place.rank),
            dense_rank: hit.places.dense.map(|place| place.rank),
            confidence,
            fields: fields_body(&hit.fields),
            duplicates: hit.duplicates.into_iter().map(String::from).collect(),
        }
    }

    /// Heading and figures: two lines.
    pub(super) fn tell_head(&self) -> String {
        let title = Some(self.title.as_str()).filter(|title| !title.is_empty());
        // A page's title is often its first heading too.
        let headings = self.headings.iter().map(String::as_str);
        let headings: Vec<_> = headings.skip_while(|first| Some(*first) == title).collect();
        let path: Vec<_> = title.into_iter().chain(headings).collect();
        let rank = |rank: Option<usize>| rank.map_or("-".to_owned(), |rank| format!("#{rank}"));
        let mut told = format!(
            "[{}] {}\n{} bytes {}..{}; score {:.4}; words {}, vectors {}; {}",
            self.rank,
            path.join(" > "),
            self.document,
            self.start,
            self.end,
            self.score,
            rank(self.lexical_rank),
            rank(self.dense_rank),
            self.confidence.agreement.tell(),
        );
        if let Some(cosine) = self.confidence.cosine {
            // Writing to a string does not fail.
            let _ = write!(told, ", cosine {cosine:.2}");
        }
        if self.confidence.reranked {
            told.push_str(", read by the reranker");
        }
        told
    }

    /// The passage under its head.
    pub(super) fn tell(&self) -> String {
        let mut told = format!("{}\n{}\n", self.tell_head(), self.text.trim_end());
        if let Some(at) = self.cut_at {
            let document = &self.document;
            let _ = writeln!(told, "(cut; read_document {document:?} from start {at} goes on)");
        }
        if !self.duplicates.is_empty() {
            let _ = writeln!(told, "(the same text: {})", self.duplicates.join(", "));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_agree_within_their_first_ten() {
        let place = |rank| Some(LegRank { rank, score: 0.5 });
        let both = BothSearched(true);
        for (lexical, dense, expected) in [
            (place(1), place(10), Agreement::BothLegs),
            (place(10), place(11), Agreement::WordsOnly),
            (None, place(3), Agreement::VectorsOnly),
            (place(11), place(12), Agreement::Neither),
        ] {
            let places = HitPlaces { lexical, dense };
            assert_eq!(Confidence::new(places, both, false).agreement, expected);
            let alone = Confidence::new(places, BothSearched(false), true);
            assert_eq!((alone.agreement, alone.reranked), (Agreement::OneLeg, true));
        }
        let words = HitPlaces { lexical: place(1), dense: None };
        assert_eq!(Confidence::new(words, both, false).cosine, None);
    }
}
