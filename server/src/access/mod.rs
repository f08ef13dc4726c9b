//! Who may do what: keys with scopes, and the one table that says what each route needs.
//!
//! A request passes [`admit`] before its handler runs. What it may see goes with it as a
//! [`Sight`], and a handler reaches collections through its [`Caller`] alone, so that a
//! new route cannot forget to ask. Without keys everybody may do everything, which is why
//! such a server keeps to a loopback address unless it is told otherwise ([`Access`]).

mod admit;
mod caller;
mod key_file;
mod keys;
mod limiter;
mod scope;
mod secret;
mod table;

use std::net::SocketAddr;

pub use self::key_file::{Expiry, KeyEntry, KeyFile, KeyFileError};
pub use self::keys::Keys;
pub use self::scope::Scope;
pub use self::secret::{AccessKey, KeyDigest, KeyGenerationError};

pub(crate) use self::admit::admit;
pub(crate) use self::caller::{Caller, Sight};
pub(crate) use self::keys::watch;
pub(crate) use self::table::{Needs, needs};

/// Who may use a server.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody who reaches it, which must be this machine alone: any address but a
    /// loopback one is refused.
    Local,
    /// Who has a key.
    Keys(Keys),
    /// Everybody who reaches it, from wherever.
    OpenToNetwork,
}

impl Access {
    /// Whether a server on this address would be open to others without anybody having
    /// said so.
    pub(crate) fn is_exposed_by(&self, address: SocketAddr) -> bool {
        // `::ffff:127.0.0.1` is a loopback address too.
        matches!(self, Self::Local) && !address.ip().to_canonical().is_loopback()
    }

    pub(crate) fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Keys(keys) => Some(keys),
            Self::Local | Self::OpenToNetwork => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_open_to_others() {
        for (address, exposed) in [
            ("127.0.0.1:1", false),
            ("127.8.8.8:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.168.1.2:1", true),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Access::Local.is_exposed_by(address), exposed, "{address}");
            assert!(!Access::OpenToNetwork.is_exposed_by(address));
        }
    }
}
