//! From a query's words to lists of rows in the segments of one generation.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED, Term};

use super::error::LexicalError;
use super::query::{LexicalQuery, Matcher, PhraseWord, Typos};
use super::schema::TextField;
use super::snapshot::{LexicalSnapshot, Segment};

/// Most spellings an unknown word stands for, the most frequent ones.
const MAX_CORRECTIONS: usize = 8;

/// What is looked up in one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Terms {
    /// Any of these.
    Any(Vec<String>),
    /// All that begin so.
    Prefix(String),
    /// These, at fixed distances.
    Phrase(Vec<PhraseWord>),
}

/// A matcher made ready for one generation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lookup {
    pub(super) fields: Vec<(TextField, Terms)>,
    /// The spellings an unknown word was taken for.
    pub(super) corrections: Vec<String>,
}

/// The rows of one segment that hold something in one field.
pub(super) struct FieldList {
    pub(super) field: TextField,
    pub(super) rows: Rows,
}

/// Rows with frequencies, ascending.
pub(super) enum Rows {
    /// As stored.
    Postings(TermInfo),
    /// Worked out: rows and frequencies of a union or a phrase.
    List(Vec<(u32, u32)>),
}

impl FieldList {
    /// How many rows it has, deleted ones included.
    pub(super) fn len(&self) -> usize {
        match &self.rows {
            Rows::Postings(term) => term.doc_freq as usize,
            Rows::List(rows) => rows.len(),
        }
    }
}

impl Lookup {
    /// Decides what a matcher looks up.
    pub(super) fn new(
        snapshot: &LexicalSnapshot,
        query: &LexicalQuery,
        matcher: &Matcher,
    ) -> Result<Self, LexicalError> {
        let any = |term: &String| Terms::Any(vec![term.clone()]);
        let everywhere =
            |terms: Terms| TextField::STEMMED.map(|field| (field, terms.clone())).to_vec();
        let fields = match matcher {
            Matcher::Word { stem, surface } => {
                if query.options().typos == Typos::OneEdit {
                    let corrections = corrections(snapshot, surface)?;
                    if !corrections.is_empty() {
                        let stems: BTreeSet<_> =
                            corrections.iter().map(|word| query.normalizer.stem(word)).collect();
                        let mut fields = everywhere(Terms::Any(stems.into_iter().collect()));
                        fields.push((TextField::Identifiers, Terms::Any(corrections.clone())));
                        return Ok(Self { fields, corrections });
                    }
                }
                let mut fields = everywhere(any(stem));
                fields.push((TextField::Identifiers, any(surface)));
                fields
            }
            Matcher::Joined { stem } => everywhere(any(stem)),
            Matcher::Identifier(form) => vec![(TextField::Identifiers, any(form))],
            Matcher::Phrase(words) => everywhere(Terms::Phrase(words.clone())),
            Matcher::Prefix(prefix) => [TextField::Spellings, TextField::Identifiers]
                .map(|field| (field, Terms::Prefix(prefix.clone())))
                .to_vec(),
            Matcher::GramPrefix(prefix) => everywhere(Terms::Prefix(prefix.clone())),
        };
        Ok(Self { fields, corrections: Vec::new() })
    }

    /// Finds it in one segment; fields where it is not are left out.
    pub(super) fn lists(
        &self,
        snapshot: &LexicalSnapshot,
        segment: &Segment,
    ) -> Result<Vec<FieldList>, LexicalError> {
        let mut lists = Vec::new();
        for (field, terms) in &self.fields {
            let found = find(snapshot, segment, *field, terms)
                .map_err(|source| LexicalError::io(&snapshot.dir, source))?;
            lists.extend(found.map(|rows| FieldList { field: *field, rows }));
        }
        Ok(lists)
    }
}

fn find(
    snapshot: &LexicalSnapshot,
    segment: &Segment,
    field: TextField,
    terms: &Terms,
) -> io::Result<Option<Rows>> {
    let reader = &segment.terms[field as usize];
    let infos = match terms {
        Terms::Any(terms) => {
            let mut infos = Vec::with_capacity(terms.len());
            for term in terms {
                infos.extend(reader.terms().get(term.as_bytes())?);
            }
            infos
        }
        Terms::Prefix(prefix) => {
            let mut infos = Vec::new();
            let mut stream = reader.terms().range().ge(prefix.as_bytes()).into_stream()?;
            while let Some((term, info)) = stream.next() {
                if !term.starts_with(prefix.as_bytes()) {
                    break;
                }
                infos.push(info.clone());
            }
            infos
        }
        Terms::Phrase(words) => return phrase(snapshot, segment, field, words),
    };
    Ok(match infos.len() {
        0 => None,
        1 => infos.into_iter().next().map(Rows::Postings),
        _ => Some(Rows::List(union(segment, field, &infos)?)),
    })
}

/// The rows of several terms, frequencies added.
fn union(segment: &Segment, field: TextField, infos: &[TermInfo]) -> io::Result<Vec<(u32, u32)>> {
    let reader = &segment.terms[field as usize];
    let mut frequencies: BTreeMap<u32, u32> = BTreeMap::new();
    // Dense accumulation beats a tree once the terms' rows are many.
    let n_postings: usize = infos.iter().map(|info| info.doc_freq as usize).sum();
    if n_postings > segment.n_rows() as usize / 8 {
        let mut dense = vec![0_u32; segment.n_rows() as usize];
        for info in infos {
            for_each_posting(
                reader.read_postings_from_terminfo(info, IndexRecordOption::WithFreqs)?,
                |row, n| {
                    dense[row as usize] += n;
                },
            );
        }
        let rows = dense.into_iter().enumerate().filter(|(_, n)| *n > 0);
        return Ok(rows.map(|(row, n)| (row as u32, n)).collect());
    }
    for info in infos {
        for_each_posting(
            reader.read_postings_from_terminfo(info, IndexRecordOption::WithFreqs)?,
            |row, n| {
                *frequencies.entry(row).or_default() += n;
            },
        );
    }
    Ok(frequencies.into_iter().collect())
}

fn for_each_posting(mut postings: SegmentPostings, mut sink: impl FnMut(u32, u32)) {
    while postings.doc() != TERMINATED {
        sink(postings.doc(), postings.term_freq());
        postings.advance();
    }
}

/// The rows where the words stand at their distances, and how often.
fn phrase(
    snapshot: &LexicalSnapshot,
    segment: &Segment,
    field: TextField,
    words: &[PhraseWord],
) -> io::Result<Option<Rows>> {
    let reader = &segment.terms[field as usize];
    let mut cursors = Vec::with_capacity(words.len());
    for word in words {
        let term = Term::from_field_text(snapshot.fields.text(field), &word.stem);
        match reader.read_postings(&term, IndexRecordOption::WithFreqsAndPositions)? {
            Some(postings) => cursors.push((postings, word.offset)),
            None => return Ok(None),
        }
    }
    // The rarest word leads: every other list is sought only to its rows.
    cursors.sort_by_key(|(postings, offset)| (postings.doc_freq(), *offset));
    let Some(((lead, lead_offset), others)) = cursors.split_first_mut() else { return Ok(None) };
    let mut rows = Vec::new();
    let (mut starts, mut positions) = (Vec::new(), Vec::new());
    while lead.doc() != TERMINATED {
        let row = lead.doc();
        let together = others.iter_mut().all(|(postings, _)| {
            if postings.doc() < row {
                postings.seek(row);
            }
            postings.doc() == row
        });
        if together {
            starts.clear();
            lead.append_positions_with_offset(0, &mut starts);
            starts.retain(|&position| position >= *lead_offset);
            for position in &mut starts {
                *position -= *lead_offset;
            }
            for (postings, offset) in &mut *others {
                positions.clear();
                postings.append_positions_with_offset(0, &mut positions);
                starts.retain(|start| positions.binary_search(&(start + *offset)).is_ok());
            }
            // A stem can stand twice at one place: a compound and its part.
            starts.dedup();
            if !starts.is_empty() {
                rows.push((row, starts.len() as u32));
            }
        }
        lead.advance();
    }
    Ok((!rows.is_empty()).then_some(Rows::List(rows)))
}

/// The live spellings one edit from `word`, most frequent first; empty when the
/// word is short, not plain letters, or spelled so in a live chunk.
fn corrections(snapshot: &LexicalSnapshot, word: &str) -> Result<Vec<String>, LexicalError> {
    if word.chars().count() < LexicalQuery::MIN_TYPO_CHARS || !word.chars().all(char::is_alphabetic)
    {
        return Ok(Vec::new());
    }
    let failed = |error| LexicalError::from_tantivy(&snapshot.dir, error);
    let read = |source| LexicalError::io(&snapshot.dir, source);
    for segment in &snapshot.segments {
        for field in [TextField::Spellings, TextField::Identifiers] {
            let term = segment.terms[field as usize].terms().get(word.as_bytes()).map_err(read)?;
            if let Some(term) = term
                && segment.live_count(field, &term).map_err(failed)? > 0
            {
                return Ok(Vec::new());
            }
        }
    }
    let field = TextField::Spellings;
    let term = Term::from_field_text(snapshot.fields.text(field), word);
    let near = FuzzyTermQuery::new(term, 1, true);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for segment in &snapshot.segments {
        let dictionary = segment.terms[field as usize].terms();
        let mut stream =
            dictionary.search(near.automaton().map_err(failed)?).into_stream().map_err(read)?;
        while let Some((spelling, term)) = stream.next() {
            let count = segment.live_count(field, term).map_err(failed)?;
            if count > 0
                && let Ok(spelling) = std::str::from_utf8(spelling)
            {
                *counts.entry(spelling.to_owned()).or_default() += count;
            }
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a, n_a), (b, n_b)| n_b.cmp(n_a).then_with(|| a.cmp(b)));
    counts.truncate(MAX_CORRECTIONS);
    Ok(counts.into_iter().map(|(spelling, _)| spelling).collect())
}
