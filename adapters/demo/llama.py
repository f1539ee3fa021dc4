"""The base in PyTorch, frozen, read straight from its GGUF file, with low-rank matrices beside its linear layers.

Rows of Q and K stay in the file's order, in which the two halves of a rotated pair are neighbours; so a trained
matrix goes into an adapter's file as it is.
"""

import math

import gguf
import numpy
import torch
from torch import nn
from torch.nn import functional

# Names in the file, of one layer.
LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


class Base:
    """Weights in bfloat16, and the few numbers that say how they are used."""

    def __init__(self, path: str):
        reader = gguf.GGUFReader(path)
        number = lambda key: reader.get_field(f"llama.{key}").contents()
        self.layers = number("block_count")
        self.heads = number("attention.head_count")
        self.groups = number("attention.head_count_kv")
        self.epsilon = number("attention.layer_norm_rms_epsilon")
        self.theta = number("rope.freq_base")
        self.weights = {}
        for tensor in reader.tensors:
            values = gguf.dequantize(tensor.data, tensor.tensor_type)
            kind = torch.float32 if "norm" in tensor.name else torch.bfloat16
            self.weights[tensor.name] = torch.from_numpy(numpy.array(values, dtype=numpy.float32)).to(kind)
        self.embedding = self.weights["token_embd.weight"]
        self.output = self.weights.get("output.weight", self.embedding)
        self.head = self.embedding.shape[1] // self.heads


class Adapter(nn.Module):
    """Matrices for layers `first` to the last; without training they add nothing."""

    def __init__(self, base: Base, rank: int, alpha: int, first: int):
        super().__init__()
        self.rank, self.alpha, self.first = rank, alpha, first
        self.pairs = nn.ParameterDict()
        for layer in range(first, base.layers):
            for name in LINEAR:
                rows, columns = base.weights[f"blk.{layer}.{name}.weight"].shape
                a = torch.empty(rank, columns)
                nn.init.kaiming_uniform_(a, a=math.sqrt(5))
                self.pairs[f"{layer}_{name}_a"] = nn.Parameter(a)
                self.pairs[f"{layer}_{name}_b"] = nn.Parameter(torch.zeros(rows, rank))

    def add(self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        a, b = self.pairs[f"{layer}_{name}_a"], self.pairs[f"{layer}_{name}_b"]
        low = functional.linear(x, a.to(x.dtype))
        return y + functional.linear(low, b.to(x.dtype)) * (self.alpha / self.rank)


def embed(base: Base, ids: torch.Tensor) -> torch.Tensor:
    return functional.embedding(ids, base.embedding)


def run(base: Base, adapter: Adapter | None, both: tuple, layers: range) -> tuple:
    """Takes two pieces through some layers: the beginning that all samples share, of shape (1, beginning, width), and
    what follows it in each sample, of shape (samples, length, width). The first is computed once for all."""
    before, after = both
    shared, length = before.shape[1], after.shape[1]
    frequencies = base.theta ** (-torch.arange(0, base.head, 2) / base.head)
    angles = torch.outer(torch.arange(shared + length), frequencies)
    cosine, sine = angles.cos().to(after.dtype), angles.sin().to(after.dtype)
    mask = torch.full((shared + length, shared + length), -math.inf, dtype=after.dtype).triu(1)

    def rotate(states, start):
        stop = start + states.shape[2]
        even, odd = states[..., 0::2], states[..., 1::2]
        turned = (even * cosine[start:stop] - odd * sine[start:stop], even * sine[start:stop] + odd * cosine[start:stop])
        return torch.stack(turned, -1).flatten(-2)

    def attend(q, k, v, seen):
        scores = q @ k.transpose(2, 3) / math.sqrt(base.head) + seen
        return (scores.float().softmax(-1).to(q.dtype) @ v).transpose(1, 2).flatten(2)

    for layer in layers:

        def linear(name, states):
            y = functional.linear(states, base.weights[f"blk.{layer}.{name}.weight"])
            return y if adapter is None or layer < adapter.first else adapter.add(layer, name, states, y)

        def split(states, heads):
            states = states.view(*states.shape[:2], heads, base.head).transpose(1, 2)
            return states.repeat_interleave(base.heads // heads, 1)

        def looks(x, start):
            normed = norm(base, f"blk.{layer}.attn_norm.weight", x)
            q, k = (linear("attn_q", normed), base.heads), (linear("attn_k", normed), base.groups)
            return rotate(split(*q), start), rotate(split(*k), start), split(linear("attn_v", normed), base.groups)

        def forward(x, seen):
            x = x + linear("attn_output", seen)
            normed = norm(base, f"blk.{layer}.ffn_norm.weight", x)
            return x + linear("ffn_down", functional.silu(linear("ffn_gate", normed)) * linear("ffn_up", normed))

        q_before, k_before, v_before = looks(before, 0)
        q, k, v = looks(after, shared)
        many = after.shape[0]
        k = torch.cat((k_before.expand(many, -1, -1, -1), k), 2)
        v = torch.cat((v_before.expand(many, -1, -1, -1), v), 2)
        before = forward(before, attend(q_before, k_before, v_before, mask[:shared, :shared]))
        after = forward(after, attend(q, k, v, mask[shared:]))
    return before, after


def logits(base: Base, x: torch.Tensor) -> torch.Tensor:
    return functional.linear(norm(base, "output_norm.weight", x), base.output).float()


def norm(base: Base, name: str, x: torch.Tensor) -> torch.Tensor:
    wide = x.float()
    scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + base.epsilon)
    return (wide * scale * base.weights[name]).to(x.dtype)
