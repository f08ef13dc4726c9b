"""The pairs that shipped weights may learn from, one function per source.

Every source yields `Pair`s over its own `Corpus`. Licences: SQuAD v1.1 CC BY-SA
4.0, MedQuAD CC BY 4.0, arXiv metadata CC0, MDN and AWS guides CC BY-SA, tldr
CC BY 4.0, the Rust guides MIT or Apache-2.0, this project's questions as the
project. Nothing else is read here: sets without a stated licence or for
non-commercial use serve evaluation, and leaks.py alone opens them.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from text import best_sentence, content_words, plain, sentences

SPLIT_FILE = Path(__file__).with_name("squad-split.json")


@dataclass
class Passage:
    """A text with the title that may stand before it.

    Passages of one non-empty `group` answer the same thing: none is ever a
    negative of another.
    """

    text: str
    title: str = ""
    group: str = ""


@dataclass
class Pair:
    """A query and the index of its passage; `answers` are strings a negative may not hold.

    `without`: a sentence taken out of the passage because it became the query.
    """

    query: str
    passage: int
    answers: list[str] = field(default_factory=list)
    without: str = ""
    kind: str = ""
    judged_negatives: list[str] = field(default_factory=list)


@dataclass
class Source:
    name: str
    corpus: list[Passage]
    pairs: list[Pair]


def jsonl(path: Path) -> Iterator[dict]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def squad(data: Path, rng: random.Random, role: str, limit: int = 0) -> Source:
    """Questions of the articles of one role: train, dev or held_out; at most `limit` of them, if given."""
    articles = set(json.loads(SPLIT_FILE.read_text(encoding="utf-8"))[role])
    folder = data / "squad-v1.1-dev"
    corpus, place = [], {}
    for doc in jsonl(folder / "corpus.jsonl"):
        if doc["title"] in articles:
            place[doc["_id"]] = len(corpus)
            corpus.append(Passage(doc["text"], doc["title"]))
    questions = {q["_id"]: q["text"].strip() for q in jsonl(folder / "queries.jsonl")}
    pairs, previous = [], {}
    for row in jsonl(folder / "answers.jsonl"):
        where = place.get(row["paragraph"])
        if where is None:
            continue
        question = questions[row["_id"]]
        pairs.append(Pair(question, where, row["answers"], kind="question"))
        # A turn of a conversation: what was asked before stands in front.
        if where in previous and rng.random() < 0.12:
            pairs[-1] = Pair(f"{previous[where]} {question}", where, row["answers"], kind="turns")
        previous[where] = question
    if limit:
        pairs = rng.sample(pairs, min(limit, len(pairs)))
    return Source("squad", corpus, pairs)


MEDQUAD_FORMS = {
    "information": ["What is {}?", "{}", "what is {}", "Tell me about {}.", "define {}", "{} overview"],
    "symptoms": ["What are the symptoms of {}?", "{} symptoms", "signs of {}", "How do I know if I have {}?"],
    "treatment": ["How is {} treated?", "{} treatment", "What helps against {}?", "treatment options for {}"],
    "inheritance": ["Is {} inherited?", "{} inheritance pattern", "Can {} run in families?"],
    "frequency": ["How common is {}?", "How many people are affected by {}?", "{} prevalence"],
    "genetic changes": ["What are the genetic changes related to {}?", "{} gene mutation", "Which gene causes {}?"],
    "causes": ["What causes {}?", "causes of {}", "Why do people get {}?"],
    "exams and tests": ["How is {} diagnosed?", "{} diagnosis", "tests for {}"],
    "outlook": ["What is the outlook for {}?", "{} prognosis"],
    "susceptibility": ["Who is at risk for {}?", "{} risk factors"],
    "prevention": ["How can {} be prevented?", "prevent {}"],
    "complications": ["What are the complications of {}?", "{} complications"],
    "stages": ["What are the stages of {}?", "{} stages"],
}


def medquad(data: Path, rng: random.Random, limits: dict[str, int], docs: int) -> Source:
    """Medical questions, half in MedQuAD's words and half as people type them, and claims.

    A claim is a sentence that was taken out of an answer.
    """
    corpus, pairs, seen = [], [], set()
    rows = list(jsonl(data / "train" / "medquad.jsonl.gz"))
    rng.shuffle(rows)
    for row in rows:
        if len(corpus) == docs:
            break
        if row["positive"][:200] in seen or len(row["positive"].split()) < 6:
            continue
        seen.add(row["positive"][:200])
        query = re.sub(r"\s+\?", "?", row["query"]).replace("is (are)", "is").strip()
        forms = MEDQUAD_FORMS.get(row["qtype"])
        if forms and row.get("focus") and rng.random() < 0.5:
            query = rng.choice(forms).format(row["focus"])
        pairs.append(Pair(query, len(corpus), kind="question"))
        focus = row.get("focus") or ""
        corpus.append(Passage(row["positive"], focus, f"{focus or row['query']}|{row['qtype']}".lower()))
    # Boilerplate that says nothing of the disease is no answer to learn from.
    pairs = [p for p in pairs if "These resources address" not in corpus[p.passage].text[:40]]
    rng.shuffle(pairs)
    claims = []
    for here in rng.sample(range(len(corpus)), len(corpus)):
        parts = sentences(corpus[here].text)
        fit = [s for s in parts if 8 <= len(s.split()) <= 28 and not s.endswith(("?", ":")) and "http" not in s]
        if len(parts) >= 4 and fit and len(claims) < limits["claim"]:
            sentence = rng.choice(fit)
            claims.append(Pair(claim(sentence), here, without=sentence, kind="claim"))
    return Source("medquad", corpus, pairs[: limits["question"]] + claims)


def arxiv(data: Path, rng: random.Random, docs: int, limits: dict[str, int]) -> Source:
    """Abstracts: titles, titles that are questions, definitions and claims.

    A claim is a sentence taken out of its abstract: the last one, which mostly
    concludes, or any; the passage is what remains.
    """
    rows = [r for r in jsonl(data / "train" / "arxiv-title-abstract.jsonl.gz") if len(r["positive"].split()) > 60]
    rng.shuffle(rows)
    wanted = {"question": [], "definition": [], "": []}
    for row in rows:
        kind = "question" if row["query"].strip().endswith("?") else "definition" if defined(row["positive"]) else ""
        if len(wanted[kind]) < limits.get(kind, docs):
            wanted[kind].append(row)
    rows = wanted["question"] + wanted["definition"]
    rows += wanted[""][: docs - len(rows)]
    rng.shuffle(rows)
    corpus, by_kind = [], {kind: [] for kind in limits}
    for row in rows:
        text, title = " ".join(row["positive"].split()), " ".join(row["query"].split())
        here = len(corpus)
        corpus.append(Passage(text, title, row["id"]))
        if title.endswith("?"):
            # Titles like "Name: a question?" ask after the colon.
            asks = title.split(": ")[-1] if rng.random() < 0.7 else title
            by_kind["question"].append(Pair(asks, here, kind="question"))
            continue
        if term := defined(text):
            # What defines the term elsewhere is no negative, and the window keeps the definition.
            says = [f"{term} {verb}" for verb in ("is", "are", "refers", "denotes")]
            by_kind["definition"].append(Pair(rng.choice(DEFINITION_FORMS).format(term), here, says, kind="definition"))
            continue
        parts = sentences(text)
        fit = [s for s in parts if 7 <= len(s.split()) <= 32 and "http" not in s]
        draw = rng.random()
        if draw < 0.25 or len(parts) < 4 or not fit:
            by_kind["title"].append(Pair(keywords(title, rng) if rng.random() < 0.4 else title, here, kind="title"))
        elif draw < 0.75 and parts[-1] in fit:
            by_kind["conclusion"].append(Pair(claim(parts[-1]), here, without=parts[-1], kind="claim"))
        else:
            sentence = rng.choice(fit)
            by_kind["sentence"].append(Pair(claim(sentence), here, without=sentence, kind="claim"))
    pairs = [p for kind, limit in limits.items() for p in by_kind[kind][:limit]]
    return Source("arxiv", corpus, pairs)


LEAD = re.compile(
    r"^(?:(?:however|moreover|furthermore|finally|in addition|overall|in particular|in conclusion|here|thus|"
    r"therefore|additionally|notably|importantly|specifically),?\s+)?"
    r"(?:(?:our|these|the)\s+(?:results|findings|experiments|analysis|work|study|data|simulations)\s+(?:also\s+)?"
    r"(?:show|shows|demonstrate|demonstrates|suggest|suggests|indicate|indicates|reveal|reveals|highlight|highlights)"
    r"(?:\s+that)?\s+|we\s+(?:also\s+|further\s+)?(?:show|find|demonstrate|conclude|prove|argue|observe)\s+that\s+)?",
    re.IGNORECASE,
)


DEFINITION_FORMS = ["what is {}", "What is {}?", "define {}", "{} definition", "{} meaning", "what does {} mean", "{}"]
DEFINES = re.compile(
    r"^(?:An? |The )?((?:[A-Z][\w-]*|[a-z][\w-]+)(?: [\w-]+){0,3}?)(?: \([^)]{1,12}\))? "
    r"(?:is|are|refers to|denotes) (?:an?|the|one of|any)\b"
)
NO_TERM = re.compile(
    r"^(?:this|that|it|there|we|our|these|those|here|in|however|one|such|what|which|both|most|all|some|many|each|they|"
    r"an?|the|his|at|for|with|key|main|first|another|existing|current|recent)\b|"
    r"\b(?:goal|aim|problem|question|challenge|task|paper|work|approach|method|issue|idea|focus|result|reason|example)s?$",
    re.IGNORECASE,
)


def defined(text: str) -> str:
    """The term that one of the first two sentences defines ("X is a ..."), or nothing."""
    for sentence in sentences(" ".join(text.split()))[:2]:
        found = DEFINES.match(sentence)
        if found and not NO_TERM.search(found[1]) and len(found[1]) > 3 and content_words(found[1]):
            return found[1]
    return ""


def keywords(title: str, rng: random.Random, least: int = 3, most: int = 5) -> str:
    """`least` to `most` of a text's content words, in their order, as typed into a search box."""
    bare = [w.strip(".,:;()") for w in title.split() if content_words(w)]
    keep = sorted(rng.sample(range(len(bare)), min(len(bare), rng.randint(least, most))))
    return " ".join(bare[i] for i in keep).lower() or title


def claim(sentence: str) -> str:
    """A sentence as an assertion: without "our results show that" and the like."""
    bare = LEAD.sub("", sentence, count=1)
    return (bare[:1].upper() + bare[1:]) if len(bare.split()) >= 5 else sentence


def as_question(topic: str, rng: random.Random) -> str:
    """A heading as somebody who looks for it might type it."""
    topic = topic.strip(" :.")
    first = topic.split()[0].lower() if topic else ""
    if first in {"how", "what", "why", "when", "who", "which", "where", "is", "are", "can", "does", "do"}:
        return topic
    if first.endswith("ing") and len(first) > 5:
        return rng.choice(
            [f"how do I go about {topic.lower()}", topic, f"{topic.lower()} how to", f"guide to {topic.lower()}"]
        )
    return rng.choice(
        [f"what is {topic}", topic, f"how does {topic} work", f"explain {topic}", f"{topic} meaning and use"]
    )


PARTS_OF_A_PAGE = 12


def docs_sections(data: Path, rng: random.Random, docs: int, limit: int) -> Source:
    """Headings of MDN and AWS guides; machine-made AWS headings only as a small share.

    Pages come whole, so that the hardest wrong answers, other sections of the page, are there to be found.
    """
    pages: dict[str, list[tuple[str, str]]] = {}
    for row in jsonl(data / "train" / "docs-sections.jsonl.gz"):
        text = clean_markup(row["positive"])
        aws = row["src"] != "docs-mdn"
        if row["generic_heading"] or not 12 <= len(text.split()) <= 900 or (aws and rng.random() < 0.85):
            continue
        if re.search(r"\b(YAML|JSON|Properties|Syntax|Return values?|Ref)$", row["query"]):
            continue
        pages.setdefault(row["query"].split(": ")[0], []).append((row["query"], text))
    names = rng.sample(sorted(pages), len(pages))
    # "Element" and "Window" have hundreds of parts; some of each are enough.
    rows = [row for name in names for row in rng.sample(pages[name], min(len(pages[name]), PARTS_OF_A_PAGE))]
    corpus, pairs = [], []
    for whole, text in rows[:docs]:
        page, _, heading = whole.rpartition(": ")
        query = " ".join(whole.replace(": ", " ").split())
        draw = rng.random()
        if draw < 0.55:
            query = as_question(f"{heading} {page}".strip(), rng)
        elif draw < 0.65:
            query = keywords(query, rng)
        pairs.append(Pair(query, len(corpus), kind="heading"))
        corpus.append(Passage(text, page or heading, whole.lower()))
    rng.shuffle(pairs)
    return Source("docs", corpus, pairs[:limit])


def clean_markup(text: str) -> str:
    """MDN's macros and anchors out, their argument kept."""
    text = re.sub(r"\{\{\s*\w+\(\s*\"([^\"]*)\"[^}]*\}\}", r"\1", text)
    text = re.sub(r"\{\{[^}]*\}\}", " ", text)
    text = re.sub(r"<a name=[^>]*>|</a>|\\(?=[.\-_*<>])", "", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r"[ \t]+", " ", text).strip()


def tldr(data: Path, rng: random.Random, docs: int, limit: int) -> Source:
    """A task in words, a command with the page it stands on."""
    rows = list(jsonl(data / "train" / "tldr.jsonl.gz"))
    rng.shuffle(rows)
    corpus, pairs = [], []
    for row in rows[:docs]:
        query = re.sub(r"\[(\w)\]", r"\1", row["query"])
        pairs.append(Pair(query, len(corpus), kind="task"))
        command = row["positive"].replace("{{", "").replace("}}", "")
        corpus.append(Passage(command, row["page"].split("/")[-1], row["query"].lower()))
    return Source("tldr", corpus, pairs[:limit])


def answer_sentence(parts: list[str], answers: list[str], query: str) -> int:
    """The sentence that holds an answer; of several the one nearest to the query."""
    lower = [a.lower() for a in answers]
    holds = [i for i, part in enumerate(parts) if any(a in part.lower() for a in lower)]
    wanted = content_words(query)
    if not holds:
        return best_sentence(wanted, parts)
    return max(holds, key=lambda i: (len(wanted & content_words(parts[i])), -i))


def holds_answer(text: str, answers: list[str]) -> bool:
    return any(len(plain(a)) > 2 and plain(a) in plain(text) for a in answers)
