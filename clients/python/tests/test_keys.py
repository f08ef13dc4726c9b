"""The key that a server may ask for: sent with every request, and shown nowhere."""

from __future__ import annotations

import logging

import pytest

import samples
from scripted import ScriptedServer, json_reply
from trovato import AsyncClient, Client, RetryPolicy, TrovatoError, Unauthorized

KEY = "trovato_s3cret-key"
FOUND = json_reply(samples.OUTCOME)
BUSY = json_reply(samples.refusal("overloaded"), 503, Retry_After="0")


@pytest.mark.anyio
async def test_the_key_is_sent(scripted: ScriptedServer) -> None:
    scripted.say(FOUND)
    with Client(scripted.url, api_key=KEY, headers={"X-Proxy": "p"}) as client:
        client.search("a")
    async with AsyncClient(scripted.url, api_key=KEY) as other:
        await other.search("a")
    with Client(scripted.url) as client:
        client.search("a")
    sent = [headers["Authorization"] for _, headers in scripted.heads]
    assert sent == [f"Bearer {KEY}", f"Bearer {KEY}", None]
    assert scripted.heads[0][1]["X-Proxy"] == "p"


def test_the_key_is_shown_nowhere(
    scripted: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trovato")
    caplog.set_level(logging.DEBUG, "httpx")
    scripted.say(BUSY, json_reply(samples.refusal("unauthorized"), 401))
    retry = RetryPolicy(retries=1)
    with Client(scripted.url, api_key=KEY, retry=retry) as client:
        with pytest.raises(Unauthorized) as caught:
            client.search("a")
        shown = [repr(client), str(vars(client)), repr(caught.value), str(vars(caught.value))]
    assert not [text for text in [*shown, caplog.text] if KEY in text]
    assert "repetition 1" in caplog.text


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (f"{KEY}\n", f"odd character at place {len(KEY)}; was a line break read with it"),
        (f"{KEY}é", "odd character at place"),
        ("", "api_key is empty"),
    ],
)
def test_a_key_that_cannot_be_sent_is_told_without_it(key: str, complaint: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match=complaint) as caught:
            kind(api_key=key)
        assert KEY not in str(caught.value)


def test_one_authorization_is_enough() -> None:
    with pytest.raises(ValueError, match="Authorization beside api_key"):
        Client(api_key=KEY, headers={"authorization": "Basic abc"})


def test_an_error_of_the_transport_does_not_show_it() -> None:
    with ScriptedServer() as gone:
        url = gone.url
    retry = RetryPolicy(retries=0)
    with Client(url, api_key=KEY, retry=retry) as client, pytest.raises(TrovatoError) as caught:
        client.search("a")
    assert KEY not in str(caught.value)
