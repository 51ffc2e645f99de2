"""In which order PyTorch's products of matrices add on a CPU, found on dot products that cancel.

In each, three channels take back what the others add up to, so that the result is what the roundings left: two orders that
are not the same agree in few of them.
"""

import json
import os
import subprocess
import sys

import numpy
import torch

from . import arithmetic, numbers, pytorch

PRODUCTS = 256
SIZES = (64, 128, 256)
SEED = 7


def _swapped(query, key):
    channels = [c ^ 1 for c in range(query.shape[2])]
    return arithmetic.sequential_fused(query[:, :, channels], key[:, :, channels])


ORDERS = {
    "sequentialFused": arithmetic.sequential_fused,
    "lanes(16)": lambda q, k: arithmetic.lanes(q, k, 16),
    "lanes(32)": lambda q, k: arithmetic.lanes(q, k, 32),
    "lanes(64)": lambda q, k: arithmetic.lanes(q, k, 64),
    "sequential, odd channel of a pair first": _swapped,
}


def _cancelling(generator, size, type_name):
    kind = numbers.TYPES[type_name]
    query, key = (generator.standard_normal((PRODUCTS, size)).astype(kind) for _ in "qk")
    for row in range(PRODUCTS):
        chosen = generator.permutation(size)[:3]
        query[row, chosen], key[row, chosen] = 0, 1
        for channel in chosen:
            query[row, channel] = -(query[row].astype(numpy.float64) @ key[row].astype(numpy.float64))
    return query.astype(numpy.float32), key.astype(numpy.float32)


def _found():
    """[type, rows of queries, d, orders that give every bit]."""
    generator = numpy.random.default_rng(SEED)
    for type_name, kind in pytorch.TYPES.items():
        for size in SIZES:
            query, key = _cancelling(generator, size, type_name)
            q, k = (torch.from_numpy(x).to(kind) for x in (query, key))
            for rows in (PRODUCTS, 1):
                got = torch.cat(
                    [torch.matmul(q[None, s : s + rows], k[None].transpose(1, 2))[0] for s in range(0, PRODUCTS, rows)]
                )
                got = torch.diagonal(got).float().numpy()
                names = [
                    name
                    for name, order in ORDERS.items()
                    if numpy.array_equal(
                        numbers.stored(order(query[:, None], key[:, None])[:, 0, 0], type_name).view(numpy.uint32),
                        got.view(numpy.uint32),
                    )
                ]
                yield type_name, rows, size, names


def print_found():
    print(json.dumps([torch.backends.cpu.get_cpu_capability(), list(_found())]))


def found_on_both():
    """[kernels, rows]: with the kernels that everything else was compared with, and with those that the processor has."""
    results = [[torch.backends.cpu.get_cpu_capability() + ", oneDNN held to AVX2", list(_found())]]
    environment = {k: v for k, v in os.environ.items() if k not in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")}
    program = "import sys; sys.path.insert(0, sys.argv[1]); from agreement import orders; orders.print_found()"
    tools = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, "-c", program, tools], env=environment, capture_output=True, text=True, check=True
    )
    return results + [json.loads(done.stdout)]
