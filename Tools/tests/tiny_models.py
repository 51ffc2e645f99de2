"""Random models, a few thousand parameters each, of the families that differ in how they rotate."""

import torch
import transformers as t

VOCABULARY, TOKENS = 64, 40
COMMON = dict(
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=1000.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
LONGROPE = dict(
    rope_type="longrope",
    rope_theta=1e4,
    factor=2.0,
    original_max_position_embeddings=32,
    short_factor=[1.0, 1.1, 1.2, 1.3],
    long_factor=[1.0, 2.0, 3.0, 4.5],
)
YARN = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=16)


def llama(**options):
    return t.LlamaForCausalLM(t.LlamaConfig(**COMMON | dict(rope_parameters=dict(rope_theta=1000.0)) | options))


def gpt_neox():
    options = {key: value for key, value in COMMON.items() if key != "num_key_value_heads"}
    parameters = dict(rope_theta=500.0, partial_rotary_factor=0.5)
    return t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**options, rope_parameters=parameters))


def phi():
    parameters = dict(rope_theta=700.0, partial_rotary_factor=0.5)
    return t.PhiForCausalLM(t.PhiConfig(**COMMON, rope_parameters=parameters))


def qwen3():
    model = t.Qwen3ForCausalLM(t.Qwen3Config(**COMMON, head_dim=16, rope_parameters=dict(rope_theta=1e6)))
    for name, weight in model.named_parameters():
        if name.endswith(("q_norm.weight", "k_norm.weight")):
            weight.data.uniform_(0.5, 2)
    return model


def cohere():
    return t.CohereForCausalLM(t.CohereConfig(**COMMON, rope_parameters=dict(rope_theta=8000.0)))


def gemma3(kinds):
    parameters = {
        "full_attention": dict(rope_type="linear", rope_theta=1e6, factor=8.0),
        "sliding_attention": dict(rope_type="default", rope_theta=1e4),
    }
    config = t.Gemma3TextConfig(
        **COMMON, head_dim=8, layer_types=kinds, sliding_window=16, query_pre_attn_scalar=4, rope_parameters=parameters
    )
    return t.Gemma3ForCausalLM(config)


def tokens(count=TOKENS):
    return torch.randint(0, VOCABULARY, (count,), generator=torch.Generator().manual_seed(7)).tolist()
