//! A load client for `POST /v1/search`: closed loop or at a fixed rate.
//!
//! One blocking connection a client, kept alive: on a loopback address a call
//! then costs its write, its read and the server's work, and the client's own
//! part stays below twenty microseconds. Bounded by requests and by time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Failure;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Who asks how often.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections, each with one request under way at a time.
    pub clients: usize,
    /// Requests in all.
    pub requests: usize,
    /// No request starts after this.
    pub at_most: Duration,
    /// When requests start.
    pub pace: Pace,
}

/// When the next request starts.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as a client has its answer: what the server can do at best.
    Closed,
    /// At this many a second, whatever the answers do. Latency counts from when
    /// a request was due, so that a stall is charged to all that it delays
    /// (Tene's coordinated omission).
    PerSecond(f64),
}

/// What the clients saw.
#[derive(Debug, Default, Serialize)]
pub struct LoadReport {
    /// Requests that were answered with 200.
    pub answered: usize,
    /// Requests that were answered otherwise, 503 for example.
    pub refused: usize,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Latency of each answered request, in milliseconds.
    pub latency_ms: Vec<f64>,
    /// The server's own `timings_ms.total` of each: the search.
    pub search_ms: Vec<f64>,
}

/// Sends `bodies` in turn to `address`.
///
/// # Errors
/// When a connection fails or an answer is not HTTP with a length; the report
/// would mean nothing then.
pub fn run(address: SocketAddr, bodies: &[String], load: Load) -> Result<LoadReport, Failure> {
    if bodies.is_empty() {
        return Err("there are no requests to send".into());
    }
    let next = AtomicUsize::new(0);
    let mut report = LoadReport::default();
    let started = Instant::now();
    let parts = std::thread::scope(|scope| {
        let next = &next;
        let clients: Vec<_> = (0..load.clients.max(1))
            .map(|_| scope.spawn(move || client(address, bodies, load, (next, started))))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().map_err(|_| Failure::from("a client panicked"))?)
            .collect::<Result<Vec<_>, Failure>>()
    })?;
    report.seconds = started.elapsed().as_secs_f64();
    for part in parts {
        report.answered += part.answered;
        report.refused += part.refused;
        report.latency_ms.extend(part.latency_ms);
        report.search_ms.extend(part.search_ms);
    }
    Ok(report)
}

fn client(
    address: SocketAddr,
    bodies: &[String],
    load: Load,
    (next, started): (&AtomicUsize, Instant),
) -> Result<LoadReport, Failure> {
    let mut connection = Connection::open(address)?;
    let mut report = LoadReport::default();
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= load.requests || started.elapsed() >= load.at_most {
            return Ok(report);
        }
        let due = match load.pace {
            Pace::Closed => Instant::now(),
            Pace::PerSecond(rate) => {
                let due = started + Duration::from_secs_f64(at as f64 / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                due
            }
        };
        let status = connection.search(&bodies[at % bodies.len()])?;
        let latency_ms = due.elapsed().as_secs_f64() * 1e3;
        if status == 200 {
            report.answered += 1;
            report.latency_ms.push(latency_ms);
            report.search_ms.extend(search_ms(&connection.body));
        } else {
            report.refused += 1;
        }
    }
}

/// A connection that is kept alive.
struct Connection {
    address: SocketAddr,
    reader: BufReader<TcpStream>,
    request: Vec<u8>,
    line: String,
    /// The last answer's.
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let reader = BufReader::with_capacity(64 << 10, stream);
        Ok(Self { address, reader, request: Vec::new(), line: String::new(), body: Vec::new() })
    }

    /// Sends a search and reads its answer; returns the status.
    fn search(&mut self, body: &str) -> Result<u16, Failure> {
        self.request.clear();
        write!(
            self.request,
            "POST /v1/search HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        self.reader.get_mut().write_all(&self.request)?;
        let status_line = self.read_line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("not HTTP: {status_line:?}"))?;
        let mut length = None;
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        self.body.resize(length.ok_or("an answer without a length")?, 0);
        self.reader.read_exact(&mut self.body)?;
        Ok(status)
    }

    fn read_line(&mut self) -> Result<&str, Failure> {
        self.line.clear();
        if self.reader.read_line(&mut self.line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(self.line.trim_end())
    }
}

/// `timings_ms.total` of an answer. Looked for, not parsed: parsing ten texts
/// would take as long as the server's part. Quotes inside a text are escaped,
/// so only a key reads `"total":`.
fn search_ms(body: &[u8]) -> Option<f64> {
    let body = std::str::from_utf8(body).ok()?;
    let timings = &body[body.find("\"timings_ms\":")?..];
    let total = &timings[timings.find("\"total\":")? + "\"total\":".len()..];
    total[..total.find([',', '}'])?].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers every request of every connection, one in three with 503.
    fn server(answers: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(answers) {
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.unwrap());
                    for at in 0.. {
                        let mut length = 0;
                        loop {
                            let mut line = String::new();
                            if reader.read_line(&mut line).unwrap() == 0 {
                                return;
                            }
                            if let Some(value) = line.strip_prefix("Content-Length: ") {
                                length = value.trim().parse().unwrap();
                            }
                            if line == "\r\n" {
                                break;
                            }
                        }
                        reader.read_exact(&mut vec![0; length]).unwrap();
                        let body = r#"{"hits":[{"text":"\"total\":9"}],"timings_ms":{"plan":0.1,"total":1.5},"generation":1}"#;
                        let status = if at % 3 == 2 { "503 Busy" } else { "200 OK" };
                        let head =
                            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                        reader.get_mut().write_all((head + body).as_bytes()).unwrap();
                    }
                });
            }
        });
        address
    }

    #[test]
    fn every_request_is_counted_once() {
        let load = Load {
            clients: 2,
            requests: 30,
            at_most: Duration::from_secs(20),
            pace: Pace::PerSecond(1000.0),
        };
        let bodies = ["{}".to_owned()];
        let report = run(server(2), &bodies, load).unwrap();
        assert_eq!(report.answered + report.refused, 30);
        assert!(report.refused >= 8, "{}", report.refused);
        assert_eq!(report.latency_ms.len(), report.answered);
        assert_eq!(report.search_ms, vec![1.5; report.answered]);
        assert!(report.seconds >= 0.029, "the last is due after 29 ms: {}", report.seconds);
        let closed = Load { pace: Pace::Closed, at_most: Duration::ZERO, ..load };
        assert_eq!(run(server(2), &bodies, closed).unwrap().answered, 0);
        assert!(run(server(2), &[], load).is_err());
    }
}
