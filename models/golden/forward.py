"""Golden vectors: a BERT encoder's forward pass in float64, written out plainly.

An oracle for the graphs that the Rust code builds: nothing is shared with it
but the checkpoint. The safetensors file is read by hand, the text is split by
a WordPiece of its own, and every sum is taken in float64.

    python3 forward.py MODEL_DIR texts.json > all-MiniLM-L6-v2.json

Needs numpy. MODEL_DIR is what `trovato models path` prints. Mean pooling and
max_tokens = 256, as for all-MiniLM-L6-v2.
"""

import json
import math
import pathlib
import struct
import sys
import unicodedata

import numpy as np

MAX_TOKENS = 256


def read_safetensors(path):
    """Header length, JSON header, then the tensors' bytes."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    tensors = {}
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = np.frombuffer(raw[start:end], dtype="<f4")
        tensors[name] = flat.reshape(entry["shape"]).astype(np.float64)
    return tensors


def is_punctuation(char):
    return char in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" or unicodedata.category(char)[0] == "P"


def is_cjk(char):
    return 0x4E00 <= ord(char) <= 0x9FFF


def words(text):
    """Lower case without accents, split at white space, punctuation and Han."""
    text = unicodedata.normalize("NFD", text.lower())
    spaced = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Mn" or (category[0] == "C" and not char.isspace()):
            continue
        spaced.append(f" {char} " if is_punctuation(char) or is_cjk(char) else char)
    return "".join(spaced).split()


def pieces(word, vocabulary):
    """Greedy longest match from the left; an unknown word is one [UNK]."""
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = word[start:end] if start == 0 else "##" + word[start:end]
            if piece in vocabulary:
                found.append(vocabulary[piece])
                start = end
                break
        else:
            return [vocabulary["[UNK]"]]
    return found


def tokenize(text, vocabulary):
    ids = [piece for word in words(text) for piece in pieces(word, vocabulary)]
    return [vocabulary["[CLS]"], *ids[: MAX_TOKENS - 2], vocabulary["[SEP]"]]


def layer_norm(x, weights, name, epsilon):
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    normed = (x - mean) / np.sqrt(variance + epsilon)
    return normed * weights[name + ".weight"] + weights[name + ".bias"]


def linear(x, weights, name):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def attention(x, weights, layer, heads):
    name = f"encoder.layer.{layer}.attention.self"
    n, hidden = x.shape
    query, key, value = (
        linear(x, weights, f"{name}.{part}").reshape(n, heads, hidden // heads).swapaxes(0, 1)
        for part in ("query", "key", "value")
    )
    scores = query @ key.swapaxes(1, 2) / math.sqrt(hidden // heads)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return (scores @ value).swapaxes(0, 1).reshape(n, hidden)


def forward(ids, weights, config):
    epsilon = config["layer_norm_eps"]
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, weights, "embeddings.LayerNorm", epsilon)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        mixed = attention(x, weights, layer, config["num_attention_heads"])
        mixed = linear(mixed, weights, f"{name}.attention.output.dense")
        x = layer_norm(mixed + x, weights, f"{name}.attention.output.LayerNorm", epsilon)
        wide = gelu(linear(x, weights, f"{name}.intermediate.dense"))
        narrow = linear(wide, weights, f"{name}.output.dense")
        x = layer_norm(narrow + x, weights, f"{name}.output.LayerNorm", epsilon)
    pooled = x.mean(axis=0)
    return pooled / np.linalg.norm(pooled)


def main():
    directory, texts = map(pathlib.Path, sys.argv[1:3])
    config = json.loads((directory / "config.json").read_text())
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    weights = read_safetensors(directory / "model.safetensors")
    golden = []
    for entry in json.loads(texts.read_text(encoding="utf-8")):
        ids = tokenize(entry["text"], tokenizer["model"]["vocab"])
        vector = [round(value, 8) for value in forward(ids, weights, config)]
        golden.append({**entry, "tokens": len(ids), "vector": vector})
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in golden)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
