"""Token ids from a file of ids, and from text by the tokenizer that a GGUF file carries."""

import json
import pathlib

import numpy

from . import tensor_file
from .failure import WRONG_USAGE, Failure

# The pre-tokenizers of the Llama architecture whose regular expressions are known here, by their GGUF names.
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read_text(path):
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from None
    except UnicodeDecodeError as error:
        raise Failure(f"{path}: not UTF-8 at byte {error.start}; convert the text to UTF-8") from None
    if not text.strip():
        raise Failure(f"{path}: no text in it; name a file with prose or code")
    return text


def read_ids(path):
    """Ids from a JSON list, from integers between spaces, commas or newlines, or from a capture's token_ids."""
    if str(path).endswith(".safetensors"):
        tensors, _ = tensor_file.read(path)
        if "token_ids" not in tensors or tensors["token_ids"].ndim != 1 or tensors["token_ids"].dtype.kind != "i":
            raise Failure(f"{path}: no integer tensor token_ids of one dimension; name a capture or a list of ids")
        return [int(token) for token in tensors["token_ids"]]
    text = read_text(path)
    try:
        return [int(word) for word in text.strip().removeprefix("[").removesuffix("]").replace(",", " ").split()]
    except ValueError as error:
        raise Failure(f"{path}: not a list of token ids ({error}); write integers, or give text with --text") from None


def chosen(ids, count, vocabulary, source, context):
    """The first `count` ids (all if None), checked. Returns (ids, a note or None)."""
    if count is not None and count > len(ids):
        raise Failure(f"{source} gives {len(ids)} tokens, not {count}; name a longer one or ask for --tokens {len(ids)}")
    ids = ids[:count]
    if not ids:
        raise Failure(f"{source} gives no tokens; name one that does")
    for index, token in enumerate(ids):
        if not 0 <= token < vocabulary:
            raise Failure(
                f"{source}: token {index} is {token}, and the model knows 0 to {vocabulary - 1};"
                " take ids of the same model's tokenizer"
            )
    if context is not None and len(ids) > context:
        return ids, f"{len(ids)} tokens are more than the {context} positions that the model was made for"
    return ids, None


def chosen_layers(text, count):
    """`all`, or a list with ranges such as 0,7-9, within a model of `count` layers; ascending."""
    if text == "all":
        return list(range(count))
    layers = set()
    for item in text.split(","):
        first, dash, last = item.partition("-")
        if not (first.isascii() and first.isdigit()) or (dash and not (last.isascii() and last.isdigit())):
            raise Failure(f"--layers '{text}': expected a list such as 0,7-9, or all", WRONG_USAGE)
        span = range(int(first), int(last or first) + 1)
        if not span or span[-1] >= count:
            raise Failure(f"--layers '{item}': the model has layers 0 to {count - 1}; name some of these", WRONG_USAGE)
        layers.update(span)
    return sorted(layers)


def gguf_tokenizer(fields, path):
    """A `tokenizers.Tokenizer` from the metadata of a GGUF file: byte-level BPE with a known pre-tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    mend = "make token ids with the model's own tokenizer and give them with --token-ids"
    kind, pre = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre", "default")
    if kind != "gpt2":
        raise Failure(f"{path}: tokenizer '{kind}' is not supported, only byte-level BPE ('gpt2') is; {mend}")
    if pre == "smollm":
        steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    elif pre in ("gpt-2", "default"):
        steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    elif pre in ("llama-bpe", "llama3", "llama-v3"):
        steps = [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    else:
        raise Failure(f"{path}: pre-tokenizer '{pre}' is not supported; {mend}")
    if fields.get("tokenizer.ggml.add_space_prefix"):
        raise Failure(f"{path}: a byte-level tokenizer that adds a space in front is not supported; {mend}")
    vocabulary = {token: index for index, token in enumerate(fields["tokenizer.ggml.tokens"])}
    # A merge is two tokens with one space between; byte-level tokens hold no space of their own.
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=pre.startswith("llama")))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def gguf_text_ids(fields, text, bos, path):
    """Ids of text, none of it taken for a special token. `bos`: yes, no, or auto for what the file says (silence: no)."""
    ids = gguf_tokenizer(fields, path).encode(text, add_special_tokens=False).ids
    first = fields.get("tokenizer.ggml.bos_token_id")
    if bos == "yes" or (bos == "auto" and fields.get("tokenizer.ggml.add_bos_token", False)):
        if first is None:
            raise Failure(f"{path}: the tokenizer names no first token; capture with --bos no")
        ids = [first] + ids
    return ids


def as_tensor(ids):
    return numpy.asarray(ids, numpy.int32)
