//! The last line of defence against files opened without verification.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::error::LexicalError;

/// Runs `body`; a panic in it becomes an error about the index in `dir`.
///
/// tantivy decodes postings and columns without bounds of its own: it relies on
/// what it wrote. Opening verifies every checksum up to 1 GiB, and after that
/// nothing can panic here; a larger index is opened without, and a bit that
/// flipped must not take the process down. What `body` shares is read-only but
/// for a cache behind a lock that survives poisoning.
pub(super) fn guarded<T, E: From<LexicalError>>(
    dir: &Path,
    body: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(LexicalError::damaged(dir, format!("reading it failed ({message})")).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let result: Result<(), LexicalError> =
            guarded(Path::new("somewhere"), || panic!("index out of bounds"));
        assert!(result.unwrap_err().to_string().contains("index out of bounds"));
    }
}
