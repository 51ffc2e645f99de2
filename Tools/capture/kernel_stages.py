"""What a model's own kernels compute after rotation, as the tensors that `ropedrift check --against` holds to a reference.

Tables and rotated vectors are what the model's rotary function takes and what attention sees. Logits are what eager attention
gives to its softmax, probabilities and output what it returns: fused attention shows neither of the first two.
"""

import torch

from .failure import Failure

STAGES = ("cos", "sin", "rotated_q", "rotated_k", "logits", "probabilities", "output")
# Without what takes memory with the square of the tokens.
DEFAULT_STAGES = STAGES[:4]


def chosen(text):
    """The stages of a list as `cos,sin,logits`, or `all`. Raises ValueError for others."""
    names = STAGES if text == "all" else tuple(text.split(","))
    unknown = [name for name in names if name not in STAGES]
    if unknown or len(set(names)) != len(names):
        raise ValueError(f"'{text}': expected a list of {', '.join(STAGES)}, or all")
    return names


class KernelStages:
    """Tensors of the wanted layers by stage, copied when they are seen; of logits and probabilities the rows of `rows`, or all."""

    def __init__(self, stages, rows=None):
        self.stages, self.found = tuple(stages), {}
        self.rows = None if rows is None else list(rows)

    @property
    def wants_attention(self):
        return any(stage in self.stages for stage in STAGES[4:])

    def _keep(self, layer, stage, x):
        if stage in self.stages:
            self.found[f"layers.{layer}.{stage}"] = x.detach().to("cpu", copy=True)

    def take_vectors(self, layer, cosine, sine, query, key):
        """The table that rotates, [1, tokens, r] or with one more axis of length 1, and the rotated vectors [1, heads, tokens, d]."""
        for stage, table in (("cos", cosine), ("sin", sine)):
            if stage in self.stages:
                flat = table.reshape(-1, table.shape[-1])
                if flat.shape[0] != query.shape[2]:
                    raise Failure(
                        f"layer {layer}: the rotary function takes {stage} of the shape {list(table.shape)}, which is not one"
                        f" row for each of {query.shape[2]} tokens; leave {stage} out of --kernel-stages"
                    )
                self._keep(layer, stage, flat)
        self._keep(layer, "rotated_q", query[0])
        self._keep(layer, "rotated_k", key[0])

    def _chosen(self, x):
        return x if self.rows is None else x[:, self.rows]

    def watch(self, layer, attention):
        """The result of an attention function [1, tokens, heads, d] and its weights, with what it gave to softmax."""
        given, original = [], torch.nn.functional.softmax

        def softmax(x, *positional, **named):
            given.append(x)
            return original(x, *positional, **named)

        torch.nn.functional.softmax = softmax
        try:
            output, weights = attention()
        finally:
            torch.nn.functional.softmax = original
        if "logits" in self.stages:
            if len(given) != 1 or given[0].ndim != 4:
                raise Failure(f"layer {layer}: attention calls softmax {len(given)} times, so its logits cannot be seen; use --attention eager")
            self._keep(layer, "logits", self._chosen(given[0][0]))
        if "probabilities" in self.stages:
            if weights is None:
                raise Failure(f"layer {layer}: attention returns no weights; use --attention eager")
            self._keep(layer, "probabilities", self._chosen(weights[0]))
        if "output" in self.stages:
            self._keep(layer, "output", output[0].transpose(0, 1))
        return output, weights

    def tensors(self, rotary_size):
        """{tensor name: tensor} of everything that was kept; tables hold rotary_size columns, or half of them."""
        for name, x in self.found.items():
            if name.endswith((".cos", ".sin")) and x.shape[-1] not in (rotary_size, rotary_size // 2):
                raise Failure(f"{name} has {x.shape[-1]} columns for {rotary_size} rotated channels; leave it out of --kernel-stages")
        return self.found
