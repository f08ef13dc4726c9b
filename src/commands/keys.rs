//! `trovato keys`: make, list and revoke the keys that `trovato serve --keys` asks for.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use server::{AccessKey, Expiry, KeyEntry, KeyFile, Scope};

const EXAMPLES: &str = "\
Examples:
  trovato keys create --file keys.toml --name web --scope search,answer
  trovato keys create --file keys.toml --name alice --scope search --collection notes --per-minute 60
  trovato keys create --file keys.toml --name ci --scope write --expires 2027-01-31
  trovato keys list --file keys.toml
  trovato keys revoke --file keys.toml --name web
  trovato serve --index notes=notes.trovato --keys keys.toml --listen 0.0.0.0:7700

A key is printed once, when it is made; the file holds a hash of it. A running server reads the
file again within a second of a change. Scopes: search (search, documents, feedback, embeddings,
reranking, agents), answer (answers and chats), write (adding and deleting documents), admin
(metrics, the report); none holds another. docs/security.md says what they protect from.";

/// Make, list and revoke keys of the server
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a key and print it, this once
#[derive(Debug, Args)]
struct CreateArgs {
    /// The file of keys; made if there is none, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// By which you and the server's log tell it from others
    #[arg(long)]
    name: String,

    /// What it may be used for: search, answer, write, admin
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,

    /// A collection that it sees; others do not exist for it. By default it sees all
    #[arg(long = "collection", value_name = "NAME", value_delimiter = ',')]
    collections: Vec<String>,

    /// Requests a minute, which may come at once
    #[arg(long, value_name = "N", default_value = "600")]
    per_minute: NonZeroU32,

    /// From when on it is refused: a day (its first instant in UTC) or a time with its zone
    #[arg(long, value_name = "DATE")]
    expires: Option<Expiry>,

    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// List the keys of a file, by name
#[derive(Debug, Args)]
struct ListArgs {
    /// The file of keys
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Take a key out of a file; servers refuse it within a second
#[derive(Debug, Args)]
struct RevokeArgs {
    /// The file of keys
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// The key's name
    #[arg(long)]
    name: String,
}

/// A key, for programs; its hash is left out.
#[derive(Serialize)]
struct KeyBody {
    name: String,
    /// The key itself, where it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    scopes: Vec<&'static str>,
    collections: Option<BTreeSet<String>>,
    per_minute: NonZeroU32,
    created: String,
    expires: Option<String>,
}

impl From<&KeyEntry> for KeyBody {
    fn from(entry: &KeyEntry) -> Self {
        let KeyEntry { name, digest: _, scopes, collections, per_minute, created, expires } = entry;
        Self {
            name: name.clone(),
            key: None,
            scopes: scopes.iter().map(|scope| scope.name()).collect(),
            collections: collections.clone(),
            per_minute: *per_minute,
            created: created.to_string(),
            expires: expires.map(|expires| expires.to_string()),
        }
    }
}

impl KeyBody {
    fn told(&self) -> String {
        let Self { name, scopes, collections, per_minute, expires, .. } = self;
        let seen = collections.as_ref().map_or_else(
            || "all collections".to_owned(),
            |names| names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        );
        let end = expires.as_ref().map_or_else(String::new, |end| format!("; until {end}"));
        format!("{name}: {}; {seen}; {per_minute} a minute{end}", scopes.join(", "))
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: KeysArgs) -> anyhow::Result<()> {
    match args.command {
        KeysCommand::Create(args) => create(args),
        KeysCommand::List(args) => list(&args),
        KeysCommand::Revoke(RevokeArgs { file, name }) => Ok(KeyFile::revoke(&file, &name)?),
    }
}

fn create(args: CreateArgs) -> anyhow::Result<()> {
    let CreateArgs { file, name, scopes, collections, per_minute, expires, json } = args;
    let key = AccessKey::generate()?;
    let collections: BTreeSet<String> = collections.into_iter().collect();
    let collections = (!collections.is_empty()).then_some(collections);
    let scopes = scopes.into_iter().collect();
    let entry = KeyEntry::now(name, &key, scopes, per_minute);
    let entry = KeyEntry { collections, expires, ..entry };
    let body = KeyBody::from(&entry);
    KeyFile::add(&file, entry)?;
    let mut out = io::stdout().lock();
    if json {
        let body = KeyBody { key: Some(key.reveal().to_owned()), ..body };
        serde_json::to_writer_pretty(&mut out, &body)?;
        writeln!(out)?;
    } else {
        // The key alone on standard output, for a script to take.
        writeln!(out, "{}", key.reveal())?;
        eprintln!("{}", body.told());
        eprintln!("It is not shown again: {} holds a hash of it.", file.display());
    }
    Ok(())
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let file = KeyFile::read(&args.file)?;
    let bodies: Vec<KeyBody> = file.keys().iter().map(KeyBody::from).collect();
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &bodies)?;
        writeln!(out)?;
    } else {
        for body in &bodies {
            writeln!(out, "{}", body.told())?;
        }
    }
    Ok(())
}
