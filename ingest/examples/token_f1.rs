//! Compares what two files say, whatever their formats.
//!
//! `cargo run -p ingest --example token_f1 -- MINIMUM REFERENCE CANDIDATE [REFERENCE CANDIDATE]...`
//! reads each pair and prints the F1 of the candidate's words against the
//! reference's: words are runs of letters and digits in lower case, counted as
//! often as they occur. The second figure is the same over pairs of neighbouring
//! words, which falls when the order of reading is wrong. Exits with 1 when a
//! word F1 is below MINIMUM. `.ci/format-proof` runs it.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use ingest::formats::read;
use ingest::source::{FormatChoice, open};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let minimum: f64 = arguments.next().ok_or("MINIMUM is missing")?.parse()?;
    let files: Vec<String> = arguments.collect();
    if files.is_empty() {
        return Err("no REFERENCE and CANDIDATE were given".into());
    }
    let mut lowest = f64::INFINITY;
    for pair in files.chunks(2) {
        let [reference, candidate] = pair else {
            return Err(format!("{} has no candidate beside it", pair[0]).into());
        };
        let (expected, found) = (words(reference)?, words(candidate)?);
        let score = f1(&count(&expected, 1), &count(&found, 1));
        let order = f1(&count(&expected, 2), &count(&found, 2));
        println!("{score:.4} {order:.4} {:>6} words  {candidate}", expected.len());
        lowest = lowest.min(score);
    }
    println!("lowest {lowest:.4}, required {minimum:.4}");
    Ok(if lowest >= minimum { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(path: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut source = open(&[PathBuf::from(path)], FormatChoice::Auto)?;
    let item = source.next().ok_or("nothing to read")??;
    let document = read(&item).map_err(|reason| format!("{path}: {reason}"))?;
    let words = document.text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    Ok(words.map(str::to_lowercase).collect())
}

/// How often each run of `n` words occurs.
fn count(words: &[String], n: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for run in words.windows(n) {
        *counts.entry(run).or_default() += 1;
    }
    counts
}

/// `2PR / (P + R)` over multisets; 1 when both are empty.
fn f1(expected: &HashMap<&[String], usize>, found: &HashMap<&[String], usize>) -> f64 {
    let size = |counts: &HashMap<&[String], usize>| counts.values().sum::<usize>() as f64;
    let common: usize =
        expected.iter().map(|(run, &n)| n.min(found.get(run).copied().unwrap_or(0))).sum();
    let all = size(expected) + size(found);
    if all == 0.0 { 1.0 } else { 2.0 * common as f64 / all }
}
