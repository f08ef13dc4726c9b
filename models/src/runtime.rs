//! The pinned builds of ONNX Runtime, taken out of its official Python wheels.

use crate::card::Wheel;
use crate::platform::Platform;

/// The version whose speed and vectors this project has measured.
pub(crate) const VERSION: &str = "1.31.1";

/// One platform's library and the wheel that carries it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    pub(crate) library: &'static str,
    pub(crate) library_sha256: &'static str,
    pub(crate) wheel: Wheel,
}

impl Platform {
    /// The build for this platform. All hashes were computed from the wheels.
    pub(crate) fn build(self) -> Build {
        match self {
            Self::LinuxX64 => Build {
                library: "libonnxruntime.so.1.31.1",
                library_sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
                wheel: wheel(
                    "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl",
                    "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
                    23_760_988,
                    "manylinux_2_28_x86_64",
                ),
            },
            Self::LinuxArm64 => Build {
                library: "libonnxruntime.so.1.31.1",
                library_sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
                wheel: wheel(
                    "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_aarch64.whl",
                    "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
                    21_420_803,
                    "manylinux_2_28_aarch64",
                ),
            },
            Self::MacosArm64 => Build {
                library: "libonnxruntime.1.31.1.dylib",
                library_sha256: "d586cbe89effc085a09d3341b3cfbd5c322517f9d397aeb20814af21433f2b36",
                wheel: wheel(
                    "onnxruntime-1.31.1-cp312-cp312-macosx_14_0_arm64.whl",
                    "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
                    20_882_125,
                    "macosx_14_0_arm64",
                ),
            },
            Self::WindowsX64 => Build {
                library: "onnxruntime.dll",
                library_sha256: "e45f61e50d8650885452be538a00bb14a715e46a1bc3691000ce947e89ed0306",
                wheel: wheel(
                    "onnxruntime-1.31.1-cp312-cp312-win_amd64.whl",
                    "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
                    14_888_466,
                    "win_amd64",
                ),
            },
        }
    }
}

const fn wheel(
    file_name: &'static str,
    sha256: &'static str,
    bytes: u64,
    platform: &'static str,
) -> Wheel {
    Wheel {
        package: "onnxruntime",
        version: VERSION,
        file_name,
        sha256,
        bytes,
        platform,
        folder: "onnxruntime/capi",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_build_names_the_pinned_version() {
        use Platform::{LinuxArm64, LinuxX64, MacosArm64, WindowsX64};
        for platform in [LinuxX64, LinuxArm64, MacosArm64, WindowsX64] {
            let Build { library, library_sha256, wheel } = platform.build();
            assert!(library == "onnxruntime.dll" || library.contains(VERSION), "{library}");
            assert!(wheel.file_name.contains(VERSION) && wheel.file_name.contains(wheel.platform));
            assert!(crate::hash::is_sha256(library_sha256) && crate::hash::is_sha256(wheel.sha256));
        }
    }
}
