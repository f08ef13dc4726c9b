"""Writes the golden values that eval/tests/golden_measures.rs compares with.

    pip install pytrec-eval-terrier && python eval/golden/make.py

A small random run against small random judgments (seeded, so the files come out
the same), scored by trec_eval's own code: graded, negative and zero grades,
unjudged documents, many equal scores, a topic without results, a topic without
relevant documents, and a topic without judgments. A topic that is judged but
has no results counts 0, as under trec_eval's option -c.
"""

import pathlib
import random

import pytrec_eval

HERE = pathlib.Path(__file__).parent
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
    for topic, scores in run.items():
        for rank, (document, score) in enumerate(scores.items(), start=1):
            out.write(f"{topic} Q0 {document} {rank} {score} golden\n")

evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values()))
results = evaluator.evaluate(run)
with open(HERE / "expected.tsv", "w") as out:
    for topic in qrels:
        for ours, theirs in MEASURES.items():
            out.write(f"{topic}\t{ours}\t{results.get(topic, {}).get(theirs, 0.0)!r}\n")
