"""Capture of queries, keys and values: one module per source of a model, and what they share.

command, arguments: the command line. transformers_capture, gguf_capture: the two sources of a capture, over transformers_model and
gguf_model; selection: what they share. llama_forward, torch_llama: forward passes of the second. whole_run: runs at a shift and null
controls; model_variants: random weights, another order of sums; attention_rows: stored attention.
rotary: layout, base, size and scaling, as metadata spells them. tensor_file: safetensors. token_ids: text to tokens.
comparison: two captures against each other.
"""
