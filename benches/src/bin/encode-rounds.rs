//! Times the encoder on texts that another program hands over, so that
//! `benches/peers/encode.py` can let it take turns with its peers.
//!
//! A line of standard input is a JSON array of texts; the answer is a line with
//! the milliseconds that each took, encoded by itself as a query. An encoder's
//! name may be the argument.

use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

use benches::Failure;
use engine::TextRole;

fn main() -> Result<(), Failure> {
    let name = std::env::args().nth(1);
    let name = name.as_deref().unwrap_or(models::DEFAULT_MODEL);
    let encoder = eval::load_encoder(name, &models::Silent)?.encoder;
    for line in stdin().lock().lines() {
        let texts: Vec<String> = serde_json::from_str(&line?)?;
        let mut times = Vec::with_capacity(texts.len());
        for text in &texts {
            let started = Instant::now();
            encoder.encode(&[text], TextRole::Query)?;
            times.push(1e3 * started.elapsed().as_secs_f64());
        }
        let mut out = stdout().lock();
        serde_json::to_writer(&mut out, &times)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
