"""A GGUF model as transformers' LlamaForCausalLM in PyTorch: the forward pass of an implementation that people run.

What is rounded in a run in bfloat16 or float16: every weight once, from its dequantised binary32 value; the residual stream,
and every projection's result, after accumulation as PyTorch's kernels do it; cosines and sines, from angles in binary32 with
frequencies in binary32; each product and sum of the rotation. RMS norms compute in binary32 and round their result. In float32
nothing is rounded but to binary32.
"""

import torch
import transformers

from .failure import Failure

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_PARTS = {
    "attention_norm": "input_layernorm",
    "mlp_norm": "post_attention_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def _parameters(rotary):
    """Our spelling of base and scaling as transformers has it."""
    name, _, rest = rotary.scaling.partition(":")
    given = {key: float(value) for key, value in (item.split("=") for item in rest.split(",") if item)}
    if name in ("none", "default"):
        return dict(rope_type="default", rope_theta=rotary.base)
    if name == "linear":
        return dict(rope_type="linear", rope_theta=rotary.base, factor=given["factor"])
    if name == "llama3":
        return dict(
            rope_type="llama3",
            rope_theta=rotary.base,
            factor=given["factor"],
            low_freq_factor=given["low"],
            high_freq_factor=given["high"],
            original_max_position_embeddings=int(given["original"]),
        )
    raise Failure(f"scaling '{rotary.scaling}' is not run in PyTorch; leave out --dtype")


def load(model, dtype, attention):
    """`model` (a GGUFModel) in `dtype`, with its attention by `attention` (eager or sdpa). The head over the vocabulary is no part."""
    first = model.layer(0)
    config = transformers.LlamaConfig(
        vocab_size=model.vocabulary,
        hidden_size=model.width,
        intermediate_size=first.gate.weight.shape[0],
        num_hidden_layers=model.layer_count,
        num_attention_heads=model.heads,
        num_key_value_heads=model.kv_heads,
        head_dim=model.head_size,
        max_position_embeddings=model.context or 1 << 20,
        rms_norm_eps=model.epsilon,
        rope_parameters=_parameters(model.rotary),
        attention_bias=first.q.bias is not None,
        mlp_bias=first.gate.bias is not None,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    config._attn_implementation = attention
    built = transformers.LlamaForCausalLM._from_config(config, dtype=TYPES[dtype])
    state = {
        "model.embed_tokens.weight": model.all_embeddings(),
        "model.norm.weight": model.output_norm,
    }
    for index in range(model.layer_count):
        layer = model.layer(index)
        for name, place in _PARTS.items():
            part = getattr(layer, name)
            place = f"model.layers.{index}.{place}"
            if hasattr(part, "weight"):
                state[f"{place}.weight"] = part.weight
                if part.bias is not None:
                    state[f"{place}.bias"] = part.bias
            else:
                state[f"{place}.weight"] = part
    found = dict(built.named_parameters())
    found.pop("lm_head.weight", None)
    if set(found) != set(state):
        raise Failure(
            f"{model.path}: the model's tensors are not those of LlamaForCausalLM:"
            f" {', '.join(sorted(set(found) ^ set(state))[:3])}; leave out --dtype"
        )
    with torch.no_grad():
        for name, parameter in found.items():
            # Rounds once, to nearest even, from binary32.
            parameter.copy_(torch.from_numpy(state[name].copy()))
    frequencies = built.model.rotary_emb.inv_freq
    if frequencies.dtype != torch.float32:
        raise Failure(f"transformers keeps the frequencies in {frequencies.dtype}, not in float32; use another version")
    return built.eval()
