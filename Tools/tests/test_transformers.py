"""What is captured, rotated by the model's own function, is what attention sees, bit for bit; what cannot be is refused."""

import sys

import numpy
import pytest
import safetensors.torch
import tiny_models
import torch
import transformers

from capture import rotary, tensor_file
from capture.command import main
from capture.failure import Failure
from capture.transformers_model import capture

IDS = tiny_models.tokens()


def captured(model, path, layers=(0, 1, 2), **options):
    """A capture by way of its file, read with the reference library."""
    tensors, metadata = capture(model, IDS, list(layers), **options)
    tensor_file.write(path / "x.safetensors", tensors, metadata)
    return safetensors.torch.load_file(path / "x.safetensors"), metadata


def seen_by_attention(model):
    """[(q, k, v)] after rotation and (cos, sin), observed without the code under test."""
    layer = next(module for module in model.modules() if hasattr(module, "layer_idx"))
    module, seen, tables = sys.modules[type(layer).__module__], [], []
    original = module.eager_attention_forward

    def observe(attention, q, k, v, *rest, **named):
        seen.append((q[0].clone(), k[0].clone(), v[0].clone()))
        return original(attention, q, k, v, *rest, **named)

    hooks = [
        part.register_forward_hook(lambda _, __, output: tables.append(output))
        for part in model.modules()
        if type(part).__name__.endswith("RotaryEmbedding")
    ]
    module.eager_attention_forward = observe
    try:
        with torch.no_grad():
            model.eval()(input_ids=torch.tensor([IDS]))
    finally:
        module.eager_attention_forward = original
        for hook in hooks:
            hook.remove()
    return seen, tables[0], module.apply_rotary_pos_emb


FAMILIES = {
    "llama": (tiny_models.llama, "half-split", "1000", 8, "none"),
    "gpt_neox": (tiny_models.gpt_neox, "half-split", "500", 4, "none"),
    "phi": (tiny_models.phi, "half-split", "700", 4, "none"),
    "qwen3": (tiny_models.qwen3, "half-split", "1000000", 16, "none"),
    "cohere": (tiny_models.cohere, "interleaved", "8000", 8, "none"),
    "llama3": (
        lambda: tiny_models.llama(rope_parameters=tiny_models.LLAMA3),
        "half-split",
        "1000",
        8,
        "llama3:factor=8,low=1,high=4,original=32",
    ),
    "yarn": (
        lambda: tiny_models.llama(rope_parameters=tiny_models.YARN),
        "half-split",
        "1000",
        8,
        "yarn:factor=4,original=16,beta_fast=32,beta_slow=1",
    ),
    "linear": (
        lambda: tiny_models.llama(rope_parameters=dict(rope_type="linear", rope_theta=1e4, factor=2.5)),
        "half-split",
        "10000",
        8,
        "linear:factor=2.5",
    ),
    "longrope": (
        lambda: tiny_models.llama(rope_parameters=tiny_models.LONGROPE),
        "half-split",
        "10000",
        8,
        f"longrope:original=32,factor=2,length={len(IDS)},short=1;1.1;1.2;1.3,long=1;2;3;4.5",
    ),
    "proportional": (
        lambda: tiny_models.llama(
            rope_parameters=dict(rope_type="proportional", rope_theta=1e4, partial_rotary_factor=0.5)
        ),
        "half-split",
        "10000",
        8,
        "proportional:fraction=0.5",
    ),
    "dynamic": (
        lambda: tiny_models.llama(
            rope_parameters=dict(rope_type="dynamic", rope_theta=1e4, factor=3.0), max_position_embeddings=16
        ),
        "half-split",
        "10000",
        8,
        f"dynamic:factor=3,length={len(IDS)},max=16",
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_rotated_capture_is_what_attention_sees(family, dtype, tmp_path):
    build, layout, base, size, scaling = FAMILIES[family]
    model = build().to(dtype)
    model.set_attn_implementation("eager")
    tensors, metadata = captured(model, tmp_path)
    seen, (cos, sin), rotate = seen_by_attention(model)
    assert metadata["rope.layout"] == layout
    assert metadata["rope.base"] == base
    assert metadata["rope.rotary_size"] == str(size)
    assert metadata["rope.scaling"] == scaling
    assert metadata["stage"] == "pre-rope"
    assert tensors["token_ids"].tolist() == IDS
    assert len(seen) == 3
    for layer, (q, k, v) in enumerate(seen):
        before_q, before_k = tensors[f"layers.{layer}.q"], tensors[f"layers.{layer}.k"]
        assert before_q.dtype == dtype and before_q.shape == q.shape and before_k.shape == k.shape
        assert not torch.equal(before_q, q)
        rotated = rotate(before_q[None, ..., :size], before_k[None, ..., :size], cos, sin)
        for before, after, part in ((before_q, q, rotated[0]), (before_k, k, rotated[1])):
            assert torch.equal(torch.cat([part[0], before[..., size:]], -1), after)
        assert torch.equal(tensors[f"layers.{layer}.v"], v)


def test_capture_is_after_the_norm_of_queries(tmp_path):
    model = tiny_models.qwen3()
    outputs = []
    model.model.layers[1].self_attn.q_norm.register_forward_hook(lambda _, __, output: outputs.append(output))
    tensors, _ = captured(model, tmp_path, [1])
    assert torch.equal(tensors["layers.1.q"], outputs[0][0].transpose(0, 1))


def test_sdpa_and_eager_capture_the_same_first_layer(tmp_path):
    model = tiny_models.llama()
    model.set_attn_implementation("eager")
    eager, _ = captured(model, tmp_path, [0])
    model.set_attn_implementation("sdpa")
    other, _ = captured(model, tmp_path, [0])
    assert torch.equal(eager["layers.0.q"], other["layers.0.q"])


def test_model_is_left_as_it_was():
    from transformers.models.llama import modeling_llama as module

    before = module.apply_rotary_pos_emb, module.ALL_ATTENTION_FUNCTIONS
    model = tiny_models.llama().train()
    capture(model, IDS, [1])
    assert model.training
    assert (module.apply_rotary_pos_emb, module.ALL_ATTENTION_FUNCTIONS) == before
    model(input_ids=torch.tensor([IDS]))


def test_one_token():
    tensors, _ = capture(tiny_models.llama(), [5], [2])
    assert tensors["layers.2.q"].shape == (4, 1, 8)


def test_attention_scale_of_its_own_is_stated():
    _, metadata = capture(tiny_models.gemma3(["sliding_attention"] * 3), IDS, [0, 1])
    assert metadata["attention.scale"] == "0.5"
    assert metadata["rope.base"] == "10000"
    _, metadata = capture(tiny_models.llama(), IDS, [0])
    assert "attention.scale" not in metadata


def test_layers_with_different_bases_are_captured_apart():
    model = tiny_models.gemma3(["sliding_attention", "full_attention", "sliding_attention"])
    with pytest.raises(Failure, match=r"differ in rotary embedding.*--layers 0,2 and 1"):
        capture(model, IDS, [0, 1, 2])
    _, metadata = capture(model, IDS, [1])
    assert (metadata["rope.base"], metadata["rope.scaling"]) == ("1000000", "linear:factor=8")


def test_configuration_that_the_model_does_not_follow_is_refused():
    model = tiny_models.llama()
    model.config.rope_parameters["rope_theta"] = 1100.0
    with pytest.raises(Failure, match="state the scaling"):
        capture(model, IDS, [0])
    model = tiny_models.llama(rope_parameters=tiny_models.YARN)
    model.config.rope_parameters.update(factor=4.5)
    with pytest.raises(Failure, match="the model's (cos|sin)"):
        capture(model, IDS, [0])


def test_proportional_scaling_keeps_its_factor():
    parameters = dict(rope_type="proportional", rope_theta=1e4, partial_rotary_factor=0.5, factor=2.0)
    _, metadata = capture(tiny_models.llama(rope_parameters=parameters), IDS, [0])
    assert metadata["rope.scaling"] == "proportional:fraction=0.5,factor=2"


def test_scaling_without_a_spelling_is_refused_until_one_is_given():
    model = tiny_models.llama()
    model.config.rope_parameters["rope_type"] = "axial"
    with pytest.raises(Failure, match="'axial'.*--scaling"):
        capture(model, IDS, [0])
    _, metadata = capture(model, IDS, [0], scaling="by-hand:x=1")
    assert metadata["rope.scaling"] == "by-hand:x=1"


def mla():
    options = tiny_models.COMMON | dict(num_key_value_heads=4)
    sizes = dict(q_lora_rank=16, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=8, v_head_dim=8)
    config = transformers.DeepseekV3Config(**options, **sizes, first_k_dense_replace=3, n_routed_experts=8, n_group=1)
    return transformers.DeepseekV3ForCausalLM(config)


def m_rope():
    model = tiny_models.llama()
    model.config.rope_parameters["mrope_section"] = [2, 1, 1]
    return model


def norm_after_rotation():
    return transformers.HunYuanDenseV1ForCausalLM(transformers.HunYuanDenseV1Config(**tiny_models.COMMON, head_dim=8))


def no_rotation():
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=64, n_embd=32, n_layer=3, n_head=4))


def own_attention():
    return transformers.GPTJForCausalLM(
        transformers.GPTJConfig(vocab_size=64, n_embd=32, n_layer=3, n_head=4, rotary_dim=4)
    )


def layers_without():
    return transformers.SmolLM3ForCausalLM(transformers.SmolLM3Config(**tiny_models.COMMON, no_rope_layers=[1, 1, 0]))


@pytest.mark.parametrize(
    "build, message",
    [
        (mla, "multi-head latent attention"),
        (m_rope, "M-RoPE"),
        (norm_after_rotation, "between rotation and attention"),
        (no_rotation, "GPT2Attention has no apply_rotary_pos_emb"),
        (own_attention, "GPTJAttention calls attention in a way of its own"),
        (layers_without, r"layer 2 \(SmolLM3Attention\) applies no rotary embedding"),
    ],
)
def test_unsupported_models_are_refused_by_name(build, message):
    with pytest.raises(Failure, match=message):
        capture(build(), IDS, [0, 2])


def test_command_captures_a_saved_model(tmp_path, capsys):
    tiny_models.llama().to(torch.bfloat16).save_pretrained(tmp_path / "model")
    (tmp_path / "ids.json").write_text(str(IDS))
    common = ["transformers", str(tmp_path / "model"), "--token-ids", str(tmp_path / "ids.json")]
    out = tmp_path / "out.safetensors"
    assert main(common + ["--layers", "0,2", "--tokens", "24", "-o", str(out)]) == 0
    assert f"ropedrift report {out} -o" in capsys.readouterr().err
    tensors, metadata = tensor_file.read(out)
    assert sorted(tensors) == sorted(["token_ids"] + [f"layers.{n}.{x}" for n in (0, 2) for x in "qkv"])
    assert tensors["layers.2.k"].shape == (2, 24, 8) and tensor_file.NAMES[tensors["layers.2.k"].dtype] == "BF16"
    assert main(common + ["--layers", "0", "-o", str(out)]) == 64
    assert "exists; name another file or add --force" in capsys.readouterr().err
    again = tmp_path / "again.safetensors"
    assert main(common + ["--layers", "0,2", "--tokens", "24", "-o", str(again)]) == 0
    assert again.read_bytes() == out.read_bytes()
    assert main(common + ["--layers", "3", "-o", str(out), "--force"]) == 64
    assert "the model has layers 0 to 2" in capsys.readouterr().err
    text = tmp_path / "text.txt"
    text.write_text("prose")
    assert main(["transformers", str(tmp_path / "model"), "--text", str(text), "-o", str(again), "--force"]) == 1
    assert "give ids with --token-ids" in capsys.readouterr().err
    assert main(["transformers", str(tmp_path), "--token-ids", str(tmp_path / "ids.json"), "-o", str(again), "--force"]) == 1
    assert "name a local folder with config.json" in capsys.readouterr().err


@pytest.mark.parametrize("parameters", [tiny_models.LLAMA3, tiny_models.YARN | dict(truncate=False, mscale=0.7, mscale_all_dim=0.9)])
def test_frequencies_of_a_spelling_are_those_of_transformers(parameters):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = transformers.LlamaConfig(**tiny_models.COMMON | dict(head_dim=64), rope_parameters=parameters)
    expected, factor = ROPE_INIT_FUNCTIONS[parameters["rope_type"]](config, "cpu")
    spelled = rotary.scaling_of_parameters(config.rope_parameters, 40, 64)
    found, found_factor = rotary.frequencies(1000.0, 64, spelled)
    assert numpy.allclose(found, expected.numpy(), rtol=1e-6, atol=0) and found_factor == pytest.approx(factor)
