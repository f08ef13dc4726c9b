//! Vectors kept between runs, by the text they stand for.
//!
//! A sweep over chunkers meets the same passages again and again, and encoding
//! is nearly all of its time. [`CachedEncoder`] stands in front of an encoder
//! and asks it only for passages that no run has encoded before. Vectors are
//! addressed by content: file by the encoder's fingerprint, record by what is
//! encoded, a text or a span within one, so a changed model never meets old
//! vectors and a passage's vector is never that of other surroundings.
//!
//! Queries pass through uncached, since their encoding is part of every latency
//! that is reported.
//!
//! The file is a header and records of one size, each with a checksum. What a
//! crash tore off, and everything behind a damaged record, is encoded again.
//! Rejected: a database (a dependency for `append` and `get`), and one file per
//! text (a hundred thousand of them for a dozen chunkers).

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use engine::{Embeddings, EncodeError, Encoder, Span, TextRole, TokenVectors};

use crate::error::EvalError;

const MAGIC: &[u8; 8] = b"TRVVEC\x00\x01";
/// Magic and dimensions.
const HEADER_BYTES: u64 = 12;
const KEY_BYTES: usize = 16;
/// Key, "was truncated", checksum.
const RECORD_HEAD_BYTES: usize = KEY_BYTES + 1 + 4;

/// 128 bits of BLAKE3: two of a billion texts share a key with a probability
/// below 1e-20.
type Key = [u8; KEY_BYTES];

/// An encoder that remembers passages.
pub struct CachedEncoder {
    inner: Arc<dyn Encoder>,
    store: Mutex<Store>,
    /// Told when texts that somebody encodes are there.
    arrived: Condvar,
    n_encoded: AtomicUsize,
    n_found: AtomicUsize,
}

impl CachedEncoder {
    /// Puts a cache in `dir` before `inner`.
    ///
    /// Of several processes one writes; the others read what is there and keep
    /// what they add to themselves.
    ///
    /// # Errors
    /// [`EvalError::Io`].
    pub fn open(dir: &Path, inner: Arc<dyn Encoder>) -> Result<Self, EvalError> {
        fs::create_dir_all(dir).map_err(EvalError::io(dir))?;
        let digest = blake3::hash(inner.fingerprint().as_bytes()).to_hex();
        let path = dir.join(format!("{}.vectors", &digest[..16]));
        let store = Store::open(&path, inner.dim()).map_err(EvalError::io(&path))?;
        Ok(Self {
            inner,
            store: Mutex::new(store),
            arrived: Condvar::new(),
            n_encoded: AtomicUsize::new(0),
            n_found: AtomicUsize::new(0),
        })
    }

    /// Passages that the encoder behind was asked for, and that the cache held,
    /// since it was opened.
    pub fn counts(&self) -> (usize, usize) {
        (self.n_encoded.load(Ordering::Relaxed), self.n_found.load(Ordering::Relaxed))
    }

    /// A panic while the lock was held leaves at worst a torn record at the end
    /// of the file, which its checksum tells.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of `keys`, those that nobody has encoded and nobody is encoding: they
    /// are now this caller's to encode.
    fn claim(&self, keys: &[Key]) -> Vec<usize> {
        let mut store = self.store();
        let mut mine = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if !store.rows.contains_key(key) && store.in_flight.insert(*key) {
                mine.push(at);
            }
        }
        mine
    }

    /// The vectors of `keys`, from the cache or encoded now.
    ///
    /// # Arguments
    /// * `at_once` - rows asked of the encoder in one call, at most.
    /// * `encode` - gives the rows of some of the keys, by their places.
    fn rows(
        &self,
        keys: &[Key],
        at_once: usize,
        encode: &EncodeSome<'_>,
    ) -> Result<Embeddings, EncodeError> {
        let claimed = self.claim(keys);
        let mut groups = claimed.chunks(at_once);
        if let Err(error) = groups.try_for_each(|group| self.fill(keys, group, encode)) {
            // Others wait for what this call has claimed and will not deliver.
            let mut store = self.store();
            for &at in &claimed {
                store.in_flight.remove(&keys[at]);
            }
            self.arrived.notify_all();
            return Err(error);
        }
        self.n_found.fetch_add(keys.len() - claimed.len(), Ordering::Relaxed);

        let mut values = Vec::with_capacity(keys.len() * self.dim());
        let mut n_truncated = 0;
        let mut store = self.store();
        for (at, key) in keys.iter().enumerate() {
            while store.in_flight.contains(key) {
                store = self.arrived.wait(store).unwrap_or_else(PoisonError::into_inner);
            }
            if let Some(truncated) = store.read(*key, &mut values) {
                n_truncated += usize::from(truncated);
                continue;
            }
            // Whoever had claimed it failed, or the file was changed under us.
            drop(store);
            let encoded = encode(&[at])?;
            self.n_encoded.fetch_add(1, Ordering::Relaxed);
            values.extend_from_slice(encoded.values());
            n_truncated += encoded.n_truncated;
            store = self.store();
        }
        drop(store);
        let mut embeddings = Embeddings::new(values, self.dim())?;
        embeddings.n_truncated = n_truncated;
        Ok(embeddings)
    }

    /// Encodes and stores some of what was claimed.
    fn fill(
        &self,
        keys: &[Key],
        group: &[usize],
        encode: &EncodeSome<'_>,
    ) -> Result<(), EncodeError> {
        let together = encode(group)?;
        for (nth, &at) in group.iter().enumerate() {
            // Which rows were cut is known where all or none were, else by
            // asking for each.
            let truncated = match together.n_truncated {
                0 => false,
                n if n == group.len() => true,
                _ => encode(&[at])?.n_truncated > 0,
            };
            let (values, dim) = (together.values().len(), self.inner.dim());
            let row = together.row(nth).ok_or(EncodeError::Shape { values, dim })?;
            self.n_encoded.fetch_add(1, Ordering::Relaxed);
            let mut store = self.store();
            store.insert(keys[at], row, truncated);
            store.in_flight.remove(&keys[at]);
            self.arrived.notify_all();
        }
        Ok(())
    }
}

/// Rows for the texts or spans at some places.
type EncodeSome<'e> = dyn Fn(&[usize]) -> Result<Embeddings, EncodeError> + 'e;

impl Encoder for CachedEncoder {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn fingerprint(&self) -> &str {
        self.inner.fingerprint()
    }

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn max_tokens(&self) -> usize {
        self.inner.max_tokens()
    }

    fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
        if role == TextRole::Query {
            return self.inner.encode(texts, role);
        }
        let keys: Vec<Key> = texts.iter().map(|text| key(text)).collect();
        // One at a time: what is encoded is kept, whatever becomes of the rest.
        self.rows(&keys, 1, &|places| {
            let texts: Vec<&str> = places.iter().map(|&at| texts[at]).collect();
            self.inner.encode(&texts, role)
        })
    }

    /// Spans are addressed by the text they stand in and their place in it.
    fn encode_spans(&self, text: &str, spans: &[Span]) -> Result<Embeddings, EncodeError> {
        if spans.is_empty() {
            return self.inner.encode_spans(text, spans);
        }
        let keys: Vec<Key> = spans.iter().map(|span| span_key(text, *span)).collect();
        self.rows(&keys, spans.len(), &|places| {
            let spans: Vec<Span> = places.iter().map(|&at| spans[at]).collect();
            self.inner.encode_spans(text, &spans)
        })
    }

    /// Not kept: a vector for each token of a corpus is more than a cache should hold.
    fn encode_tokens(&self, text: &str, role: TextRole) -> Result<TokenVectors, EncodeError> {
        self.inner.encode_tokens(text, role)
    }
}

fn key(text: &str) -> Key {
    let hash = blake3::hash(text.as_bytes());
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(&hash.as_bytes()[..KEY_BYTES]);
    key
}

/// The key of a span in a text, which no text has: the byte between is not
/// UTF-8.
fn span_key(text: &str, span: Span) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes()).update(&[0xFF]);
    hasher.update(&span.start.to_le_bytes()).update(&span.end.to_le_bytes());
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..KEY_BYTES]);
    key
}

/// Where a record's vector is.
#[derive(Clone, Copy)]
enum Place {
    /// Record number in the file.
    File(u64),
    /// Row of the vectors that could not be written.
    Memory(usize),
}

struct Store {
    file: File,
    dim: usize,
    rows: HashMap<Key, Place>,
    in_flight: HashSet<Key>,
    /// Records in the file; `None` when it belongs to another process or could
    /// not be written.
    writable: Option<u64>,
    /// Vectors that are not in the file, with their "was truncated".
    kept: Vec<(Box<[f32]>, bool)>,
    path: PathBuf,
}

impl Store {
    fn open(path: &Path, dim: usize) -> io::Result<Self> {
        let file =
            File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        let owned = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        let mut store = Self {
            file,
            dim,
            rows: HashMap::new(),
            in_flight: HashSet::new(),
            writable: None,
            kept: Vec::new(),
            path: path.to_owned(),
        };
        let whole = store.scan()?;
        if owned {
            store.file.set_len(HEADER_BYTES + whole * store.record_bytes())?;
            store.file.seek(SeekFrom::Start(0))?;
            store.file.write_all(&header(dim))?;
            store.writable = Some(whole);
        }
        Ok(store)
    }

    /// Finds the records up to the first that is damaged or cut; returns their
    /// number.
    fn scan(&mut self) -> io::Result<u64> {
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut head = [0; HEADER_BYTES as usize];
        if reader.read_exact(&mut head).is_err() || head != header(self.dim) {
            return Ok(0);
        }
        let mut record = vec![0; self.record_bytes() as usize];
        let mut number = 0;
        loop {
            match reader.read_exact(&mut record) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            let Some(key) = checked_key(&record) else { break };
            self.rows.insert(key, Place::File(number));
            number += 1;
        }
        Ok(number)
    }

    fn record_bytes(&self) -> u64 {
        (RECORD_HEAD_BYTES + self.dim * 4) as u64
    }

    /// Keeps a vector, in the file where possible. A full disk costs the next
    /// run its time and this run nothing.
    fn insert(&mut self, key: Key, row: &[f32], truncated: bool) {
        let place = self.writable.and_then(|number| {
            let record = record(key, row, truncated);
            let at = HEADER_BYTES + number * self.record_bytes();
            let written = self
                .file
                .seek(SeekFrom::Start(at))
                .and_then(|_| self.file.write_all(&record));
            match written {
                Ok(()) => {
                    self.writable = Some(number + 1);
                    Some(Place::File(number))
                }
                Err(error) => {
                    eprintln!(
                        "note: {}: {error}; vectors are kept in memory from here on and encoded again next time",
                        self.path.display()
                    );
                    self.writable = None;
                    None
                }
            }
        });
        let place = place.unwrap_or_else(|| {
            self.kept.push((row.into(), truncated));
            Place::Memory(self.kept.len() - 1)
        });
        self.rows.insert(key, place);
    }

    /// Appends the vector of `key` to `values`; whether its text was cut. `None`
    /// when it is not there or not readable any more.
    fn read(&mut self, key: Key, values: &mut Vec<f32>) -> Option<bool> {
        match *self.rows.get(&key)? {
            Place::Memory(at) => {
                let (row, truncated) = &self.kept[at];
                values.extend_from_slice(row);
                Some(*truncated)
            }
            Place::File(number) => {
                let mut record = vec![0; self.record_bytes() as usize];
                let at = HEADER_BYTES + number * self.record_bytes();
                self.file.seek(SeekFrom::Start(at)).ok()?;
                self.file.read_exact(&mut record).ok()?;
                if checked_key(&record) != Some(key) {
                    return None;
                }
                let row = record[RECORD_HEAD_BYTES..].as_chunks::<4>().0;
                values.extend(row.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                Some(record[KEY_BYTES] == 1)
            }
        }
    }
}

fn header(dim: usize) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(MAGIC);
    header[8..].copy_from_slice(&(dim as u32).to_le_bytes());
    header
}

fn record(key: Key, row: &[f32], truncated: bool) -> Vec<u8> {
    let mut record = Vec::with_capacity(RECORD_HEAD_BYTES + row.len() * 4);
    record.extend_from_slice(&key);
    record.push(u8::from(truncated));
    record.extend_from_slice(&[0; 4]);
    record.extend(row.iter().flat_map(|value| value.to_le_bytes()));
    let sum = checksum(&record);
    record[KEY_BYTES + 1..RECORD_HEAD_BYTES].copy_from_slice(&sum);
    record
}

/// The record's key if its checksum holds.
fn checked_key(record: &[u8]) -> Option<Key> {
    let (key, _) = record.split_first_chunk::<KEY_BYTES>()?;
    (record[KEY_BYTES + 1..RECORD_HEAD_BYTES] == checksum(record)).then_some(*key)
}

/// Over everything but the checksum's own place.
fn checksum(record: &[u8]) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&record[..=KEY_BYTES]);
    hasher.update(&record[RECORD_HEAD_BYTES..]);
    let mut sum = [0; 4];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    sum
}

#[cfg(test)]
mod tests {
    use engine::HashEncoder;

    use super::*;

    fn open(dir: &Path) -> CachedEncoder {
        CachedEncoder::open(dir, Arc::new(HashEncoder::new(16, 4))).unwrap()
    }

    fn file(dir: &Path) -> PathBuf {
        fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
    }

    /// The rows and the count of cut texts; tokens are counted where they are read.
    fn known(mut embeddings: Embeddings) -> Embeddings {
        embeddings.n_tokens = 0;
        embeddings
    }

    #[test]
    fn vectors_are_the_encoders_own_and_asked_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let plain = HashEncoder::new(16, 4);
        let texts = ["a b", "c", "a b", "one two three four five"];
        let expected = known(plain.encode(&texts, TextRole::Passage).unwrap());
        let cached = open(folder.path());
        for _ in 0..2 {
            let found = known(cached.encode(&texts, TextRole::Passage).unwrap());
            assert_eq!(found, expected, "values and the count of cut texts");
        }
        assert_eq!(cached.counts(), (3, 5));
        drop(cached);
        let again = open(folder.path());
        assert_eq!(known(again.encode(&texts, TextRole::Passage).unwrap()), expected);
        assert_eq!(again.counts(), (0, 4));
        again.encode(&["a b"], TextRole::Query).unwrap();
        assert_eq!(again.counts(), (0, 4), "queries pass through");
    }

    #[test]
    fn a_passage_has_a_vector_for_each_text_it_stands_in() {
        let folder = tempfile::tempdir().unwrap();
        let plain = HashEncoder::new(16, 4);
        let passage = Span::new(4, 7);
        let texts = ["one two", "six two", "one two three four five"];
        let cached = open(folder.path());
        for round in 0..2 {
            for text in texts {
                let spans = [Span::new(0, 3), passage, Span::new(0, text.len())];
                let found = known(cached.encode_spans(text, &spans).unwrap());
                let expected = known(plain.encode_spans(text, &spans).unwrap());
                assert_eq!(found, expected, "{text} {round}");
            }
            let alone = known(cached.encode(&["two"], TextRole::Passage).unwrap());
            assert_eq!(alone, known(plain.encode(&["two"], TextRole::Passage).unwrap()));
        }
        assert_eq!(cached.counts(), (10, 10));
        let row = |text| known(cached.encode_spans(text, &[passage]).unwrap());
        assert_ne!(row("one two"), row("six two"));
        assert_ne!(row("one two"), known(cached.encode(&["two"], TextRole::Passage).unwrap()));
        drop(cached);
        let again = open(folder.path());
        again.encode_spans(texts[2], &[Span::new(0, texts[2].len())]).unwrap();
        assert_eq!(again.counts(), (0, 1), "kept with what was cut of it");
    }

    #[test]
    fn an_encoder_that_cannot_still_says_so() {
        struct TextsOnly(HashEncoder);
        impl Encoder for TextsOnly {
            fn name(&self) -> &str {
                self.0.name()
            }
            fn fingerprint(&self) -> &str {
                self.0.fingerprint()
            }
            fn dim(&self) -> usize {
                self.0.dim()
            }
            fn max_tokens(&self) -> usize {
                self.0.max_tokens()
            }
            fn encode(&self, texts: &[&str], role: TextRole) -> Result<Embeddings, EncodeError> {
                self.0.encode(texts, role)
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let inner = Arc::new(TextsOnly(HashEncoder::new(16, 4)));
        let cached = CachedEncoder::open(folder.path(), inner).unwrap();
        for spans in [&[][..], &[Span::new(0, 1)]] {
            let refused = cached.encode_spans("a b", spans);
            assert!(matches!(refused, Err(EncodeError::NoTokenVectors { .. })));
        }
        let refused = cached.encode_tokens("a b", TextRole::Passage);
        assert!(matches!(refused, Err(EncodeError::NotTokenwise { .. })));
        let (plain, cached) = (HashEncoder::new(16, 4), open(folder.path()));
        let tokens = |encoder: &dyn Encoder| encoder.encode_tokens("a b", TextRole::Passage);
        assert_eq!(tokens(&cached).unwrap(), tokens(&plain).unwrap());
    }

    #[test]
    fn many_callers_never_encode_a_text_twice() {
        let folder = tempfile::tempdir().unwrap();
        let cached = open(folder.path());
        let texts: Vec<String> = (0..50).map(|at| format!("text {at}")).collect();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
                    cached.encode(&texts, TextRole::Passage).unwrap();
                });
            }
        });
        assert_eq!(cached.counts(), (50, 350));
    }

    #[test]
    fn damage_costs_only_time() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["a", "b", "c"];
        let expected = open(folder.path()).encode(&texts, TextRole::Passage).unwrap();
        let path = file(folder.path());
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for damaged in [&whole[..at], &flipped] {
                fs::write(&path, damaged).unwrap();
                let cached = open(folder.path());
                assert_eq!(
                    cached.encode(&texts, TextRole::Passage).unwrap(),
                    expected,
                    "byte {at}"
                );
                assert!(cached.counts().0 > 0, "byte {at}: damage went unnoticed");
            }
            assert_eq!(fs::read(&path).unwrap().len(), whole.len());
        }
    }

    #[test]
    fn a_second_process_reads_and_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path());
        first.encode(&["a"], TextRole::Passage).unwrap();
        let second = open(folder.path());
        second.encode(&["a", "b"], TextRole::Passage).unwrap();
        second.encode(&["b"], TextRole::Passage).unwrap();
        assert_eq!(second.counts(), (1, 2));
        let size = fs::metadata(file(folder.path())).unwrap().len();
        first.encode(&["b"], TextRole::Passage).unwrap();
        assert_eq!(first.counts(), (2, 0), "what the second added stayed its own");
        assert!(fs::metadata(file(folder.path())).unwrap().len() > size);
    }
}
