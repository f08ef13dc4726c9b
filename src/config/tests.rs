//! What wins over what, and how mistakes are told.

use std::fs;

use clap::{Arg, ArgAction, Command};

use super::*;

fn command() -> Command {
    let config =
        Arg::new("config").long("config").global(true).value_parser(clap::value_parser!(PathBuf));
    let serve = Command::new("serve")
        .arg(Arg::new("index").long("index").action(ArgAction::Append).required(true))
        .arg(Arg::new("listen").long("listen").default_value("127.0.0.1:7700"))
        .arg(Arg::new("log").long("query-log"))
        .arg(
            Arg::new("mib")
                .long("query-log-max-mib")
                .requires("log")
                .value_parser(clap::value_parser!(u64).range(1..=10)),
        )
        .arg(Arg::new("open").long("open").action(ArgAction::SetTrue))
        .arg(Arg::new("words").num_args(0..));
    let eval =
        Command::new("eval").subcommand(Command::new("run").arg(Arg::new("top").long("top")));
    Command::new("trovato").arg(config).subcommand(serve).subcommand(eval)
}

fn parsed(file: &str, typed: &[&str]) -> Result<Parsed, ParseError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trovato.toml");
    fs::write(&path, file).unwrap();
    let given = std::iter::once("trovato").chain(typed.iter().copied()).map(OsString::from);
    parse(command(), given.collect(), Some(path))
}

fn refused(file: &str, typed: &[&str]) -> String {
    match parsed(file, typed).unwrap_err() {
        ParseError::Config(error) => error.to_string(),
        ParseError::Usage(error) => error.to_string(),
    }
}

#[test]
fn the_command_line_is_stronger_than_the_file_and_the_file_than_defaults() {
    let file = "[serve]\nindex = ['a=b', 'c=d']\nlisten = '0.0.0.0:1'\nquery-log-max-mib = 5\nquery-log = 'q'\nopen = true\n[eval.run]\ntop = 7";
    let found = parsed(file, &["serve", "one", "two"]).unwrap();
    let serve = found.matches.subcommand_matches("serve").unwrap();
    let index: Vec<_> = serve.get_many::<String>("index").unwrap().collect();
    assert_eq!(index, ["a=b", "c=d"]);
    assert_eq!(serve.get_one::<String>("listen").unwrap(), "0.0.0.0:1");
    assert_eq!(serve.get_one::<u64>("mib"), Some(&5));
    assert!(serve.get_flag("open"));
    assert_eq!(serve.get_many::<String>("words").unwrap().count(), 2);

    let typed = ["serve", "--index", "x=y", "--listen=[::1]:2"];
    let found = parsed(file, &typed).unwrap();
    let serve = found.matches.subcommand_matches("serve").unwrap();
    // A list is replaced, not added to.
    assert_eq!(serve.get_many::<String>("index").unwrap().collect::<Vec<_>>(), ["x=y"]);
    assert_eq!(serve.get_one::<String>("listen").unwrap(), "[::1]:2");
    let origins: Vec<_> = settings(&command(), &found)
        .into_iter()
        .map(|setting| (setting.name, matches!(setting.origin, Origin::File(_))))
        .collect();
    let expected = [
        ("index", false),
        ("listen", false),
        ("query-log", true),
        ("query-log-max-mib", true),
        ("open", true),
    ];
    assert_eq!(origins, expected.map(|(name, from_file)| (name.to_owned(), from_file)));

    let found = parsed(file, &["eval", "run"]).unwrap();
    let (_, run) = innermost(&found.matches);
    assert_eq!(run.get_one::<String>("top").unwrap(), "7");
}

#[test]
fn every_mistake_of_the_file_is_named() {
    let index = ["serve", "--index", "a=b"];
    let told = refused("[serve]\nlistne = 'x'", &index);
    assert!(told.contains("serve.listne is not known; did you mean serve.listen?"), "{told}");
    let told = refused("[serve]\nquery_log = 'x'", &index);
    assert!(told.contains("did you mean serve.query-log?"), "{told}");
    let told = refused("[sevre]\nlisten = 'x'", &index);
    assert!(told.contains("sevre is not known; did you mean serve?"), "{told}");
    let told = refused("[serve]\nzzz = 1", &index);
    assert!(told.ends_with("serve.zzz is not known"), "{told}");
    // Also of a command that was not typed.
    let told = refused("[eval.run]\ntops = 1", &index);
    assert!(told.contains("did you mean eval.run.top?"), "{told}");
    let told = refused("[serve]\nopen = 'yes'", &index);
    assert!(told.contains("serve.open is a text; it takes true or false"), "{told}");
    let told = refused("[serve]\nlisten = ['a']", &index);
    assert!(told.contains("serve.listen is a list; it takes a text or a number"), "{told}");
    assert!(refused("[serve", &index).contains("is no TOML"));
    // Values are judged by the option they belong to.
    let told = refused("[serve]\nquery-log = 'q'\nquery-log-max-mib = 11", &index);
    assert!(told.contains("11 is not in 1..=10"), "{told}");
    let told = refused("[serve]\nquery-log-max-mib = 2", &index);
    assert!(told.contains("--query-log"), "{told}");
}

#[test]
fn every_option_has_a_variable() {
    let command = with_environment(command(), "TROVATO");
    let serve = command.find_subcommand("serve").unwrap();
    let variable = |id: &str| {
        let arg = serve.get_arguments().find(|arg| arg.get_id() == id).unwrap();
        arg.get_env().map(|name| name.to_string_lossy().into_owned())
    };
    assert_eq!(variable("mib").as_deref(), Some("TROVATO_SERVE_QUERY_LOG_MAX_MIB"));
    assert_eq!(variable("words"), None);
}
