"""The forward pass from a GGUF file is that of transformers with the same weights; what it cannot compute is refused."""

import gguf
import numpy
import pytest
import tiny_models
import torch
from tokenizers import Tokenizer, pre_tokenizers

from capture import gguf_model, llama_forward, tensor_file, token_ids
from capture.command import main
from capture.failure import Failure
from capture.transformers_model import capture

IDS = tiny_models.tokens()
NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# Every byte as byte-level BPE spells it; then merges, as (first, second).
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("1", "2"), ("a", "b")]


def interleaved_rows(rows, heads):
    """Half-split rows (i, i + d/2) in the order (2i, 2i + 1) of GGUF; written by index, unlike the code under test."""
    size = rows.shape[0] // heads
    order = [head * size + i + part * size // 2 for head in range(heads) for i in range(size // 2) for part in (0, 1)]
    return rows[order]


def write_gguf(path, model, architecture="llama", quantised=False, fields=(), tensors=(), left_out=()):
    """A GGUF file of a transformers Llama model, optionally in Q8_0."""
    config, state = model.config, {name: x.float().numpy() for name, x in model.state_dict().items()}
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(BYTES + [a + b for a, b in MERGES] + ["<s>"])
    writer.add_token_merges([f"{a} {b}" for a, b in MERGES])
    writer.add_bos_token_id(len(BYTES) + len(MERGES))
    for add, *arguments in fields:
        getattr(writer, add)(*arguments)

    def tensor(name, array):
        if name in left_out:
            return
        if quantised and array.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, numpy.ascontiguousarray(array))

    tensor("token_embd.weight", state["model.embed_tokens.weight"])
    tensor("output_norm.weight", state["model.norm.weight"])
    if not config.tie_word_embeddings:
        tensor("output.weight", state["lm_head.weight"])
    for layer in range(config.num_hidden_layers):
        for name, original in NAMES.items():
            for part in ("weight", "bias"):
                array = state.get(f"model.layers.{layer}.{original}.{part}")
                if array is None:
                    continue
                if name in ("attn_q", "attn_k"):
                    array = interleaved_rows(
                        array, config.num_attention_heads if name == "attn_q" else config.num_key_value_heads
                    )
                tensor(f"blk.{layer}.{name}.{part}", array)
    for name, array in tensors:
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)


def large(model):
    """Larger weights, so that attention is far from uniform and wrong rotation shows; norms other than 1."""
    for name, weight in model.named_parameters():
        if "norm" in name:
            weight.data.uniform_(0.5, 1.5)
        else:
            weight.data.normal_(0, 0.25)
    return model.eval()


BUILDS = {
    "plain": lambda: tiny_models.llama(),
    "tied": lambda: tiny_models.llama(tie_word_embeddings=True),
    "biased": lambda: tiny_models.llama(attention_bias=True, mlp_bias=True),
}


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].numpy()


@pytest.mark.parametrize("build", BUILDS)
def test_forward_is_that_of_transformers(build, tmp_path):
    original = large(BUILDS[build]())
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original))
    kept, hidden = llama_forward.forward(model, IDS, keep=[0, 1, 2])
    expected = logits(original, IDS)
    assert numpy.abs(model.logits(hidden) - expected).max() < 1e-5 * numpy.abs(expected).max()
    tensors, metadata = capture(original, IDS, [0, 1, 2])
    for layer, arrays in kept.items():
        for name, found in zip("qkv", arrays):
            assert numpy.allclose(found, tensors[f"layers.{layer}.{name}"], rtol=0, atol=2e-5)
    assert model.rotary.metadata() == {key: value for key, value in metadata.items() if key != "model"}
    wrong = gguf_model.GGUFModel(model.path, undoes_permutation=False)
    _, hidden = llama_forward.forward(wrong, IDS)
    assert numpy.abs(wrong.logits(hidden) - expected).max() > 0.1 * numpy.abs(expected).max()


def test_long_sequences_cross_blocks_of_queries(tmp_path):
    ids = tiny_models.tokens(2 * llama_forward.QUERY_BLOCK + 3)
    original = large(tiny_models.llama())
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original))
    _, hidden = llama_forward.forward(model, ids)
    expected = logits(original, ids)
    assert numpy.abs(model.logits(hidden) - expected).max() < 1e-4 * numpy.abs(expected).max()
    loss = torch.nn.functional.cross_entropy(torch.tensor(expected[:-1]), torch.tensor(ids[1:]))
    assert llama_forward.perplexity(model, ids) == pytest.approx(float(loss.exp()), rel=1e-4)


def test_quantised_weights_are_those_that_the_library_dequantises(tmp_path):
    original = large(tiny_models.llama(hidden_size=64, intermediate_size=96))
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original, quantised=True))
    for name, weight in original.named_parameters():
        if weight.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            weight.data = torch.tensor(gguf.quants.dequantize(gguf.quants.quantize(weight.detach().numpy(), kind), kind))
    _, hidden = llama_forward.forward(model, IDS)
    expected = logits(original, IDS)
    assert numpy.abs(model.logits(hidden) - expected).max() < 1e-5 * numpy.abs(expected).max()


def test_perplexity_tells_the_row_order(tmp_path):
    original = large(tiny_models.llama())
    ids = [1]
    while len(ids) < 40:
        ids.append(int(logits(original, ids)[-1].argmax()) if len(ids) % 3 else 3 + len(ids))
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original))
    right, wrong = gguf_model.prove_row_order(model, ids)
    assert 1 < right < wrong
    # A file whose rows were never permuted is found out.
    unpermuted = large(tiny_models.llama())
    unpermuted.load_state_dict(original.state_dict())
    for layer in unpermuted.model.layers:
        for part, heads in ((layer.self_attn.q_proj, 4), (layer.self_attn.k_proj, 2)):
            part.weight.data = torch.tensor(gguf_model.permuted_rows_undone(part.weight.detach().numpy(), heads))
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "unpermuted.gguf", unpermuted))
    with pytest.raises(Failure, match="row.* is in doubt"):
        gguf_model.prove_row_order(model, ids)


@pytest.mark.parametrize("factor", gguf_model.LLAMA3_FACTORS)
def test_llama3_scaling_is_recognised_from_its_divisors(factor, tmp_path):
    parameters = tiny_models.LLAMA3 | dict(factor=float(factor), rope_theta=5e5, original_max_position_embeddings=8192)
    original = large(tiny_models.llama(rope_parameters=parameters))
    plain = 1 / 5e5 ** (numpy.arange(0, 8, 2) / 8)
    divisors = (plain / original.model.rotary_emb.inv_freq.numpy()).astype(numpy.float32)
    model = gguf_model.GGUFModel(
        write_gguf(tmp_path / "tiny.gguf", original, tensors=[("rope_freqs.weight", divisors)])
    )
    assert model.rotary.scaling == f"llama3:factor={factor},low=1,high=4,original=8192"
    ids = tiny_models.tokens(60)
    _, hidden = llama_forward.forward(model, ids)
    expected = logits(original, ids)
    assert numpy.abs(model.logits(hidden) - expected).max() < 1e-5 * numpy.abs(expected).max()
    unknown = write_gguf(tmp_path / "other.gguf", original, tensors=[("rope_freqs.weight", divisors * 1.5)])
    with pytest.raises(Failure, match="no llama3 scaling that is known"):
        gguf_model.GGUFModel(unknown)


def test_linear_scaling(tmp_path):
    parameters = dict(rope_type="linear", rope_theta=1000.0, factor=4.0)
    original = large(tiny_models.llama(rope_parameters=parameters))
    fields = [("add_rope_scaling_type", gguf.RopeScalingType.LINEAR), ("add_rope_scaling_factor", 4.0)]
    model = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", original, fields=fields))
    assert model.rotary.scaling == "linear:factor=4"
    _, hidden = llama_forward.forward(model, IDS)
    expected = logits(original, IDS)
    assert numpy.abs(model.logits(hidden) - expected).max() < 1e-5 * numpy.abs(expected).max()


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(architecture="qwen2"), "architecture 'qwen2' is not supported"),
        (dict(fields=[("add_expert_count", 8)]), "mixtures of experts"),
        (dict(fields=[("add_rope_dimension_count", 4)]), "partial rotation"),
        (dict(fields=[("add_rope_scaling_type", gguf.RopeScalingType.YARN)]), "rope scaling 'yarn'"),
        (dict(left_out=["blk.1.attn_k.weight"]), "tensor blk.1.attn_k.weight is missing"),
        (dict(tensors=[("blk.0.attn_q_norm.weight", numpy.ones(8, numpy.float32))]), "tensor blk.0.attn_q_norm.weight"),
    ],
)
def test_unsupported_files_are_refused_by_name(options, message, tmp_path):
    with pytest.raises(Failure, match=message):
        gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", tiny_models.llama(), **options))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all, but long enough to be read as one", b"GGUF" + b"\xff" * 60])
def test_broken_files_are_refused(content, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(content)
    with pytest.raises(Failure, match="not a GGUF file that can be read"):
        gguf_model.GGUFModel(str(tmp_path / "broken.gguf"))


def test_tokenizer_of_the_file(tmp_path):
    fields = gguf_model.GGUFModel(write_gguf(tmp_path / "tiny.gguf", tiny_models.llama())).fields
    tokenizer = token_ids.gguf_tokenizer(fields, "tiny")
    # Digits stay single, so (1, 2) never merges; a special token in the text is text.
    assert tokenizer.encode("the the 12ab<s>").tokens == ["the", "Ġthe", "Ġ", "1", "2", "ab", "<", "s", ">"]
    text = "naïve — 12\n\n  the"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    first = len(BYTES) + len(MERGES)
    for bos, expected in (("auto", False), ("yes", True), ("no", False)):
        assert (token_ids.gguf_text_ids(fields, "the", bos, "tiny")[0] == first) == expected
    assert token_ids.gguf_text_ids(fields | {"tokenizer.ggml.add_bos_token": True}, "the", "auto", "tiny")[0] == first
    assert "12" in token_ids.gguf_tokenizer(fields | {"tokenizer.ggml.pre": "llama-bpe"}, "tiny").encode("12").tokens
    for changed in ({"tokenizer.ggml.model": "llama"}, {"tokenizer.ggml.pre": "viking"}):
        with pytest.raises(Failure, match=f"'{list(changed.values())[0]}' is not supported.*--token-ids"):
            token_ids.gguf_tokenizer(fields | changed, "tiny")
    assert isinstance(tokenizer, Tokenizer)


def test_command(tmp_path, capsys):
    vocabulary = len(BYTES) + len(MERGES) + 1
    model = write_gguf(tmp_path / "tiny.gguf", large(tiny_models.llama(vocab_size=vocabulary)))
    text, out = tmp_path / "text.txt", tmp_path / "out.safetensors"
    text.write_text("the table and the 12 abbeys " * 4)

    def run(*arguments):
        code = main(["gguf", *map(str, arguments)])
        return code, capsys.readouterr().err

    common = [model, "--text", text, "-o", out, "--proof-tokens", 0]
    code, said = run(*common, "--layers", "1-2", "--tokens", 20, "--bos", "yes", "--type", "f32")
    assert code == 0 and f"go on with: ropedrift report {out} -o {tmp_path / 'out-report'}" in said
    tensors, metadata = tensor_file.read(out)
    assert sorted(tensors) == sorted(["token_ids"] + [f"layers.{n}.{x}" for n in (1, 2) for x in "qkv"])
    assert tensors["layers.1.q"].shape == (4, 20, 8) and tensors["layers.1.q"].dtype == numpy.float32
    assert tensors["token_ids"][0] == vocabulary - 1
    assert metadata["model"] == "tiny (GGUF, dequantised)"
    # The ids of a capture give the capture again.
    again = tmp_path / "again.safetensors"
    code, _ = run(model, "--token-ids", out, "-o", again, "--layers", "1,2", "--type", "f32", "--proof-tokens", 0)
    assert code == 0 and again.read_bytes() == out.read_bytes()
    assert main(["compare", str(out), str(again)]) == 0
    assert "layers.2.v,320,320,1.000000,0," in capsys.readouterr().out

    common.append("--force")
    for arguments, expected, words in (
        ([*common, "--tokens", 10_000], 1, "tokens, not 10000; name a longer one or ask for --tokens"),
        ([*common, "--layers", "2-1"], 64, "the model has layers 0 to 2"),
        ([*common, "--layers", "x"], 64, "expected a list such as 0,7-9, or all"),
        ([*common, "--tokens", "0"], 64, "not a whole number above 0"),
        ([*common, "--token-ids", text], 64, "not allowed with"),
        ([model, "--token-ids", text, "-o", out, "--force"], 1, "not a list of token ids"),
        ([model, "--text", tmp_path / "none", "-o", out, "--force"], 1, "check its name and permissions"),
        ([tmp_path / "none.gguf", "--text", text, "-o", out, "--force"], 1, "no such file; name a GGUF file"),
        ([model, "--text", text, "-o", tmp_path / "none" / "x", "--force"], 64, "its folder does not exist"),
        ([model, "--text", text, "-o", tmp_path, "--force"], 64, "a folder; name the file"),
        (["--package", "no_such_package", "--text", text, "-o", out, "--force"], 1, "carries 0 GGUF files"),
    ):
        code, said = run(*arguments)
        assert code == expected and words in said, said
    assert out.read_bytes() == again.read_bytes()
    ids = tmp_path / "ids.txt"
    ids.write_text(f"1, 2 {vocabulary}\n")
    code, said = run(model, "--token-ids", ids, "-o", out, "--force")
    assert code == 1 and f"token 2 is {vocabulary}" in said
    ids.write_text("1 " * 65)
    code, said = run(model, "--token-ids", ids, "-o", out, "--force", "--proof-tokens", 0)
    assert code == 0 and "more than the 64 positions" in said
    code, said = run(*common[:-3], "--proof-tokens", 8, "--force")
    assert ("perplexity of 8 tokens" in said) == (code == 0) and code in (0, 1)
