"""Answers: of a scripted server that speaks the agreed format, and of a real one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable

import pytest

import samples
from scripted import Reply, ScriptedServer, json_reply, stream_reply
from trovato import (
    Answer,
    AnswerEvent,
    ApiError,
    AsyncClient,
    Client,
    ConnectionFailed,
    InvalidRequest,
    Overloaded,
    Place,
    Retrieval,
    RetryPolicy,
    Span,
    Token,
    Turn,
    UnexpectedResponse,
)

ONCE = RetryPolicy(retries=0)
QUESTION = "how large is it?"
STREAM = samples.stream(*samples.STREAM)


def streamed(scripted: ScriptedServer, pieces: Iterable[bytes | None]) -> list[AnswerEvent]:
    scripted.say(stream_reply(pieces))
    with Client(scripted.url, retry=ONCE) as client:
        return list(client.stream_answer(QUESTION))


def check_stream(events: list[AnswerEvent], answer: Answer) -> None:
    retrieval, *tokens, last = events
    assert isinstance(retrieval, Retrieval)
    assert (retrieval.standalone, retrieval.context) == (answer.standalone, answer.context)
    assert "".join(token.text for token in tokens if isinstance(token, Token)) == answer.text
    assert all(isinstance(token, Token) for token in tokens)
    assert last == answer


def check_consistent(answer: Answer) -> None:
    """What holds of every answer."""
    numbers = {citation.number for citation in answer.citations}
    for claim in answer.claims:
        assert claim.text in answer.text
        assert set(claim.citations) <= numbers
    for citation in answer.citations:
        assert f"[{citation.number}]" in answer.text
        assert (citation.places == ()) == (citation.verdict == "not_found")
    assert answer.context.tokens <= answer.context.budget
    assert answer.abstained == (not answer.claims)


@pytest.fixture
def answer(scripted: ScriptedServer) -> Answer:
    scripted.say(json_reply(samples.ANSWER))
    with Client(scripted.url) as client:
        return client.answer(QUESTION)


def test_an_answer_is_read_whole(answer: Answer) -> None:
    check_consistent(answer)
    assert (answer.question, answer.text) == (QUESTION, "Die Größe 🦀 zählt.[1]")
    assert answer.standalone.query == "how large is a crab"
    assert answer.standalone.rules == ("pronoun: it -> a crab",)
    assert (answer.model, answer.confidence, answer.abstained) == ("extractive", 0.83, False)
    (citation,) = answer.citations
    assert (citation.number, citation.verdict) == (1, "found")
    assert citation.places == (Place("notes/größe.md", Span(109, 133)),)
    (passage,) = answer.context.passages
    assert (passage.number, passage.chunks, passage.score) == (1, (7, 8), 1.25)
    assert citation.span is not None
    assert passage.text_of(citation.span) == citation.quote
    assert answer.context.left_out[0].reason == "near_duplicate"
    assert answer.usage.cost_usd is None
    assert answer.timings_ms == {"search": 4.1, "answer": 12.0, "total": 17.0}


def test_everything_asked_arrives(scripted: ScriptedServer) -> None:
    scripted.say(json_reply(samples.ANSWER))
    schema = {"type": "object"}
    with Client(scripted.url) as client:
        client.answer(
            QUESTION,
            history=[Turn("what is a crab?", "An animal.")],
            model="some-model",
            schema=schema,
            context_tokens=500,
            filter="year > 2000",
            top=None,
        )
    expected = {
        "question": QUESTION,
        "history": [{"question": "what is a crab?", "answer": "An animal."}],
        "model": "some-model",
        "schema": schema,
        "context_tokens": 500,
        "filter": "year > 2000",
    }
    assert scripted.received == [("/v1/answer", expected)]


def test_an_answer_to_a_schema_is_data(scripted: ScriptedServer) -> None:
    scripted.say(json_reply({**samples.ANSWER, "answer": '{"size": [1]}', "confidence": None}))
    with Client(scripted.url) as client:
        answer = client.answer(QUESTION, model="some-model", schema={})
    assert answer.data() == {"size": [1]}
    assert answer.confidence is None


def test_a_stream(scripted: ScriptedServer, answer: Answer) -> None:
    check_stream(streamed(scripted, [STREAM]), answer)
    assert scripted.received == [("/v1/answer", {"question": QUESTION, "stream": True})]


def test_a_stream_byte_by_byte(scripted: ScriptedServer, answer: Answer) -> None:
    check_stream(streamed(scripted, (STREAM[i : i + 1] for i in range(len(STREAM)))), answer)


@pytest.mark.anyio
async def test_a_stream_asynchronously(scripted: ScriptedServer, answer: Answer) -> None:
    async with AsyncClient(scripted.url, retry=ONCE) as client:
        for pieces in ([STREAM], [STREAM[i : i + 1] for i in range(len(STREAM))]):
            scripted.say(stream_reply(pieces))
            check_stream([event async for event in client.stream_answer(QUESTION)], answer)
        scripted.say(json_reply(samples.ANSWER))
        assert await client.answer(QUESTION) == answer


def test_events_come_as_they_are_sent(scripted: ScriptedServer) -> None:
    """The server sends each event only after the one before it was read."""
    read = threading.Semaphore(1)

    def pieces() -> Iterable[bytes]:
        for name, data in samples.STREAM:
            assert read.acquire(timeout=5)
            yield samples.event(name, data)

    scripted.say(stream_reply(pieces()))
    with Client(scripted.url, timeout_s=5, retry=ONCE) as client:
        for _ in client.stream_answer(QUESTION):
            read.release()


def test_events_of_unknown_names_are_ignored(scripted: ScriptedServer, answer: Answer) -> None:
    pieces = [b": hello\n\nevent: mood\ndata: good\n\n", STREAM, b"event: after\ndata: it\n\n"]
    check_stream(streamed(scripted, pieces), answer)


def test_a_stream_that_fails(scripted: ScriptedServer) -> None:
    refusal = samples.refusal("model_failed", limit=3)
    scripted.say(stream_reply([samples.stream(*samples.STREAM[:2], ("error", refusal))]))
    with Client(scripted.url, retry=ONCE) as client:
        events = client.stream_answer(QUESTION)
        assert isinstance(next(events), Retrieval)
        assert next(events) == Token("Die Größe ")
        with pytest.raises(ApiError, match="told as model_failed") as caught:
            next(events)
    error = caught.value
    assert (error.code, error.limit, error.status) == ("model_failed", 3, None)


@pytest.mark.parametrize(
    ("pieces", "kind", "complaint"),
    [
        ([STREAM[:-1]], UnexpectedResponse, "ended before its answer"),
        ([], UnexpectedResponse, "ended before its answer"),
        ([STREAM[:300], None], ConnectionFailed, "/v1/answer"),
        ([b"event: token\ndata: {\n\n"], UnexpectedResponse, "event token is not JSON"),
        ([b"event: token\ndata: {}\n\n"], UnexpectedResponse, "event token.text is missing"),
        ([b"event: error\ndata: 1\n\n"], ApiError, "1"),
    ],
)
def test_a_stream_that_is_not_as_promised(
    scripted: ScriptedServer, pieces: list[bytes | None], kind: type[Exception], complaint: str
) -> None:
    with pytest.raises(kind, match=complaint):
        streamed(scripted, pieces)


def test_a_stream_that_is_refused(scripted: ScriptedServer, answer: Answer) -> None:
    busy = json_reply(samples.refusal("overloaded"), 503, Retry_After="0")
    # One connection: each refusal must leave it free.
    with Client(scripted.url, max_connections=1, timeout_s=5) as client:
        scripted.say(json_reply(samples.refusal("out_of_range", parameter="top"), 400))
        with pytest.raises(InvalidRequest, match="out_of_range"):
            next(client.stream_answer(QUESTION))
        scripted.say(busy, stream_reply([STREAM]))
        check_stream(list(client.stream_answer(QUESTION)), answer)
        scripted.say(busy)
        with pytest.raises(Overloaded):
            next(client.stream_answer(QUESTION))
        scripted.say(json_reply(samples.ANSWER))
        with pytest.raises(UnexpectedResponse, match="application/json; expected text/event-str"):
            next(client.stream_answer(QUESTION))
        assert client.answer(QUESTION) == answer


def test_a_stream_that_is_left_early(scripted: ScriptedServer) -> None:
    # One connection: what the abandoned stream held must be free again.
    with Client(scripted.url, max_connections=1, timeout_s=5, retry=ONCE) as client:
        scripted.say(stream_reply([STREAM]))
        with contextlib.closing(client.stream_answer(QUESTION)) as events:
            next(events)
        scripted.say(json_reply(samples.ANSWER))
        client.answer(QUESTION)


@pytest.mark.anyio
async def test_a_stream_that_is_left_early_asynchronously(scripted: ScriptedServer) -> None:
    async with AsyncClient(scripted.url, max_connections=1, timeout_s=5, retry=ONCE) as client:
        scripted.say(stream_reply([STREAM]))
        async with contextlib.aclosing(client.stream_answer(QUESTION)) as events:
            await anext(events)
        scripted.say(json_reply(samples.ANSWER))
        await client.answer(QUESTION)


def test_nothing_is_sent_before_the_first_event(scripted: ScriptedServer) -> None:
    scripted.say(Reply())
    with Client(scripted.url) as client:
        client.stream_answer(QUESTION).close()
    assert scripted.received == []


def test_a_real_answer(answering: Client) -> None:
    answer = answering.answer("who frees the memory of a value?")
    check_consistent(answer)
    assert answer.collection == "notes"
    assert answer.model == "extractive"
    assert answer.confidence is not None
    assert 0 <= answer.confidence <= 1
    assert not answer.abstained
    assert answer.citations[0].document == "notes/ownership.md"
    for citation in answer.citations:
        assert citation.verdict == "found"
        for place in citation.places:
            document = answering.document(place.document, place.span)
            assert document.text_of(place.span) == citation.quote


def test_a_real_conversation(answering: Client) -> None:
    history = [Turn("what is ownership?", "Every value has one owner.")]
    answer = answering.answer("what happens when it goes out of scope?", history=history)
    check_consistent(answer)
    assert answer.standalone.rules


def test_real_passages_are_those_of_the_documents(answering: Client) -> None:
    answer = answering.answer("Größe 長さ", context_tokens=300)
    assert answer.context.budget == 300
    for passage in answer.context.passages:
        document = answering.document(passage.document, passage.span)
        assert document.text_of(passage.span) == passage.text


def test_a_real_stream(answering: Client) -> None:
    question = "who frees the memory of a value?"
    events = list(answering.stream_answer(question))
    assert isinstance(events[-1], Answer)
    check_stream(events, events[-1])
    assert events[-1].citations == answering.answer(question).citations


def test_real_refusals(answering: Client) -> None:
    with pytest.raises(InvalidRequest) as caught:
        answering.answer("who?", topp=3)  # type: ignore[call-arg]
    assert caught.value.parameter == "topp"
    for events in (answering.stream_answer("who?", top=0), answering.stream_answer("")):
        with pytest.raises(InvalidRequest):
            next(events)
