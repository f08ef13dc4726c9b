//! Looking for new commits while the server runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::collections::Collection;
use crate::error::Chain;
use crate::state::AppState;

/// How often. Polling and not watching the folder: it works on every file
/// system, network mounts included, and asking costs one small file.
const INTERVAL: Duration = Duration::from_secs(1);

/// Refreshes every collection once per [`INTERVAL`], forever.
pub(crate) async fn run(state: AppState) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(collections) = state.all_collections() else { continue };
        for collection in collections.iter() {
            let collection = Arc::clone(collection);
            // Not through the gate for searches: a server at its limit must
            // still move on to a new commit.
            let done = tokio::task::spawn_blocking(move || refresh(&collection)).await;
            if let Err(error) = done {
                tracing::error!(%error, "refreshing an index ended without a result");
            }
        }
    }
}

fn refresh(collection: &Collection) {
    let name = collection.name();
    match collection.index().refresh() {
        Ok(moved_on) => {
            let recovered = collection.set_stale(false);
            if moved_on || recovered {
                let generation = collection.index().searcher().generation();
                tracing::info!(collection = name, generation, "a new commit is being served");
            }
        }
        Err(error) => {
            // Said once, not every second.
            if collection.set_stale(true) {
                let error = Chain(&error);
                tracing::error!(
                    collection = name, %error,
                    "a new commit could not be loaded; the last one is still being served"
                );
            }
        }
    }
}
