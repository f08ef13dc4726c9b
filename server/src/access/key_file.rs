//! The file of keys: TOML with a table `[[key]]` for each, and no key in it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::scope::Scope;
use super::secret::{AccessKey, KeyDigest};

/// Longest name of a key, in characters: it is in log lines.
const MAX_NAME_CHARS: usize = 64;

/// What is known of a key. The key itself is not.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// By which people and logs tell it from others.
    pub name: String,
    /// By which the server knows it.
    pub digest: KeyDigest,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// The collections it sees; `None` for all. Others do not exist for it.
    pub collections: Option<BTreeSet<String>>,
    /// Requests a minute, which may come at once.
    pub per_minute: NonZeroU32,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused; `None` for never.
    pub expires: Option<Expiry>,
}

impl KeyEntry {
    /// Of a key that is made now: it sees every collection and does not expire.
    pub fn now(
        name: impl Into<String>,
        key: &AccessKey,
        scopes: BTreeSet<Scope>,
        per_minute: NonZeroU32,
    ) -> Self {
        let (name, digest, created) = (name.into(), key.digest(), Timestamp::now());
        Self { name, digest, scopes, collections: None, per_minute, created, expires: None }
    }
}

/// From when on a key is refused: a day (its first instant in UTC) or a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(Timestamp);

impl Expiry {
    pub(crate) fn has_passed(self, now: Timestamp) -> bool {
        self.0 <= now
    }
}

impl std::fmt::Display for Expiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
        let instant = text.parse().ok().or_else(|| Some(day()?.timestamp()));
        instant.map(Self).ok_or_else(|| {
            format!("{text:?} is no day as 2027-01-31 and no time as 2027-01-31T12:00:00Z")
        })
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("the key file {} cannot be {what}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried: `read`, `written`, `locked`.
        what: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// It is no TOML, or has other tables than `[[key]]`.
    #[error("the key file {} does not parse: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Where and why. A line of the file may be shown: it holds no keys.
        reason: String,
    },
    /// An entry says something impossible.
    #[error("the key file {}: key {name:?}: {reason}", path.display())]
    Entry {
        /// Which file.
        path: PathBuf,
        /// Which key.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A key of this name is there.
    #[error("there is a key named {name:?} already; revoke it or choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is none of this name.
    #[error("there is no key named {name:?}; there are {known}")]
    NoSuchKey {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
}

/// The keys of a file.
#[derive(Clone, Debug, Default)]
pub struct KeyFile {
    keys: Vec<KeyEntry>,
}

/// As it stands in the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    key: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    name: String,
    hash: String,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<BTreeSet<String>>,
    per_minute: u32,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

impl KeyFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`KeyFileError::Io`], [`KeyFileError::Format`], [`KeyFileError::Entry`].
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = fs::read_to_string(path).map_err(io_error(path, "read"))?;
        Self::parse(&text, path)
    }

    /// Reads a file's text.
    ///
    /// # Arguments
    /// * `path` - what errors call it.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, KeyFileError> {
        let written: Written = toml::from_str(text).map_err(|error| KeyFileError::Format {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        let mut keys: Vec<KeyEntry> = Vec::with_capacity(written.key.len());
        for key in written.key {
            let name = key.name.clone();
            let wrong =
                |reason| KeyFileError::Entry { path: path.to_owned(), name: name.clone(), reason };
            let entry = key.read().map_err(wrong)?;
            if keys.iter().any(|known| known.name == entry.name) {
                return Err(wrong("another key has the same name".to_owned()));
            }
            if keys.iter().any(|known| known.digest.is_of_same_key(&entry.digest)) {
                return Err(wrong("another key has the same hash".to_owned()));
            }
            keys.push(entry);
        }
        Ok(Self { keys })
    }

    /// The keys, in the file's order.
    pub fn keys(&self) -> &[KeyEntry] {
        &self.keys
    }

    /// Adds a key to a file, which is made if there is none, readable by its owner alone.
    ///
    /// # Errors
    /// [`KeyFileError::NameTaken`], [`KeyFileError::Entry`] for an entry that says
    /// something impossible, and those of reading and writing.
    pub fn add(path: &Path, entry: KeyEntry) -> Result<(), KeyFileError> {
        if let Err(reason) = check(&entry) {
            return Err(KeyFileError::Entry { path: path.to_owned(), name: entry.name, reason });
        }
        Self::change(path, Missing::MakesOne, |keys| {
            if keys.iter().any(|known| known.name == entry.name) {
                return Err(KeyFileError::NameTaken { name: entry.name });
            }
            keys.push(entry);
            Ok(())
        })
    }

    /// Takes a key out of a file; a server that has read it refuses the key within
    /// seconds.
    ///
    /// # Errors
    /// [`KeyFileError::NoSuchKey`], and those of reading and writing.
    pub fn revoke(path: &Path, name: &str) -> Result<(), KeyFileError> {
        Self::change(path, Missing::IsAnError, |keys| {
            let Some(at) = keys.iter().position(|known| known.name == name) else {
                let known: Vec<&str> = keys.iter().map(|known| known.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(KeyFileError::NoSuchKey { name: name.to_owned(), known });
            };
            keys.remove(at);
            Ok(())
        })
    }

    /// Reads, changes and writes under a lock, so that of two changes at once neither is
    /// lost: a revocation that vanishes is a key that works on. The file is replaced
    /// whole, so a server never reads half of one; that is why the lock is a file beside.
    fn change(
        path: &Path,
        missing: Missing,
        change: impl FnOnce(&mut Vec<KeyEntry>) -> Result<(), KeyFileError>,
    ) -> Result<(), KeyFileError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let lock = File::create(PathBuf::from(beside)).map_err(io_error(path, "locked"))?;
        lock.lock().map_err(io_error(path, "locked"))?;
        let mut file = match Self::read(path) {
            Err(KeyFileError::Io { source, .. })
                if missing == Missing::MakesOne && source.kind() == io::ErrorKind::NotFound =>
            {
                Self::default()
            }
            read => read?,
        };
        change(&mut file.keys)?;
        file.write(path)
    }

    fn write(&self, path: &Path) -> Result<(), KeyFileError> {
        let written = Written { key: self.keys.iter().map(WrittenKey::from).collect() };
        let text = toml::to_string(&written).map_err(|error| KeyFileError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let failed = io_error(path, "written");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Readable by its owner alone, which a rename keeps.
        let mut temporary =
            tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(&failed)?;
        temporary.write_all(text.as_bytes()).map_err(&failed)?;
        temporary.as_file().sync_all().map_err(&failed)?;
        temporary.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// What a file that is not there means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    MakesOne,
    IsAnError,
}

impl WrittenKey {
    fn read(self) -> Result<KeyEntry, String> {
        let Self { name, hash, scopes, collections, per_minute, created, expires } = self;
        let entry = KeyEntry {
            name,
            digest: hash.parse()?,
            scopes: scopes.iter().map(|scope| scope.parse()).collect::<Result<_, _>>()?,
            collections,
            per_minute: NonZeroU32::new(per_minute)
                .ok_or("`per_minute` is 0; it must be from 1")?,
            created: created.parse().map_err(|_| format!("`created`: {created:?} is no time"))?,
            expires: expires.map(|expires| expires.parse()).transpose()?,
        };
        check(&entry)?;
        Ok(entry)
    }
}

impl From<&KeyEntry> for WrittenKey {
    fn from(entry: &KeyEntry) -> Self {
        let KeyEntry { name, digest, scopes, collections, per_minute, created, expires } = entry;
        Self {
            name: name.clone(),
            hash: digest.to_string(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            collections: collections.clone(),
            per_minute: per_minute.get(),
            created: created.to_string(),
            expires: expires.map(|expires| expires.to_string()),
        }
    }
}

fn check(entry: &KeyEntry) -> Result<(), String> {
    let KeyEntry { name, scopes, collections, .. } = entry;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.chars().all(is_plain) {
        return Err(format!(
            "a name has from 1 to {MAX_NAME_CHARS} of letters, digits, `.`, `_` and `-`"
        ));
    }
    if scopes.is_empty() {
        let all = Scope::ALL.map(Scope::name).join(", ");
        return Err(format!("it has no scope; give it some of {all}"));
    }
    if collections.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err("`collections` is empty; leave it out for all of them".to_owned());
    }
    Ok(())
}

fn io_error<'a>(path: &'a Path, what: &'static str) -> impl Fn(io::Error) -> KeyFileError + 'a {
    move |source| KeyFileError::Io { path: path.to_owned(), what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> KeyEntry {
        KeyEntry {
            name: name.to_owned(),
            digest: AccessKey::generate().unwrap().digest(),
            scopes: BTreeSet::from([Scope::Search, Scope::Answer]),
            collections: Some(BTreeSet::from(["notes".to_owned()])),
            per_minute: NonZeroU32::new(60).unwrap(),
            created: Timestamp::UNIX_EPOCH,
            expires: Some("2027-01-31".parse().unwrap()),
        }
    }

    #[test]
    fn what_is_added_is_read_again_and_what_is_revoked_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        KeyFile::add(&path, entry("a")).unwrap();
        KeyFile::add(&path, entry("b")).unwrap();
        let taken = KeyFile::add(&path, entry("a")).unwrap_err();
        assert!(matches!(taken, KeyFileError::NameTaken { .. }), "{taken}");
        let file = KeyFile::read(&path).unwrap();
        let [first, _] = file.keys() else { panic!("{file:?}") };
        assert_eq!(first.scopes, BTreeSet::from([Scope::Search, Scope::Answer]));
        assert_eq!(first.expires.unwrap().to_string(), "2027-01-31T00:00:00Z");
        KeyFile::revoke(&path, "a").unwrap();
        let gone = KeyFile::revoke(&path, "a").unwrap_err().to_string();
        assert!(gone.contains("there are b"), "{gone}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn mistakes_are_named_with_their_key() {
        let hash = AccessKey::generate().unwrap().digest();
        let said = |lines: &str| {
            let text = format!("[[key]]\nname = \"x\"\nhash = \"{hash}\"\n{lines}");
            KeyFile::parse(&text, Path::new("keys.toml")).unwrap_err().to_string()
        };
        let rest = "per_minute = 1\ncreated = \"2026-01-01T00:00:00Z\"\n";
        for (lines, told) in [
            ("scopes = []\n", "has no scope"),
            ("scopes = [\"root\"]\n", "\"root\" is no scope; there are search"),
            ("scopes = [\"search\"]\ncollections = []\n", "leave it out for all"),
            ("scopes = [\"search\"]\nexpires = \"soon\"\n", "\"soon\" is no day"),
            ("scopes = [\"search\"]\nkey = \"tvo\"\n", "unknown field"),
        ] {
            let said = said(&format!("{lines}{rest}"));
            assert!(said.contains(told) && said.contains("keys.toml"), "{said}");
        }
        let said =
            said("scopes = [\"search\"]\nper_minute = 0\ncreated = \"2026-01-01T00:00:00Z\"");
        assert!(said.contains("must be from 1"), "{said}");
    }
}
