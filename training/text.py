"""Words, sentences, windows and n-grams: what preparing data asks of plain text."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable
from functools import lru_cache

WORD = re.compile(r"[a-z0-9]+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(\[`*-])|\n\s*\n")
STOP = frozenset(
    "a an and are as at be been by can could did do does for from had has have how i if in into is "
    "it its me my of on or s so t than that the their them then there these they this to was we "
    "were what when where which who whom whose why will with would you your".split()
)
NGRAM = 13


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits."""
    return WORD.findall(text.lower())


def content_words(text: str) -> set[str]:
    """Words that carry meaning, with a plural's s taken off."""
    return {w.rstrip("s") if len(w) > 3 else w for w in words(text) if w not in STOP}


def fingerprint(text: str) -> bytes:
    """Equal for texts that differ only in case, spacing and punctuation."""
    return hashlib.blake2b(" ".join(words(text)).encode(), digest_size=12).digest()


def ngrams(text: str, n: int = NGRAM) -> set[int]:
    """Hashes of all runs of `n` words; stable within and across runs."""
    w = words(text)
    return {
        int.from_bytes(hashlib.blake2b(" ".join(w[i : i + n]).encode(), digest_size=8).digest(), "big")
        for i in range(len(w) - n + 1)
    }


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    """Words with single blanks between and around them, to look for runs of words in."""
    return f" {' '.join(words(text))} "


@lru_cache(maxsize=100_000)
def shingles(text: str, n: int = 4) -> frozenset[int]:
    """Hashes of runs of `n` words; for counting what two texts share, within one run."""
    w = words(text)
    return frozenset(hash(tuple(w[i : i + n])) for i in range(len(w) - n + 1))


def overlap(a: str, b: str) -> float:
    """Share of the shorter text's runs of four words that the other text has too."""
    ga, gb = shingles(a), shingles(b)
    if not ga or not gb:
        return float(plain(a) == plain(b))
    return len(ga & gb) / min(len(ga), len(gb))


def sentences(text: str) -> list[str]:
    """Sentences and paragraphs' ends; abbreviations split now and then, which does no harm."""
    return [s.strip() for s in SENTENCE_END.split(text) if len(s.strip()) > 2]


class Leaks:
    """What a training text may not share with anything that is evaluated."""

    def __init__(self) -> None:
        self.hashes: set[bytes] = set()
        self.grams: set[int] = set()

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.hashes.add(fingerprint(text))
            self.grams |= ngrams(text)

    def hit(self, text: str) -> bool:
        return fingerprint(text) in self.hashes or not self.grams.isdisjoint(ngrams(text))


def best_sentence(query: set[str], parts: list[str]) -> int:
    """The sentence that shares most content words with the query; the first of equals."""
    return max(range(len(parts)), key=lambda i: (len(query & content_words(parts[i])), -i))


def window(parts: list[str], centre: int, budget: int, rng: random.Random) -> str:
    """Whole sentences around `centre`, grown at random on both sides up to `budget` words.

    The centre is always whole, unless it alone is longer than twice the budget.
    """
    low = high = centre
    size = len(parts[centre].split())
    if size > 2 * budget:
        return " ".join(parts[centre].split()[: 2 * budget])
    while size < budget and (low > 0 or high < len(parts) - 1):
        left = low > 0 and (high == len(parts) - 1 or rng.random() < 0.5)
        step = low - 1 if left else high + 1
        size += len(parts[step].split())
        if size > budget * 1.25:
            break
        low, high = min(low, step), max(high, step)
    return " ".join(parts[low : high + 1])
