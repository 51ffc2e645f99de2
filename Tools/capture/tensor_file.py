"""Safetensors files whose bytes depend on their content alone.

The layout of the product's own writer: metadata sorted by key, tensors by width and name, the header padded to a multiple
of 8 bytes. Equal captures are equal files, which the reference library does not promise.
"""

import json
import math
import os
import pathlib
import struct

import ml_dtypes
import numpy

from .failure import Failure

TYPES = {
    "F64": numpy.dtype("<f8"),
    "I64": numpy.dtype("<i8"),
    "F32": numpy.dtype("<f4"),
    "I32": numpy.dtype("<i4"),
    "F16": numpy.dtype("<f2"),
    "BF16": numpy.dtype(ml_dtypes.bfloat16),
}
NAMES = {dtype: name for name, dtype in TYPES.items()}


def write(path, tensors, metadata):
    """Writes {name: array} and {key: string} as one file, to the side and then moved into place whole."""
    entries, offset = {"__metadata__": dict(sorted(metadata.items()))}, 0
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    for name in names:
        array = tensors[name]
        end = offset + array.nbytes
        entries[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path = pathlib.Path(path)
    side = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with open(side, "xb") as file:
                file.write(struct.pack("<Q", len(header)) + header)
                for name in names:
                    file.write(numpy.ascontiguousarray(tensors[name]).view(numpy.uint8).data)
            os.replace(side, path)
        finally:
            side.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"{path}: cannot be written ({error.strerror}); name a place in a folder that you may write to") from None


def read(path):
    """({name: array}, {key: string}) of a file; tensors of types that no capture has are left out."""
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise Failure(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from None
    try:
        (length,) = struct.unpack_from("<Q", data)
        entries = json.loads(data[8 : 8 + length])
        metadata = entries.pop("__metadata__", None) or {}
        tensors = {}
        for name, entry in entries.items():
            if entry["dtype"] in TYPES:
                begin, end = entry["data_offsets"]
                dtype, count = TYPES[entry["dtype"]], math.prod(entry["shape"])
                if (end - begin) != count * dtype.itemsize:
                    raise ValueError(f"{name} has {end - begin} bytes for {count} elements")
                tensors[name] = numpy.frombuffer(data, dtype, count, 8 + length + begin).reshape(entry["shape"])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{path}: not a safetensors file ({error}); name a file that capture.py wrote") from None
    return tensors, metadata
