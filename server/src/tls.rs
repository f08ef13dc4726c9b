//! TLS for a server's own connections, by rustls and ring.
//!
//! The provider is named and not taken from the process: the tree has one for asking
//! language models already, and a second library for the same would be two to watch.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::TlsAcceptor;

/// Says of a request that it came over TLS, for links that lead back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverTls;

/// Why a server cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of certificates cannot be read.
    #[error("{} is no PEM file of certificates, the server's own first", path.display())]
    Certificates {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// It holds none.
    #[error("{} holds no certificate; give a PEM file, the server's own first", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A file with a private key cannot be read. What it holds is not told.
    #[error("{} is no PEM file of a private key without a password", path.display())]
    PrivateKey {
        /// Which file.
        path: PathBuf,
    },
    /// They do not go together, or are of a kind that is not known.
    #[error("the certificate and the private key cannot be used together")]
    Unfit(#[source] rustls::Error),
}

/// A certificate and its key, read. Cheap to clone.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Reads a certificate and its key, for TLS 1.2 and 1.3. They are read once: a new
    /// certificate needs a restart.
    ///
    /// # Arguments
    /// * `certificates` - a PEM file: the server's own, then those it was signed by.
    /// * `key` - a PEM file: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let failed = |source| TlsError::Certificates { path: certificates.to_owned(), source };
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect)
            .map_err(failed)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate { path: certificates.to_owned() });
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|_| TlsError::PrivateKey { path: key.to_owned() })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Unfit)?;
        // What the server speaks, so that a client does not try HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}
