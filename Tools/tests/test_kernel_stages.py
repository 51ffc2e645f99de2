"""What --kernel writes is what the model computed, bit for bit, in the names and shapes that `ropedrift check` reads."""

import numpy
import pytest
import tiny_models
import torch
from test_transformers import IDS, seen_by_attention

from capture import kernel_stages, tensor_file
from capture.command import main
from capture.failure import Failure
from capture.transformers_model import capture, capture_with_kernel

FAMILIES = {
    "llama": tiny_models.llama,
    "gpt_neox": tiny_models.gpt_neox,
    "cohere": tiny_models.cohere,
    "qwen3": tiny_models.qwen3,
}


def eager(make):
    model = make()
    model.set_attn_implementation("eager")
    return model


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tables_and_rotated_vectors_are_the_models_own(family, dtype):
    model = eager(FAMILIES[family]).to(dtype)
    seen, (cosine, sine), _ = seen_by_attention(model)
    _, _, found = capture_with_kernel(model, IDS, [0, 2], kernel_stages.DEFAULT_STAGES)
    assert sorted(found) == sorted([f"layers.{n}.{s}" for n in (0, 2) for s in kernel_stages.DEFAULT_STAGES] + ["positions"])
    for layer in (0, 2):
        query, key, _ = seen[layer]
        for name, expected in (("cos", cosine[0]), ("sin", sine[0]), ("rotated_q", query), ("rotated_k", key)):
            got = found[f"layers.{layer}.{name}"]
            assert got.shape == tuple(expected.shape)
            assert numpy.array_equal(got.astype(numpy.float64), expected.double().numpy())
    assert found["positions"].tolist() == list(range(len(IDS)))


def test_eager_attention_shows_logits_probabilities_and_output():
    model = eager(tiny_models.llama)
    seen, _, _ = seen_by_attention(model)
    tensors, metadata, found = capture_with_kernel(model, IDS, [1], kernel_stages.STAGES)
    query, key, value = (x.double() for x in seen[1])
    tokens = len(IDS)
    visible = torch.ones(tokens, tokens).tril().bool()
    key, value = (x.repeat_interleave(2, 0) for x in (key, value))
    logits = query @ key.transpose(1, 2) * query.shape[-1] ** -0.5
    probabilities = logits.masked_fill(~visible, -torch.inf).softmax(-1)
    for name, expected in (("logits", logits), ("probabilities", probabilities), ("output", probabilities @ value)):
        got = torch.from_numpy(found[f"layers.1.{name}"].astype(numpy.float64))
        assert got.shape == expected.shape
        where = visible.expand_as(got) if name == "logits" else torch.ones_like(got, dtype=torch.bool)
        assert (got - expected)[where].abs().max() < 1e-5
    # The capture itself is what it is without them.
    plain, plain_metadata = capture(model, IDS, [1])
    assert metadata == plain_metadata
    assert all(numpy.array_equal(plain[name], tensors[name]) for name in plain)


def test_fused_attention_has_no_logits():
    model = tiny_models.llama()
    model.set_attn_implementation("sdpa")
    with pytest.raises(Failure, match="--attention eager"):
        capture_with_kernel(model, IDS, [0], ["logits"])
    with pytest.raises(Failure, match="--attention eager"):
        capture_with_kernel(model, IDS, [0], ["probabilities"])
    assert torch.nn.functional.softmax.__module__ == "torch.nn.functional"


def test_the_command_writes_both_files(tmp_path, capsys):
    tiny_models.llama().save_pretrained(tmp_path / "model")
    (tmp_path / "ids").write_text(" ".join(map(str, IDS)))
    run = ["transformers", str(tmp_path / "model"), "--token-ids", str(tmp_path / "ids"), "--layers", "0,1"]
    out, kernel = str(tmp_path / "out.safetensors"), str(tmp_path / "kernel.safetensors")
    assert main(run + ["-o", out, "--kernel", kernel, "--kernel-stages", "all", "--attention", "eager"]) == 0
    tensors, metadata = tensor_file.read(kernel)
    assert len(tensors) == 2 * 7 + 1
    assert metadata["rope.layout"] == "half-split" and metadata["stage"] == "kernel"
    assert "--against" in capsys.readouterr().err
    assert main(run + ["-o", out, "--kernel", kernel]) == 64
    assert main(run + ["-o", out, "--kernel", out, "--force"]) == 64
    assert main(run + ["-o", out, "--kernel-stages", "cos", "--force"]) == 64
    assert main(run + ["-o", out, "--kernel", kernel, "--force", "--kernel-stages", "cosine"]) == 64
