//! What merely is, read when somebody asks: indexes, the queue, logs, the process.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::PREFIX;
use super::process::{Memory, Process};
use crate::admission::Occupancy;
use crate::collections::Collections;
use crate::error::Chain;
use crate::query_log::QueryLogSummary;
use crate::state::AppState;
use crate::telemetry::traces::SpanCounts;

/// A registry of this moment.
pub(super) fn registry(state: &AppState) -> Registry {
    let mut registry = Registry::default();
    process(&mut registry, state);
    let ours = registry.sub_registry_with_prefix(PREFIX);
    build(ours);
    collections(ours, state);
    admission(ours, state);
    query_log(ours, state);
    spans(ours, state);
    registry
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CollectionLabels {
    collection: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

type Gauges<L> = Family<L, Gauge>;

fn build(registry: &mut Registry) {
    let info = Gauges::<BuildLabels>::default();
    info.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
    registry.register("build_info", "1, with the program's version", info);
}

fn collections(registry: &mut Registry, state: &AppState) {
    let ready = Gauge::<i64>::default();
    let is_ready = state
        .all_collections()
        .is_ok_and(|open| open.iter().all(|collection| !collection.is_loading()));
    ready.set(i64::from(is_ready));
    registry.register("ready", "1 when nothing is left out of any search", ready);

    let [generation, documents, chunks, bytes, stale, waiting] =
        std::array::from_fn(|_| Gauges::<CollectionLabels>::default());
    for collection in state.all_collections().ok().into_iter().flat_map(Collections::iter) {
        let labels = CollectionLabels { collection: collection.name().to_owned() };
        let set = |gauges: &Gauges<CollectionLabels>, value: u64| {
            gauges.get_or_create(&labels).set(value as i64);
        };
        set(&stale, u64::from(collection.is_stale()));
        set(&waiting, collection.live().map_or(0, |live| live.n_waiting() as u64));
        match collection.index().info() {
            Ok(info) => {
                set(&generation, info.generation);
                set(&documents, (info.documents + info.duplicates) as u64);
                set(&chunks, info.chunks as u64);
                set(&bytes, info.bytes);
            }
            // The others are told all the same; the gap is what an alert sees.
            Err(error) => {
                let collection = collection.name();
                tracing::error!(collection, error = %Chain(&error), "an index folder could not be listed");
            }
        }
    }
    for (name, help, gauges) in [
        ("collection_generation", "Number of the commit that answers", generation),
        ("collection_documents", "Documents of the index, exact duplicates included", documents),
        ("collection_chunks", "Passages of the index", chunks),
        ("collection_bytes", "Size of the index on disk", bytes),
        ("collection_stale", "1 when a newer commit could not be loaded", stale),
        ("collection_changes_waiting", "Changes that wait to be written", waiting),
    ] {
        registry.register(name, help, gauges);
    }
}

fn admission(registry: &mut Registry, state: &AppState) {
    let Occupancy { running, waiting, places, queue } = state.admission().occupancy();
    for (name, help, value) in [
        ("admission_running", "Requests at work in the engine", running),
        ("admission_waiting", "Requests that wait for a place", waiting),
        ("admission_places", "Requests that may be at work at once", places),
        ("admission_queue_places", "Requests that may wait", queue),
    ] {
        registry.register(name, help, gauge(value as u64));
    }
}

fn query_log(registry: &mut Registry, state: &AppState) {
    let Some(log) = state.query_log() else { return };
    let QueryLogSummary { n_written, n_dropped, n_failed } = log.summary();
    let lines = counters([("written", n_written), ("dropped", n_dropped), ("failed", n_failed)]);
    registry.register(
        "query_log_lines",
        "Searches for the query log, by what became of them",
        lines,
    );
}

fn spans(registry: &mut Registry, state: &AppState) {
    let Some(counts) = state.traces().counts() else { return };
    let SpanCounts { exported, failed, dropped } = counts;
    let spans = counters([("exported", exported), ("failed", failed), ("dropped", dropped)]);
    registry.register(
        "spans",
        "Spans by what became of them: failed ones were refused by the collector or did not reach it, dropped ones found the queue full",
        spans,
    );
}

fn process(registry: &mut Registry, state: &AppState) {
    let started = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    started.set(state.started().as_secs_f64());
    registry.register("process_start_time_seconds", "When the server began, since 1970", started);
    let Some(process) = Process::now() else { return };
    let Process { memory, cpu_seconds, open_fds, max_fds, threads } = process;
    let Memory { resident, anonymous, file } = memory;
    let cpu = Counter::<f64, std::sync::atomic::AtomicU64>::default();
    cpu.inc_by(cpu_seconds);
    registry.register("process_cpu_seconds", "Time of all cores that the process took", cpu);
    // Without a limit there is nothing to come near.
    if max_fds > 0 {
        let help = "Files and sockets that may be open";
        registry.register("process_max_fds", help, gauge(max_fds));
    }
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory in use, mapped indexes included", resident),
        ("process_open_fds", "Open files and sockets", open_fds),
        ("process_threads", "Threads", threads),
    ] {
        registry.register(name, help, gauge(value));
    }
    let kinds = Gauges::<KindLabels>::default();
    for (kind, bytes) in [("anonymous", anonymous), ("file", file)] {
        kinds.get_or_create(&KindLabels { kind }).set(bytes as i64);
    }
    registry.sub_registry_with_prefix(PREFIX).register(
        "memory_bytes",
        "Memory in use: anonymous is the program's own, file are pages of the mapped indexes, which the system takes back when it needs them",
        kinds,
    );
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::<i64>::default();
    gauge.set(value as i64);
    gauge
}

fn counters<const N: usize>(outcomes: [(&'static str, u64); N]) -> Family<OutcomeLabels, Counter> {
    let family = Family::<OutcomeLabels, Counter>::default();
    for (outcome, n) in outcomes {
        family.get_or_create(&OutcomeLabels { outcome }).inc_by(n);
    }
    family
}
