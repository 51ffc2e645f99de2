"""Files are what the reference library reads, and depend on their content alone."""

import ml_dtypes
import numpy
import pytest
import safetensors
import safetensors.numpy

from capture import comparison, tensor_file
from capture.failure import Failure


def test_file_is_what_the_reference_library_reads(tmp_path):
    tensors = {
        "b": numpy.arange(5, dtype=numpy.int32),
        "a": numpy.linspace(-3, 3, 12, dtype=numpy.float32).reshape(2, 3, 2),
        "layers.0.q": numpy.ones((2, 3, 4), ml_dtypes.bfloat16).swapaxes(0, 1),
        "h": numpy.array([numpy.nan, -0.0, 1], numpy.float16),
    }
    metadata = {"stage": "pre-rope", "model": 'näive "name"'}
    path, other = tmp_path / "x.safetensors", tmp_path / "y.safetensors"
    tensor_file.write(path, tensors, metadata)
    tensor_file.write(other, dict(reversed(tensors.items())), dict(reversed(metadata.items())))
    assert path.read_bytes() == other.read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, other]
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == metadata
        assert sorted(file.keys()) == sorted(tensors)
        for name in ("a", "b", "h"):
            assert file.get_tensor(name).tobytes() == tensors[name].tobytes()
    found, found_metadata = tensor_file.read(path)
    assert found_metadata == metadata
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype and found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("content", [b"", b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 16, b'\x10\0\0\0\0\0\0\0{"a":{"x":1}}   '])
def test_broken_files_are_refused(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(Failure, match="not a safetensors file"):
        tensor_file.read(tmp_path / "x.safetensors")


def test_comparison_counts_bits(tmp_path):
    one = numpy.array([0.0, 1, 2, 300], numpy.float32)
    for name, array in (("x", one), ("y", numpy.array([-0.0, 1, 2.5, 300], numpy.float32)), ("z", one[:3])):
        tensor_file.write(tmp_path / name, {"layers.0.q": array}, {})
    lines = list(comparison.compare(tmp_path / "x", tmp_path / "y"))
    assert lines[1] == "layers.0.q,4,2,0.500000,0.5,300"
    with pytest.raises(Failure, match="same tokens in the same type"):
        list(comparison.compare(tmp_path / "x", tmp_path / "z"))
