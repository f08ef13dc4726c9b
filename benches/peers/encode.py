#!/usr/bin/env python3
"""A query's encoding, ours beside what a Python program would use.

    cargo build --release -p benches
    pip install -r benches/peers/requirements.txt
    python3 benches/peers/encode.py MODEL_DIRECTORY [--rounds 21] [--threads 1]

MODEL_DIRECTORY is `trovato models path all-MiniLM-L6-v2`, once both
`all-MiniLM-L6-v2@fp32` and `@int8-onnx` have been pulled. Parties take turns;
a round times every text of a length once, text to vector, and a ratio is taken
between the medians of the same round. Parties:

- ours: `encode-rounds`, one process, one thread;
- onnxruntime: the fp32 graph, the same graph after `quantize_dynamic` with
  signed weights per channel, and our tuned 8-bit graph; tokenizers, mean;
- fastembed, from a directory with the fp32 graph: it downloads otherwise.

sentence-transformers is left out: it brings 5 GB of PyTorch.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

WORDS = "the cell wall of plants holds water and light from their sun".split()


def text(tokens, shift):
    """A text of so many tokens, the two special ones included."""
    return " ".join(WORDS[(shift + at) % len(WORDS)] for at in range(tokens - 2))


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, texts):
        self.process.stdin.write(json.dumps(texts) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class OnnxRuntime:
    def __init__(self, graph, tokenizer, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(graph), options)
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)

    def __call__(self, texts):
        return [timed(self.encode, text) for text in texts]

    def encode(self, text):
        ids = np.array([self.tokenizer.encode(text).ids], np.int64)
        vector = self.session.run(None, {"input_ids": ids})[0][0].mean(0)
        return vector / np.linalg.norm(vector)


class FastEmbed:
    def __init__(self, directory, threads):
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        TextEmbedding.add_custom_model(
            "local/model", pooling=PoolingType.MEAN, normalization=True,
            sources=ModelSource(hf="local/model"), dim=384, model_file="model.onnx",
            additional_files=["model.bin"],
        )
        self.model = TextEmbedding(
            "local/model", specific_model_path=str(directory), threads=threads
        )

    def __call__(self, texts):
        return [timed(lambda text: next(iter(self.model.embed([text]))), text) for text in texts]


def timed(encode, text):
    started = time.perf_counter()
    encode(text)
    return 1e3 * (time.perf_counter() - started)


def parties(arguments, work):
    model = arguments.model
    tokenizer = model / "tokenizer.json"
    fp32 = next(model.glob("graph-fp32-*.onnx"))
    plain = work / "plain-int8.onnx"
    # Without the shapes that it would infer first, which our graph states.
    quantize_dynamic(
        str(fp32), str(plain), per_channel=True, weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    run = lambda graph: OnnxRuntime(graph, tokenizer, arguments.threads)
    found = {
        "trovato int8": Ours(arguments.program),
        "onnxruntime int8, quantize_dynamic": run(plain),
        "onnxruntime int8, our tuned graph": run(next(model.glob("graph-int8-*.onnx"))),
        "onnxruntime fp32": run(fp32),
    }
    directory = work / "fastembed"
    directory.mkdir()
    try:
        graph = onnx.load(str(fp32))
        onnx.save(graph, str(directory / "model.onnx"), save_as_external_data=True,
                  location="model.bin")
        for file in ["tokenizer.json", "config.json"]:
            shutil.copy(model / file, directory)
        limits = {"model_max_length": 256, "pad_token": "[PAD]"}
        (directory / "tokenizer_config.json").write_text(json.dumps(limits))
        tokens = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        (directory / "special_tokens_map.json").write_text(json.dumps(tokens))
        party = FastEmbed(directory, arguments.threads)
        party([text(16, 0)])
        found["fastembed fp32"] = party
    except Exception as error:  # Whatever it wants beyond these files: say so and go on.
        print(f"fastembed is left out: {error}")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--program", default="target/release/encode-rounds")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--threads", type=int, default=1, help="of the peers; ours takes one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        compare(parties(arguments, Path(work)), arguments.rounds)


def compare(found, rounds):
    for tokens in (16, 64, 256):
        texts = [text(tokens, shift) for shift in range(max(2, 128 // tokens))]
        medians = {name: [] for name in found}
        for turn in range(rounds + 1):
            for name, party in found.items():
                times = party(texts)
                if turn:  # The first round warms up.
                    medians[name].append(statistics.median(times))
        base = medians["trovato int8"]
        for name, times in medians.items():
            ratios = sorted(ours / theirs for ours, theirs in zip(base, times))
            low = max(0, int(rounds / 2 - 0.98 * rounds**0.5))
            print(
                f"{tokens:>3} tokens  {name:<36} {statistics.median(times):7.3f} ms  ours takes "
                f"{statistics.median(ratios):.2f} [{ratios[low]:.2f}, {ratios[-1 - low]:.2f}] of it"
            )


if __name__ == "__main__":
    main()
