//! Server-sent events from bytes that arrive in any pieces.
//!
//! Bytes are collected until a line is whole, so it does not matter whether a
//! piece ends within a character, within `data:` or between CR and LF. Only
//! `data` is read: the formats spoken here repeat the event's name in it.
//!
//! Source: WHATWG HTML, section 9.2.6. Differs: an event is bounded, and one
//! that the end of the stream cuts off is still given out when its line is
//! whole, since some servers forget the last empty line.

/// An event longer than this is an attack or a mistake.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// An event, or a line, does not end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EventTooLong;

/// Collects bytes, gives out the data of whole events.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was CR: an LF right behind it belongs to it.
    after_cr: bool,
}

impl Events {
    /// Takes the next bytes.
    ///
    /// # Returns
    /// The data of every event that they complete, lines joined by LF; bytes
    /// that are no UTF-8 are replaced.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, EventTooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte if self.line.len() + self.data.len() < MAX_EVENT_BYTES => self.line.push(byte),
                _ => return Err(EventTooLong),
            }
        }
        Ok(events)
    }

    /// What is left when the stream ends.
    pub(super) fn finish(&mut self) -> Option<String> {
        self.end_line().or_else(|| self.dispatch())
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.dispatch();
        }
        if let Some(value) = line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            self.has_data = true;
        }
        None
    }

    fn dispatch(&mut self) -> Option<String> {
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| String::from_utf8_lossy(&data).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = ": ping\r\nevent: a\r\ndata: é🦀\r\ndata:two\r\n\r\n\r\n\
                          data: {\"x\": 1}\n\nid: 1\n\ndata\n\ndata: last";

    fn read(stream: &[u8], cuts: &[usize]) -> Vec<String> {
        let mut events = Events::default();
        let mut found = Vec::new();
        let mut start = 0;
        for &cut in cuts.iter().chain([&stream.len()]) {
            found.extend(events.push(&stream[start..cut]).unwrap());
            start = cut;
        }
        found.extend(events.finish());
        found
    }

    #[test]
    fn events_do_not_depend_on_where_the_bytes_are_cut() {
        let expected = ["é🦀\ntwo", "{\"x\": 1}", "last"];
        for cut in 0..=STREAM.len() {
            assert_eq!(read(STREAM.as_bytes(), &[cut]), expected, "cut at {cut}");
        }
        let every: Vec<usize> = (0..STREAM.len()).collect();
        assert_eq!(read(STREAM.as_bytes(), &every), expected);
    }

    #[test]
    fn carriage_returns_alone_end_lines() {
        assert_eq!(read(b"data: a\r\rdata: b\r\r", &[8]), ["a", "b"]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; MAX_EVENT_BYTES];
        assert!(events.push(&piece).is_ok());
        assert_eq!(events.push(b"x"), Err(EventTooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_alike_whole_and_cut(
            bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..80
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(read(&bytes, &[]), read(&bytes, &[cut]));
        }
    }
}
