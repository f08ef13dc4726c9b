//! Equal token budgets: how much of a ranking fits.

use engine::{DocumentId, Hit, Span};
use ingest::chunk::{TokenMap, TokenSizer, TokenizerError};

/// What a budget bought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<'h> {
    /// Documents and spans, best first.
    pub(super) spans: Vec<(&'h DocumentId, Span)>,
    /// Tokens spent, at most the budget.
    pub(super) tokens: usize,
}

/// Takes passages in rank order while the budget lasts.
///
/// The passage at which it ends is cut to what is left, before the word that
/// would not fit whole. Leaving it out instead would let chunkers of large
/// passages spend less than others; taking it whole would let them spend more.
/// Passages that overlap are paid for twice, as they would be in a prompt.
///
/// # Errors
/// What the tokenizer refused.
pub(super) fn within_budget<'h>(
    hits: &'h [Hit],
    budget: usize,
    ruler: &dyn TokenSizer,
) -> Result<Taken<'h>, TokenizerError> {
    let mut taken = Taken { spans: Vec::new(), tokens: 0 };
    for hit in hits {
        let left = budget - taken.tokens;
        if left == 0 {
            break;
        }
        let map = TokenMap::new(&hit.text, ruler)?;
        if map.len() <= left {
            taken.spans.push((&hit.document, hit.span));
            taken.tokens += map.len();
            continue;
        }
        let windows = map.windows(Span::new(0, hit.text.len()), left, 0);
        if let Some(first) = windows.first() {
            let end = hit.span.start + first.end;
            taken.spans.push((&hit.document, Span { start: hit.span.start, end }));
        }
        taken.tokens = budget;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use engine::{ChunkOrd, HitPlaces};
    use ingest::chunk::WordSizer;

    use super::*;

    fn hit(start: usize, text: &str) -> Hit {
        Hit {
            document: DocumentId::new("d").unwrap(),
            chunk: ChunkOrd(start as u32),
            span: Span::new(start, start + text.len()),
            title: String::new(),
            headings: Vec::new(),
            text: text.to_owned(),
            score: 0.0,
            places: HitPlaces::default(),
            highlights: Vec::new(),
            fields: BTreeMap::new(),
            duplicates: Vec::new(),
            similar: Vec::new(),
            features: None,
            explanation: None,
        }
    }

    #[test]
    fn the_last_passage_is_cut_to_what_is_left() {
        let hits = [hit(100, "one two three"), hit(0, "füur five six"), hit(50, "seven")];
        let spans = |budget| {
            let taken = within_budget(&hits, budget, &WordSizer::ruler()).unwrap();
            let spans: Vec<_> =
                taken.spans.iter().map(|(_, span)| (span.start, span.end)).collect();
            (spans, taken.tokens)
        };
        assert_eq!(spans(2), (vec![(100, 108)], 2));
        assert_eq!(spans(3), (vec![(100, 113)], 3));
        assert_eq!(spans(4), (vec![(100, 113), (0, 6)], 4));
        assert_eq!(spans(6), (vec![(100, 113), (0, 14)], 6));
        // More than there is: everything, and not all is spent.
        assert_eq!(spans(99), (vec![(100, 113), (0, 14), (50, 55)], 7));
    }
}
