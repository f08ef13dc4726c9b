"""The shipped form: what training changed, added to a base that is on disk already.

For a changed base tensor NAME the file holds `NAME.down` [rank, in] and
`NAME.up` [out, rank] (f16; the change is up @ down), or `NAME.delta` (f16, or
int8 with `NAME.delta_scale`, f32 per output row); and `head.weight` [384],
`head.bias` [1]. Metadata says which base, by sha256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model import BASE_NAME, MAX_TOKENS, CrossEncoder, base_dir

FORMAT = "trovato-rerank-delta/1"


def base_weights() -> dict[str, Tensor]:
    return load_file(base_dir() / "model.safetensors")


@dataclass
class Factors:
    """A change as singular triplets, largest first."""

    u: Tensor
    s: Tensor
    v: Tensor

    @classmethod
    def of(cls, change: Tensor) -> Factors:
        return cls(*torch.linalg.svd(change.float(), full_matrices=False))

    def cut(self, rank: int) -> dict[str, Tensor]:
        """The first `rank` triplets; singular values' roots go to both sides, so that f16 serves both."""
        root = self.s[:rank].sqrt()
        return {"up": (self.u[:, :rank] * root).half(), "down": (root[:, None] * self.v[:rank]).half()}


def ranks_for(factors: dict[str, Factors], budget_mb: float) -> dict[str, int]:
    """A rank for each matrix: triplets that keep most squared change a byte, until the budget is spent.

    Upper layers change along few directions and lower ones along many, so one
    rank for all wastes half of the bytes. Every matrix keeps one triplet.
    """
    offers = []
    for name, f in factors.items():
        cost = 2 * (f.u.shape[0] + f.v.shape[1])
        offers += [(float(value) ** 2 / cost, name, cost) for value in f.s[1:]]
    ranks = dict.fromkeys(factors, 1)
    left = budget_mb * 1e6
    for _, name, cost in sorted(offers, key=lambda o: -o[0]):
        if (left := left - cost) < 0:
            break
        ranks[name] += 1
    return ranks


def rows_int8(change: Tensor) -> dict[str, Tensor]:
    scale = change.abs().amax(dim=1).clamp_min(1e-12) / 127
    return {"delta": torch.round(change / scale[:, None]).to(torch.int8), "delta_scale": scale.float()}


def encode(trained: dict[str, Tensor], form: str) -> dict[str, Tensor]:
    """The tensors of a shipped file.

    `form`: `svd:RANK` for all matrices, `budget:MB` for ranks that suit each,
    `int8` or `f16`.
    """
    base = base_weights()
    changes = {n: v.float() - base[n].float() for n, v in trained.items() if not n.startswith("head.")}
    changes = {n: c for n, c in changes.items() if c.any()}
    out = {n: v.flatten().float() for n, v in trained.items() if n.startswith("head.")}
    kind, _, amount = form.partition(":")
    factors = {n: Factors.of(c) for n, c in changes.items() if c.dim() == 2} if kind in ("svd", "budget") else {}
    ranks = ranks_for(factors, float(amount)) if kind == "budget" else {n: int(amount) for n in factors}
    for name, change in changes.items():
        if name in factors:
            parts = factors[name].cut(ranks[name])
        elif change.dim() == 2 and kind == "int8":
            parts = rows_int8(change)
        else:
            parts = {"delta": change.half()}
        out |= {f"{name}.{part}": tensor.contiguous() for part, tensor in parts.items()}
    return out


def decode(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `encode` was given, as far as the form keeps it: full tensors for the model."""
    base, out = base_weights(), {}
    for key, value in tensors.items():
        if key.startswith("head."):
            out[key] = value.reshape(1, -1) if key == "head.weight" else value
            continue
        name, _, part = key.rpartition(".")
        if part == "delta" and value.dtype == torch.int8:
            out[name] = base[name] + value.float() * tensors[f"{name}.delta_scale"][:, None]
        elif part == "delta":
            out[name] = base[name] + value.float()
        elif part == "up":
            out[name] = base[name] + value.float() @ tensors[f"{name}.down"].float()
    return out


def write(path: Path, tensors: dict[str, Tensor], note: dict[str, str]) -> None:
    sha = hashlib.sha256((base_dir() / "model.safetensors").read_bytes()).hexdigest()
    metadata = {"format": FORMAT, "base": BASE_NAME, "base_sha256": sha, "max_tokens": str(MAX_TOKENS), **note}
    save_file(tensors, path, metadata)
    path.chmod(0o644)  # the library leaves files that only their owner reads


def load(path: Path | None) -> CrossEncoder:
    """A model from a shipped file, from a run's weights, or (None) the base with an empty head."""
    model = CrossEncoder.from_base().eval()
    if path is None:
        return model
    with safe_open(path, "pt") as file:
        shipped = (file.metadata() or {}).get("format") == FORMAT
    tensors = load_file(path)
    model.load_state_dict(decode(tensors) if shipped else tensors, strict=False)
    return model


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})
