"""What .ci/observability checks, in the folder that it made."""
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "zebra"
# Seconds of engine times are floats of milliseconds.
SLACK_NS = 1000


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, kind, content):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Collector(Handler):
    """Takes spans as OTLP over HTTP has them."""

    spans = []
    resources = []

    def do_POST(self):
        assert self.path == "/v1/traces", self.path
        assert self.headers["Content-Type"] == "application/x-protobuf", self.headers
        request = ExportTraceServiceRequest.FromString(self.body())
        for group in request.resource_spans:
            self.resources.append(attributes(group.resource))
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)
        self.answer("application/x-protobuf", ExportTraceServiceResponse().SerializeToString())


class Provider(Handler):
    """Speaks OpenAI's chat format, and always says the same."""

    def do_POST(self):
        self.body()
        piece = {"model": "scripted", "choices": [{"index": 0, "delta": {"content": "A chunk [1]."}}]}
        end = {"model": "scripted", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {"model": "scripted", "choices": [],
                 "usage": {"prompt_tokens": 1000, "completion_tokens": 10}}
        lines = [f"data: {json.dumps(it)}\n\n" for it in (piece, end, usage)]
        self.answer("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())


def listen(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def attributes(it):
    def value(wrapped):
        kind = wrapped.WhichOneof("value")
        found = getattr(wrapped, kind)
        return [value(item) for item in found.values] if kind == "array_value" else found

    return {pair.key: value(pair.value) for pair in it.attributes}


def call(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | headers
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def start(command, folder, name, **environment):
    log = open(folder / f"{name}.err", "w+", encoding="utf-8")
    served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True,
                              env=os.environ | environment)
    line = served.stdout.readline()
    if not line:
        sys.exit((folder / f"{name}.err").read_text(encoding="utf-8"))
    return served, re.search(r"http://\S+", line).group()


def stop(served):
    served.terminate()
    assert served.wait(timeout=60) == 0, "the server did not end in order"


def load(url):
    """A little of everything that is counted."""
    search = f"{url}/v1/search"
    for at in range(4):
        call(search, {"query": f"what is a chunk {at}", "top": 3})
    call(search, {"query": SECRET, "strategy": "lexical"})
    call(search, {"query": "chunk", "filter": "id = nothing"})
    call(search, {"query": "chunk", "deadline_ms": 0})
    call(f"{url}/v1/answer", {"question": "What is a chunk?"})
    call(f"{url}/v1/answer", {"question": "What is a chunk?", "model": "small"})
    call(f"{url}/nothing")


def check_spans(url):
    status, headers, _ = call(f"{url}/v1/search", {"query": f"{SECRET} chunk", "top": 3},
                              traceparent=TRACEPARENT, **{"X-Request-Id": "case-7"})
    assert (status, headers["X-Request-Id"]) == (200, "case-7"), headers
    call(f"{url}/v1/answer", {"question": "What is a chunk?", "model": "small"},
         **{"X-Request-Id": "case-8"})
    deadline = time.time() + 30
    while time.time() < deadline:
        ids = [attributes(span).get("trovato.request_id") for span in Collector.spans]
        if "case-7" in ids and "case-8" in ids:
            break
        time.sleep(0.2)
    spans = list(Collector.spans)
    [searched] = [span for span in spans if attributes(span).get("trovato.request_id") == "case-7"]
    assert searched.trace_id.hex() == TRACEPARENT[3:35], searched
    assert searched.parent_span_id.hex() == TRACEPARENT[36:52], searched
    assert searched.name == "POST /v1/search" and searched.kind == 2, searched

    def below(parent):
        children = [span for span in spans if span.parent_span_id == parent.span_id]
        for child in children:
            assert child.trace_id == parent.trace_id, child
            assert child.start_time_unix_nano + SLACK_NS >= parent.start_time_unix_nano, child
            assert child.end_time_unix_nano <= parent.end_time_unix_nano + SLACK_NS, child
        return {child.name.split(" ")[0]: child for child in children}

    retrieval = below(searched)["retrieval"]
    told = attributes(retrieval)
    assert told["openinference.span.kind"] == "RETRIEVER", told
    assert told["trovato.hits"] == 3 and told["trovato.candidates.fused"] >= 3, told
    stages = below(retrieval)
    kinds = {name: attributes(span)["openinference.span.kind"] for name, span in stages.items()}
    assert kinds == {"plan": "CHAIN", "lexical": "RETRIEVER", "embeddings": "EMBEDDING",
                     "dense": "RETRIEVER", "fusion": "CHAIN", "rerank": "RERANKER",
                     "fetch": "CHAIN"}, kinds
    for leg in ("lexical", "dense"):
        counted = attributes(stages[leg])["trovato.candidates"]
        assert counted == told[f"trovato.candidates.{leg}"] > 0, (leg, told)

    [answered] = [span for span in spans if attributes(span).get("trovato.request_id") == "case-8"]
    parts = below(answered)
    assert {"retrieval", "context", "chat", "verify"} <= set(parts), sorted(parts)
    chat = attributes(parts["chat"])
    for name, value in {"openinference.span.kind": "LLM", "gen_ai.operation.name": "chat",
                        "gen_ai.provider.name": "openai", "gen_ai.request.model": "small",
                        "gen_ai.response.model": "scripted", "gen_ai.usage.input_tokens": 1000,
                        "gen_ai.usage.output_tokens": 10}.items():
        assert chat[name] == value, (name, chat)
    assert abs(chat["llm.cost.total"] - 0.00102) < 1e-9, chat
    assert all(SECRET not in str(span) for span in spans), "a query's words are in a span"
    assert Collector.resources[0]["service.name"] == "trovato-check", Collector.resources[0]
    print(f"  {len(spans)} spans: kinds, parents, times and counts as they should be")


def check_log(folder):
    lines = [json.loads(line) for line in (folder / "serve.err").read_text().splitlines()]
    answered = [line for line in lines if line.get("message") == "answered"]
    [case] = [line for line in answered if line["span"]["request_id"] == "case-7"]
    assert case["span"]["trace_id"] == TRACEPARENT[3:35] and case["status"] == 200, case
    slow = [line for line in lines if line.get("message") == "slow query"]
    assert slow and all(line["span"]["request_id"] for line in slow), lines[:3]
    assert {"total_ms", "lexical_ms", "dense_ms", "query"} <= set(slow[0]), slow[0]
    print(f"  {len(lines)} log lines parse; {len(slow)} slow queries with their request's id")


def check_prometheus(url, folder):
    text = call(f"{url}/metrics")[2]
    linted = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                            capture_output=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    deploy = pathlib.Path("deploy")
    subprocess.run(["promtool", "check", "config", deploy / "prometheus/prometheus.yml"],
                   check=True, capture_output=True)

    config = (deploy / "prometheus/prometheus.yml").read_text(encoding="utf-8")
    config = config.replace("127.0.0.1:7700", url.removeprefix("http://")).replace("15s", "1s")
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    shutil.copy(deploy / "prometheus/rules.yml", folder / "rules.yml")
    port = free_port()
    with open(folder / "prometheus.err", "w", encoding="utf-8") as log:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}",
             f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"],
            stderr=log)
    try:
        ask = f"http://127.0.0.1:{port}/api/v1/query?query="
        query = lambda promql: json.loads(call(ask + urllib.parse.quote(promql))[2])
        until = time.time() + 60
        while True:
            load(url)
            try:
                if query('up{job="trovato"}')["data"]["result"][0]["value"][1] == "1":
                    break
            except (urllib.error.URLError, IndexError, ValueError):
                pass
            assert time.time() < until, (folder / "prometheus.err").read_text()
            time.sleep(1)
        for _ in range(5):
            time.sleep(1.2)
            load(url)
        time.sleep(1.5)

        panels = json.loads((deploy / "grafana/trovato.json").read_text(encoding="utf-8"))["panels"]
        expressions = [(panel["title"], target["expr"])
                       for panel in panels for target in panel.get("targets", [])]
        for title, expression in expressions:
            promql = expression.replace("$__rate_interval", "30s").replace("$collection", ".*")
            found = query(promql)
            assert found["status"] == "success", (title, promql, found)
            assert found["data"]["result"], f"no data in panel {title!r}: {promql}"
        for promql, least in {
            'sum(trovato_http_requests_total{route="/v1/search",status="200"})': 40,
            'trovato_search_stage_duration_seconds_count{stage="rerank"}': 10,
            'trovato_search_degradations_total{stage="encode"}': 1,
            'trovato_collection_documents{collection="pages"}': 3,
            'trovato_llm_cost_usd_total{model="small"}': 0.001,
            'trovato_spans_total{outcome="exported"}': 50,
            'collection:trovato_search_duration_seconds:p95_5m': 0.0001,
        }.items():
            result = query(promql)["data"]["result"]
            assert result and float(result[0]["value"][1]) >= least, (promql, result)
        rules = json.loads(call(f"http://127.0.0.1:{port}/api/v1/rules")[2])
        states = {rule["name"]: rule["health"]
                  for group in rules["data"]["groups"] for rule in group["rules"]}
        assert states and set(states.values()) == {"ok"}, states
        print(f"  promtool and Prometheus: {len(expressions)} expressions of the dashboard have "
              f"data, {len(states)} rules are evaluated")
    finally:
        prometheus.terminate()
        prometheus.wait(timeout=30)


def check_collector_down(trovato, index, folder):
    """A collector that nobody answers for costs spans and no search."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    command = [trovato, "serve", "--index", f"pages={index}", "--listen", "127.0.0.1:0",
               "--otlp-endpoint", nowhere]
    served, url = start(command, folder, "down", OTEL_BSP_SCHEDULE_DELAY="200")
    try:
        for _ in range(20):
            status, _, body = call(f"{url}/v1/search", {"query": "chunk"})
            assert status == 200, body
        until = time.time() + 30
        while True:
            found = re.search(r'trovato_spans_total\{outcome="failed"\} (\d+)',
                              call(f"{url}/metrics")[2])
            if int(found.group(1)) > 0:
                break
            assert time.time() < until, "failed spans are not counted"
            time.sleep(0.5)
    finally:
        stop(served)
    print("  without a collector searches are answered and lost spans counted")


def check_sample(trovato, index, folder):
    """What a sampled query log holds, `trovato eval replay` reads."""
    replayed = subprocess.run(
        [trovato, "eval", "replay", folder / "queries.jsonl", "--index", index, "--json"],
        capture_output=True, text=True)
    assert replayed.returncode == 0, replayed.stderr
    report = json.loads(replayed.stdout)
    assert report["sampled_from"] == 2 * report["searches"] > 0, report
    print(f"  a query log of {report['searches']} searches stands for {report['sampled_from']}")


def main():
    trovato, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    index = folder / "pages.trovato"
    collector, provider = listen(Collector), listen(Provider)
    (folder / "models.toml").write_text(
        f'[[model]]\nname = "small"\nprovider = "openai"\nmodel = "m"\nbase_url = "{provider}/v1"\n'
        'price.input_usd_per_mtok = 1.0\nprice.output_usd_per_mtok = 2.0\n', encoding="utf-8")
    command = [trovato, "serve", "--index", f"pages={index}", "--listen", "127.0.0.1:0",
               "--rerank", "overlap", "--models", str(folder / "models.toml"),
               "--query-log", str(folder / "queries.jsonl"), "--query-log-sample", "0.5",
               "--slow-query-ms", "0", "--log-format", "json", "--otlp-endpoint", collector]
    served, url = start(command, folder, "serve", TROVATO_LOG="info",
                        OTEL_SERVICE_NAME="trovato-check", OTEL_BSP_SCHEDULE_DELAY="200")
    try:
        load(url)
        check_spans(url)
        if shutil.which("prometheus") and shutil.which("promtool"):
            check_prometheus(url, folder)
        else:
            print("  no prometheus here: metrics, rules and dashboard are not checked")
    finally:
        stop(served)
    check_log(folder)
    check_sample(trovato, index, folder)
    check_collector_down(trovato, index, folder)
    print("what an operator is shown is what happens")


main()
