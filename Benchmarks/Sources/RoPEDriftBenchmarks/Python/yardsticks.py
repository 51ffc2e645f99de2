"""Yardsticks in NumPy and PyTorch, one thread. Each line of standard input is a request; each is answered with one line of JSON.

    versions                    {"versions": "Python 3.11.2, NumPy 2.4.6, PyTorch 2.13.0"}
    NAME SIZE...                {"seconds": processor time of one run}, or {"missing": why} where the library is not there

Inputs of a (name, sizes) are made when it is first asked for, and one run is not counted.
"""

import json
import platform
import sys
import time

import numpy

try:
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
except ImportError:
    torch = None


def normal(*shape):
    return numpy.random.default_rng(1).standard_normal(shape, dtype=numpy.float32)


def numpy_matmul_fp32(rows, columns, channels):
    q, k = normal(rows, channels), normal(columns, channels)
    return lambda: q @ k.T


def numpy_bf16_bits(count):
    """The idiom for fp32 -> bf16, nearest even, without NaNs: NumPy has no bfloat16."""
    bits = normal(count).view(numpy.uint32)
    return lambda: ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def numpy_fp16(count):
    x = normal(count)
    return lambda: x.astype(numpy.float16)


def numpy_softmax(rows, columns):
    x = normal(rows, columns)

    def run():
        e = numpy.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    return run


def torch_matmul(dtype):
    def make(rows, columns, channels):
        q = torch.from_numpy(normal(rows, channels)).to(dtype)
        k = torch.from_numpy(normal(columns, channels)).to(dtype)
        return lambda: q @ k.T

    return make


def torch_cast(dtype):
    def make(count):
        x = torch.from_numpy(normal(count))
        result = torch.empty(count, dtype=dtype)
        return lambda: result.copy_(x)

    return make


def torch_softmax(rows, columns):
    x = torch.from_numpy(normal(rows, columns))
    return lambda: torch.softmax(x, dim=1)


MAKERS = {
    "numpy-matmul-fp32": numpy_matmul_fp32,
    "numpy-bf16": numpy_bf16_bits,
    "numpy-fp16": numpy_fp16,
    "numpy-softmax": numpy_softmax,
}
if torch is not None:
    MAKERS |= {
        "torch-matmul-fp32": torch_matmul(torch.float32),
        "torch-matmul-bf16": torch_matmul(torch.bfloat16),
        "torch-matmul-fp16": torch_matmul(torch.float16),
        "torch-bf16": torch_cast(torch.bfloat16),
        "torch-fp16": torch_cast(torch.float16),
        "torch-softmax": torch_softmax,
    }


def versions():
    parts = [f"Python {platform.python_version()}", f"NumPy {numpy.__version__}"]
    if torch is not None:
        parts.append(f"PyTorch {torch.__version__}")
    return ", ".join(parts)


def main():
    made = {}
    for line in sys.stdin:
        words = line.split()
        if words == ["versions"]:
            answer = {"versions": versions()}
        elif words[0] not in MAKERS:
            answer = {"missing": f"no library for {words[0]}"}
        else:
            key = tuple(words)
            if key not in made:
                # One set of inputs at a time: sizes of one row are large.
                made.clear()
                made[key] = MAKERS[words[0]](*map(int, words[1:]))
                made[key]()
            start = time.process_time()
            made[key]()
            answer = {"seconds": time.process_time() - start}
        print(json.dumps(answer), flush=True)


main()
