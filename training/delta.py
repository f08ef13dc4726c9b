"""The shipped form: what training changed, added to a base that is on disk already.

For a changed base tensor NAME the file holds `NAME.down` [rank, in] and
`NAME.up` [out, rank] (f16; the change is up @ down), or `NAME.delta` (f16, or
int8 with `NAME.delta_scale`, f32 per output row); and `head.weight` [384],
`head.bias` [1]. Metadata says which base, by sha256.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model import BASE_NAME, MAX_TOKENS, CrossEncoder, base_dir

FORMAT = "trovato-rerank-delta/1"


def base_weights() -> dict[str, Tensor]:
    return load_file(base_dir() / "model.safetensors")


def low_rank(change: Tensor, rank: int) -> dict[str, Tensor]:
    """Truncated SVD; the singular values' roots go to both sides, so that f16 serves both."""
    u, s, v = torch.linalg.svd(change.double(), full_matrices=False)
    root = s[:rank].sqrt()
    return {"up": (u[:, :rank] * root).half(), "down": (root[:, None] * v[:rank]).half()}


def rows_int8(change: Tensor) -> dict[str, Tensor]:
    scale = change.abs().amax(dim=1).clamp_min(1e-12) / 127
    return {"delta": torch.round(change / scale[:, None]).to(torch.int8), "delta_scale": scale.float()}


def encode(trained: dict[str, Tensor], form: str) -> dict[str, Tensor]:
    """The tensors of a shipped file. `form`: `svd:RANK`, `int8` or `f16`."""
    base, out = base_weights(), {}
    for name, value in trained.items():
        if name.startswith("head."):
            out[name] = value.flatten().float()
            continue
        change = value.float() - base[name].float()
        if not change.any():
            continue
        if change.dim() == 1 or form == "f16":
            parts = {"delta": change.half()}
        elif form == "int8":
            parts = rows_int8(change)
        else:
            parts = low_rank(change, int(form.removeprefix("svd:")))
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
