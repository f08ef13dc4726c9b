//! Where models live and where they may come from: the environment, read once.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// The folders and sources of a [`crate::Store`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The cache directory. Everything that is fetched goes below it.
    pub home: PathBuf,
    /// A directory the user names, asked before the network: it may hold a
    /// folder for each model, or wheels.
    pub models_dir: Option<PathBuf>,
    /// Whether and where the hub is asked.
    pub hub: Hub,
    /// Commands that may run pip, the first that answers wins.
    pub pip: Vec<Vec<String>>,
    /// A library the user built or installed; used instead of the official one.
    pub runtime_library: Option<PathBuf>,
}

/// Whether the Hugging Face hub may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hub {
    /// Yes, at this address, without a trailing `/`.
    Online(String),
    /// No.
    Offline,
}

impl Settings {
    /// Reads `TROVATO_HOME`, `TROVATO_MODELS_DIR`, `HF_ENDPOINT`,
    /// `HF_HUB_OFFLINE`, `ORT_DYLIB_PATH` and the platform's cache directory.
    ///
    /// # Errors
    /// [`ModelError::NoHome`].
    pub fn from_env() -> Result<Self, ModelError> {
        Self::from_lookup(|name| {
            env::var_os(name).filter(|value| !value.is_empty()).map(Into::into)
        })
    }

    fn from_lookup(var: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, ModelError> {
        let text = |name| var(name).and_then(|value| value.to_str().map(str::to_owned));
        let offline = text("HF_HUB_OFFLINE").is_some_and(|value| {
            matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
        });
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Ok(Self {
            home: home(&var).ok_or(ModelError::NoHome)?,
            models_dir: var("TROVATO_MODELS_DIR"),
            hub: if offline {
                Hub::Offline
            } else {
                Hub::Online(endpoint.trim_end_matches('/').to_owned())
            },
            pip: ["python3 -m pip", "pip3", "pip", "python -m pip", "py -3 -m pip"]
                .map(|command| command.split(' ').map(str::to_owned).collect())
                .to_vec(),
            runtime_library: var("ORT_DYLIB_PATH"),
        })
    }
}

/// `TROVATO_HOME`, or a folder in the platform's cache directory.
fn home(var: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(home) = var("TROVATO_HOME") {
        // Relative to where the first process stood; an index must not depend
        // on it later.
        return std::path::absolute(home).ok();
    }
    let cache = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Caches"))
    } else {
        // The XDG specification has relative paths ignored.
        var("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| var("HOME").map(|home| home.join(".cache")))
    };
    cache.map(|cache| cache.join("trovato"))
}

impl Settings {
    pub(crate) fn models(&self) -> PathBuf {
        self.home.join("models")
    }

    pub(crate) fn runtimes(&self) -> PathBuf {
        self.home.join("runtime")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.home.join("locks")
    }

    /// A file in the directory the user named, if it is there.
    pub(crate) fn in_models_dir(&self, file_name: &str) -> Option<PathBuf> {
        let path = self.models_dir.as_deref().unwrap_or(Path::new("")).join(file_name);
        (self.models_dir.is_some() && path.is_file()).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Result<Settings, ModelError> {
        Settings::from_lookup(|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_cache_directory_follows_the_environment() {
        let home = |vars: &[_]| settings(vars).map(|settings| settings.home);
        let all = [("TROVATO_HOME", "/t"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(home(&all).unwrap(), Path::new("/t"));
        assert_eq!(home(&all[1..]).unwrap(), Path::new("/x/trovato"));
        assert_eq!(home(&all[2..]).unwrap(), Path::new("/h/.cache/trovato"));
        let relative = [("XDG_CACHE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(home(&relative).unwrap(), Path::new("/h/.cache/trovato"));
        assert!(matches!(home(&[]), Err(ModelError::NoHome)));
    }

    #[test]
    fn the_hub_can_be_moved_and_forbidden() {
        let hub = |vars: &[_]| settings(vars).unwrap().hub;
        let home = ("TROVATO_HOME", "/t");
        assert_eq!(hub(&[home, ("HF_HUB_OFFLINE", "true")]), Hub::Offline);
        let mirror = [home, ("HF_HUB_OFFLINE", "0"), ("HF_ENDPOINT", "http://m/")];
        assert_eq!(hub(&mirror), Hub::Online("http://m".into()));
    }
}
