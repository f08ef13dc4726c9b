//! The Hugging Face hub, over HTTPS. A hub that cannot be reached within three
//! seconds is not asked again in this run: a machine without it should wait
//! once, not once a file.

use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::Agent;

use super::{Content, Wanted, store};
use crate::cache::Staging;
use crate::card::HubRepository;
use crate::error::ModelError;
use crate::progress::Progress;
use crate::settings::Hub;

/// Time to resolve the name, and again to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest silence within a transfer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Addresses that failed in this process, with the reason.
static FAILED: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Fills `staging` with all wanted files.
///
/// # Errors
/// [`ModelError::HubOffline`], [`ModelError::HubFailedBefore`],
/// [`ModelError::Network`], [`ModelError::HttpStatus`],
/// [`ModelError::CutDownload`], [`ModelError::WrongHash`].
pub(super) fn fill(
    wanted: &Wanted<'_>,
    repository: HubRepository,
    hub: &Hub,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), ModelError> {
    let Hub::Online(endpoint) = hub else { return Err(ModelError::HubOffline) };
    if let Some(reason) = failed_before(endpoint) {
        return Err(ModelError::HubFailedBefore { reason });
    }
    let agent: Agent = Agent::config_builder()
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .user_agent(concat!("trovato/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    for file in &wanted.files {
        let HubRepository { id, revision } = repository;
        let url = format!("{endpoint}/{id}/resolve/{revision}/{}", file.path);
        let content = get(&agent, url).inspect_err(|error| {
            if let ModelError::Network { .. } = error {
                remember(endpoint, &error.to_string());
            }
        })?;
        store(file, "the hub", staging, progress, content)?;
    }
    Ok(())
}

fn get(agent: &Agent, url: String) -> Result<Download<impl Read>, ModelError> {
    // Compressed transfers carry no usable length, and weights do not shrink.
    let response = agent.get(&url).header("Accept-Encoding", "identity").call();
    match response {
        Ok(response) => {
            let length = response.headers().get("content-length");
            let expected = length.and_then(|value| value.to_str().ok()?.parse().ok());
            let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
            Ok(Download { reader, url, expected, received: 0 })
        }
        Err(ureq::Error::StatusCode(status)) => Err(ModelError::HttpStatus { url, status }),
        Err(error) => Err(ModelError::Network { url, source: Box::new(error) }),
    }
}

fn failed_before(endpoint: &str) -> Option<String> {
    let failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    failed.iter().find(|(address, _)| address == endpoint).map(|(_, reason)| reason.clone())
}

fn remember(endpoint: &str, reason: &str) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    failed.push((endpoint.to_owned(), reason.to_owned()));
}

struct Download<R> {
    reader: R,
    url: String,
    expected: Option<u64>,
    received: u64,
}

impl<R: Read> Content for Download<R> {
    fn bytes(&self) -> Option<u64> {
        self.expected
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ModelError> {
        let result = self.reader.read(buffer);
        let n = *result.as_ref().unwrap_or(&0);
        self.received += n as u64;
        match (result, self.expected) {
            (_, Some(expected)) if n == 0 && self.received < expected => {
                Err(ModelError::CutDownload {
                    url: self.url.clone(),
                    expected,
                    received: self.received,
                })
            }
            (Err(error), _) => Err(ModelError::Network {
                url: self.url.clone(),
                source: Box::new(ureq::Error::Io(error)),
            }),
            (Ok(n), _) => Ok(n),
        }
    }
}
