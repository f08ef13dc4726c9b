"""Servers for the tests: a scripted one, and the real one where its binary is given.

`TROVATO_BIN` names the binary; without it the tests that need it are skipped and say so.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from scripted import ScriptedServer
from trovato import AsyncClient, Client, NotFound

START_LIMIT_S = 60.0

# On a busy machine the default budget reads fewer candidates at one time than at another.
RERANK = ["--rerank", "default", "--rerank-budget-ms", "60000"]

NOTES = {
    "ownership.md": (
        "# Ownership\n\nEvery value has one owner. When the owner goes out of scope, the value "
        "is dropped and its memory is freed.\n\n## Borrowing\n\nA reference borrows a value "
        "without owning it.\n"
    ),
    "größe.md": (
        "# Größe\n\nDie Größe eines Wertes ist sein Maß. 🦀 Ende.\n\n"
        "## Länge\n\nEin Mètre mißt 長さ: genau 1 m.\n"
    ),
    "bread.md": "# Bread\n\nSlice bread before you freeze it, then toast it frozen.\n",
}
RECORDS = [
    {"id": "faq/1", "title": "Freezing", "text": "May cooked rice be frozen? Yes.", "year": 2019},
    {"id": "faq/2?x=ü#y", "title": "Boiling", "text": "Eggs boil for 7 minutes.", "year": 2023},
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server with the collection `notes`; reranks."""
    binary = os.environ.get("TROVATO_BIN")
    if not binary:
        pytest.skip("TROVATO_BIN names no binary: nothing is tested against a running server")
    folder = tmp_path_factory.mktemp("server")
    notes = folder / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    records = folder / "faq.jsonl"
    lines = (json.dumps(record, ensure_ascii=False) for record in RECORDS)
    records.write_text("\n".join(lines), encoding="utf-8")
    index = folder / "notes.trovato"
    ingest = [binary, "ingest", str(notes), str(records), "--index", str(index)]
    subprocess.run(ingest, check=True, stdout=subprocess.DEVNULL)
    yield from _serve(binary, index, folder / "server.log", RERANK)


@pytest.fixture
def writable_url(server_url: str, tmp_path: Path) -> Iterator[str]:
    """A running server whose collection `notes` takes changes; one document is in it."""
    binary = os.environ["TROVATO_BIN"]
    folder, index = tmp_path / "notes", tmp_path / "notes.trovato"
    folder.mkdir()
    (folder / "first.md").write_text(NOTES["bread.md"], encoding="utf-8")
    ingest = [binary, "ingest", str(folder), "--index", str(index)]
    subprocess.run(ingest, check=True, stdout=subprocess.DEVNULL)
    yield from _serve(binary, index, tmp_path / "server.log", ["--writable"])


def _serve(binary: str, index: Path, log: Path, more: list[str]) -> Iterator[str]:
    serve = [binary, "serve", "--index", f"notes={index}", "--listen", "127.0.0.1:0"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*serve, *more], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://" not in line:
                pytest.fail(f"the server did not start: {line}{log.read_text(errors='replace')}")
            url = next(word for word in line.split() if word.startswith("http://"))
            with Client(url) as client:
                client.wait_until_ready(START_LIMIT_S)
            yield url
        finally:
            process.terminate()


@pytest.fixture
def client(server_url: str) -> Iterator[Client]:
    with Client(server_url) as client:
        yield client


@pytest.fixture
async def async_client(server_url: str, anyio_backend: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server_url) as client:
        yield client


@pytest.fixture
def answering(client: Client) -> Client:
    """A client of a server that has the answering route."""
    try:
        client.answer("who frees memory")
    except NotFound as error:
        if error.code != "unknown_route":
            raise
        pytest.skip("this binary has no /v1/answer: answers are tested with a scripted server only")
    return client
