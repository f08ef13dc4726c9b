//! An HTTP client that trusts what the operating system trusts.
//!
//! The models' own, and for others who send to an address of the operator's choice, as
//! the exporter of spans does: reqwest and its TLS are set up in one place.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

use super::tls::{Trust, client_config};

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What was given is no address.
    #[error("{address:?} is no address; give one like http://127.0.0.1:4318")]
    Address {
        /// What was given.
        address: String,
    },
    /// The operating system's certificates cannot be read.
    #[error("TLS cannot be set up: {why}")]
    Tls {
        /// Why.
        why: String,
    },
}

/// A client for one address.
///
/// It follows no redirects, and asks this machine without a proxy.
///
/// # Arguments
/// * `timeout` - for a whole request.
///
/// # Errors
/// [`ClientError`].
pub fn http_client(address: &str, timeout: Duration) -> Result<Client, ClientError> {
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| ClientError::Address { address: address.to_owned() })?;
    let builder = builder(&url).map_err(|error| ClientError::Tls { why: error.to_string() })?;
    builder.timeout(timeout).build().map_err(|error| ClientError::Tls { why: error.to_string() })
}

/// What all clients have in common.
pub(super) fn builder(url: &Url) -> Result<ClientBuilder, rustls::Error> {
    let trust = if url.scheme() == "https" { Trust::System } else { Trust::Nobody };
    let builder = Client::builder()
        .tls_backend_preconfigured(client_config(trust)?)
        .redirect(Policy::none())
        .user_agent(concat!("trovato/", env!("CARGO_PKG_VERSION")));
    Ok(if is_local(url) { builder.no_proxy() } else { builder })
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_on_this_machine_is_known_by_its_host() {
        let local = |url: &str| is_local(&url.parse().unwrap());
        assert!(
            local("http://localhost:1/v1") && local("http://127.8.0.1/") && local("http://[::1]:1")
        );
        assert!(!local("http://10.0.0.1") && !local("https://localhost.example.org"));
    }

    #[test]
    fn an_address_is_http() {
        let second = Duration::from_secs(1);
        for address in ["", "localhost:4318", "grpc://127.0.0.1:4317"] {
            let error = http_client(address, second).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:4318"), "{error}");
        }
        http_client("http://127.0.0.1:4318", second).unwrap();
    }
}
