"""Pairs over the Rust guides: headings, error codes, sentences and this project's dev questions.

The guides are read from the installed toolchain and cut at headings. Test
questions are never training material; leaks.py also bars sections that hold
their evidence.
"""

from __future__ import annotations

import random
import re
from html.parser import HTMLParser
from pathlib import Path

from sources import Pair, Passage, Source, as_question, claim, jsonl
from text import sentences

CORPUS = Path(__file__).parent.parent / "corpora" / "rust-docs"
HEADINGS = {"h1", "h2", "h3", "h4", "h5"}
BLOCKS = HEADINGS | {"p", "li", "pre", "td", "th", "tr", "dt", "dd", "div", "blockquote"}
VOID = {"br", "img", "hr", "input", "meta", "link", "source", "wbr"}
SKIPPED = {"script", "style", "nav", "button", "svg"}
MIN_WORDS, MAX_WORDS = 18, 600
GENERIC = re.compile(
    r"^(examples?|syntax|options|summary|description|see also|motivation|introduction|overview|notes?|conclusion"
    r"|details|usage)\b",
    re.IGNORECASE,
)


class _Sections(HTMLParser):
    """Text of `<main>`, cut at headings: `[heading, text]`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[list[str]] = []
        self.inside, self.skipped, self.heading = False, [], False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "main":
            self.inside = True
        if not self.inside or tag in VOID:
            return
        if self.skipped or tag in SKIPPED or ("class", "boring") in attrs:
            self.skipped.append(tag)
        elif tag in HEADINGS:
            self.heading = True
            self.sections.append(["", ""])
        elif tag in BLOCKS:
            self._add("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "main":
            self.inside = False
        if self.skipped:
            if tag in self.skipped:
                while self.skipped.pop() != tag:
                    pass
        elif tag in HEADINGS:
            self.heading = False
        elif tag in BLOCKS:
            self._add("\n")

    def handle_data(self, data: str) -> None:
        if self.inside and not self.skipped:
            self._add(data)

    def _add(self, data: str) -> None:
        if not self.sections:
            self.sections.append(["", ""])
        self.sections[-1][0 if self.heading else 1] += data


def sections(html: str) -> list[tuple[str, str]]:
    """Heading and text of each part of a page, white space written as single blanks."""
    parser = _Sections()
    parser.feed(html)
    out = []
    for heading, text in parser.sections:
        lines = [" ".join(line.split()) for line in text.split("\n")]
        out.append((" ".join(heading.split()), "\n".join(line for line in lines if line)))
    return out


def flat(text: str) -> str:
    return " ".join(text.split()).lower()


def questions(split: str) -> list[dict]:
    """Questions of a split with all quotes that answer: the authors' and the judged ones."""
    found = {q["id"]: q for q in jsonl(CORPUS / "questions.jsonl") if q["split"] == split}
    for q in found.values():
        q["quotes"] = [(e["document"], e["quote"], 2) for e in q["evidence"]]
    for row in jsonl(CORPUS / "judgments.jsonl"):
        if row["question"] in found:
            found[row["question"]]["quotes"] += [(row["document"], r["quote"], r["grade"]) for r in row["relevant"]]
    return list(found.values())


def rust(html: Path, rng: random.Random, limits: dict[str, int]) -> Source:
    """All pairs over the guides under `html`, the toolchain's documentation folder."""
    pages = [line.split("\t")[1] for line in (CORPUS / "pages.tsv").read_text().splitlines()[1:]]
    corpus: list[Passage] = []
    kinds: dict[str, list[Pair]] = {kind: [] for kind in limits}
    by_page: dict[str, list[int]] = {}
    for page in pages:
        path = html / page.removeprefix("rust-docs/")
        if not path.exists():
            continue
        title = ""
        for heading, text in sections(path.read_text(encoding="utf-8", errors="replace")):
            title = title or heading
            if not MIN_WORDS <= len(text.split()) <= MAX_WORDS:
                continue
            here = len(corpus)
            corpus.append(Passage(text, heading or title))
            by_page.setdefault(page, []).append(here)
            _mine(page, title, heading, text, here, kinds, rng)
    for q in questions("dev"):
        kinds["question"] += _question(q, corpus, by_page)
    pairs = []
    for kind, limit in limits.items():
        rng.shuffle(kinds[kind])
        pairs += kinds[kind][:limit]
    return Source("rust", corpus, pairs)


def _mine(
    page: str, title: str, heading: str, text: str, here: int, kinds: dict[str, list[Pair]], rng: random.Random
) -> None:
    code = re.search(r"error_codes/(E\d{4})", page)
    if code:
        forms = ["what does error {} mean", "{}", "rustc error {} how to fix", "why do I get {}?", "error[{}]"]
        kinds["code"].append(Pair(rng.choice(forms).format(code[1]), here, kind="code"))
    elif heading:
        alone = heading == title or (rng.random() < 0.5 and not GENERIC.match(heading))
        topic = heading if alone else f"{heading} {title}"
        topic = re.sub(r"^[\dA-Z]+\.[\d.]*\s*|[§¶]", "", topic)
        if len(topic) > 3:
            kinds["heading"].append(Pair(as_question(topic, rng), here, kind="heading"))
    fit = [s for s in sentences(text) if 8 <= len(s.split()) <= 28 and "\n" not in s]
    if fit:
        sentence = rng.choice(fit)
        kinds["sentence"].append(Pair(claim(sentence), here, without=sentence, kind="claim"))


def _question(q: dict, corpus: list[Passage], by_page: dict[str, list[int]]) -> list[Pair]:
    """One pair for every section that holds a quote of grade 2; no negative may hold any quote."""
    quotes = [quote for _, quote, _ in q["quotes"]]
    pairs, used = [], set()
    for document, quote, grade in q["quotes"]:
        for here in by_page.get(document, []):
            if grade == 2 and here not in used and flat(quote) in flat(corpus[here].text):
                used.add(here)
                pairs.append(Pair(q["question"], here, [*quotes], kind="question"))
    return pairs[:4]
