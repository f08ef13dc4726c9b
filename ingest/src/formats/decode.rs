//! Bytes to text: a byte order mark, else UTF-8, else what the file declares,
//! else Windows-1252, which gives every byte a meaning and covers most old
//! Western files. Guessing among other 8-bit encodings by letter statistics was
//! rejected: a wrong guess looks like text and is found by nobody.

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::source::SkipReason;

/// A decoded file.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// The encoding's name, when it was not UTF-8.
    pub(super) other_than_utf8: Option<&'static str>,
}

/// Decodes a file.
///
/// # Errors
/// [`SkipReason::NotText`] for a zero byte outside UTF-16: no text has one.
pub(super) fn decode(
    bytes: Vec<u8>,
    declared: Option<&'static Encoding>,
) -> Result<Decoded, SkipReason> {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(&bytes)
        && encoding != encoding_rs::UTF_8
    {
        let (text, _) = encoding.decode_without_bom_handling(&bytes[mark_bytes..]);
        return Ok(Decoded { text: text.into_owned(), other_than_utf8: Some(encoding.name()) });
    }
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(SkipReason::NotText { offset });
    }
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            if text.starts_with('\u{FEFF}') {
                text.drain(..'\u{FEFF}'.len_utf8());
            }
            Ok(Decoded { text, other_than_utf8: None })
        }
        Err(error) => {
            let encoding = declared.filter(|e| *e != encoding_rs::UTF_8).unwrap_or(WINDOWS_1252);
            let (text, _) = encoding.decode_without_bom_handling(error.as_bytes());
            Ok(Decoded { text: text.into_owned(), other_than_utf8: Some(encoding.name()) })
        }
    }
}

/// The encoding a page declares in its first kilobyte, as the standard has it.
pub(super) fn html_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let label = after.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c));
    Encoding::for_label(&label.as_bytes()[..end.unwrap_or(label.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], text: &str, encoding: Option<&str>) {
        let decoded = decode(bytes.to_vec(), html_charset(bytes)).unwrap();
        assert_eq!((decoded.text.as_str(), decoded.other_than_utf8), (text, encoding));
    }

    #[test]
    fn marks_then_utf8_then_the_declaration_then_windows_1252() {
        check("è vero".as_bytes(), "è vero", None);
        check("\u{FEFF}x".as_bytes(), "x", None);
        check(b"\xFF\xFEa\0\xE8\0", "aè", Some("UTF-16LE"));
        check(b"\xFE\xFF\0a", "a", Some("UTF-16BE"));
        check(b"caf\xE9 \x96", "café –", Some("windows-1252"));
        check(
            b"<meta charset=\"iso-8859-2\">\xB9",
            "<meta charset=\"iso-8859-2\">š",
            Some("ISO-8859-2"),
        );
        let error = decode(b"ab\0c".to_vec(), None).unwrap_err();
        assert!(matches!(error, SkipReason::NotText { offset: 2 }));
    }
}
