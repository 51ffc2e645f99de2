"""Capture of queries, keys and values: one module per source of a model, and what they share.

command: the command line. transformers_model, gguf_model: the two sources. llama_forward: the forward pass of the second.
rotary: layout, base, size and scaling, as metadata spells them. tensor_file: safetensors. token_ids: text to tokens.
comparison: two captures against each other.
"""
