"""What is sent again, on real connections where it matters."""

from __future__ import annotations

import logging

import pytest

import samples
from scripted import CUT, ScriptedServer, json_reply
from trovato import (
    AsyncClient,
    Client,
    ConnectionFailed,
    InvalidRequest,
    NotReady,
    Overloaded,
    RateLimited,
    ResponseTimeout,
    RetryPolicy,
    ServerFailed,
    Starting,
    TimedOut,
    TrovatoError,
    Unavailable,
    WritesQueued,
)

QUICK = RetryPolicy(retries=2, backoff_s=0.001)
BUSY = json_reply(samples.refusal("overloaded"), 503, Retry_After="0")
FOUND = json_reply(samples.OUTCOME)
ANSWERED = json_reply(samples.ANSWER)


@pytest.mark.parametrize(
    ("error", "repeatable", "bounds"),
    [
        (Overloaded("", retry_after=1.0), True, (1.0, 1.5)),
        (Overloaded("", retry_after=1.0), False, (1.0, 1.5)),
        (Starting("", retry_after=2.0), False, (2.0, 3.0)),
        (TimedOut("", retry_after=1.0), True, (1.0, 1.5)),
        # The server may have been at work for half a minute, with a model that costs.
        (TimedOut("", retry_after=1.0), False, None),
        (Overloaded("", retry_after=6.0), True, None),
        (Unavailable("", retry_after=None), True, None),
        (WritesQueued("", retry_after=1.0), True, (1.0, 1.5)),
        (RateLimited("", retry_after=2.0), False, (2.0, 3.0)),
        (RateLimited("", retry_after=42.0), True, None),
        (ConnectionFailed("", sent=False), False, (0.1, 0.2)),
        (ConnectionFailed("", sent=True), True, (0.1, 0.2)),
        (ConnectionFailed("", sent=True), False, None),
        (ResponseTimeout(""), True, None),
        (ServerFailed(""), True, None),
        (InvalidRequest("", retry_after=1.0), True, None),
    ],
)
def test_what_is_repeated_and_when(
    error: TrovatoError, repeatable: bool, bounds: tuple[float, float] | None
) -> None:
    policy = RetryPolicy()
    waits = {policy.wait_s(error, attempt=0, repeatable=repeatable) for _ in range(100)}
    if bounds is None:
        assert waits == {None}
        return
    given = sorted(wait for wait in waits if wait is not None)
    assert len(given) == 100
    assert bounds[0] <= given[0] < given[-1] <= bounds[1]
    assert policy.wait_s(error, attempt=policy.retries, repeatable=repeatable) is None


def test_waits_double_up_to_the_longest() -> None:
    policy = RetryPolicy(retries=50, backoff_s=1.0, max_wait_s=3.0)
    for attempt, longest in enumerate([1.0, 2.0, 3.0, 3.0]):
        wait = policy.wait_s(ConnectionFailed(""), attempt=attempt, repeatable=True)
        assert wait is not None
        assert longest / 2 <= wait <= longest


@pytest.mark.parametrize("field", ["retries", "backoff_s", "max_wait_s"])
def test_a_policy_has_no_negative_values(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is -1"):
        RetryPolicy(**{field: -1})


def test_a_busy_server_is_asked_again(
    scripted: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.say(BUSY, BUSY, FOUND)
    with caplog.at_level(logging.INFO, "trovato"), Client(scripted.url, retry=QUICK) as client:
        assert client.search("a").query == "Größe"
    assert [record.name for record in caplog.records].count("trovato") == 2
    assert "told as overloaded; repetition 1 of 2" in caplog.text
    assert [body for _, body in scripted.received] == [{"query": "a"}] * 3


def test_repetitions_are_bounded(scripted: ScriptedServer) -> None:
    scripted.say(BUSY)
    with Client(scripted.url, retry=QUICK) as client, pytest.raises(Overloaded):
        client.search("a")
    assert len(scripted.received) == 3


def test_a_broken_connection_is_made_anew(scripted: ScriptedServer) -> None:
    scripted.say(CUT, FOUND)
    with Client(scripted.url, retry=QUICK) as client:
        client.search("a")
    assert (len(scripted.received), scripted.connections) == (2, 2)


@pytest.mark.anyio
async def test_the_same_asynchronously(scripted: ScriptedServer) -> None:
    scripted.say(BUSY, CUT, FOUND)
    async with AsyncClient(scripted.url, retry=QUICK) as client:
        await client.search("a")
        assert len(scripted.received) == 3
        scripted.say(BUSY)
        with pytest.raises(Overloaded):
            await client.search("a")
        assert len(scripted.received) == 3


def test_a_language_model_is_not_asked_twice(scripted: ScriptedServer) -> None:
    with Client(scripted.url, retry=QUICK) as client:
        scripted.say(CUT, ANSWERED)
        with pytest.raises(ConnectionFailed) as caught:
            client.answer("a", model="some-model")
        assert caught.value.sent
        assert len(scripted.received) == 1
        scripted.say(BUSY, ANSWERED)
        client.answer("a", model="some-model")
        assert len(scripted.received) == 2
        for free in (None, "extractive"):
            scripted.say(CUT, ANSWERED)
            client.answer("a", model=free)
            assert len(scripted.received) == 2


def test_nobody_there() -> None:
    with ScriptedServer() as gone:
        url = gone.url
    with Client(url, retry=QUICK) as client:
        with pytest.raises(ConnectionFailed, match=url) as caught:
            client.search("a")
        assert not caught.value.sent
        assert not client.ready()


def test_a_server_that_says_nothing(scripted: ScriptedServer) -> None:
    slow = json_reply(samples.OUTCOME)
    slow.delay_s = 1.0
    scripted.say(slow)
    with Client(scripted.url, timeout_s=0.05) as client, pytest.raises(ResponseTimeout):
        client.search("a")
    assert len(scripted.received) == 1


def test_connections_are_used_again(scripted: ScriptedServer) -> None:
    scripted.say(FOUND)
    with Client(scripted.url) as client:
        for _ in range(5):
            client.search("a")
    assert (len(scripted.received), scripted.connections) == (5, 1)


def test_readiness(scripted: ScriptedServer) -> None:
    starting = json_reply(samples.refusal("starting"), 503, Retry_After="1")
    with Client(scripted.url) as client:
        scripted.say(starting, starting, json_reply({"status": "ready"}))
        assert not client.ready()
        client.wait_until_ready(timeout_s=10)
        assert client.ready()
        scripted.say(starting)
        with pytest.raises(NotReady, match=r"0\.2 s: told as starting") as caught:
            client.wait_until_ready(timeout_s=0.2)
        assert isinstance(caught.value.__cause__, Starting)
        scripted.say(json_reply(samples.refusal("unknown_route"), 404))
        with pytest.raises(TrovatoError, match="unknown_route"):
            client.wait_until_ready(timeout_s=10)


@pytest.mark.anyio
async def test_readiness_asynchronously(scripted: ScriptedServer) -> None:
    starting = json_reply(samples.refusal("starting"), 503, Retry_After="1")
    async with AsyncClient(scripted.url) as client:
        scripted.say(starting, starting, json_reply({"status": "ready"}))
        assert not await client.ready()
        await client.wait_until_ready(timeout_s=10)
        assert await client.ready()
        scripted.say(starting)
        with pytest.raises(NotReady):
            await client.wait_until_ready(timeout_s=0.2)
