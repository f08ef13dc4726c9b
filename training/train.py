"""Fine-tunes the cross-encoder on prepared groups; stops and goes on at any point.

    python train.py --data OUT --run RUN --seed 1 --steps 3000

Everything is counted in steps, nothing in wall-clock time: a run that is paused
or slowed takes longer and ends with the same weights. RUN holds checkpoint.pt
(model, optimiser, step, generator state; replaced as a whole), best.safetensors
(by MRR on the dev set), final.safetensors, loss.csv and dev.csv. The same
command on the same RUN resumes; the order of groups follows from seed and step.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from delta import load
from model import CrossEncoder, PairTokenizer, collate
from rerank import dev_measures, read_jsonl, score_pairs

BUCKET = 512


def listwise(scores: Tensor) -> Tensor:
    """Softmax cross-entropy of the positive (column 0) within its group."""
    return F.cross_entropy(scores, scores.new_zeros(len(scores), dtype=torch.long))


def margin(scores: Tensor) -> Tensor:
    """Mean hinge: the positive leads every negative by 1."""
    return F.relu(1 - scores[:, :1] + scores[:, 1:]).mean()


def bce(scores: Tensor) -> Tensor:
    """Each pair by itself, positives weighted as much as all negatives of the group."""
    target = torch.zeros_like(scores)
    target[:, 0] = 1
    weight = torch.full_like(scores, 1 / (scores.shape[1] - 1))
    weight[:, 0] = 1
    return F.binary_cross_entropy_with_logits(scores, target, weight) * scores.shape[1] / 2


LOSSES = {"listwise": listwise, "margin": margin, "bce": bce}


class Order:
    """Which groups make which step: shuffled by epoch, alike in length within a batch."""

    def __init__(self, groups: list[dict], per_step: int, seed: int) -> None:
        self.groups, self.per_step, self.seed = groups, per_step, seed
        self.size = [len(g["positive"]) + sum(map(len, g["negatives"])) for g in groups]
        self.steps_per_epoch = len(groups) // per_step
        self._epoch, self._batches = -1, []

    def at(self, step: int) -> list[dict]:
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            rng = random.Random(f"{self.seed}/{epoch}")
            order = rng.sample(range(len(self.groups)), len(self.groups))
            batches = []
            for start in range(0, len(order), BUCKET):
                alike = sorted(order[start : start + BUCKET], key=lambda i: (self.size[i], i))
                chunk = [alike[i : i + self.per_step] for i in range(0, len(alike), self.per_step)]
                rng.shuffle(chunk)
                batches += chunk
            self._epoch, self._batches = epoch, [b for b in batches if len(b) == self.per_step]
        return [self.groups[i] for i in self._batches[index % len(self._batches)]]


@dataclass
class Schedule:
    """Linear warm-up, then linear to zero."""

    steps: int
    warmup: int

    def factor(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        return max(0.0, (self.steps - step) / (self.steps - self.warmup))


def optimiser(model: CrossEncoder, lr: float, head_lr: float, decay: float) -> torch.optim.AdamW:
    body = [p for p in model.encoder.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in body if p.dim() > 1], "lr": lr, "weight_decay": decay},
            {"params": [p for p in body if p.dim() == 1], "lr": lr, "weight_decay": 0.0},
            {"params": list(model.head.parameters()), "lr": head_lr, "weight_decay": 0.0},
        ],
        fused=True,
    )


def pairs_of(groups: list[dict], negatives: int, tokenizer: PairTokenizer) -> list[tuple[list[int], int]]:
    queries = tokenizer.ids([g["query"] for g in groups])
    passages = tokenizer.ids([p for g in groups for p in [g["positive"], *g["negatives"][:negatives]]])
    return [tokenizer.pair(queries[i // (negatives + 1)], p) for i, p in enumerate(passages)]


def save_checkpoint(path: Path, model: CrossEncoder, optim: torch.optim.AdamW, state: dict) -> None:
    trained = {k: v for k, v in model.state_dict().items() if not k.startswith("embeddings.")}
    temporary = path.with_suffix(".part")
    torch.save({"model": trained, "optim": optim.state_dict(), "rng": torch.get_rng_state(), **state}, temporary)
    os.replace(temporary, path)


def save_weights(path: Path, model: CrossEncoder, note: dict) -> None:
    trained = {k: v.cpu().contiguous() for k, v in model.state_dict().items() if not k.startswith("embeddings.")}
    save_file(trained, path, {k: str(v) for k, v in note.items()})


def append(path: Path, row: dict) -> None:
    fresh = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, row)
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def evaluate(
    model: CrossEncoder, tokenizer: PairTokenizer, dev: list[dict], stride: int, path: Path, step: int, bf16: bool
) -> float:
    """Writes the measures of `dev` and gives the MRR of every `stride`-th query of it."""
    model.eval()
    scores = score_pairs(model, tokenizer, [(row["query"], row["candidates"]) for row in dev], bf16)
    model.train()
    measures = dev_measures(dev, scores)
    for source, (mrr, ndcg, count) in measures.items():
        append(path, {"step": step, "source": source, "MRR": f"{mrr:.4f}", "nDCG@10": f"{ndcg:.4f}", "queries": count})
    print(f"step {step} dev MRR", {k: round(v[0], 4) for k, v in measures.items()}, flush=True)
    return dev_measures(dev[::stride], scores[::stride])["all"][0]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; resumed if it holds a checkpoint")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--from", dest="start", type=Path, help="weights to begin with: a shipped file or a run's [the base's]"
    )
    parser.add_argument("--frozen", type=int, default=0, help="lowest layers that stay as they are")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--groups", type=int, default=8, help="groups a step")
    parser.add_argument("--negatives", type=int, default=7)
    parser.add_argument("--loss", choices=LOSSES, default="listwise")
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--head-lr", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--warmup", type=float, default=0.06, help="share of the steps")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--checkpoint-every", type=int, default=100, help="steps")
    parser.add_argument("--eval-every", type=int, default=500, help="steps")
    parser.add_argument(
        "--dev-queries", type=int, default=120, help="of the dev set, evenly spread; the last evaluation takes all"
    )
    parser.add_argument(
        "--patience", type=int, default=0, help="stop after so many evaluations without a gain; 0: never"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--until", type=int, default=0, help="leave after this step, for runs in stages; 0: none")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    (args.run / "arguments.json").write_text(json.dumps(vars(args), default=str, indent=1) + "\n", encoding="utf-8")
    tokenizer = PairTokenizer()
    order = Order(read_jsonl(args.data / "train.jsonl"), args.groups, args.seed)
    dev = read_jsonl(args.data / "dev.jsonl")
    stride = max(1, len(dev) // args.dev_queries)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = (load(args.start) if args.start else CrossEncoder.from_base(args.seed)).to(device).train()
    torch.manual_seed(args.seed)
    for layer in list(model.encoder["layer"])[: args.frozen]:
        layer.requires_grad_(False)
    optim = optimiser(model, args.lr, args.head_lr, args.weight_decay)
    peaks = [g["lr"] for g in optim.param_groups]
    schedule = Schedule(args.steps, max(1, int(args.warmup * args.steps)))
    state = {"step": 0, "best": -1.0, "stale": 0, "cpu_s": 0.0}
    checkpoint = args.run / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"], strict=False)
        optim.load_state_dict(saved["optim"])
        torch.set_rng_state(saved["rng"])
        state = {k: saved[k] for k in state}
        print("resumed at step", state["step"], flush=True)
    note = {"seed": args.seed, "loss": args.loss, "steps": args.steps, "groups_per_step": args.groups}
    if args.start:
        note["from_sha256"] = hashlib.sha256(args.start.read_bytes()).hexdigest()
    seen = {"loss": 0.0, "tokens": 0, "steps": 0, "wall": time.time(), "cpu": time.process_time()}
    cpu_before = state["cpu_s"] - time.process_time()
    while state["step"] < args.steps:
        step = state["step"]
        for g, peak in zip(optim.param_groups, peaks, strict=True):
            g["lr"] = peak * schedule.factor(step)
        batch = collate(pairs_of(order.at(step), args.negatives, tokenizer)).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16"):
            scores = model(batch)
        loss = LOSSES[args.loss](scores.float().view(-1, args.negatives + 1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optim.step()
        optim.zero_grad()
        step = state["step"] = step + 1
        seen["loss"] += loss.item()
        seen["tokens"] += len(batch.token)
        seen["steps"] += 1
        if step % 20 == 0:
            wall, cpu = time.time() - seen["wall"], time.process_time() - seen["cpu"]
            row = {
                "step": step,
                "loss": f"{seen['loss'] / seen['steps']:.4f}",
                "lr": f"{peaks[0] * schedule.factor(step):.3e}",
                "tokens_per_s": round(seen["tokens"] / wall),
                "tokens_per_cpu_s": round(seen["tokens"] / cpu),
                "groups_per_s": f"{seen['steps'] * args.groups / wall:.2f}",
                "cpu_s": round(cpu_before + time.process_time()),
            }
            append(args.run / "loss.csv", row)
            print(row, flush=True)
            seen = {"loss": 0.0, "tokens": 0, "steps": 0, "wall": time.time(), "cpu": time.process_time()}
        last = step == args.steps
        if step % args.eval_every == 0 or last:
            # The last one is of all queries; the best is chosen by the same part as before.
            part, by = (dev, stride) if last else (dev[::stride], 1)
            mrr = evaluate(model, tokenizer, part, by, args.run / "dev.csv", step, args.precision == "bf16")
            state["stale"] = 0 if mrr > state["best"] else state["stale"] + 1
            if mrr > state["best"]:
                state["best"] = mrr
                save_weights(args.run / "best.safetensors", model, {**note, "at_step": step})
            seen["wall"], seen["cpu"] = time.time(), time.process_time()
        stop = bool(args.patience) and state["stale"] >= args.patience
        if step % args.checkpoint_every == 0 or last or stop or step == args.until:
            state["cpu_s"] = cpu_before + time.process_time()
            save_checkpoint(checkpoint, model, optim, state)
        if stop or step == args.until:
            break
    if state["step"] == args.steps:
        save_weights(args.run / "final.safetensors", model, {**note, "at_step": state["step"]})


if __name__ == "__main__":
    main()
