//! Which official build of ONNX Runtime fits this machine.

use std::fmt;
use std::process::Command;

use crate::error::ModelError;

/// A platform for which the project pins a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    LinuxX64,
    LinuxArm64,
    MacosArm64,
    WindowsX64,
}

/// The oldest C library that the Linux builds load on.
const GLIBC: (u32, u32) = (2, 28);

/// What describes a machine; apart from it so that every refusal can be tested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) os: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) c_library: CLibrary,
}

/// The C library this program was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CLibrary {
    Glibc,
    Musl,
    Other,
}

impl Machine<'static> {
    /// This one.
    pub(crate) fn here() -> Self {
        let c_library = if cfg!(target_env = "gnu") {
            CLibrary::Glibc
        } else if cfg!(target_env = "musl") {
            CLibrary::Musl
        } else {
            CLibrary::Other
        };
        Self { os: std::env::consts::OS, arch: std::env::consts::ARCH, c_library }
    }
}

impl fmt::Display for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.os, self.arch)?;
        if self.c_library == CLibrary::Musl { f.write_str(" with musl") } else { Ok(()) }
    }
}

impl Platform {
    /// The platform of a machine.
    ///
    /// # Errors
    /// [`ModelError::UnsupportedPlatform`].
    pub(crate) fn of(machine: Machine<'_>) -> Result<Self, ModelError> {
        match (machine.os, machine.arch, machine.c_library) {
            ("linux", "x86_64", CLibrary::Glibc) => Ok(Self::LinuxX64),
            ("linux", "aarch64", CLibrary::Glibc) => Ok(Self::LinuxArm64),
            ("macos", "aarch64", _) => Ok(Self::MacosArm64),
            ("windows", "x86_64", _) => Ok(Self::WindowsX64),
            _ => Err(ModelError::UnsupportedPlatform { found: machine.to_string() }),
        }
    }

    /// Refuses a C library older than the build needs.
    ///
    /// # Errors
    /// [`ModelError::OldGlibc`]. A version that cannot be found out passes:
    /// loading the library will tell.
    pub(crate) fn check_c_library(self) -> Result<(), ModelError> {
        match self {
            Self::LinuxX64 | Self::LinuxArm64 => {
                // The function that tells is foreign and thereby unsafe to
                // call; the tool that prints it comes with the library.
                let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
                let text = output.map(|output| output.stdout).unwrap_or_default();
                check_glibc(&String::from_utf8_lossy(&text))
            }
            Self::MacosArm64 | Self::WindowsX64 => Ok(()),
        }
    }
}

/// Judges text such as `glibc 2.36`.
fn check_glibc(text: &str) -> Result<(), ModelError> {
    let version = text.trim().strip_prefix("glibc ").and_then(|version| {
        let (major, minor) = version.split_once('.')?;
        let minor = minor.split('.').next()?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    match version {
        Some(found) if found < GLIBC => Err(ModelError::OldGlibc {
            found: format!("{}.{}", found.0, found.1),
            needed: format!("{}.{}", GLIBC.0, GLIBC.1),
        }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(os: &str, arch: &str, c_library: CLibrary) -> Result<Platform, String> {
        Platform::of(Machine { os, arch, c_library }).map_err(|error| error.to_string())
    }

    #[test]
    fn supported_platforms_are_found_and_others_named() {
        assert_eq!(platform("linux", "x86_64", CLibrary::Glibc), Ok(Platform::LinuxX64));
        assert_eq!(platform("linux", "aarch64", CLibrary::Glibc), Ok(Platform::LinuxArm64));
        assert_eq!(platform("macos", "aarch64", CLibrary::Other), Ok(Platform::MacosArm64));
        assert_eq!(platform("windows", "x86_64", CLibrary::Other), Ok(Platform::WindowsX64));
        for (os, arch, c_library, named) in [
            ("linux", "x86_64", CLibrary::Musl, "linux x86_64 with musl"),
            ("macos", "x86_64", CLibrary::Other, "macos x86_64"),
            ("linux", "riscv64", CLibrary::Glibc, "riscv64"),
        ] {
            let message = platform(os, arch, c_library).unwrap_err();
            assert!(message.contains(named) && message.contains("ORT_DYLIB_PATH"), "{message}");
        }
    }

    #[test]
    fn an_old_c_library_is_refused_and_an_unknown_one_tried() {
        for good in ["glibc 2.28\n", "glibc 2.36\n", "glibc 3.0\n", "glibc 2.39.9000", "", "musl"] {
            assert!(check_glibc(good).is_ok(), "{good}");
        }
        for old in ["glibc 2.27\n", "glibc 2.5", "glibc 1.99"] {
            let message = check_glibc(old).unwrap_err().to_string();
            assert!(message.contains("2.28"), "{message}");
        }
    }
}
