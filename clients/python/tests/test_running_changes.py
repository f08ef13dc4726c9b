"""Changes to a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trovato import (
    AsyncClient,
    BulkProgress,
    Change,
    Client,
    Deletion,
    DocumentRefused,
    InvalidRequest,
    NotFound,
    ReadOnly,
    Written,
)


def records(n: int) -> Iterator[Change]:
    return ({"id": f"r/{at}", "title": f"Record {at}", "text": "zander"} for at in range(n))


def found(client: Client, word: str) -> set[str]:
    return {hit.document for hit in client.search(word, strategy="lexical", top=100).hits}


def test_what_is_written_is_found_and_what_is_deleted_is_not(writable_url: str) -> None:
    with Client(writable_url) as client:
        (collection,) = client.collections().collections
        assert collection.writable
        made = client.put("größe & maß.md", "# Größe\n\nEin Zitteraal.")
        assert isinstance(made, Written)
        assert (made.document, made.result, made.chunks) == ("größe & maß.md", "created", 1)
        assert found(client, "Zitteraal") == {"größe & maß.md"}
        again = client.put(
            "größe & maß.md", "# Größe\n\nEin Zitteraal.", media_type="text/markdown"
        )
        assert isinstance(again, Written)
        assert (again.result, again.generation) == ("unchanged", made.generation)
        client.put("größe & maß.md", "A moray.", title="Moray", fields={"year": 1999})
        document = client.document("größe & maß.md")
        assert (document.title, document.fields["year"]) == ("Moray", 1999)
        gone = client.delete("größe & maß.md")
        assert isinstance(gone, Written)
        assert gone.result == "deleted"
        assert found(client, "moray") == set()
        with pytest.raises(NotFound):
            client.delete("größe & maß.md")
        with pytest.raises(DocumentRefused):
            client.put("a.txt", "  \n")
        with pytest.raises(InvalidRequest, match="must be of a type that is read") as caught:
            client.put("a.csv", "a,b")
        assert caught.value.code == "unsupported_media_type"


def test_many_changes_in_jobs(writable_url: str) -> None:
    seen: list[BulkProgress] = []
    with Client(writable_url) as client:
        job = client.bulk([*records(3), {"id": "bad"}, Deletion("r/0")], wait=True)
        assert job.items is not None
        results = [(item.line, item.result) for item in job.items]
        created = [(1, "created"), (2, "created"), (3, "created")]
        assert results == [*created, (4, "refused"), (5, "deleted")]
        outcome = client.bulk_all([*records(40), {"id": "bad"}], on_progress=seen.append)
        assert (outcome.counts.items, outcome.counts.unchanged) == (41, 2)
        assert [(failure.line, failure.document) for failure in outcome.failures] == [(41, "bad")]
        assert seen[-1].counts == outcome.counts
        assert found(client, "zander") == {f"r/{at}" for at in range(40)}
        assert [job.id for job in client.jobs()] == [*outcome.jobs, job.id]
        later = client.bulk([Deletion("r/1"), Deletion("nobody")])
        done = client.wait_for_job(later, timeout_s=30)
        assert (done.counts.deleted, done.counts.not_found) == (1, 1)
        with pytest.raises(NotFound, match="there is no job"):
            client.wait_for_job("1-1")


def test_a_collection_that_is_only_read(client: Client) -> None:
    assert not client.collections().collections[0].writable
    with pytest.raises(ReadOnly, match="--writable"):
        client.put("a.md", "x")
    with pytest.raises(ReadOnly):
        client.bulk_all(records(1))


@pytest.mark.anyio
async def test_the_same_asynchronously(writable_url: str) -> None:
    async with AsyncClient(writable_url) as client:
        assert isinstance(await client.put("a.md", "A moray."), Written)
        outcome = await client.bulk_all([*records(3), {"id": "bad"}])
        assert outcome.counts.created == 3
        assert [failure.line for failure in outcome.failures] == [4]
        assert isinstance(await client.delete("a.md"), Written)
