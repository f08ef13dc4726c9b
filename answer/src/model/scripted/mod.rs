//! A provider that plays a script: real wire formats over a loopback socket.
//!
//! It answers each request with the next reply of its script, remembers what it
//! was asked, and can be asked whether the other side hung up. It is made of
//! threads and the standard library, so it works in any test.
//!
//! Bodies go out in HTTP chunks, one for each part: a reader gets the parts as
//! they were cut, whatever the network does.

mod formats;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

pub use formats::{LineEnd, Scripted, cut_at, events, reply};

/// No part of a script waits longer for the other side.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent, in its order.
#[derive(Clone, Debug)]
pub enum Step {
    /// A part of the body, in a chunk of its own.
    Send(Vec<u8>),
    /// Nothing for a while.
    Pause(Duration),
    /// Nothing until the other side hangs up.
    UntilHungUp,
    /// The connection is closed without the body's end.
    Cut,
}

/// A reply of the script.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    steps: Vec<Step>,
}

impl Reply {
    /// A stream of events, which goes through `steps` and ends.
    pub fn stream(steps: impl IntoIterator<Item = Step>) -> Self {
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        Self { status: 200, headers, steps: steps.into_iter().collect() }
    }

    /// A stream in one part.
    pub fn events(bytes: impl Into<Vec<u8>>) -> Self {
        Self::stream([Step::Send(bytes.into())])
    }

    /// A status with a JSON body.
    pub fn status(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, steps: vec![Step::Send(body.to_string().into_bytes())] }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path, query included.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; `Null` where it was not JSON.
    pub body: Value,
}

impl Asked {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    script: Vec<Reply>,
    asked: Vec<Asked>,
    n_hung_up: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    over: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed elsewhere should still be able to look.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hung_up(&self) {
        self.state().n_hung_up += 1;
        self.changed.notify_all();
    }
}

/// A provider on a port of its own, until it is dropped.
#[derive(Debug)]
pub struct ScriptedProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl ScriptedProvider {
    /// Starts a provider that gives these replies, one for each request, and
    /// then status 500.
    ///
    /// # Errors
    /// Those of opening a socket.
    pub fn start(script: impl IntoIterator<Item = Reply>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        shared.state().script = script.into_iter().collect();
        let listening = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || listen(&listener, &shared)
        });
        Ok(Self { address, shared, listening: Some(listening) })
    }

    /// Where it is, with a version as providers have it.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Waits until the other side hung up, on a [`Step::UntilHungUp`] or before it.
    ///
    /// # Returns
    /// Whether it did, within ten seconds.
    pub fn was_hung_up_on(&self) -> bool {
        let state = self.shared.state();
        let waited =
            self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.n_hung_up == 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.n_hung_up > 0
    }
}

impl Drop for ScriptedProvider {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the listener; if that fails, it has gone already.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client may go away before its script says that it is waited for.
            if serve(connection, &shared).is_err() {
                shared.hung_up();
            }
        });
    }
}

fn serve(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let asked = read_request(&connection)?;
    let reply = {
        let mut state = shared.state();
        state.asked.push(asked);
        if state.script.is_empty() {
            Reply::status(500, &serde_json::json!({ "error": "the script is over" }))
        } else {
            state.script.remove(0)
        }
    };
    write!(connection, "HTTP/1.1 {} Scripted\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(connection, "{name}: {value}\r\n")?;
    }
    connection.write_all(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")?;
    for step in reply.steps {
        match step {
            // An empty chunk would be the end.
            Step::Send(part) if part.is_empty() => {}
            Step::Send(part) => {
                let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
                chunk.extend_from_slice(&part);
                chunk.extend_from_slice(b"\r\n");
                connection.write_all(&chunk)?;
            }
            Step::Pause(time) => std::thread::sleep(time),
            Step::UntilHungUp => {
                // Nothing more is asked on this connection: the end of the
                // stream or an error is the other side leaving.
                let gone = match connection.read(&mut [0]) {
                    Ok(n_read) => n_read == 0,
                    Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
                };
                if gone {
                    shared.hung_up();
                }
                return Ok(());
            }
            Step::Cut => return connection.shutdown(Shutdown::Both),
        }
    }
    connection.write_all(b"0\r\n\r\n")
}

fn read_request(connection: &TcpStream) -> io::Result<Asked> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Asked { path, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}
