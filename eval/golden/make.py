"""Writes the golden values that eval/tests/golden_measures.rs compares with.

    pip install pytrec-eval-terrier && python eval/golden/make.py [DATA]

All values are trec_eval's own, computed by its code through pytrec_eval. A topic
that is judged but has no results counts 0, as under trec_eval's option -c.

Without DATA: a small random run against small random judgments (seeded, so the
files come out the same): graded, negative and zero grades, unjudged documents,
many equal scores, a topic without results, a topic without relevant documents,
and a topic without judgments.

With DATA, a folder of BEIR collections: also the real judgments of COLLECTIONS,
against a run that a rule makes of them, so that neither judgments nor runs need
to be kept here. With h the 64-bit FNV-1a hash of "TOPIC<TAB>DOCUMENT", the run
of a topic holds, of all documents judged for any topic, those that the topic
judges and h % 4 != 0, and the others where h % 16 == 0; the score is
(h >> 8) % 16 / 2, so most scores occur several times. A topic whose own hash is
divisible by 10 has no results.
"""

import pathlib
import random
import sys

import pytrec_eval

HERE = pathlib.Path(__file__).parent
COLLECTIONS = ["cranfield", "scifact", "trec-qa"]
MEASURES = {
    "nDCG@5": "ndcg_cut_5",
    "nDCG@10": "ndcg_cut_10",
    "nDCG": "ndcg",
    "R@5": "recall_5",
    "R@20": "recall_20",
    "P@5": "P_5",
    "P@20": "P_20",
    "Success@1": "success_1",
    "Success@5": "success_5",
    "RR": "recip_rank",
    "AP": "map",
    "AP@10": "map_cut_10",
}


def scores(qrels, run):
    return pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(run)


def small():
    rng = random.Random(20261120)
    documents = [f"d{number:02}" for number in range(40)]
    qrels, run = {}, {}
    for number in range(1, 15):
        topic = f"t{number:02}"
        judged = rng.sample(documents, rng.randint(1, 15))
        grades = [0, 0, -1] if number == 3 else [3, 2, 1, 1, 0, 0, -1]
        if number != 14:
            qrels[topic] = {document: rng.choice(grades) for document in judged}
        if number != 7:
            # Halves of a few integers: most scores occur several times.
            found = rng.sample(documents, rng.randint(1, 30))
            run[topic] = {document: rng.randint(0, 12) / 2 for document in found}

    with open(HERE / "qrels.txt", "w") as out:
        for topic, judgments in qrels.items():
            for document, grade in judgments.items():
                out.write(f"{topic} 0 {document} {grade}\n")
    with open(HERE / "run.txt", "w") as out:
        for topic, found in run.items():
            for rank, (document, score) in enumerate(found.items(), start=1):
                out.write(f"{topic} Q0 {document} {rank} {score} golden\n")
    results = scores(qrels, run)
    with open(HERE / "expected.tsv", "w") as out:
        for topic in qrels:
            for ours, theirs in MEASURES.items():
                out.write(f"{topic}\t{ours}\t{results.get(topic, {}).get(theirs, 0.0)!r}\n")


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return value


def collection(data, name):
    qrels = {}
    lines = (data / name / "qrels" / "test.tsv").read_text().splitlines()[1:]
    for line in lines:
        topic, document, grade = line.split("\t")
        qrels.setdefault(topic, {})[document] = int(grade)
    documents = {document for judgments in qrels.values() for document in judgments}
    run = {}
    for topic, judgments in qrels.items():
        if fnv1a(topic) % 10 == 0:
            continue
        for document in documents:
            value = fnv1a(f"{topic}\t{document}")
            if value % 4 != 0 if document in judgments else value % 16 == 0:
                run.setdefault(topic, {})[document] = (value >> 8) % 16 / 2
    results = scores(qrels, run)
    with open(HERE / f"{name}.tsv", "w") as out:
        out.write("\t".join(["topic", *MEASURES]) + "\n")
        for topic in sorted(qrels):
            values = [results.get(topic, {}).get(theirs, 0.0) for theirs in MEASURES.values()]
            out.write("\t".join([topic, *(f"{value:.9g}" for value in values)]) + "\n")


small()
if len(sys.argv) > 1:
    for name in COLLECTIONS:
        collection(pathlib.Path(sys.argv[1]), name)
