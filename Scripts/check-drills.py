#!/usr/bin/env python3
"""Evidence for `ropedrift check`: published bugs are caught where they are, and legitimate kernels pass. Prints both counts.

Drill: a recipe with a published bug is "another implementation", the fixed recipe is what it is held to. The check must fail at
the table and name the first position that the rule rejects, which is computed here again from the tensors and the C library's
cosines. False alarms: the same recipe with its sums in other orders, on seeded inputs, must pass the default flash rule and the
default budget.

Usage: Scripts/check-drills.py [ROPEDRIFT] [--inputs N]     (default: .build/release/ropedrift, 100 inputs)
Exit code: 0 if every drill is caught and there is no false alarm, 1 if not.
"""

import argparse
import concurrent.futures
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

# The fixed rotary half, the one with the bug, type, first position, and where the bug was published (RECIPES, cases).
DRILLS = [
    ("hf-llama", "hf-llama-2023-cast", "bf16", 0, "transformers 25681, DeepSpeed 4932: all in the model type"),
    ("hf-llama", "hf-llama-2023-cast", "fp16", 0, "the same in fp16"),
    ("hf-llama", "hf-model-to", "bf16", 0, "frequencies cast with model.to()"),
    ("hf-llama", "hf-model-to", "fp16", 0, "the same in fp16"),
    ("hf-llama", "neox-1003", "fp16", 0, "gpt-neox 1003"),
    ("hf-llama", "neox-1003", "bf16", 0, "gpt-neox 1003 in bf16"),
    ("hf-llama", "candle-qwen2", "bf16", 0, "candle 3520"),
    ("hf-llama", "candle-qwen2", "bf16", 15900, "candle 3520 at its position"),
    ("sglang-jax", "sglang-jax-1472", "bf16", 0, "sglang-jax 1473"),
    ("hf-llama", "hf-llama-tf32", "fp32", 2000, "transformers 48428: TF32 positions"),
    ("hf-llama", "hf-llama-tf32", "bf16", 4000, "the same in bf16"),
    ("hf-llama", "hf-llama-tf32-nearest-even", "fp32", 2000, "the same, rounded to nearest"),
]
ORDERS = ["sequential", "pairwise", "lanes(4)", "lanesFused(8)", "blocks(16)", "tensorCore(8,2,toward-zero)"]
RECIPES = ["hf-bf16", "hf-fp16", "fp32"]
TOKENS, SIZE, BASE = 256, 64, 10000.0
PRECISION = {"F32": (24, -126), "F16": (11, -14), "BF16": (8, -126)}


def run(tool, *arguments, accept=(0,)):
    done = subprocess.run([tool, *arguments], capture_output=True, text=True)
    if done.returncode not in accept:
        sys.exit(f"ropedrift {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    return done


def values(path, name):
    """(element type, shape, values) of one tensor, read without the code under test."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    entry = json.loads(data[8 : 8 + length])[name]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    raw = data[begin:end]
    kind = entry["dtype"]
    if kind == "BF16":
        words = struct.unpack(f"<{len(raw) // 2}H", raw)
        found = [struct.unpack("<f", struct.pack("<I", word << 16))[0] for word in words]
    else:
        letter, width = {"F16": ("e", 2), "F32": ("f", 4), "F64": ("d", 8)}[kind]
        found = list(struct.unpack(f"<{len(raw) // width}{letter}", raw))
    return kind, entry["shape"], found


def first_bad_row(fixed, buggy, function, first):
    """The first row that 2·(the fixed tensor's greatest error) + 1 ulp rejects; None where all pass."""
    kind, (rows, pairs), theirs = buggy
    exact = [
        function((first + row) * BASE ** (-2 * pair / (2 * pairs))) for row in range(rows) for pair in range(pairs)
    ]
    precision, least = PRECISION[kind]
    allowed = 2 * max(abs(a - b) for a, b in zip(fixed[2], exact))
    for index, (got, expected) in enumerate(zip(theirs, exact)):
        exponent = max(math.frexp(expected)[1] - 1, least) if expected else least
        if abs(got - expected) > allowed + 2.0 ** (exponent - precision + 1):
            return index // pairs
    return None


def drill(tool, folder, number):
    fixed, buggy, kind, first, source = DRILLS[number]
    source_input = f"synthetic:normal,tokens={TOKENS},heads=1,kv_heads=1,layers=1,head_dim={SIZE},seed={number}"
    files = []
    for role, rotary in (("fixed", fixed), ("buggy", buggy)):
        path = f"{folder}/{number}-{role}.safetensors"
        run(tool, "emulate", source_input, "--rotary", rotary, "--type", kind, f"--shift={first}", "-o", path)
        files.append(path)
    recipe = ["--rotary", fixed, "--type", kind]
    clean = run(tool, "check", source_input, "--against", files[0], *recipe, "--require", "both")
    done = run(tool, "check", source_input, "--against", files[1], *recipe, "--json", accept=(0, 3))
    failure = json.loads(done.stdout)["first_failure"]
    expected = None
    for name, function in (("cos", math.cos), ("sin", math.sin)):
        tensors = [values(path, f"layers.0.{name}") for path in files]
        row = first_bad_row(*tensors, function, first)
        if row is not None:
            expected = (f"layers.0.{name}", first + row)
            break
    found = failure and (failure["tensor"], failure["first_position"])
    caught = clean.returncode == 0 and done.returncode == 3 and failure["stage"] == "table" and found == expected
    return caught, f"{'caught' if caught else 'MISSED'}  {buggy:26} {kind}  {found}, computed here {expected}  ({source})"


def legitimate(tool, folder, seed):
    """Whether a recipe in another order of sums passes its own flash rule and the default budget."""
    order = ORDERS[seed % len(ORDERS)]
    base = RECIPES[seed // len(ORDERS) % len(RECIPES)]
    recipe = json.loads((pathlib.Path(__file__).parent.parent / f"Sources/EmulatedEngine/Recipes/{base}.json").read_text())
    recipe["name"] = f"{base}-{seed}"
    recipe["dot"]["order"] = order
    path = f"{folder}/recipe-{seed}.json"
    pathlib.Path(path).write_text(json.dumps(recipe))
    kind = ("normal", "sink")[seed // len(ORDERS) % 2]
    source = f"synthetic:{kind},tokens=96,heads=4,kv_heads=2,layers=1,head_dim={SIZE},seed={seed}"
    theirs = f"{folder}/legitimate-{seed}.safetensors"
    run(tool, "emulate", source, "--recipe", path, "--tensors", "cos,sin,rotated_q,rotated_k,logits", "-o", theirs)
    flash = run(tool, "check", source, "--against", theirs, "--recipe", base, accept=(0, 3))
    budget = run(tool, "check", source, "--recipe", path, accept=(0, 3))
    same = run(tool, "check", source, "--against", theirs, "--recipe", base, "--require", "parity", accept=(0, 3))
    return flash.returncode == 0, budget.returncode == 0, same.returncode != 0, order


def main():
    options = argparse.ArgumentParser()
    options.add_argument("tool", nargs="?", default=".build/release/ropedrift")
    options.add_argument("--inputs", type=int, default=100)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        drills = list(pool.map(lambda number: drill(chosen.tool, folder, number), range(len(DRILLS))))
        for _, line in drills:
            print(line)
        runs = list(pool.map(lambda seed: legitimate(chosen.tool, folder, seed), range(chosen.inputs)))
    caught = sum(ok for ok, _ in drills)
    alarms = [sum(not one[index] for one in runs) for index in (0, 1)]
    print(f"published bugs caught at the right stage and position: {caught} of {len(drills)}")
    print(f"false alarms of the default flash rule: {alarms[0]} of {len(runs)} inputs")
    print(f"false alarms of the default budget: {alarms[1]} of {len(runs)} inputs")
    print(f"inputs whose bits differ from the recipe's, so that parity fails: {sum(one[2] for one in runs)} of {len(runs)}")
    return 0 if caught == len(drills) and alarms == [0, 0] else 1


if __name__ == "__main__":
    sys.exit(main())
