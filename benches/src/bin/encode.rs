//! Encodes one field of JSON lines to a raw matrix: what the vector benches and
//! the peers search.
//!
//! Reads standard input, writes `OUT` (`[n, dim]`, `f32`, little-endian,
//! row-major, in the order of the lines) and `OUT` with the extension `json`
//! (`{"rows", "dim", "encoder", "fingerprint"}`).
//!
//! `gzip -dc pairs.jsonl.gz | cargo run --release -p benches --bin encode -- FIELD query|passage OUT`

use std::fs::File;
use std::io::{BufRead, BufWriter, Write, stdin};
use std::path::PathBuf;

use benches::Failure;
use engine::TextRole;
use serde_json::{Value, json};

/// Texts given to the encoder at once: enough to keep every core busy.
const BATCH: usize = 512;

const USAGE: &str = "usage: encode FIELD query|passage OUT < JSON lines";

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(field), Some(role), Some(out)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(USAGE.into());
    };
    let role = match role.as_str() {
        "query" => TextRole::Query,
        "passage" => TextRole::Passage,
        other => return Err(format!("the role is `{other}`; {USAGE}").into()),
    };
    let out = PathBuf::from(out);
    let encoder = benches::Parts::load()?.encoder;
    let mut file = BufWriter::new(File::create(&out)?);
    let (mut batch, mut rows) = (Vec::with_capacity(BATCH), 0);
    let mut flush = |batch: &mut Vec<String>| -> Result<usize, Failure> {
        let texts: Vec<&str> = batch.iter().map(String::as_str).collect();
        let vectors = encoder.encode(&texts, role)?;
        for value in vectors.values() {
            file.write_all(&value.to_le_bytes())?;
        }
        batch.clear();
        Ok(vectors.len())
    };
    for (number, line) in (1..).zip(stdin().lock().lines()) {
        let record: Value = serde_json::from_str(&line?)?;
        let text = record[&field].as_str();
        let text = text.ok_or_else(|| format!("line {number} has no text field `{field}`"))?;
        batch.push(text.to_owned());
        if batch.len() == BATCH {
            rows += flush(&mut batch)?;
            if rows % (16 * BATCH) == 0 {
                eprintln!("{rows} encoded");
            }
        }
    }
    rows += flush(&mut batch)?;
    file.flush()?;
    let about = json!({
        "rows": rows,
        "dim": encoder.dim(),
        "encoder": encoder.name(),
        "fingerprint": encoder.fingerprint(),
    });
    std::fs::write(out.with_extension("json"), format!("{about:#}\n"))?;
    Ok(())
}
