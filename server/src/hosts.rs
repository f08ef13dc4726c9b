//! Which names of this server a request may use.
//!
//! A server on a loopback address has no password, because only this machine
//! can reach it. A web page elsewhere could still have its own host name
//! resolve to 127.0.0.1 and then read the index through the visitor's browser
//! (DNS rebinding). Such a request carries the page's name in `Host`, so names
//! other than the machine's own are refused. A server that was put on a network
//! address on purpose answers to any name.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri, header};

/// The names a server answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPolicy {
    /// Any.
    Any,
    /// These, without ports; compared without regard to case.
    Only(Vec<String>),
}

impl HostPolicy {
    /// The policy for a server on `address`.
    ///
    /// # Arguments
    /// * `extra` - further names, of a reverse proxy for instance.
    pub fn for_address(address: SocketAddr, extra: &[String]) -> Self {
        if !address.ip().is_loopback() {
            return Self::Any;
        }
        let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let ip = address.ip().to_string();
        Self::Only(own.into_iter().chain([ip]).chain(extra.iter().cloned()).collect())
    }

    /// The host of a request this policy refuses; `None` when it may pass. A
    /// request without a host (HTTP/1.0) cannot come from a browser and passes.
    pub(crate) fn refused(&self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        let Self::Only(names) = self else { return None };
        let host = match headers.get(header::HOST) {
            Some(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
            None => uri.host()?.to_owned(),
        };
        let name = without_port(&host);
        let known = names.iter().any(|known| known.eq_ignore_ascii_case(name));
        (!known).then_some(host)
    }
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(host, |(address, _)| address);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(policy: &HostPolicy, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        policy.refused(&Uri::from_static("/"), &headers).is_some()
    }

    #[test]
    fn a_loopback_server_answers_to_its_own_names_only() {
        let local: SocketAddr = "127.0.0.1:7700".parse().unwrap();
        let policy = HostPolicy::for_address(local, &["search.example".to_owned()]);
        for host in
            ["localhost:7700", "LOCALHOST", "127.0.0.1:7700", "[::1]:7700", "search.example"]
        {
            assert!(!refused(&policy, host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:7700", "", "[::2]", "localhost.evil"] {
            assert!(refused(&policy, host), "{host}");
        }
        assert_eq!(policy.refused(&Uri::from_static("/"), &HeaderMap::new()), None);

        let open = HostPolicy::for_address("0.0.0.0:80".parse().unwrap(), &[]);
        assert!(!refused(&open, "anything.example"));
    }
}
