"""What both sources of models have in common: which tokens, layers and rows, and a null control held against its plain run."""

from . import attention_rows, token_ids, whole_run
from .progress import say


def choose(options, from_text, vocabulary, context, layer_count):
    """(token ids, layers) as the options ask."""
    layers = token_ids.chosen_layers(options.layers, layer_count)
    if options.token_ids:
        ids = token_ids.read_ids(options.token_ids)
    else:
        ids = from_text(token_ids.read_text(options.text))
    ids, note = token_ids.chosen(ids, options.tokens, vocabulary, options.token_ids or options.text, context)
    if note:
        say(f"note: {note}")
    elif context is not None and options.shift + len(ids) > context:
        say(f"note: positions up to {options.shift + len(ids) - 1} are beyond the {context} that the model was made for")
    return ids, layers


def chosen_rows(options, tokens, layers, heads, element_bytes):
    """Query tokens of --attention-rows; None without it."""
    if options.attention_rows is None:
        return None
    rows = attention_rows.chosen(options.attention_rows, tokens)
    attention_rows.check_size(rows, layers, heads, tokens, element_bytes)
    return rows


def null_checked(options, run, make):
    """The capture that `make(run)` gives; a null control is held against the plain run first, and what differs is said."""
    tensors, metadata = make(run)
    if run.null is None:
        return tensors, metadata
    if options.null_of:
        plain = whole_run.plain_of(options.null_of, run, metadata)
    else:
        say("note: making the plain run too, to see what the null control changes (--null-of names its capture instead)")
        plain, _ = make(run.plain)
    differ, count = whole_run.changed(tensors, plain)
    say(f"null control '{run.null}': {differ} of {count} elements of q, k and v differ in bits from the plain run")
    if differ == 0:
        say(f"note: --null {run.null} changes nothing here, so it controls nothing; use another kind, such as order")
    metadata["run.null_changed"] = f"{differ} of {count}"
    return tensors, metadata
