//! Files of models, right and wrong.

use super::*;

const FULL: &str = r#"
[[model]]
name = "local"
provider = "ollama"
model = "qwen3:8b"

[[model]]
name = "hosted"
provider = "openai"
model = "some-model"
base_url = "https://llm.example.org/v1"
api_key_env = "EXAMPLE_API_KEY"
max_output_tokens = 800
temperature = 0.0
timeout_s = 90
first_piece_timeout_s = 2.5
max_retries = 0
price.input_usd_per_mtok = 0.15
price.output_usd_per_mtok = 0.60
"#;

#[test]
fn a_file_is_read_and_defaults_are_filled_in() {
    let models = parse(FULL).unwrap();
    let local = &models[0];
    assert_eq!(local.base_url.as_str(), "http://127.0.0.1:11434/v1");
    assert_eq!((local.max_output_tokens, local.max_retries), (1024, 2));
    assert_eq!((local.timeout.as_secs(), local.first_piece_timeout.as_secs()), (120, 30));
    assert_eq!((local.temperature, local.price, &local.api_key_env), (None, None, &None));
    let hosted = &models[1];
    assert_eq!(hosted.first_piece_timeout, Duration::from_millis(2500));
    assert_eq!(hosted.price.unwrap().output_usd_per_mtok, 0.60);
    assert_eq!(parse("").unwrap(), []);
}

/// What is said of a second model with this line more; its own lines are 7 to 10.
#[track_caller]
fn said(line: &str) -> (usize, String) {
    let text = format!(
        "[[model]]\nname = 'a'\nprovider = 'gemini'\nmodel = 'm'\n\n\n\
         [[model]]\nname = 'b'\nprovider = 'openai'\nmodel = 'm'\n{line}\n"
    );
    let Misplaced { line, what } = parse(&text).unwrap_err();
    (line, what)
}

#[test]
fn unknown_keys_are_named_with_the_nearest_and_the_line() {
    let unknown = |key: &str, nearest: &str| {
        let what = format!("unknown key {key:?}; did you mean {nearest:?}?");
        assert_eq!(said(&format!("{key} = 'sk-secret'")), (11, what));
    };
    unknown("api_key", "api_key_env");
    unknown("timeout", "timeout_s");
    unknown("baseurl", "base_url");
    let (line, what) = said("price.input_per_mtok = 1");
    assert_eq!((line, what.contains("did you mean \"input_usd_per_mtok\"?")), (11, true));
    let Misplaced { line, what } = parse("[[models]]\n").unwrap_err();
    assert_eq!((line, what.as_str()), (1, "unknown key \"models\"; did you mean \"model\"?"));
}

#[test]
fn values_out_of_range_are_named_with_their_model() {
    for (line, expected) in [
        ("timeout_s = 0", "timeout_s must be in (0, 3600]"),
        ("timeout_s = nan", "timeout_s must be in (0, 3600]"),
        ("first_piece_timeout_s = 121", "first_piece_timeout_s must be in (0, timeout_s]"),
        ("temperature = 2.1", "temperature must be in [0, 2]"),
        ("max_output_tokens = 0", "max_output_tokens must be at least 1"),
        ("max_retries = 11", "max_retries must be at most 10"),
        ("price = { input_usd_per_mtok = -1, output_usd_per_mtok = 1 }", "prices must be"),
        ("base_url = 'ftp://a/v1'", "base_url must be an http or https address"),
        ("base_url = 'llm.example.org'", "base_url must be an http or https address"),
        ("base_url = 'http://a/v1?k=1'", "without ? and #"),
    ] {
        let (at, what) = said(line);
        assert!(what.starts_with("model \"b\": ") && what.contains(expected), "{line}: {what}");
        assert!((7..=11).contains(&at), "{line}: line {at}");
    }
    let (_, what) = said("[[model]]\nname = 'a'\nprovider = 'openai'\nmodel = 'm'");
    assert_eq!(what, "there are two models called \"a\"");
    let (line, what) = said("max_retries = 'x'");
    assert_eq!((line, what.contains("invalid type")), (11, true), "{what}");
}

#[test]
fn secrets_in_the_wrong_place_are_not_repeated() {
    for line in [
        "base_url = 'https://user:hunter2@llm.example.org'",
        "base_url = 'https://llm.example.org?key=hunter2'",
        "api_key_env = 'sk-hunter2'",
        "api_key = 'hunter2'",
        "api_key_env = = 'hunter2'",
    ] {
        let (_, what) = said(line);
        assert!(!what.contains("hunter2"), "{line}: {what}");
    }
}

#[test]
fn a_key_comes_from_the_environment_or_is_missed_by_name() {
    let mut config = ModelConfig::new("m", Provider::Ollama, "m", None).unwrap();
    assert!(config.key().unwrap().is_none());
    config.api_key_env = Some("TROVATO_TEST_NO_SUCH_KEY".to_owned());
    let said = config.key().unwrap_err().to_string();
    assert!(said.contains("set the environment variable TROVATO_TEST_NO_SUCH_KEY"), "{said}");
}

#[test]
fn reading_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("models.toml");
    let missing = read_models(&path).unwrap_err().to_string();
    assert!(missing.contains("models.toml"), "{missing}");
    std::fs::write(&path, "[[model]]\nname = 1\n").unwrap();
    let wrong = read_models(&path).unwrap_err().to_string();
    assert!(wrong.contains("models.toml, line 2: "), "{wrong}");
}
