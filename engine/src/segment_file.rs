//! The container every file of ours shares: magic, kind, checksummed sections.
//!
//! Layout, little-endian: a 32-byte header (magic, format version, kind, number
//! of sections, CRC-32 of the table), the section table (32 bytes each), then
//! the sections, each starting at a multiple of 64 bytes so that a mapped
//! section can be read as a typed slice. A file is written once and never
//! changed; it counts only when a commit names it.
//!
//! CRC-32 and not a cryptographic hash: the enemy is a bad disk, not a person,
//! and it runs at memory speed when an index is opened.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::disk;
use crate::error::SegmentError;

#[cfg(target_endian = "big")]
compile_error!(
    "index files are little-endian and read in place; big-endian hosts are not supported"
);

const MAGIC: [u8; 8] = *b"trovato\x01";
const FORMAT_VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;
const ENTRY_BYTES: usize = 32;
const ALIGNMENT: usize = 64;
/// More sections than any kind has; a larger count means a damaged header.
const MAX_SECTIONS: usize = 64;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    /// Vectors and perhaps a graph.
    Vectors = 1,
    /// Canonical texts and documents' metadata.
    Texts = 2,
    /// A static encoder's table. Not part of an index.
    TokenRows = 3,
    /// Token vectors of passages.
    Tokens = 4,
}

/// How much of a file is checked when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Every checksum when the index's own files have at most
    /// [`Verify::AUTO_LIMIT_BYTES`] together, else headers and bounds.
    #[default]
    Auto,
    /// Every checksum, whatever the size.
    Full,
    /// Headers, tables and bounds only.
    Lazy,
}

impl Verify {
    /// Up to this many bytes (1 GiB) opening reads everything by default.
    pub const AUTO_LIMIT_BYTES: u64 = 1 << 30;
}

/// What tells a file from every other: the checksum of its header and table, which
/// hold the checksums of all sections. Two files of equal identity have equal content.
///
/// # Errors
/// [`SegmentError::Io`]; [`SegmentError::Damaged`] for a file that is too short;
/// [`SegmentError::Version`], since another format is no damage.
pub(crate) fn identity(path: &Path) -> Result<u32, SegmentError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let mut head = vec![0; HEADER_BYTES];
        file.read_exact(&mut head)?;
        let n_sections = (u32_at(&head, 16) as usize).min(MAX_SECTIONS);
        head.resize(HEADER_BYTES + n_sections * ENTRY_BYTES, 0);
        file.read_exact(&mut head[HEADER_BYTES..])?;
        Ok(head)
    };
    let head = read().map_err(|source| {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            SegmentError::damaged(path, "shorter than its header")
        } else {
            SegmentError::io(path, source)
        }
    })?;
    check_version(path, &head)?;
    Ok(crc32fast::hash(&head))
}

/// Whether a file with Trovato's magic bytes has the format that is read here.
fn check_version(path: &Path, head: &[u8]) -> Result<(), SegmentError> {
    let found = u32_at(head, 8);
    if head[..8] == MAGIC && found != FORMAT_VERSION {
        let (path, supported) = (path.to_owned(), FORMAT_VERSION);
        return Err(SegmentError::Version { path, found, supported });
    }
    Ok(())
}

/// Name and content of one section to be written.
pub(crate) struct Section<'a> {
    /// Unique within the file; its meaning belongs to the kind.
    pub(crate) id: u32,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
}

/// Writes a segment file and syncs it; the caller syncs the directory.
///
/// # Errors
/// [`SegmentError::Io`] when the file exists already or cannot be written; a
/// partial file is removed.
pub(crate) fn write(
    path: &Path,
    kind: SegmentKind,
    sections: &[Section<'_>],
) -> Result<u64, SegmentError> {
    write_and_sync(path, kind, sections).map_err(|source| {
        // Best effort: a leftover is swept by the next writer, since no commit names it.
        let _ = disk::remove_file(path);
        SegmentError::io(path, source)
    })
}

fn write_and_sync(path: &Path, kind: SegmentKind, sections: &[Section<'_>]) -> io::Result<u64> {
    let mut table = Vec::with_capacity(sections.len() * ENTRY_BYTES);
    let mut offset = (HEADER_BYTES + sections.len() * ENTRY_BYTES).next_multiple_of(ALIGNMENT);
    for section in sections {
        table.extend_from_slice(&section.id.to_le_bytes());
        table.extend_from_slice(&crc32fast::hash(section.bytes).to_le_bytes());
        table.extend_from_slice(&(offset as u64).to_le_bytes());
        table.extend_from_slice(&(section.bytes.len() as u64).to_le_bytes());
        table.extend_from_slice(&[0; 8]);
        offset = (offset + section.bytes.len()).next_multiple_of(ALIGNMENT);
    }
    let mut out = BufWriter::new(disk::create_new(path)?);
    let mut head = Vec::with_capacity(HEADER_BYTES);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    head.extend_from_slice(&(kind as u32).to_le_bytes());
    head.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(&table).to_le_bytes());
    head.extend_from_slice(&(offset as u64).to_le_bytes());
    out.write_all(&head)?;
    out.write_all(&table)?;
    let mut at = HEADER_BYTES + table.len();
    for section in sections {
        pad(&mut out, &mut at)?;
        out.write_all(section.bytes)?;
        at += section.bytes.len();
    }
    pad(&mut out, &mut at)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    disk::sync_file(&file, path)?;
    Ok(at as u64)
}

fn pad(out: &mut impl Write, at: &mut usize) -> io::Result<()> {
    let aligned = at.next_multiple_of(ALIGNMENT);
    out.write_all(&[0; ALIGNMENT][..aligned - *at])?;
    *at = aligned;
    Ok(())
}

/// An open, mapped segment file whose header and table have been checked.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    map: Mmap,
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u32,
    crc: u32,
    offset: usize,
    len: usize,
}

impl SegmentFile {
    /// Maps a file and checks its header, table and size; not its sections'
    /// content, see [`SegmentFile::verify`].
    ///
    /// # Errors
    /// [`SegmentError::Io`]; [`SegmentError::Damaged`] with what is wrong;
    /// [`SegmentError::Version`] for a file of another format.
    pub(crate) fn open(path: &Path, kind: SegmentKind) -> Result<Self, SegmentError> {
        let file = File::open(path).map_err(|source| SegmentError::io(path, source))?;
        let map = map(&file).map_err(|source| SegmentError::io(path, source))?;
        let damaged = |what: &str| SegmentError::damaged(path, what);
        let head = map.get(..HEADER_BYTES).ok_or_else(|| damaged("shorter than its header"))?;
        if head[..8] != MAGIC {
            return Err(damaged("the magic bytes are not Trovato's"));
        }
        check_version(path, head)?;
        if u32_at(head, 12) != kind as u32 {
            return Err(damaged("it is another kind of segment"));
        }
        let n_sections = u32_at(head, 16) as usize;
        if n_sections > MAX_SECTIONS {
            return Err(damaged("the number of sections is impossible"));
        }
        if u64_at(head, 24) != map.len() as u64 {
            return Err(damaged("its size is not the one it was written with"));
        }
        let table = map
            .get(HEADER_BYTES..HEADER_BYTES + n_sections * ENTRY_BYTES)
            .ok_or_else(|| damaged("the section table is cut"))?;
        if crc32fast::hash(table) != u32_at(head, 20) {
            return Err(damaged("the section table's checksum does not match"));
        }
        let mut entries = Vec::with_capacity(n_sections);
        for row in table.chunks_exact(ENTRY_BYTES) {
            let (offset, len) = (u64_at(row, 8) as usize, u64_at(row, 16) as usize);
            if offset % ALIGNMENT != 0 || offset.checked_add(len).is_none_or(|end| end > map.len())
            {
                return Err(damaged("a section lies outside the file"));
            }
            entries.push(Entry { id: u32_at(row, 0), crc: u32_at(row, 4), offset, len });
        }
        Ok(Self { map, path: path.to_owned(), entries })
    }

    /// Reads every section and compares its checksum.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] naming the first section that differs.
    pub(crate) fn verify(&self) -> Result<(), SegmentError> {
        for entry in &self.entries {
            if crc32fast::hash(self.bytes(*entry)) != entry.crc {
                return Err(
                    self.damaged(&format!("the checksum of section {} does not match", entry.id))
                );
            }
        }
        Ok(())
    }

    /// The bytes of section `id`.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when the file has no such section.
    pub(crate) fn section(&self, id: u32) -> Result<&[u8], SegmentError> {
        self.entries
            .iter()
            .find(|entry| entry.id == id)
            .map(|entry| self.bytes(*entry))
            .ok_or_else(|| self.damaged(&format!("section {id} is missing")))
    }

    /// Section `id` as a slice of plain values, read in place.
    ///
    /// # Errors
    /// [`SegmentError::Damaged`] when the section is missing or not a whole
    /// number of values.
    pub(crate) fn values<T: bytemuck::AnyBitPattern>(&self, id: u32) -> Result<&[T], SegmentError> {
        bytemuck::try_cast_slice(self.section(id)?)
            .map_err(|_| self.damaged(&format!("section {id} is not a whole number of values")))
    }

    /// Bytes of the file.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// An error about this file.
    pub(crate) fn damaged(&self, what: &str) -> SegmentError {
        SegmentError::damaged(&self.path, what)
    }

    fn bytes(&self, entry: Entry) -> &[u8] {
        &self.map[entry.offset..entry.offset + entry.len]
    }
}

/// Maps a file for reading.
#[allow(unsafe_code)]
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapping is undefined behaviour only if the file changes under
    // it. Segment files and a model's weights are written once under a fresh
    // name and afterwards only unlinked, which leaves the mapping intact; a user
    // who truncates such a file by hand gets a SIGBUS, as with every mapped one.
    unsafe { Mmap::map(file) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_and_every_flipped_bit_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        let sections = [Section { id: 1, bytes: b"hello" }, Section { id: 2, bytes: &[7; 100] }];
        write(&path, SegmentKind::Texts, &sections).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let open = |bytes: &[u8]| {
            let path = dir.path().join("b.seg");
            std::fs::write(&path, bytes).unwrap();
            let file = SegmentFile::open(&path, SegmentKind::Texts)?;
            file.verify()?;
            Ok::<_, SegmentError>((file.section(1)?.to_vec(), file.section(2)?.to_vec()))
        };
        let content = open(&whole).unwrap();
        assert_eq!(content, (b"hello".to_vec(), vec![7; 100]));
        for len in 0..whole.len() {
            assert!(open(&whole[..len]).is_err(), "cut at {len}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Padding and the reserved table bytes carry nothing; wherever a
            // flip is accepted the content must be unchanged.
            if let Ok(read) = open(&bytes) {
                assert_eq!(read, content, "bit {bit}");
            }
        }
        assert!(SegmentFile::open(&path, SegmentKind::Vectors).is_err());
    }
}
