//! The keys of a running server: found by hash, read again when their file changes.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use super::key_file::{Expiry, KeyEntry, KeyFile, KeyFileError};
use super::limiter::Limiter;
use super::scope::Scope;
use super::secret::{AccessKey, KeyDigest};
use crate::error::Chain;

/// How often the file is read: the longest a revoked key still works.
const INTERVAL: Duration = Duration::from_secs(1);

/// The keys of a file. Cheap to clone; its `Debug` shows the file and nothing in it.
#[derive(Clone)]
pub struct Keys(Arc<Shared>);

struct Shared {
    path: PathBuf,
    now: RwLock<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    /// The file's text when it was last read; `None` where it could not be.
    text: Option<String>,
    keys: Arc<[Arc<Key>]>,
}

/// A key that may be used.
pub(super) struct Key {
    pub(super) name: String,
    digest: KeyDigest,
    pub(super) scopes: BTreeSet<Scope>,
    pub(super) collections: Option<Arc<BTreeSet<String>>>,
    expires: Option<Expiry>,
    pub(super) limiter: Arc<Limiter>,
}

/// What a key that was sent is.
pub(super) enum Found {
    Valid(Arc<Key>),
    Expired(Expiry),
    Unknown,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.path).finish()
    }
}

impl Keys {
    /// Reads the keys of a file.
    ///
    /// # Errors
    /// See [`KeyFile::read`]. Later changes that cannot be read are logged, and the keys
    /// stay as they were.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let text = read(path)?;
        let keys = load(&text, path, &[])?;
        if keys.is_empty() {
            tracing::warn!(path = %path.display(), "the key file holds no key; nobody can ask");
        }
        warn_of_writers(path);
        let now = RwLock::new(Loaded { text: Some(text), keys });
        Ok(Self(Arc::new(Shared { path: path.to_owned(), now })))
    }

    /// What a sent key is. Every key is looked at, each in constant time: how long it
    /// takes tells how many keys there are, and nothing of any of them.
    pub(super) fn find(&self, sent: &AccessKey, now: Timestamp) -> Found {
        let digest = sent.digest();
        let keys = Arc::clone(&self.loaded().keys);
        let mut found = None;
        for key in keys.iter() {
            if key.digest.is_of_same_key(&digest) {
                found = Some(key);
            }
        }
        match found {
            None => Found::Unknown,
            Some(key) => match key.expires.filter(|expires| expires.has_passed(now)) {
                Some(expired) => Found::Expired(expired),
                None => Found::Valid(Arc::clone(key)),
            },
        }
    }

    fn loaded(&self) -> Loaded {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again where it has changed. Where it is gone or refused the keys
    /// stay as they were, which is told once: a mistake in it must neither open the server
    /// nor lock everybody out.
    fn refresh(&self) {
        let Shared { path, now } = self.0.as_ref();
        let before = self.loaded();
        let read = read(path);
        let text = read.as_ref().ok().cloned();
        if text == before.text {
            return;
        }
        let keys = match read.and_then(|text| load(&text, path, &before.keys)) {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "the key file has changed and was read");
                warn_of_writers(path);
                keys
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the keys stay as they were");
                before.keys
            }
        };
        *now.write().unwrap_or_else(PoisonError::into_inner) = Loaded { text, keys };
    }
}

/// Reads a file of keys again whenever it changes, forever. By polling, for the same
/// reasons as indexes are.
pub(crate) async fn watch(keys: Keys) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let keys = keys.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || keys.refresh()).await {
            tracing::error!(%error, "reading the keys ended without a result");
        }
    }
}

fn read(path: &Path) -> Result<String, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), what: "read", source };
    fs::read_to_string(path).map_err(failed)
}

/// The keys of a text. A key that was there before keeps its count of requests, or
/// touching the file would give everybody a fresh minute.
fn load(text: &str, path: &Path, before: &[Arc<Key>]) -> Result<Arc<[Arc<Key>]>, KeyFileError> {
    let file = KeyFile::parse(text, path)?;
    let key = |entry: &KeyEntry| {
        let same = before.iter().find(|known| {
            known.digest.is_of_same_key(&entry.digest)
                && known.limiter.per_minute() == entry.per_minute
        });
        let limiter = same.map_or_else(
            || Arc::new(Limiter::new(entry.per_minute)),
            |known| Arc::clone(&known.limiter),
        );
        Arc::new(Key {
            name: entry.name.clone(),
            digest: entry.digest,
            scopes: entry.scopes.clone(),
            collections: entry.collections.clone().map(Arc::new),
            expires: entry.expires,
            limiter,
        })
    };
    Ok(file.keys().iter().map(key).collect())
}

/// Who can write the file can make themselves a key.
#[cfg(unix)]
fn warn_of_writers(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.permissions().mode() & 0o022 != 0 {
        tracing::warn!(path = %path.display(), "others may write the key file; chmod it to 600");
    }
}

#[cfg(not(unix))]
fn warn_of_writers(_: &Path) {}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn find(keys: &Keys, sent: &AccessKey) -> &'static str {
        match keys.find(sent, Timestamp::now()) {
            Found::Valid(_) => "valid",
            Found::Expired(_) => "expired",
            Found::Unknown => "unknown",
        }
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let scopes = BTreeSet::from([Scope::Search]);
        let many = NonZeroU32::new(2).unwrap();
        let [first, second] = [(), ()].map(|()| AccessKey::generate().unwrap());
        let entry = |name, key| KeyEntry::now(name, key, scopes.clone(), many);
        KeyFile::add(&path, entry("first", &first)).unwrap();
        let keys = Keys::open(&path).unwrap();
        assert_eq!((find(&keys, &first), find(&keys, &second)), ("valid", "unknown"));
        let Found::Valid(counted) = keys.find(&first, Timestamp::now()) else { panic!("gone") };
        counted.limiter.count().unwrap();

        let ended =
            KeyEntry { expires: Some("2020-01-01".parse().unwrap()), ..entry("second", &second) };
        KeyFile::add(&path, ended).unwrap();
        keys.refresh();
        assert_eq!((find(&keys, &first), find(&keys, &second)), ("valid", "expired"));
        let Found::Valid(counted) = keys.find(&first, Timestamp::now()) else { panic!("gone") };
        counted.limiter.count().unwrap();
        assert!(counted.limiter.count().is_err(), "a new file is no new minute");

        for broken in ["[[key]]\nname = 1", "nonsense"] {
            fs::write(&path, broken).unwrap();
            keys.refresh();
            assert_eq!(find(&keys, &first), "valid", "{broken}");
        }
        fs::remove_file(&path).unwrap();
        keys.refresh();
        assert_eq!(find(&keys, &first), "valid");

        KeyFile::add(&path, entry("second", &second)).unwrap();
        keys.refresh();
        assert_eq!((find(&keys, &first), find(&keys, &second)), ("unknown", "valid"));
    }
}
