"""What becomes of responses that are no success."""

from __future__ import annotations

import pickle

import httpx
import pytest

import samples
from trovato import (
    ApiError,
    ChangeLost,
    Client,
    DocumentRefused,
    Forbidden,
    HostRefused,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    ReadOnly,
    RetryPolicy,
    ServerFailed,
    Starting,
    Stopping,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    WritesQueued,
)

ONCE = RetryPolicy(retries=0)


def refused(response: httpx.Response) -> ApiError:
    transport = httpx.MockTransport(lambda _: response)
    with Client(retry=ONCE, transport=transport) as client, pytest.raises(ApiError) as caught:
        client.search("a")
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "out_of_range", InvalidRequest),
        (400, "a_code_of_tomorrow", InvalidRequest),
        (401, "unauthorized", Unauthorized),
        (401, "a_code_of_tomorrow", Unauthorized),
        (403, "foreign_host", HostRefused),
        (403, "read_only", ReadOnly),
        (403, "forbidden", Forbidden),
        (404, "unknown_job", NotFound),
        (422, "document_refused", DocumentRefused),
        (429, "writes_queued", WritesQueued),
        (429, "rate_limited", RateLimited),
        (429, "a_code_of_tomorrow", Unavailable),
        # One code, two meanings: a change, and the answer of a language model.
        (503, "change_lost", ChangeLost),
        (502, "not_written", ServerFailed),
        (503, "stopping", Stopping),
        (404, "unknown_document", NotFound),
        (404, "unknown_route", NotFound),
        (405, "method_not_allowed", InvalidRequest),
        (413, "body_too_large", InvalidRequest),
        (415, "unsupported_media_type", InvalidRequest),
        (500, "internal", ServerFailed),
        (500, "index_failed", ServerFailed),
        (503, "starting", Starting),
        (503, "overloaded", Overloaded),
        (503, "timed_out", TimedOut),
        (503, "a_code_of_tomorrow", Unavailable),
    ],
)
def test_each_code_has_its_class(status: int, code: str, kind: type[ApiError]) -> None:
    error = refused(httpx.Response(status, json=samples.refusal(code)))
    assert type(error) is kind
    assert (error.status, error.code, str(error)) == (status, code, f"told as {code}")
    figures = (error.parameter, error.value, error.limit, error.retry_after)
    assert figures == (None, None, None, None)


def test_the_figures_of_a_refusal() -> None:
    body = samples.refusal("out_of_range", parameter="top", value="101", limit=100, more=[1])
    error = refused(httpx.Response(400, json=body))
    assert (error.parameter, error.value, error.limit) == ("top", "101", 100)


@pytest.mark.parametrize(("header", "seconds"), [("2", 2.0), ("soon", None), ("-1", None)])
def test_when_to_come_back(header: str, seconds: float | None) -> None:
    body = samples.refusal("overloaded", limit=100)
    error = refused(httpx.Response(503, json=body, headers={"Retry-After": header}))
    assert isinstance(error, Overloaded)
    assert (error.retry_after, error.limit) == (seconds, 100)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(502, text="<h1>Bad Gateway</h1>"), ServerFailed),
        (httpx.Response(503, text=""), Unavailable),
        (httpx.Response(404, json=["not", "ours"]), NotFound),
        (httpx.Response(400, json={"error": "a text"}), InvalidRequest),
        (httpx.Response(301, headers={"Location": "/"}), InvalidRequest),
    ],
)
def test_errors_of_others_are_quoted(response: httpx.Response, kind: type[ApiError]) -> None:
    error = refused(response)
    assert type(error) is kind
    assert error.code == "unknown"
    assert str(error) == f"HTTP {response.status_code}: {response.text}"


@pytest.mark.parametrize("response", [httpx.Response(200, text="<html>"), httpx.Response(200)])
def test_a_success_that_is_no_json(response: httpx.Response) -> None:
    transport = httpx.MockTransport(lambda _: response)
    with Client(transport=transport) as client, pytest.raises(UnexpectedResponse, match="no JSON"):
        client.collections()


def test_errors_can_be_pickled() -> None:
    body = samples.refusal("out_of_range", parameter="top", limit=100)
    error = refused(httpx.Response(400, json=body))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is InvalidRequest
    assert vars(again) == vars(error)
