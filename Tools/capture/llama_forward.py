"""The forward pass of a Llama-architecture model in NumPy, binary32, with queries, keys and values kept on the way.

Written out plainly, because a capture has to show where in the arithmetic it was taken: RMS norm, grouped-query attention
with causal mask, SwiGLU. Angles are computed in binary64 and their cosines and sines rounded once to binary32.
"""

import numpy

QUERY_BLOCK = 256  # queries whose scores are held at once


def rms_norm(x, weight, epsilon):
    """x [tokens, width] / sqrt(mean(x²) + ε), times weight [width]."""
    return x / numpy.sqrt(numpy.mean(x * x, axis=-1, keepdims=True) + numpy.float32(epsilon)) * weight


def rotate_half_split(x, cos, sin):
    """x [heads, tokens, d] with pairs (i, i + d/2); cos and sin [tokens, d/2]."""
    first, second = numpy.split(x, 2, axis=-1)
    return numpy.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def causal_attention(q, k, v, watch=None):
    """softmax(q·k/sqrt(d))·v; q [heads, tokens, d], k and v [kv_heads, tokens, d] → [tokens, heads·d].

    `watch(name, head, start, rows)` sees the logits and probabilities [block, keys up to the last of the block] of the queries from
    `start` on, before they are overwritten.
    """
    heads, tokens, size = q.shape
    group = heads // k.shape[0]
    q = numpy.ascontiguousarray(q) * numpy.float32(size**-0.5)
    k, v = numpy.ascontiguousarray(k), numpy.ascontiguousarray(v)
    out = numpy.empty_like(q)
    for head in range(heads):
        keys, values = k[head // group], v[head // group]
        for start in range(0, tokens, QUERY_BLOCK):
            end = min(start + QUERY_BLOCK, tokens)
            scores = q[head, start:end] @ keys[:end].T  # [block, end]
            scores[:, start:][numpy.triu_indices(end - start, 1)] = -numpy.inf
            if watch:
                watch("logits", head, start, scores)
            scores -= scores.max(axis=-1, keepdims=True)
            numpy.exp(scores, out=scores)
            if watch:
                watch("probabilities", head, start, scores / scores.sum(axis=-1, keepdims=True))
            out[head, start:end] = scores @ values[:end] / scores.sum(axis=-1, keepdims=True)
    return out.swapaxes(0, 1).reshape(tokens, heads * size)


def heads_first(x, heads):
    """[tokens, heads·d] → [heads, tokens, d]."""
    return x.reshape(x.shape[0], heads, -1).swapaxes(0, 1)


def forward(model, ids, keep=(), last_layer=None, progress=lambda layer: None, shift=0, rows=None):
    """Runs `model` (see GGUFModel) on token ids at positions shift, shift + 1, ….

    `rows` (see attention_rows) keeps logits and probabilities of the layers in `keep`. Returns ({layer: (q, k, v)} before rotation for the layers in `keep`, hidden states [tokens, width] after the last
    layer, or None where `last_layer` ends the pass at that layer's projections).
    """
    angles = numpy.arange(shift, shift + len(ids))[:, None] * model.frequencies  # binary64
    cos, sin = numpy.cos(angles).astype(numpy.float32), numpy.sin(angles).astype(numpy.float32)
    x, kept = model.embeddings(ids), {}
    for index in range(model.layer_count):
        progress(index)
        layer = model.layer(index)
        h = rms_norm(x, layer.attention_norm, model.epsilon)
        q = heads_first(layer.q(h), model.heads)
        k = heads_first(layer.k(h), model.kv_heads)
        v = heads_first(layer.v(h), model.kv_heads)
        if index in keep:
            kept[index] = (q, k, v)
        watch = rows.watch(index) if rows and index in keep else None
        if index == last_layer and watch is None:
            return kept, None
        attended = causal_attention(rotate_half_split(q, cos, sin), rotate_half_split(k, cos, sin), v, watch)
        if index == last_layer:
            return kept, None
        x = x + layer.output(attended)
        h = rms_norm(x, layer.mlp_norm, model.epsilon)
        gate = layer.gate(h)
        with numpy.errstate(over="ignore"):  # exp(-g) of a large negative g is infinite, and g / inf is 0
            gate = gate / (1 + numpy.exp(-gate))
        x = x + layer.down(gate * layer.up(h))
    return kept, rms_norm(x, model.output_norm, model.epsilon)


def perplexity(model, ids, progress=lambda layer: None):
    """exp of the mean negative log-likelihood of each token after the first, given those before it."""
    _, hidden = forward(model, ids, progress=progress)
    total = 0.0
    for start in range(0, len(ids) - 1, QUERY_BLOCK):
        end = min(start + QUERY_BLOCK, len(ids) - 1)
        logits = model.logits(hidden[start:end]).astype(numpy.float64)
        top = logits.max(axis=-1)
        normaliser = top + numpy.log(numpy.exp(logits - top[:, None]).sum(axis=-1))
        total += float((normaliser - logits[numpy.arange(end - start), ids[start + 1 : end + 1]]).sum())
    return float(numpy.exp(total / (len(ids) - 1)))
