//! From finished spans to a collector, by OpenTelemetry's own batching and protocol.
//!
//! What is ours is the bound: [`Bounded`] lets as many spans wait as it says and counts
//! the rest, since the library drops them without a number; and the client, which is that
//! of the language models, so that one library does TLS. A collector that is down or slow
//! costs spans and nothing else: they are sent from a thread of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use answer::model::http_client;
use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Protocol, SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span, SpanData,
    SpanExporter, SpanProcessor,
};

use super::{SpanCounts, TraceContent, TracesConfig, TracesError};

/// Spans that may wait to be sent: some hundred searches.
const QUEUE: usize = 4096;

/// The largest batch, which the library has taken out of its queue and not yet sent.
const BATCH: usize = 512;

/// How long a batch may take, and what an ending server waits for the last one.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// What the service is called unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "trovato";

/// Where the spans of requests go. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Exporting>>);

#[derive(Debug)]
pub(super) struct Exporting {
    provider: SdkTracerProvider,
    pub(super) tracer: SdkTracer,
    pub(super) content: TraceContent,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    /// Ended, and neither sent nor lost yet.
    waiting: AtomicUsize,
    exported: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Traces {
    /// Spans go nowhere.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Spans go to the collector that the configuration or the environment names, if
    /// either names one. Which traces are kept is said by `OTEL_TRACES_SAMPLER` and
    /// `OTEL_TRACES_SAMPLER_ARG`, what the service is called by `OTEL_SERVICE_NAME`.
    ///
    /// To be called within a tokio runtime, on which they are sent.
    ///
    /// # Errors
    /// [`TracesError::Endpoint`]. That nobody listens there is no error: it may come.
    pub fn start(config: TracesConfig) -> Result<Self, TracesError> {
        let TracesConfig { endpoint, content } = config;
        let Some(endpoint) = endpoint.map(|base| traces_address(&base)).or_else(from_environment)
        else {
            return Ok(Self::none());
        };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| TracesError::Endpoint {
            endpoint: endpoint.clone(),
            source,
        };
        let client =
            http_client(&endpoint, SEND_TIMEOUT).map_err(|error| failed(Box::new(error)))?;
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_http_client(OnRuntime { client, runtime: tokio::runtime::Handle::current() })
            .with_endpoint(&endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|error| failed(Box::new(error)))?;
        tracing::info!(endpoint, "spans are sent");
        Ok(Self::exporting_to(exporter, content))
    }

    /// Spans go to this exporter, in batches.
    pub fn exporting_to(exporter: impl SpanExporter + 'static, content: TraceContent) -> Self {
        let counters = Arc::new(Counters::default());
        let counted = Counted { exporter, counters: Arc::clone(&counters) };
        // Larger by a batch than what we let in: it never drops a span itself.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE + BATCH)
            .with_max_export_batch_size(BATCH)
            .build();
        let batches = BatchSpanProcessor::builder(counted).with_batch_config(config).build();
        let bounded = Bounded { next: batches, counters: Arc::clone(&counters) };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(bounded)
            .with_resource(resource())
            .build();
        let tracer = provider.tracer(SERVICE);
        Self(Some(Arc::new(Exporting { provider, tracer, content, counters })))
    }

    /// Sends what waits; returns when it is sent or was lost. May block.
    pub fn flush(&self) {
        if let Some(exporting) = &self.0 {
            // What was lost is counted; there is nothing else to do about it.
            let _ = exporting.provider.force_flush();
        }
    }

    /// Sends what waits and ends; may block for some seconds.
    pub fn close(&self) {
        let Some(exporting) = &self.0 else { return };
        if let Err(error) = exporting.provider.shutdown_with_timeout(SEND_TIMEOUT) {
            tracing::warn!(%error, "the last spans were not sent");
        }
        let SpanCounts { exported, failed, dropped } = exporting.counters.read();
        if failed + dropped > 0 {
            tracing::warn!(exported, failed, dropped, "spans are missing");
        }
    }

    pub(super) fn exporting(&self) -> Option<&Arc<Exporting>> {
        self.0.as_ref()
    }

    /// What became of the spans; `None` where there are none.
    pub(crate) fn counts(&self) -> Option<SpanCounts> {
        self.0.as_ref().map(|exporting| exporting.counters.read())
    }
}

impl Counters {
    fn read(&self) -> SpanCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpanCounts {
            exported: read(&self.exported),
            failed: read(&self.failed),
            dropped: read(&self.dropped),
        }
    }
}

/// Where a collector of this address takes spans.
fn traces_address(base: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

/// The collector that the environment names, as the specification of OTLP's exporters
/// reads it: the variable for spans is taken as it is.
fn from_environment() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| traces_address(&base)))
}

/// What the spans come from: the environment's word, and else our own.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let said = Resource::builder().with_attribute(version.clone()).build();
    let name = said.get(&"service.name".into());
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named {
        return said;
    }
    Resource::builder().with_attribute(version).with_service_name(SERVICE).build()
}

/// Lets a bounded number of spans wait, and counts those that find no room.
#[derive(Debug)]
struct Bounded<P> {
    next: P,
    counters: Arc<Counters>,
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.counters.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Counts what becomes of batches, and says once that they do not arrive.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    counters: Arc<Counters>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let n = batch.len();
        let exported = self.exporter.export(batch).await;
        let Counters { waiting, exported: sent, failed, .. } = self.counters.as_ref();
        waiting.fetch_sub(n, Ordering::Relaxed);
        match &exported {
            Ok(()) => sent.fetch_add(n as u64, Ordering::Relaxed),
            Err(error) => {
                let before = failed.fetch_add(n as u64, Ordering::Relaxed);
                if before == 0 {
                    tracing::warn!(%error, "spans do not reach the collector; their number is told by the metric trovato_spans_total");
                }
                before
            }
        };
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Sends on the server's runtime: the library calls from a thread that has none.
#[derive(Debug)]
struct OnRuntime<C> {
    client: C,
    runtime: tokio::runtime::Handle,
}

#[async_trait]
impl<C: HttpClient + Clone + 'static> HttpClient for OnRuntime<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, sync_channel};

    use opentelemetry::trace::Tracer;

    use super::*;

    #[test]
    fn a_collectors_address_may_be_written_with_its_path_or_without() {
        let expected = "http://127.0.0.1:4318/v1/traces";
        for base in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/", expected] {
            assert_eq!(traces_address(base), expected);
        }
        assert_eq!(traces_address("http://a/otlp"), "http://a/otlp/v1/traces");
    }

    /// Takes nothing until it is told to.
    #[derive(Debug)]
    struct Stuck(Mutex<Receiver<()>>);

    impl SpanExporter for Stuck {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            // Its sender is gone when it may go on.
            let _ = self.0.lock().unwrap().recv();
            Ok(())
        }
    }

    #[test]
    fn spans_that_nobody_takes_are_dropped_and_counted_and_nobody_waits() {
        let (go_on, stuck) = sync_channel(0);
        let traces = Traces::exporting_to(Stuck(Mutex::new(stuck)), TraceContent::Withheld);
        let tracer = &traces.exporting().unwrap().tracer;
        let n = QUEUE + 100;
        for _ in 0..n {
            drop(tracer.start("span"));
        }
        let counts = traces.counts().unwrap();
        assert_eq!(counts, SpanCounts { dropped: 100, ..SpanCounts::default() });
        drop(go_on);
        traces.flush();
        assert_eq!(traces.counts().unwrap().exported, QUEUE as u64);
        traces.close();
    }
}
