//! The archive a DOCX is: its parts by name, unpacked within a limit.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::broken;
use crate::source::SkipReason;

/// Largest DOCX, in bytes.
pub const MAX_DOCX_BYTES: u64 = 128 << 20;

/// Largest part after unpacking, in bytes: the text of a thousand-page book has
/// about 20 MB of XML. A small archive can hold a part without end.
pub const MAX_DOCX_PART_BYTES: u64 = 256 << 20;

/// What old Word files and encrypted new ones begin with (OLE compound file).
const COMPOUND_FILE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// An open archive.
pub(super) struct Package {
    archive: ZipArchive<Cursor<Vec<u8>>>,
}

impl Package {
    /// Opens an archive.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, SkipReason> {
        if bytes.starts_with(COMPOUND_FILE) {
            return Err(SkipReason::PasswordProtected);
        }
        let archive =
            ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
        Ok(Self { archive })
    }

    /// A part as text; `None` when the archive has none of that name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<String>, SkipReason> {
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(broken(format!("{name}: {error}"))),
        };
        // The size in the archive's directory is a claim; the limit holds for
        // what is really unpacked.
        let mut bytes = Vec::new();
        file.take(MAX_DOCX_PART_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| broken(format!("{name}: {error}")))?;
        if bytes.len() as u64 > MAX_DOCX_PART_BYTES {
            let bytes = bytes.len() as u64;
            return Err(SkipReason::TooLarge {
                what: "a part of a DOCX",
                bytes,
                limit: MAX_DOCX_PART_BYTES,
            });
        }
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| broken(format!("{name} is not UTF-8")))
    }
}
