//! TLS for requests: the operating system's trusted certificates, by ring.
//!
//! reqwest's own default brings a second cryptography library whose build needs
//! more than a Rust toolchain; the one that fetching models uses is there
//! already.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// What an address needs of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// `https`: the operating system decides.
    System,
    /// `http`: nobody is trusted, so a machine without certificates can ask a
    /// model that runs on it.
    Nobody,
}

/// # Errors
/// [`rustls::Error`] where the system's certificates cannot be read.
pub(super) fn client_config(trust: Trust) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(match trust {
        Trust::System => builder.with_platform_verifier()?.with_no_client_auth(),
        Trust::Nobody => {
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    })
}
