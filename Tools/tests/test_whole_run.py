"""Whole runs: shifted positions reach attention and nothing else changes; null controls are the same function; what is stored says so."""

import numpy
import pytest
import tiny_models
import torch
import transformers
from test_gguf import large, write_gguf

from capture import attention_rows, gguf_model, llama_forward, model_variants, tensor_file, torch_llama
from capture.command import main
from capture.failure import Failure
from capture.transformers_model import capture, capture_with_kernel

IDS = tiny_models.tokens()
SHIFT = 1000


def projections(model, ids, shift):
    """[(q, k)] of every layer as its projections give them, with position ids from `shift` on, observed by hooks of PyTorch."""
    seen = {}

    def hook(name):
        return lambda _, __, output: seen.setdefault(name, output.detach().clone())

    handles = [
        getattr(layer.self_attn, f"{part}_proj").register_forward_hook(hook((index, part)))
        for index, layer in enumerate(model.model.layers)
        for part in "qk"
    ]
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]), position_ids=torch.arange(shift, shift + len(ids))[None], use_cache=False)
    for handle in handles:
        handle.remove()
    size = model.config.head_dim
    return {
        (layer, part): x[0].view(len(ids), -1, size).transpose(0, 1).float().numpy() for (layer, part), x in seen.items()
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shift_is_that_of_position_ids(dtype):
    model = large(tiny_models.llama(max_position_embeddings=4096)).to(dtype)
    model.model.rotary_emb.inv_freq = model.model.rotary_emb.original_inv_freq.float()
    tensors, metadata, _ = capture_with_kernel(model, IDS, [0, 1, 2], (), shift=SHIFT)
    expected = projections(model, IDS, SHIFT)
    for (layer, part), x in expected.items():
        assert (tensors[f"layers.{layer}.{part}"].astype(numpy.float32) == x).all()
    plain, other = capture(model, IDS, [0, 1, 2])
    assert metadata == other
    # Nothing before the first attention knows positions; what comes after it does.
    assert plain["layers.0.q"].tobytes() == tensors["layers.0.q"].tobytes()
    assert plain["layers.2.q"].tobytes() != tensors["layers.2.q"].tobytes()


def test_shift_of_the_forward_pass_in_numpy(tmp_path):
    original = large(tiny_models.llama(max_position_embeddings=4096))
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original))
    kept, _ = llama_forward.forward(model, IDS, keep=[0, 1, 2], shift=SHIFT)
    expected = projections(original, IDS, SHIFT)
    for (layer, part), x in expected.items():
        assert numpy.allclose(kept[layer]["qk".index(part)], x, rtol=0, atol=1e-4)


def test_models_whose_frequencies_depend_on_the_position_are_not_shifted():
    parameters = dict(rope_type="dynamic", rope_theta=1e4, factor=2.0)
    model = tiny_models.llama(rope_parameters=parameters)
    with pytest.raises(Failure, match="depend on the greatest position"):
        capture_with_kernel(model, IDS, [0], (), shift=SHIFT)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_gguf_in_pytorch_is_the_model_loaded_in_that_type(dtype, tmp_path):
    original = large(tiny_models.llama())
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original))
    loaded = torch_llama.load(model, dtype, "sdpa")
    twin = transformers.LlamaForCausalLM._from_config(original.config, dtype=getattr(torch, dtype))
    twin.load_state_dict(original.state_dict())
    twin.eval()
    expected, _ = capture(twin, IDS, [0, 1, 2])
    found, _ = capture(loaded, IDS, [0, 1, 2])
    for name, x in expected.items():
        assert found[name].dtype == x.dtype and found[name].tobytes() == x.tobytes(), name


def test_another_order_is_the_same_function(tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", large(tiny_models.llama(attention_bias=True, mlp_bias=True)))
    model = gguf_model.GGUFModel(path)
    change = model_variants.reordered(model.width, model.layer(0).gate.weight.shape[0], 3)
    other = gguf_model.GGUFModel(path, change=change)
    kept, hidden = llama_forward.forward(model, IDS, keep=[0, 2])
    moved, moved_hidden = llama_forward.forward(other, IDS, keep=[0, 2])
    logits, moved_logits = model.logits(hidden), other.logits(moved_hidden)
    assert numpy.abs(logits - moved_logits).max() < 1e-4 * numpy.abs(logits).max()
    for layer in (0, 2):
        for x, y in zip(kept[layer], moved[layer]):
            assert numpy.allclose(x, y, rtol=0, atol=1e-4) and x.tobytes() != y.tobytes()
    # In binary64 what is left of the difference is smaller by as much as its unit: it is rounding and nothing else.
    wide = [
        gguf_model.GGUFModel(path, change=model_variants.then(lambda _, x: x.astype(numpy.float64), order))
        for order in (None, change)
    ]
    first, second = (llama_forward.forward(each, IDS, keep=[2])[0][2] for each in wide)
    assert all(x.dtype == numpy.float64 and 0 < numpy.abs(x - y).max() < 1e-12 for x, y in zip(first, second))


def test_random_weights_are_a_function_of_seed_and_name(tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", large(tiny_models.llama(hidden_size=64, intermediate_size=96)))
    one, again, other = (gguf_model.GGUFModel(path, change=model_variants.randomised(0.02, seed)) for seed in (1, 1, 2))
    weight = one.layer(1).up.weight
    assert abs(weight.std() / 0.02 - 1) < 0.05 and abs(weight.mean()) < 0.001
    assert weight.tobytes() == again.layer(1).up.weight.tobytes() != other.layer(1).up.weight.tobytes()
    assert (one.layer(0).gate.weight != weight).any() and (one.layer(1).attention_norm == 1).all()
    assert (one.embeddings(IDS) == one.all_embeddings()[IDS]).all()


@pytest.mark.parametrize("rows", [[0, 5, 39], list(range(40))])
def test_rows_of_attention(rows, tmp_path):
    original = large(tiny_models.llama())
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original))
    kept = attention_rows.AttentionRows(rows, model.heads, len(IDS))
    vectors, _ = llama_forward.forward(model, IDS, keep=[1], last_layer=1, shift=3, rows=kept)
    # By the definition, in binary64.
    angles = (numpy.arange(40) + 3)[:, None] * model.frequencies
    q, k = (llama_forward.rotate_half_split(x.astype(float), numpy.cos(angles), numpy.sin(angles)) for x in vectors[1][:2])
    _, _, seen = capture_with_kernel(
        torch_llama.load(model, "float32", "eager"), IDS, [1], ("logits", "probabilities"), shift=3, rows=rows
    )
    for head in range(model.heads):
        for place, row in enumerate(rows):
            logits = k[head // 2][: row + 1] @ q[head][row] / model.head_size**0.5
            weights = numpy.exp(logits - logits.max())
            for found in (kept.found, seen):
                assert numpy.allclose(found["layers.1.logits"][head, place, : row + 1], logits, rtol=0, atol=1e-4)
                assert numpy.allclose(
                    found["layers.1.probabilities"][head, place, : row + 1], weights / weights.sum(), rtol=0, atol=1e-5
                )
                assert (found["layers.1.probabilities"][head, place, row + 1 :] == 0).all()


def test_command(tmp_path, capsys):
    model = write_gguf(tmp_path / "tiny.gguf", large(tiny_models.llama()))
    ids = tmp_path / "ids.txt"
    ids.write_text(" ".join(map(str, IDS)))

    def run(name, *arguments):
        out = tmp_path / name
        common = ["gguf", model, "--token-ids", ids, "-o", out, "--proof-tokens", 0, "--force"]
        code = main([*map(str, common), *map(str, arguments)])
        return code, capsys.readouterr().err

    for dtype in ((), ("--dtype", "bfloat16")):
        code, _ = run("a", *dtype, "--shift", 16, "--attention-rows", "0,7-9")
        tensors, metadata = tensor_file.read(tmp_path / "a")
        stored = numpy.float32 if not dtype else tensor_file.TYPES["BF16"]
        assert code == 0 and tensors["layers.0.q"].dtype == stored
        assert tensors["layers.2.logits"].shape == (4, 4, 40) and list(tensors["attention.rows"]) == [0, 7, 8, 9]
        assert metadata["run.shift"] == "16" and metadata["run.dtype"] == (dtype[1] if dtype else "float32")
        assert "run.null" not in metadata and metadata["run.arithmetic"].startswith("PyTorch" if dtype else "NumPy")
        # A null control is held against the file, or against the plain run that is made again.
        eager = ("--implementation", "eager") if dtype else ()
        for extra in (("--null-of", tmp_path / "a"), ()):
            code, said = run("c", *dtype, *eager, "--shift", 16, "--null", "order", *extra)
            _, found = tensor_file.read(tmp_path / "c")
            assert code == 0 and found["run.null"] == "order" and found["run.null_seed"] == "1"
            differ, count = map(int, found["run.null_changed"].split(" of "))
            # Sums over so few channels, accumulated in binary32, may all be the same after rounding to bfloat16.
            assert (0 if dtype else 1) <= differ <= count == 3 * (4 + 2 + 2) * 40 * 8
            assert ("changes nothing here" in said) == (differ == 0)
            assert f"{differ} of {count} elements" in said
        if dtype:
            code, said = run("e", *dtype, "--shift", 16, "--null", "order", "--null-of", tmp_path / "a")
            assert code == 64 and "attention eager" in said and "attention sdpa" in said
        for arguments, words in (
            (("--shift", 17), "run.shift is 16, and the null control was run with 17"),
            (("--shift", 16, "--random-init", "0.5"), "run.init_std is None"),
        ):
            code, said = run("e", *dtype, *eager, *arguments, "--null", "order", "--null-of", tmp_path / "a")
            assert code == 64 and words in said, said
        code, said = run("d", *dtype, *eager, "--shift", 16, "--null", "order", "--null-of", tmp_path / "c")
        assert code == 64 and "a null control itself" in said
    code, said = run("c", "--dtype", "float32", "--null", "batch", "--layers", "0")
    assert code == 0 and "elements of q, k and v differ in bits" in said
    code, _ = run("r", "--random-init", "0.05", "--seed", 3)
    _, metadata = tensor_file.read(tmp_path / "r")
    assert code == 0 and metadata["run.init_std"] == "0.05" and metadata["run.init_seed"] == "3"
    assert "untrained" in metadata["model"]
    for arguments, words in (
        (("--null", "batch"), "needs a run in PyTorch"),
        (("--null-of", tmp_path / "a"), "--null-of has no effect without --null"),
        (("--seed", 1), "--seed has no effect without --random-init"),
        (("--implementation", "eager"), "--implementation has no effect without --dtype"),
        (("--null-seed", 1, "--null", "threads"), "--null-seed has no effect without --null order"),
        (("--attention-rows", "40"), "expected a list of query tokens below 40"),
        (("--dtype", "float32", "--implementation", "sdpa", "--attention-rows", "1"), "sdpa shows no logits"),
        (("--shift", "1.5"), "not a whole number"),
        (("--random-init", "0"), "not a finite number above 0"),
        (("--seed", "-1", "--random-init", "1"), "not a whole number from 0"),
    ):
        code, said = run("x", *arguments)
        assert code == 64 and words in said, said
    # A capture without any of these options has the bytes that it always had.
    code, _ = run("plain")
    assert code == 0 and not any(key.startswith("run.") for key in tensor_file.read(tmp_path / "plain")[1])


def test_rows_that_take_too_much_are_refused():
    with pytest.raises(Failure, match="would take 9059696640 bytes, and 1073741824 is the most; name at most 242 queries"):
        attention_rows.check_size(range(2048), 30, 9, 2048, 4)
    attention_rows.check_size(range(8), 30, 9, 2048, 4)


def test_transformers_command(tmp_path, capsys):
    tiny_models.llama().save_pretrained(tmp_path / "model")
    ids = tmp_path / "ids.txt"
    ids.write_text(" ".join(map(str, IDS)))

    def run(name, *arguments):
        common = ["transformers", tmp_path / "model", "--token-ids", ids, "-o", tmp_path / name, "--force"]
        code = main([*map(str, common), *map(str, arguments)])
        return code, capsys.readouterr().err

    code, _ = run("a", "--shift", 16, "--attention-rows", "3")
    tensors, metadata = tensor_file.read(tmp_path / "a")
    assert code == 0 and metadata["run.shift"] == "16" and tensors["layers.0.logits"].shape == (4, 1, 40)
    code, said = run("c", "--attention", "eager", "--shift", 16, "--null", "threads", "--null-of", tmp_path / "a")
    assert code == 0 and "null control 'threads'" in said
    code, said = run("c", "--null", "order")
    assert code == 64 and "models of GGUF files alone" in said
