"""What must hold of the recipe, without data and without training.

python -m unittest test_recipe
"""

from __future__ import annotations

import json
import random
import tempfile
import unittest
from pathlib import Path

import torch

from delta import base_weights, decode, encode, load, write
from evaluate import ndcg
from model import CrossEncoder, PairTokenizer, collate
from sources import answer_sentence, claim, holds_answer
from text import Leaks, overlap, sentences, window
from train import LOSSES, Schedule

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


if __name__ == "__main__":
    unittest.main()
