//! Load on a running `trovato serve`, for `benches/peers/run.py http`: a JSON
//! line a command, see [`benches::http`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use benches::Failure;
use benches::http::{Load, Pace, run};
use benches::party::serve;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Says that the process is up.
    Ready,
    /// Sends the lines of a file as bodies, in turn.
    Round {
        address: SocketAddr,
        bodies: PathBuf,
        clients: usize,
        requests: usize,
        at_most_seconds: f64,
        per_second: Option<f64>,
    },
}

fn main() -> Result<(), Failure> {
    serve(|command| match command {
        Command::Ready => Ok(json!({})),
        Command::Round { address, bodies, clients, requests, at_most_seconds, per_second } => {
            let text = std::fs::read_to_string(&bodies)?;
            let bodies: Vec<String> = text.lines().map(str::to_owned).collect();
            let load = Load {
                clients,
                requests,
                at_most: Duration::try_from_secs_f64(at_most_seconds)?,
                pace: per_second.map_or(Pace::Closed, Pace::PerSecond),
            };
            Ok(serde_json::to_value(run(address, &bodies, load)?)?)
        }
    })
}
