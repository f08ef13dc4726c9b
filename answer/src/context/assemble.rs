//! From hits to numbered passages within a budget.

use engine::{ChunkOrd, DocumentId, Hit, Searcher, SegmentError, Span, StoredDocument};

use super::{Context, ContextOptions, ContextOrder, ContextPassage, LeftOut, LeftOutReason};
use crate::sentence::sentences;
use crate::tokens::estimated_tokens;

/// Puts the hits of a search together.
///
/// # Arguments
/// * `hits` - best first, of one search of `searcher`.
///
/// # Returns
/// Empty for no hits. Otherwise at least one passage: the best one is cut to whole
/// sentences, or between characters where even a sentence is too long, before nothing
/// is shown.
///
/// # Errors
/// [`SegmentError`] when a stored document does not decode.
pub fn assemble(
    searcher: &Searcher,
    hits: &[Hit],
    options: &ContextOptions,
) -> Result<Context, SegmentError> {
    let mut documents: Vec<StoredDocument> = Vec::new();
    let mut left_out = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, hit) in hits.iter().enumerate() {
        // Of another generation than the searcher's, a hit may be of a document that is gone.
        let Some(place) = load(searcher, &hit.document, &mut documents)? else { continue };
        let span = widened(&documents[place], hit.span, options.neighbours);
        let piece = Piece { document: place, span, best: at, hits: vec![at] };
        add(piece, &mut pieces, options.merge.then_some(&documents));
        for (id, ord) in &hit.similar {
            let Some(place) = load(searcher, id, &mut documents)? else { continue };
            let document = &documents[place];
            if let Some(chunk) = document.chunks.iter().find(|chunk| chunk.ord == *ord) {
                let span = chunk.parent.unwrap_or(chunk.span);
                left_out.push(because(LeftOutReason::NearDuplicate, document, span));
            }
        }
    }
    pieces.sort_by_key(|piece| piece.best);
    let pieces = capped(pieces, &documents, options.per_document, &mut left_out);
    let kept = fitting(pieces, &documents, hits, options.budget_tokens, &mut left_out);
    let passages = numbered(ordered(kept, options.order), &documents, hits);
    let tokens = passages.iter().map(|passage| passage.tokens).sum();
    let is_used =
        |document: &StoredDocument| passages.iter().any(|passage| passage.document == document.id);
    documents.retain(is_used);
    Ok(Context { passages, left_out, tokens, documents })
}

/// The place of a document among those that were read, read now if it was not.
fn load(
    searcher: &Searcher,
    id: &DocumentId,
    documents: &mut Vec<StoredDocument>,
) -> Result<Option<usize>, SegmentError> {
    if let Some(known) = documents.iter().position(|known| known.id == *id) {
        return Ok(Some(known));
    }
    let Some(document) = searcher.document(id)? else { return Ok(None) };
    documents.push(document);
    Ok(Some(documents.len() - 1))
}

/// A passage to be.
#[derive(Clone, Debug)]
struct Piece {
    document: usize,
    span: Span,
    /// Its best hit.
    best: usize,
    hits: Vec<usize>,
}

/// The span with the chunks around it. A parent's span holds several chunks: its
/// neighbours are those outside.
fn widened(document: &StoredDocument, span: Span, neighbours: usize) -> Span {
    let before = document.chunks.iter().rev().filter(|chunk| chunk.span.start < span.start);
    let after = document.chunks.iter().filter(|chunk| chunk.span.end > span.end);
    let start = before.take(neighbours).map(|chunk| chunk.span.start).fold(span.start, u32::min);
    let end = after.take(neighbours).map(|chunk| chunk.span.end).fold(span.end, u32::max);
    Span { start, end }
}

/// Adds a piece, merged with all that it touches; `merge` gives the texts that say
/// whether only white space lies between.
fn add(mut piece: Piece, pieces: &mut Vec<Piece>, merge: Option<&Vec<StoredDocument>>) {
    if let Some(documents) = merge {
        let text = &documents[piece.document].text;
        while let Some(at) = pieces.iter().position(|other| {
            other.document == piece.document && touch(text, other.span, piece.span)
        }) {
            let other = pieces.swap_remove(at);
            piece.span = Span {
                start: piece.span.start.min(other.span.start),
                end: piece.span.end.max(other.span.end),
            };
            piece.best = piece.best.min(other.best);
            piece.hits.extend(other.hits);
            piece.hits.sort_unstable();
        }
    }
    pieces.push(piece);
}

fn touch(text: &str, a: Span, b: Span) -> bool {
    let between = Span { start: a.end.min(b.end), end: a.start.max(b.start) };
    between.is_empty() || between.slice(text).is_some_and(|gap| gap.trim().is_empty())
}

fn capped(
    pieces: Vec<Piece>,
    documents: &[StoredDocument],
    per_document: Option<usize>,
    left_out: &mut Vec<LeftOut>,
) -> Vec<Piece> {
    let most = per_document.map_or(usize::MAX, |most| most.max(1));
    let mut counts = vec![0; documents.len()];
    let mut kept = Vec::with_capacity(pieces.len());
    for piece in pieces {
        counts[piece.document] += 1;
        if counts[piece.document] <= most {
            kept.push(piece);
        } else {
            left_out.push(because(
                LeftOutReason::DocumentCap,
                &documents[piece.document],
                piece.span,
            ));
        }
    }
    kept
}

/// The pieces that fit, best first. One that does not is tried as its best hit alone; a
/// smaller one further down may still fit.
fn fitting(
    pieces: Vec<Piece>,
    documents: &[StoredDocument],
    hits: &[Hit],
    budget: usize,
    left_out: &mut Vec<LeftOut>,
) -> Vec<(Piece, usize)> {
    let mut kept: Vec<(Piece, usize)> = Vec::with_capacity(pieces.len());
    let mut left = budget;
    for mut piece in pieces {
        let document = &documents[piece.document];
        let size = |span: Span| estimated_tokens(span.slice(&document.text).unwrap_or_default());
        let whole = piece.span;
        let mut tokens = size(whole);
        if tokens > left {
            piece.span = hits[piece.best].span;
            piece.hits.retain(|&hit| covers(piece.span, hits[hit].span));
            tokens = size(piece.span);
        }
        if tokens > left && kept.is_empty() {
            piece.span = cut(document, piece.span, left);
            tokens = size(piece.span);
        }
        if tokens > left || piece.span.is_empty() {
            left_out.push(because(LeftOutReason::Budget, document, whole));
            continue;
        }
        for part in outside(whole, piece.span) {
            left_out.push(because(LeftOutReason::Budget, document, part));
        }
        left -= tokens;
        kept.push((piece, tokens));
    }
    kept
}

fn covers(a: Span, b: Span) -> bool {
    a.start <= b.start && b.end <= a.end
}

/// What of `whole` lies before and behind `part`.
fn outside(whole: Span, part: Span) -> impl Iterator<Item = Span> {
    let before = Span { start: whole.start, end: part.start };
    let behind = Span { start: part.end, end: whole.end };
    [before, behind].into_iter().filter(|span| !span.is_empty())
}

/// The start of a span that fits: whole sentences, else characters.
fn cut(document: &StoredDocument, span: Span, budget: usize) -> Span {
    let size = |end: u32| {
        let part = Span { start: span.start, end };
        estimated_tokens(part.slice(&document.text).unwrap_or_default())
    };
    let whole = sentences(&document.text, &document.blocks, span);
    let ends = whole.iter().map(|sentence| sentence.whole().end.min(span.end));
    if let Some(end) = ends.take_while(|&end| size(end) <= budget).last() {
        return Span { start: span.start, end };
    }
    let part = span.slice(&document.text).unwrap_or_default();
    let ends: Vec<u32> =
        part.char_indices().map(|(at, c)| span.start + (at + c.len_utf8()) as u32).collect();
    let fits = ends.partition_point(|&end| size(end) <= budget);
    let end = fits.checked_sub(1).map_or(span.start, |last| ends[last]);
    Span { start: span.start, end }
}

fn because(reason: LeftOutReason, document: &StoredDocument, span: Span) -> LeftOut {
    LeftOut { document: document.id.clone(), span, reason }
}

fn ordered(mut pieces: Vec<(Piece, usize)>, order: ContextOrder) -> Vec<(Piece, usize)> {
    match order {
        ContextOrder::Rank => pieces,
        ContextOrder::Reading => {
            let mut places: Vec<usize> = Vec::new();
            for (piece, _) in &pieces {
                if !places.contains(&piece.document) {
                    places.push(piece.document);
                }
            }
            let place = |document| places.iter().position(|&known| known == document);
            pieces.sort_by_key(|(piece, _)| (place(piece.document), piece.span.start));
            pieces
        }
        ContextOrder::Edges => {
            let (mut front, mut back) = (Vec::new(), Vec::new());
            for (at, piece) in pieces.into_iter().enumerate() {
                if at % 2 == 0 { front.push(piece) } else { back.push(piece) }
            }
            front.extend(back.into_iter().rev());
            front
        }
    }
}

fn numbered(
    pieces: Vec<(Piece, usize)>,
    documents: &[StoredDocument],
    hits: &[Hit],
) -> Vec<ContextPassage> {
    let passage = |(at, (piece, tokens)): (usize, (Piece, usize))| {
        let best = &hits[piece.best];
        let document: &StoredDocument = &documents[piece.document];
        let id: &DocumentId = &document.id;
        let chunks: Vec<ChunkOrd> = piece.hits.iter().map(|&hit| hits[hit].chunk).collect();
        ContextPassage {
            number: at as u32 + 1,
            document: id.clone(),
            title: best.title.clone(),
            headings: best.headings.clone(),
            span: piece.span,
            text: piece.span.slice(&document.text).unwrap_or_default().to_owned(),
            tokens,
            rank: piece.best + 1,
            score: best.score,
            chunks,
        }
    };
    pieces.into_iter().enumerate().map(passage).collect()
}
