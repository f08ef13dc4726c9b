//! The index folder: create, open, search, write.
//!
//! [`Index`] is a handle that holds the newest generation it has seen;
//! [`Index::searcher`] gives an immutable view of it and [`Index::refresh`]
//! moves on to a newer one. [`IndexWriter`] is the only thing that changes
//! files. `manifest` says what the index is, `commit` what a generation
//! consists of, `generation` opens one consistently, `files` and `lock` keep
//! the folder, `snapshot` copies it.

mod commit;
mod error;
mod files;
mod generation;
mod lock;
mod manifest;
mod merge;
mod snapshot;
mod token_writer;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

pub use commit::RootRecord;
pub use error::IndexError;
pub(crate) use generation::Generation;
pub use manifest::{EncoderIdentity, Manifest};
pub use snapshot::{Snapshot, SnapshotError, SnapshotFile, SnapshotInfo};
pub use token_writer::TokenSummary;
pub use writer::{CommitSummary, IndexWriter, WriterOptions};

use crate::encoder::Encoder;
use crate::error::SegmentError;
use crate::lexical::LexicalIndex;
use crate::search::Searcher;
use crate::segment_file::Verify;
use crate::tokens::TokenLayout;
use generation::{Checksums, OpenSegments};

/// How an index is opened.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Encodes queries; without one only lexical searches can be answered. Its
    /// fingerprint must be the index's.
    pub encoder: Option<Arc<dyn Encoder>>,
    /// How much of the files is checked.
    pub verify: Verify,
}

/// Figures about an open index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInfo {
    /// Number of the newest commit; 0 before the first.
    pub generation: u64,
    /// Documents with a text of their own.
    pub documents: usize,
    /// Exact duplicates, stored as references.
    pub duplicates: usize,
    /// Live chunks.
    pub chunks: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files of vectors.
    pub vector_segments: usize,
    /// Files of texts.
    pub text_segments: usize,
    /// Vectors of passages' tokens; `None` where none are kept.
    pub tokens: Option<TokenInfo>,
    /// Where documents came from.
    pub roots: Vec<RootRecord>,
}

/// Figures about the token vectors of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// What is kept of each.
    pub layout: TokenLayout,
    /// Live chunks that have them.
    pub chunks: usize,
    /// Bytes of their files.
    pub bytes: u64,
}

/// What a hybrid search does in an index without an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeforeEncoder {
    /// It is refused: there will be none.
    Refuse,
    /// It is answered by words, and says so: one is being loaded.
    Degrade,
}

/// An index on disk.
pub struct Index {
    dir: PathBuf,
    manifest: Manifest,
    lexical: Arc<LexicalIndex>,
    encoder: OnceLock<Arc<dyn Encoder>>,
    /// What hybrid searches do until `encoder` is set.
    before_encoder: BeforeEncoder,
    checksums: Checksums,
    segments: Mutex<OpenSegments>,
    current: RwLock<Arc<Generation>>,
}

impl Index {
    /// Creates an empty index and opens it.
    ///
    /// # Arguments
    /// * `dir` - created with its parents; must not hold an index. Files of an
    ///   attempt that was interrupted are replaced.
    /// * `manifest` - see [`Manifest::new`].
    /// * `encoder` - as in [`OpenOptions::encoder`].
    ///
    /// # Errors
    /// [`IndexError::Exists`] when there is an index already;
    /// [`IndexError::NotEmpty`] when the folder holds other files;
    /// [`IndexError::ForeignEncoder`]; [`IndexError::Dense`] for a layout or a
    /// graph that cannot be; [`IndexError::Segment`].
    pub fn create(
        dir: &Path,
        manifest: Manifest,
        encoder: Option<Arc<dyn Encoder>>,
    ) -> Result<Self, IndexError> {
        if dir.join(manifest::FILE_NAME).exists() {
            return Err(IndexError::Exists { dir: dir.to_owned() });
        }
        refuse_foreign_files(dir)?;
        check_encoder(&manifest, encoder.as_deref())?;
        manifest.dims()?;
        manifest.graph.validate()?;
        let lexical_dir = dir.join(files::LEXICAL_DIR);
        for part in [&lexical_dir, &dir.join(files::SEGMENTS_DIR)] {
            if part.exists() {
                std::fs::remove_dir_all(part).map_err(|source| SegmentError::io(part, source))?;
            }
            files::create_dir(part)?;
        }
        LexicalIndex::create(&lexical_dir, manifest.lexical)?;
        manifest.write(dir)?;
        let options = OpenOptions { encoder, verify: Verify::Auto };
        Self::load(dir, manifest, options, BeforeEncoder::Refuse)
    }

    /// Opens an index at its newest commit.
    ///
    /// # Errors
    /// [`IndexError::NoIndex`]; [`IndexError::ForeignEncoder`];
    /// [`IndexError::Segment`] or [`IndexError::Lexical`] for damaged, missing
    /// or foreign files: whatever is wrong with a file is found here, or when it
    /// is first read under [`Verify::Lazy`], never by a panic.
    pub fn open(dir: &Path, options: OpenOptions) -> Result<Self, IndexError> {
        let manifest = Manifest::read(dir)?;
        check_encoder(&manifest, options.encoder.as_deref())?;
        Self::load(dir, manifest, options, BeforeEncoder::Refuse)
    }

    /// Opens an index whose encoder is still being loaded, so that words can be searched
    /// meanwhile. Until [`Index::attach_encoder`] is called a hybrid search is answered by
    /// words, and says so; one of vectors alone fails with [`EncodeError::Loading`].
    ///
    /// # Errors
    /// As for [`Index::open`].
    ///
    /// [`EncodeError::Loading`]: crate::EncodeError::Loading
    pub fn open_before_encoder(dir: &Path, verify: Verify) -> Result<Self, IndexError> {
        let options = OpenOptions { encoder: None, verify };
        Self::load(dir, Manifest::read(dir)?, options, BeforeEncoder::Degrade)
    }

    /// Gives the index its encoder; searchers from now on use it. The first call counts.
    ///
    /// # Errors
    /// [`IndexError::ForeignEncoder`]; the index stays without.
    pub fn attach_encoder(&self, encoder: Arc<dyn Encoder>) -> Result<(), IndexError> {
        check_encoder(&self.manifest, Some(encoder.as_ref()))?;
        // Encoders of one fingerprint give equal vectors: whichever came first will do.
        let _ = self.encoder.set(encoder);
        Ok(())
    }

    /// Opens the parts that `manifest` describes.
    fn load(
        dir: &Path,
        manifest: Manifest,
        options: OpenOptions,
        before_encoder: BeforeEncoder,
    ) -> Result<Self, IndexError> {
        let compare = match options.verify {
            Verify::Full => true,
            Verify::Lazy => false,
            Verify::Auto => folder_bytes(dir)? <= Verify::AUTO_LIMIT_BYTES,
        };
        let checksums = if compare { Checksums::Compare } else { Checksums::Skip };
        let lexical_verify = match checksums {
            Checksums::Compare => Verify::Full,
            Checksums::Skip => Verify::Lazy,
        };
        let lexical =
            LexicalIndex::open(&dir.join(files::LEXICAL_DIR), manifest.lexical, lexical_verify)?;
        let mut segments = OpenSegments::default();
        let generation = Generation::load(dir, &manifest, &lexical, &mut segments, checksums)?;
        Ok(Self {
            dir: dir.to_owned(),
            manifest,
            lexical: Arc::new(lexical),
            encoder: options.encoder.map(OnceLock::from).unwrap_or_default(),
            before_encoder,
            checksums,
            segments: Mutex::new(segments),
            current: RwLock::new(Arc::new(generation)),
        })
    }

    /// An immutable view of the newest generation this handle has loaded.
    pub fn searcher(&self) -> Searcher {
        let encoder = (self.encoder.get().cloned(), self.before_encoder);
        Searcher::new(self.generation(), encoder, self.manifest.lexical.stemmer)
    }

    /// Loads the newest commit if there is one; returns whether there was.
    /// Searchers already handed out go on unharmed.
    ///
    /// # Errors
    /// As for [`Index::open`]; the handle then keeps its generation.
    pub fn refresh(&self) -> Result<bool, IndexError> {
        let payload = LexicalIndex::payload(&self.dir.join(files::LEXICAL_DIR))?;
        if generation::read_record(&self.dir, &payload)? == *self.generation().record() {
            return Ok(false);
        }
        // A panic while the map was held cannot leave it inconsistent: entries
        // are inserted whole.
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = Generation::load(
            &self.dir,
            &self.manifest,
            &self.lexical,
            &mut segments,
            self.checksums,
        )?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(generation);
        Ok(true)
    }

    /// Opens the index for writing; at most one writer exists at a time, in any
    /// process.
    ///
    /// # Errors
    /// [`IndexError::Locked`] naming the holder; [`IndexError::Lexical`];
    /// [`IndexError::Segment`] when leftovers cannot be swept.
    pub fn writer(&self, options: WriterOptions) -> Result<IndexWriter, IndexError> {
        IndexWriter::open(self, options)
    }

    /// What the index is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The encoder it was opened with or given since.
    pub fn encoder(&self) -> Option<&Arc<dyn Encoder>> {
        self.encoder.get()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Counts and sizes of the loaded generation.
    ///
    /// # Errors
    /// [`IndexError::Segment`] when the folder cannot be listed.
    pub fn info(&self) -> Result<IndexInfo, IndexError> {
        let generation = self.generation();
        let record = generation.record();
        Ok(IndexInfo {
            generation: record.generation,
            documents: generation.texts.n_documents(),
            duplicates: generation.texts.n_duplicates(),
            chunks: generation.texts.n_chunks(),
            bytes: folder_bytes(&self.dir)?,
            vector_segments: record.vectors.len(),
            text_segments: record.texts.len(),
            tokens: generation.tokens.compressor().map(|compressor| TokenInfo {
                layout: compressor.layout(),
                chunks: generation.tokens.covered(&generation.alive),
                bytes: generation.tokens.len_bytes(),
            }),
            roots: record.roots.clone(),
        })
    }

    fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("dir", &self.dir)
            .field("generation", &self.generation().record().generation)
            .finish_non_exhaustive()
    }
}

fn check_encoder(manifest: &Manifest, encoder: Option<&dyn Encoder>) -> Result<(), IndexError> {
    match encoder {
        Some(encoder) if encoder.fingerprint() != manifest.encoder.fingerprint => {
            Err(IndexError::ForeignEncoder {
                index: manifest.encoder.name.clone(),
                index_fingerprint: manifest.encoder.fingerprint.clone(),
                given: encoder.name().to_owned(),
                given_fingerprint: encoder.fingerprint().to_owned(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// A typing mistake in `--index` must not bury an index among a user's files.
fn refuse_foreign_files(dir: &Path) -> Result<(), IndexError> {
    let ours = [files::LEXICAL_DIR, files::SEGMENTS_DIR, "writer.lock"];
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(SegmentError::io(dir, source).into()),
    };
    for entry in listing {
        let entry = entry.map_err(|source| SegmentError::io(dir, source))?;
        let name = entry.file_name();
        let known = name
            .to_str()
            .is_some_and(|name| ours.contains(&name) || name.starts_with(files::TEMPORARY_PREFIX));
        if !known {
            return Err(IndexError::NotEmpty { dir: dir.to_owned(), found: entry.path() });
        }
    }
    Ok(())
}

fn folder_bytes(dir: &Path) -> Result<u64, IndexError> {
    let mut bytes = 0;
    let mut pending = vec![dir.to_owned()];
    while let Some(folder) = pending.pop() {
        let io = |source| SegmentError::io(&folder, source);
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => pending.push(entry.path()),
                Ok(meta) => bytes += meta.len(),
                // Swept by a writer between listing and asking.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(io(source).into()),
            }
        }
    }
    Ok(bytes)
}
