"""What must hold of the recipe, without data and without training.

python -m unittest test_recipe
"""

from __future__ import annotations

import json
import random
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from delta import base_weights, decode, encode, load, write
from evaluate import ndcg
from mixer import BASE, FEATURES, QUERY, Topic, as_json, choose, fit, interval, leave_one_out, measure, rising
from mixer_sets import collection, held_source, pieces
from model import CrossEncoder, PairTokenizer, collate
from prepare import is_held
from sources import Pair, Passage, Source, answer_sentence, claim, holds_answer, keywords
from text import Leaks, overlap, sentences, window
from train import LOSSES, Schedule, optimiser

GOLDEN = Path(__file__).parent.parent / "models" / "golden" / "all-MiniLM-L6-v2.json"
TEXT = "Oil prices rose in 1973. The embargo caused a crisis. By March 1974 a barrel cost $12. Japan paid too."


class Model(unittest.TestCase):
    def test_base_vectors_are_the_golden_ones(self) -> None:
        """One text without a second part is the sentence encoder's own case."""
        model, tokenizer = CrossEncoder.from_base().eval(), PairTokenizer(max_tokens=256)
        for row in json.loads(GOLDEN.read_text(encoding="utf-8")):
            ids = [tokenizer.cls, *tokenizer.ids([row["text"]])[0][:254], tokenizer.sep]
            with torch.inference_mode():
                vector = torch.nn.functional.normalize(model.pool(collate([(ids, len(ids))]))[0], dim=0)
            self.assertLess(float((vector - torch.tensor(row["vector"])).abs().max()), 1e-5, row["name"])

    def test_a_score_does_not_depend_on_the_batch(self) -> None:
        model, tokenizer = CrossEncoder.from_base().eval(), PairTokenizer()
        query, long, short = tokenizer.ids(["what did a barrel cost", TEXT * 3, "Twelve dollars."])
        pairs = [tokenizer.pair(query, long), tokenizer.pair(query, short)]
        with torch.inference_mode():
            both, alone = model(collate(pairs)), model(collate(pairs[1:]))
        self.assertAlmostEqual(float(both[1]), float(alone[0]), places=5)

    def test_pairs_are_cut_at_the_passage(self) -> None:
        tokenizer = PairTokenizer(max_tokens=32)
        ids, left = tokenizer.pair([5] * 10, [7] * 100)
        self.assertEqual((len(ids), left, ids[-1]), (32, 12, tokenizer.sep))


class Delta(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(3)
        base = base_weights()
        names = ["encoder.layer.0.output.dense.weight", "encoder.layer.5.attention.self.query.bias"]
        self.trained = {n: base[n] + 1e-3 * torch.randn_like(base[n]) for n in names}
        self.trained["head.weight"], self.trained["head.bias"] = torch.randn(1, 384), torch.zeros(1)

    def test_forms_come_back(self) -> None:
        for form, error in (("f16", 3e-6), ("int8", 3e-5), ("svd:384", 3e-5), ("budget:3", 3e-5)):
            for name, value in decode(encode(self.trained, form)).items():
                self.assertEqual(value.shape, self.trained[name].shape)
                self.assertLess(float((value - self.trained[name]).abs().max()), error, f"{form} {name}")

    def test_a_written_file_loads(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.safetensors"
            write(path, encode(self.trained, "int8"), {"seed": "1"})
            model = load(path)
        self.assertTrue(torch.equal(model.head.weight.detach(), self.trained["head.weight"]))


class Text(unittest.TestCase):
    def test_windows_keep_the_answer(self) -> None:
        parts = sentences(TEXT)
        self.assertEqual(len(parts), 4)
        for seed in range(20):
            centre = answer_sentence(parts, ["$12"], "what did a barrel cost")
            self.assertIn("$12", window(parts, centre, 8, random.Random(seed)))

    def test_answers_are_found_as_words(self) -> None:
        self.assertTrue(holds_answer(TEXT, ["March 1974"]))
        self.assertFalse(holds_answer(TEXT, ["march 197"]))

    def test_leaks_by_hash_and_by_thirteen_words(self) -> None:
        leaks = Leaks()
        leaks.add([TEXT, "A short one."])
        self.assertTrue(leaks.hit("a SHORT one"))
        self.assertTrue(leaks.hit("It is said: " + TEXT[:80] + " and so on"))
        self.assertFalse(leaks.hit("Oil prices rose in 1973."))

    def test_claims_assert(self) -> None:
        self.assertEqual(claim("Our results show that sleep helps memory in mice."), "Sleep helps memory in mice.")

    def test_overlap_is_of_the_shorter_text(self) -> None:
        self.assertEqual(overlap(TEXT, TEXT[:53]), 1.0)


class Training(unittest.TestCase):
    def test_losses_fall_when_the_positive_leads(self) -> None:
        bad, good = torch.tensor([[0.0, 1.0, 1.0]]), torch.tensor([[3.0, -1.0, -1.0]])
        for name, loss in LOSSES.items():
            self.assertLess(float(loss(good)), float(loss(bad)), name)

    def test_the_rate_ends_at_zero(self) -> None:
        schedule = Schedule(steps=100, warmup=10)
        self.assertEqual([schedule.factor(s) for s in (9, 10, 100)], [1.0, 1.0, 0.0])

    def test_ndcg_is_linear_and_of_the_ideal(self) -> None:
        self.assertEqual(ndcg(["a", "b"], {"a": 2, "b": 1}), 1.0)
        self.assertAlmostEqual(ndcg(["x", "a"], {"a": 1}), 0.6309, places=4)

    def test_frozen_layers_are_not_trained(self) -> None:
        model = CrossEncoder.from_base()
        model.encoder["layer"][0].requires_grad_(False)
        trained = {id(p) for g in optimiser(model, 1e-5, 1e-4, 0.01).param_groups for p in g["params"]}
        frozen = {id(p) for p in model.encoder["layer"][0].parameters()}
        self.assertEqual(len(trained), len(list(model.encoder.parameters())) - len(frozen) + 2)
        self.assertTrue(trained.isdisjoint(frozen))


def passages(n: int) -> list[Passage]:
    return [Passage(f"Number {i} is told here. It has a second sentence, {i * i}.", f"title {i}") for i in range(n)]


class MixerSets(unittest.TestCase):
    def test_only_held_passages_are_asked_about(self) -> None:
        corpus = passages(300)
        source = Source("t", corpus, [Pair(f"query {i}", i, kind="question") for i in range(300)])
        held = held_source(source, fill=20)
        self.assertEqual(sum(not is_held(p) for p in held.corpus), 20)
        self.assertTrue(held.pairs)
        for pair in held.pairs:
            self.assertTrue(is_held(held.corpus[pair.passage]))
            self.assertEqual(held.corpus[pair.passage].title, f"title {pair.query.split()[1]}")

    def test_a_sentence_that_became_the_query_is_taken_out(self) -> None:
        corpus = passages(9)
        gone = "It has a second sentence, 9."
        source = Source("t", corpus, [Pair("A second sentence it has", 3, without=gone, kind="claim")])
        made = collection(source, {"claim": 1}, 5, False, random.Random(1))
        ((_, right),) = made.asked
        self.assertEqual([made.corpus[i].text for i in right], ["Number 3 is told here."])
        self.assertEqual(len(made.corpus), 5)

    def test_passages_of_one_group_are_all_right(self) -> None:
        corpus = passages(6)
        corpus[1].group = corpus[4].group = "same"
        source = Source("t", corpus, [Pair("what is told?", 1, kind="question")])
        made = collection(source, {"question": 1}, 3, True, random.Random(1))
        self.assertEqual({made.corpus[i].title for i in made.asked[0][1]}, {"title 1", "title 4"})

    def test_pieces_that_answer_are_of_the_paragraph(self) -> None:
        long = " ".join(f"This is sentence {i} of many words that say nothing at all." for i in range(12))
        source = Source("t", [Passage(long + " It cost $12."), Passage("Elsewhere it cost $12.")], [])
        source.pairs.append(Pair("what did it cost", 0, ["$12"], kind="question"))
        made = pieces(source, 1, random.Random(1))
        self.assertEqual([i for i, p in enumerate(made.corpus) if i in made.asked[0][1]], [len(made.corpus) - 2])

    def test_keywords_keep_their_order(self) -> None:
        self.assertIn(keywords("The price of oil", random.Random(1)), ("price oil",))


def topics(n: int, useless: bool = False) -> list[Topic]:
    """Queries whose passage the first stage and the model both favour; the model knows more."""
    rng = np.random.default_rng(3)
    out = []
    for i in range(n):
        known = {name: rng.random(12) for name in FEATURES} | {q: np.full(12, rng.random()) for q in QUERY}
        gains = np.zeros(12)
        gains[rng.integers(0, 6)] = 1
        known["first_stage"] = known["first_stage"] + 0.2 * gains
        known["rerank_in_query"] = known["rerank_in_query"] + (-0.9 if useless else 0.9) * gains
        order = np.argsort(-known["first_stage"])
        known = {name: values[order] for name, values in known.items()}
        out.append(Topic("abc"[i % 3], ("hybrid", "bm25")[i % 2], known, gains[order], 1.0))
    return out


class MixerFit(unittest.TestCase):
    def test_the_fit_trusts_what_knows_more(self) -> None:
        some = topics(180)
        first, model = fit(some, BASE, 0.01)
        self.assertEqual(first, 1)
        self.assertGreater(model, first)
        mixed = leave_one_out(some, BASE, 0.01)
        alone = measure(some, ["first_stage"], np.ones(1))
        self.assertGreater(interval(some, mixed - alone)[0], 0)

    def test_a_model_never_counts_against_a_passage(self) -> None:
        weights = fit(topics(60, useless=True), BASE, 0.01)
        self.assertEqual(weights[1], 0)
        falling = rising({"rerank_in_query": 0.3, "lead * rerank_in_query": -0.4, "legs_agree * rerank_in_query": -0.2})
        self.assertAlmostEqual(falling[0] + falling[1] + falling[2], 0)

    def test_noise_earns_no_place(self) -> None:
        extras = [("code_match",), ("question * rerank_in_query",), ("lexical", "dense")]
        self.assertEqual(choose(topics(180), extras, lambda _: None), list(BASE))

    def test_the_file_is_of_the_engines_format(self) -> None:
        made = as_json("t", [*BASE, "lead * rerank_in_query"], np.array([3.0, 1.0, -0.5]))
        self.assertEqual(made["weights"], {"first_stage": 0.75, "rerank_in_query": 0.25})
        self.assertEqual(made["interactions"], {"lead * rerank_in_query": -0.125})
        self.assertEqual(made["format"], 1)

    def test_ties_keep_the_first_stage(self) -> None:
        topic = topics(1)[0]
        topic.gains = np.eye(12)[0]
        self.assertEqual(topic.ndcg(np.zeros(12)), 1.0)


if __name__ == "__main__":
    unittest.main()
