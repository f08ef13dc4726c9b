"""Putting, deleting, and many at once: what is sent, how it is waited for, what is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import samples
from scripted import CUT, Reply, ScriptedServer, json_reply
from trovato import (
    AsyncClient,
    BulkProgress,
    Change,
    Client,
    Deletion,
    DocumentRefused,
    Job,
    JobItem,
    JobUnfinished,
    NotFound,
    RetryPolicy,
    WritesQueued,
    Written,
)
from trovato._bulk import PART_ITEMS, split

QUICK = RetryPolicy(retries=2, backoff_s=0.001)
ONCE = RetryPolicy(retries=0)
DOCUMENT = "/v1/documents/notes%2Fgr%C3%B6%C3%9Fe.md"
WRITTEN = json_reply(samples.WRITTEN, 201)
QUEUED = json_reply(samples.refusal("writes_queued", limit=100_000), 429, Retry_After="0")


def pending(number: int = 1, settled: int = 0, state: str = "queued", **more: object) -> Reply:
    counts = samples.job()["counts"] | {"settled": settled, "created": settled, "refused": 0}
    body = samples.job(number, state, counts=counts, ended=None, generation=None, **more)
    return json_reply(body, 202)


def settled(number: int = 1, n: int = 2, **more: Any) -> Reply:
    counts = samples.job()["counts"] | {"items": n, "settled": n, "created": n, "refused": 0}
    return json_reply(samples.job(number, **{"counts": counts, "items": [], **more}))


def catalog(**limits: int) -> Reply:
    return json_reply({"collections": [], "limits": limits})


def lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


def test_a_document_is_put_as_it_is(scripted: ScriptedServer) -> None:
    scripted.say(WRITTEN)
    with Client(scripted.url) as client:
        for text in ("# Größe", "# Größe".encode()):
            put = client.put("notes/größe.md", text, media_type="text/markdown", title="A & B")
            assert put == Written("notes/größe.md", "notes", "created", 2, 4)
        assert scripted.received == [(f"{DOCUMENT}?title=A+%26+B", "# Größe".encode())] * 2
        methods = [(method, headers["Content-Type"]) for method, headers in scripted.heads]
        assert methods == [("PUT", "text/markdown")] * 2
        # Without a media type none is sent: the server goes by the id.
        client.put("notes/größe.md", b"", collection="notes", wait=False)
    assert scripted.heads[-1][1]["Content-Type"] is None
    assert scripted.received[-1] == (f"{DOCUMENT}?collection=notes&wait=false", None)


def test_metadata_makes_a_record(scripted: ScriptedServer) -> None:
    scripted.say(WRITTEN)
    with Client(scripted.url) as client:
        client.put("notes/größe.md", "Maß", title="Größe", fields={"year": 2021, "tags": ["a"]})
        record = {"title": "Größe", "text": "Maß", "year": 2021, "tags": ["a"]}
        assert scripted.received == [(DOCUMENT, record)]
        with pytest.raises(ValueError, match="fields travel in a record"):
            client.put("a", b"x", fields={"year": 1})
        with pytest.raises(ValueError, match="fields travel in a record"):
            client.put("a", "x", fields={"year": 1}, media_type="text/plain")
        with pytest.raises(ValueError, match="fields has 'text'"):
            client.put("a", "x", fields={"text": "y"})
    assert len(scripted.received) == 1


def test_what_takes_longer_than_a_request_is_a_job(scripted: ScriptedServer) -> None:
    scripted.say(pending(waiting_for="process 7", state="waiting"))
    with Client(scripted.url) as client:
        for job in (client.put("a.md", "x"), client.delete("a.md")):
            assert isinstance(job, Job)
            assert (job.id, job.state, job.waiting_for) == (
                "19a4c2f1e30-1",
                "waiting",
                "process 7",
            )
            assert (job.done, job.ended, job.items) == (False, None, None)


def test_changes_are_repeated(scripted: ScriptedServer) -> None:
    with Client(scripted.url, retry=QUICK) as client:
        scripted.say(CUT, QUEUED, WRITTEN)
        client.put("a.md", "x")
        assert [body for _, body in scripted.received] == [b"x"] * 3
        # A deletion whose response was lost may have worked: nothing is there any more.
        scripted.say(CUT, json_reply(samples.refusal("unknown_document"), 404))
        with pytest.raises(NotFound):
            client.delete("a.md")
        assert [method for method, _ in scripted.heads] == ["DELETE"] * 2
        scripted.say(CUT, pending())
        client.bulk({"id": str(n), "text": "x"} for n in range(2))
        assert scripted.received[0] == scripted.received[1]
        scripted.say(json_reply(samples.refusal("document_refused"), 422))
        with pytest.raises(DocumentRefused):
            client.put("a.md", "")
        assert len(scripted.received) == 1
        scripted.say(QUEUED)
        with pytest.raises(WritesQueued) as caught:
            client.put("a.md", "x")
        assert (caught.value.limit, len(scripted.received)) == (100_000, 3)


def test_a_bulk_request_is_a_line_each(scripted: ScriptedServer) -> None:
    scripted.say(json_reply(samples.job(items=samples.ITEMS)))
    changes: list[Change] = [
        {"id": "a", "text": "two\nlines\u2028 🦀", "year": 1},
        Deletion("b"),
        {"delete": "c"},
    ]
    with Client(scripted.url) as client:
        job = client.bulk(changes, collection="notes", wait=True)
        with pytest.raises(ValueError, match="JSON"):
            client.bulk([{"id": "a", "text": "", "share": float("nan")}])
    ((path, body),) = scripted.received
    assert path == "/v1/bulk?collection=notes&wait=true"
    assert scripted.heads[0][1]["Content-Type"] == "application/x-ndjson"
    assert body.count(b"\n") == 3
    texts = [json.loads(line) for line in body.split(b"\n")[:-1]]
    assert texts == [changes[0], {"delete": "b"}, {"delete": "c"}]
    assert job.done
    assert (job.counts.settled, job.counts.created, job.counts.failed) == (2, 1, 1)
    assert job.items == (
        JobItem(1, "a", "created", 3, None),
        JobItem(2, "b", "refused", None, "empty: it has no text"),
    )


def test_a_job_and_its_items_page_by_page(scripted: ScriptedServer) -> None:
    pages = [samples.ITEMS, samples.ITEMS[:1], []]
    scripted.say(*(json_reply(samples.job(items=items)) for items in pages))
    with Client(scripted.url) as client:
        items = list(client.job_items("19a4c2f1e30-1"))
        assert [item.document for item in items] == ["a", "b", "a"]
        paths = [path for path, _ in scripted.received]
        job = "/v1/jobs/19a4c2f1e30-1"
        assert paths == [job, f"{job}?from=2", f"{job}?from=3"]
        scripted.say(json_reply({"jobs": [samples.job(2), samples.job(1)]}))
        assert [job.id for job in client.jobs()] == ["19a4c2f1e30-2", "19a4c2f1e30-1"]
        scripted.say(json_reply(samples.refusal("unknown_job", parameter="job", value="1-1"), 404))
        with pytest.raises(NotFound, match="unknown_job"):
            client.job("1-1")


def test_a_job_is_waited_for(scripted: ScriptedServer) -> None:
    done = json_reply(samples.job(items=samples.ITEMS))
    scripted.say(pending(), pending(settled=1, state="running"), done)
    with Client(scripted.url) as client:
        job = client.wait_for_job("19a4c2f1e30-1", timeout_s=10)
        assert job.items is not None
        assert [item.result for item in job.items] == ["created", "refused"]
        # While it is waited for its items, up to a thousand, are not asked for.
        asked = [re.sub(r".*\?from=4294967295", "no items", path) for path, _ in scripted.received]
        assert asked == ["no items", "no items", "no items", "/v1/jobs/19a4c2f1e30-1"]
        scripted.say(pending(settled=1, state="waiting", waiting_for="process 7"))
        with pytest.raises(JobUnfinished) as caught:
            client.wait_for_job(job, timeout_s=0.1)
        told = "not done within 0.1 s: waiting, waiting for process 7, 1 of 2 settled"
        assert told in str(caught.value)
        assert caught.value.job is not None
        assert caught.value.job.counts.settled == 1
        scripted.say(done)
        assert client.wait_for_job(job, timeout_s=0).done


def sized(n: int) -> Iterator[Change]:
    return ({"id": f"{at:06}", "text": "x"} for at in range(n))


def test_parts_are_within_the_limits() -> None:
    line = len('{"id":"000000","text":"x"}\n')
    parts = list(split(sized(10), {"write_bytes": 3 * line}))
    assert [(part.before, part.items, len(part.body)) for part in parts] == [
        (0, 3, 3 * line),
        (3, 3, 3 * line),
        (6, 3, 3 * line),
        (9, 1, line),
    ]
    ids = [record["id"] for part in parts for record in lines(part.body)]
    assert ids == [f"{at:06}" for at in range(10)]
    by_count = [part.items for part in split(sized(PART_ITEMS + 1), {"write_bytes": 1 << 30})]
    assert by_count == [PART_ITEMS, 1]
    assert [part.items for part in split(sized(5), {"queued_writes": 2})] == [2, 2, 1]
    assert list(split([], {})) == []
    too_long = split([*sized(2), {"id": "b", "text": "x" * 100}], {"write_bytes": line})
    assert next(too_long).items == 1
    with pytest.raises(ValueError, match=r"change 3 has 121 bytes .* at most 27"):
        next(too_long)


def test_many_changes_part_by_part(scripted: ScriptedServer) -> None:
    failing = samples.job(2, items=samples.ITEMS)
    scripted.say(
        catalog(write_bytes=1 << 20, queued_writes=2),
        QUEUED,
        pending(1),
        pending(1, settled=1, state="running"),
        settled(1),
        pending(2),
        json_reply(failing | {"items": []}),
        json_reply(failing),
        json_reply(failing | {"items": []}),
        pending(3),
        settled(3, n=1),
    )
    seen: list[BulkProgress] = []
    with Client(scripted.url, retry=ONCE) as client:
        outcome = client.bulk_all(sized(5), collection="notes", on_progress=seen.append)
    counts = outcome.counts
    assert (counts.items, counts.settled, counts.created, counts.refused) == (5, 5, 4, 1)
    assert outcome.jobs == tuple(f"19a4c2f1e30-{n}" for n in (1, 2, 3))
    # The second line of the second part is the fourth change.
    (failure,) = outcome.failures
    assert (failure.line, failure.document, failure.result) == (4, "b", "refused")
    assert [(told.counts.settled, told.counts.items) for told in seen] == [
        (1, 2),
        (2, 2),
        (4, 4),
        (5, 5),
    ]
    bodies = [body for path, body in scripted.received if path.startswith("/v1/bulk")]
    assert [len(lines(body)) for body in bodies] == [2, 2, 2, 1]
    assert bodies[0] == bodies[1], "what was turned away is sent again"


def test_a_full_queue_is_waited_for_no_longer_than_allowed(scripted: ScriptedServer) -> None:
    scripted.say(catalog(), QUEUED)
    with Client(scripted.url, retry=ONCE) as client, pytest.raises(WritesQueued):
        client.bulk_all(sized(1), timeout_s=0.0)


@pytest.mark.anyio
async def test_the_same_asynchronously(scripted: ScriptedServer) -> None:
    async with AsyncClient(scripted.url, retry=QUICK) as client:
        scripted.say(WRITTEN)
        written = await client.put("notes/größe.md", "x")
        assert isinstance(written, Written)
        scripted.say(pending())
        assert isinstance(await client.delete("a.md", wait=False), Job)
        with pytest.raises(JobUnfinished):
            await client.wait_for_job("19a4c2f1e30-1", timeout_s=0.1)
        failing = samples.job(1, items=samples.ITEMS)
        empty = json_reply(failing | {"items": []})
        scripted.say(catalog(queued_writes=2), QUEUED, pending(), empty, json_reply(failing), empty)
        outcome = await client.bulk_all(sized(2))
        assert [failure.line for failure in outcome.failures] == [2]
        assert outcome.counts.refused == 1
        scripted.say(json_reply({"jobs": [samples.job()]}))
        assert len(await client.jobs()) == 1
