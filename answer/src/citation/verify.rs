//! Looking for quotes: in the passage cited, in its document, in the context's other
//! documents, in the whole index; at last in parts.

use std::collections::HashMap;

use engine::filter::Filter;
use engine::{
    DocumentId, NearDuplicates, QuoteFolding, QuotedText, SearchError, SearchRequest, Searcher,
    Strategy,
};

use super::{Place, Verdict};
use crate::context::{Context, ContextPassage};

/// Documents of the index, beyond the context's, in which a quote is looked for.
const MAX_DOCUMENTS: usize = 20;

/// Words of a quote by which those documents are found.
const MAX_SEARCH_WORDS: usize = 48;

/// Words that a part of a stitched quote has at least: fewer are found anywhere.
const MIN_PART_WORDS: usize = 3;

/// Parts of which a stitched quote consists at most.
const MAX_PARTS: usize = 4;

/// Checks quotes against an index.
///
/// Texts are prepared once and kept, so that the citations of one answer share the
/// work.
pub struct Verifier<'a> {
    searcher: &'a Searcher,
    context: &'a Context,
    /// What the question could see is what its citations may name.
    filter: Option<&'a Filter>,
    texts: HashMap<DocumentId, QuotedText>,
}

impl<'a> Verifier<'a> {
    /// Prepares to check the citations of one answer.
    ///
    /// # Arguments
    /// * `filter` - that of the search; documents it excludes are not looked into.
    pub fn new(searcher: &'a Searcher, context: &'a Context, filter: Option<&'a Filter>) -> Self {
        Self { searcher, context, filter, texts: HashMap::new() }
    }

    /// Looks a quote up.
    ///
    /// # Arguments
    /// * `cited` - the passages it is attributed to; may be empty, and is then found
    ///   elsewhere or not at all.
    ///
    /// # Returns
    /// The verdict, and where the quote stands: one place for [`Verdict::Found`] and
    /// [`Verdict::Elsewhere`], the parts in the quote's order for
    /// [`Verdict::Stitched`].
    ///
    /// # Errors
    /// [`SearchError`] when the index cannot be read.
    pub fn verify(
        &mut self,
        quote: &str,
        cited: &[&ContextPassage],
    ) -> Result<(Verdict, Vec<Place>), SearchError> {
        if quote.trim().is_empty() {
            return Ok((Verdict::Unquoted, Vec::new()));
        }
        for passage in cited {
            let text = self.text(&passage.document);
            let found =
                text.and_then(|text| text.find(quote).find(|span| span.overlaps(passage.span)));
            if let Some(span) = found {
                let document = passage.document.clone();
                return Ok((Verdict::Found, vec![Place { document, span }]));
            }
        }
        let known: Vec<DocumentId> = cited
            .iter()
            .map(|passage| &passage.document)
            .chain(self.context.documents.iter().map(|document| &document.id))
            .cloned()
            .collect();
        if let Some(place) = self.first_place(quote, &known) {
            return Ok((Verdict::Elsewhere, vec![place]));
        }
        let others = self.candidates(quote)?;
        for document in &others {
            self.load(document)?;
        }
        if let Some(place) = self.first_place(quote, &others) {
            return Ok((Verdict::Elsewhere, vec![place]));
        }
        Ok(match self.parts(quote, &known) {
            Some(places) => (Verdict::Stitched, places),
            None => (Verdict::NotFound, Vec::new()),
        })
    }

    fn first_place(&mut self, quote: &str, documents: &[DocumentId]) -> Option<Place> {
        documents.iter().find_map(|document| {
            let span = self.text(document)?.find(quote).next()?;
            Some(Place { document: document.clone(), span })
        })
    }

    /// Documents that hold the quote's words, best first.
    fn candidates(&self, quote: &str) -> Result<Vec<DocumentId>, SearchError> {
        // As words and not as a phrase: what is a phrase to the analyser and what reads
        // as the quote are two things, and the quote decides.
        let plain = |c: char| if c.is_alphanumeric() { c } else { ' ' };
        let words: String = quote.chars().map(plain).collect();
        let words: Vec<&str> = words.split_whitespace().take(MAX_SEARCH_WORDS).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let request = SearchRequest {
            strategy: Strategy::Lexical,
            top: MAX_DOCUMENTS,
            per_document: Some(1),
            filter: self.filter.cloned(),
            near_duplicates: NearDuplicates::List,
            ..SearchRequest::new(words.join(" "))
        };
        let outcome = self.searcher.search(&request)?;
        Ok(outcome.hits.into_iter().map(|hit| hit.document).collect())
    }

    /// The quote as parts, each found in one of these documents.
    fn parts(&mut self, quote: &str, documents: &[DocumentId]) -> Option<Vec<Place>> {
        let mut places = Vec::new();
        // A writer who marks what was left out has said where the parts end.
        for part in quote.split('…').flat_map(|part| part.split("...")) {
            let bare = part.trim_matches(|c: char| "[]()".contains(c) || c.is_whitespace());
            let words: Vec<&str> = bare.split_whitespace().collect();
            let mut from = 0;
            while from < words.len() {
                let (place, n) = self.longest_start(&words[from..].join(" "), documents)?;
                if n < MIN_PART_WORDS || places.len() == MAX_PARTS {
                    return None;
                }
                places.push(place);
                from += n;
            }
        }
        (places.len() > 1).then_some(places)
    }

    /// The document that has most words of the start of `rest`; the first of equal ones.
    fn longest_start(&mut self, rest: &str, documents: &[DocumentId]) -> Option<(Place, usize)> {
        let mut best: Option<(Place, usize)> = None;
        for document in documents {
            let found = self.text(document).and_then(|text| text.find_longest_start(rest));
            if let Some((span, n)) = found
                && best.as_ref().is_none_or(|(_, most)| n > *most)
            {
                best = Some((Place { document: document.clone(), span }, n));
            }
        }
        best
    }

    /// The text of a document that is in the context or was loaded.
    fn text(&mut self, id: &DocumentId) -> Option<&QuotedText> {
        if !self.texts.contains_key(id) {
            let document = self.context.document(id)?;
            let text = QuotedText::new(&document.text, QuoteFolding::Typography);
            self.texts.insert(id.clone(), text);
        }
        self.texts.get(id)
    }

    fn load(&mut self, id: &DocumentId) -> Result<(), SearchError> {
        if self.text(id).is_none()
            && let Some(document) = self.searcher.document(id)?
        {
            let text = QuotedText::new(&document.text, QuoteFolding::Typography);
            self.texts.insert(id.clone(), text);
        }
        Ok(())
    }
}
