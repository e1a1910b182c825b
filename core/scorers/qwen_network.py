"""The network's arithmetic: how Qwen3-VL's weights turn pixels into features, and a prompt into a logit or a vector.

Our own modules over the checkpoint's weights; what they compute is transformers' `Qwen3VLForConditionalGeneration`
up to its last state and the two rows of its head that matter (tested equal). What is cheaper here, and why it is the
same:

- The patch embedding is a matrix product (its kernel is its stride). A still repeats its frame to fill the kernel's
  two moments, so the halves of the kernel add up to one.
- In the last layer only the last position of each row is read, so only its query, output and MLP are computed.
- Rows are padded on the right without a mask: under causal attention what comes after can't be seen.
- Nothing is kept for generation, and the vocabulary's head is one vector.

Attention with a shared prefix is square causal attention with idle queries for the prefix: every device has a fast
kernel for that. Where the prefix is the longer part, a mask is cheaper.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

KeysValues = tuple[Tensor, Tensor]
"""What one layer keeps of a prefix: (1, prefix, key heads, head size) each."""

_VISION_EPS = 1e-6
"""Of every LayerNorm of the vision tower; a constant of the architecture, not in the configuration."""
_VISION_THETA = 10_000.0
"""Base of the tower's rotary frequencies where the configuration names none."""
_GRIDS_KEPT = 16
"""Sizes of pictures whose position tables are kept: most of a library are of a few sizes."""


class Stopped(Exception):
    """What was being computed or loaded is no longer wanted. Not an error."""


_MOST_LAYERS, _MOST_SIZE = 1000, 10**7

# --- the shape ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NetworkShape:
    """The sizes of a Qwen3-VL network, as its config.json gives them."""

    hidden: int
    ffn: int
    layers: int
    heads: int
    key_heads: int
    head_size: int
    vocabulary: int
    eps: float
    theta: float
    sections: tuple[int, int, int]
    """Rotary frequencies of time, row and column."""
    attention_bias: bool
    tied: bool
    """Whether the head is the embedding, so that the checkpoint has no lm_head.weight."""
    vision_hidden: int
    vision_ffn: int
    vision_layers: int
    vision_heads: int
    vision_theta: float
    patch: int
    """Pixels of a patch's side."""
    merge: int
    """Patches of a token's side."""
    channels: int
    moments: int
    """Frames that one patch spans."""
    grid: int
    """Side of the learned grid of positions."""
    taps: tuple[int, ...]
    """Vision layers whose output is also handed to the language model (DeepStack)."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NetworkShape:
        """The shape of a config.json, in the checkpoints' own style or in transformers 5's.

        Raises KeyError if a size is missing, and ValueError if it describes another kind of network.
        """
        if config.get("model_type") != "qwen3_vl":
            raise ValueError(f"model_type {config.get('model_type')}")
        text, vision = config["text_config"], config["vision_config"]
        rotary = text.get("rope_parameters") or text.get("rope_scaling") or {}
        _expect("text rope_type", rotary.get("rope_type", rotary.get("type", "default")), "default", "mrope")
        _expect("text hidden_act", text.get("hidden_act", "silu"), "silu")
        _expect("vision hidden_act", vision.get("hidden_act", "gelu_pytorch_tanh"), "gelu_pytorch_tanh")
        time, row, column = rotary["mrope_section"]
        side = math.isqrt(vision["num_position_embeddings"])
        shape = cls(
            hidden=text["hidden_size"],
            ffn=text["intermediate_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            key_heads=text.get("num_key_value_heads") or text["num_attention_heads"],
            head_size=text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"],
            vocabulary=text["vocab_size"],
            eps=text.get("rms_norm_eps", 1e-6),
            theta=float(rotary["rope_theta"] if "rope_theta" in rotary else text["rope_theta"]),
            sections=(time, row, column),
            attention_bias=bool(text.get("attention_bias", False)),
            tied=bool(config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))),
            vision_hidden=vision["hidden_size"],
            vision_ffn=vision["intermediate_size"],
            vision_layers=vision["depth"],
            vision_heads=vision["num_heads"],
            vision_theta=float((vision.get("rope_parameters") or {}).get("rope_theta", _VISION_THETA)),
            patch=vision["patch_size"],
            merge=vision["spatial_merge_size"],
            channels=vision.get("in_channels", 3),
            moments=vision["temporal_patch_size"],
            grid=side,
            taps=tuple(vision["deepstack_visual_indexes"]),
        )
        shape._check()
        _expect("channels", shape.channels, 3)
        _expect("vision out_hidden_size", vision["out_hidden_size"], shape.hidden)
        _expect("square of the position grid", side * side, vision["num_position_embeddings"])
        return shape

    def _check(self) -> None:
        """Raises ValueError for sizes that no network has: a config.json may say anything."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            most = _MOST_LAYERS if entry.name.endswith("layers") else _MOST_SIZE
            if entry.type == "int" and not (type(value) is int and 0 < value <= most):
                raise ValueError(f"{entry.name} {value}")

    @property
    def levels(self) -> int:
        """Features of one vision token: the merged ones and one for each tap."""
        return 1 + len(self.taps)

    @property
    def parameters(self) -> int:
        """Numbers in the weights, without the head."""
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in QwenNetwork(self).parameters())

    def flops(self, text_tokens: int, vision_patches: int, pictures: int = 1) -> float:
        """Floating-point operations for one prompt of so many tokens in all, over pictures of so many patches in all.

        Twice the multiply-adds of every matrix product that the plain network needs, attention included; causal
        attention counts half. What we save by being clever is not taken off, so that shares of a machine's peak rate
        can be compared with other programs'.
        """
        heads, keys = self.heads * self.head_size, self.key_heads * self.head_size
        layer = self.hidden * (2 * heads + 2 * keys + 3 * self.ffn)
        text = self.layers * text_tokens * (layer + heads * text_tokens)
        return 2.0 * (text + self._vision_products(vision_patches, pictures))

    def _vision_products(self, patches: int, pictures: int) -> float:
        if not patches:
            return 0.0
        block = self.vision_hidden * (4 * self.vision_hidden + 2 * self.vision_ffn)
        attention = 2 * self.vision_hidden * patches / pictures
        merged = self.vision_hidden * self.merge**2
        merger = self.levels * merged * (merged + self.hidden) / self.merge**2
        kernel = self.vision_hidden * self.channels * self.moments * self.patch**2
        return patches * (kernel + self.vision_layers * (block + attention) + merger)


def _expect(what: str, found: object, *known: object) -> None:
    if found not in known:
        raise ValueError(f"{what} {found}")


# --- parts of both towers ----------------------------------------------------------------------------
# The type computed in is the type of `x`: where it differs from the weights' (float32 after an overflow), the weights
# follow it, one module at a time.


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    if type(layer) is nn.Linear and layer.weight.dtype != x.dtype:  # not a quantised one, which casts by itself
        bias = None if layer.bias is None else layer.bias.to(x.dtype)
        return functional.linear(x, layer.weight.to(x.dtype), bias)
    result: Tensor = layer(x)
    return result


def _linear_gelu(layer: nn.Linear, x: Tensor) -> Tensor:
    """The product and the approximate GELU of it; where a CPU has them in one pass, a sixth of a block is saved."""
    if x.device.type == "cpu" and x.dtype == layer.weight.dtype and x.dtype in _fused_gelu():
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x, layer.weight, layer.bias, "gelu", [], "tanh")
        return fused
    return functional.gelu(_linear(layer, x), approximate="tanh")


@functools.cache
def _fused_gelu() -> tuple[torch.dtype, ...]:
    """In which precisions torch's oneDNN has it here: what torch's own compiler makes of the two."""
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not built or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return ()
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.float32, torch.bfloat16
    return (torch.float32,)


def _layer_norm(norm: nn.LayerNorm, x: Tensor, dtype: torch.dtype) -> Tensor:
    weight, bias = norm.weight.to(x.dtype), norm.bias.to(x.dtype)
    return functional.layer_norm(x, norm.normalized_shape, weight, bias, norm.eps).to(dtype)


def _rms_norm(norm: nn.RMSNorm, x: Tensor, dtype: torch.dtype) -> Tensor:
    return functional.rms_norm(x, norm.normalized_shape, norm.weight.to(x.dtype), norm.eps).to(dtype)


@dataclass(frozen=True)
class _Turn:
    """Rotary position embedding: the first half of each head is turned against the second."""

    cos: Tensor
    """(batch, positions, 1, head size), both halves alike."""
    sin: Tensor
    """Half as wide."""

    @classmethod
    def by(cls, angles: Tensor, dtype: torch.dtype) -> _Turn:
        """`angles`: (batch, positions, half a head), float32."""
        cos = angles.cos()
        return cls(torch.cat((cos, cos), -1).unsqueeze(2).to(dtype), angles.sin().unsqueeze(2).to(dtype))

    def __call__(self, x: Tensor) -> Tensor:
        """`x`: (batch, positions, heads, head size)."""
        half = x.shape[-1] // 2
        turned = x * self.cos
        turned[..., :half].addcmul_(x[..., half:], self.sin, value=-1)
        turned[..., half:].addcmul_(x[..., :half], self.sin)
        return turned

    def at(self, rows: Tensor, ends: Tensor) -> _Turn:
        """The turn of one position of each row."""
        return _Turn(self.cos[rows, ends].unsqueeze(1), self.sin[rows, ends].unsqueeze(1))


# --- vision ------------------------------------------------------------------------------------------


class _VisionBlock(nn.Module):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.heads = shape.vision_heads
        self.norm1 = nn.LayerNorm(shape.vision_hidden, _VISION_EPS)
        self.qkv = nn.Linear(shape.vision_hidden, 3 * shape.vision_hidden)
        self.out = nn.Linear(shape.vision_hidden, shape.vision_hidden)
        self.norm2 = nn.LayerNorm(shape.vision_hidden, _VISION_EPS)
        self.up = nn.Linear(shape.vision_hidden, shape.vision_ffn)
        self.down = nn.Linear(shape.vision_ffn, shape.vision_hidden)

    def forward(self, x: Tensor, stacks: Sequence[_Stack], dtype: torch.dtype) -> Tensor:
        """`x`: (patches of all stacks, hidden). Every picture attends within itself."""
        qkv = _linear(self.qkv, _layer_norm(self.norm1, x, dtype)).view(len(x), 3 * self.heads, -1)
        seen = [self._attend(part, stack) for part, stack in zip(_cut(qkv, stacks), stacks, strict=True)]
        x = x + _linear(self.out, seen[0] if len(seen) == 1 else torch.cat(seen))
        return x + _linear(self.down, _linear_gelu(self.up, _layer_norm(self.norm2, x, dtype)))

    def _attend(self, qkv: Tensor, stack: _Stack) -> Tensor:
        """(pictures * patches, 3 * heads, head size) -> (pictures * patches, hidden)."""
        qkv = qkv.view(stack.pictures, stack.patches, 3 * self.heads, -1)
        turned = stack.turn(qkv[:, :, : 2 * self.heads]).transpose(1, 2)
        q, k = turned[:, : self.heads], turned[:, self.heads :]
        v = qkv[:, :, 2 * self.heads :].transpose(1, 2)
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2).flatten(0, 1)


class _Merger(nn.Module):
    """Four neighbouring patches become one token of the language model."""

    def __init__(self, shape: NetworkShape, *, norm_merged: bool) -> None:
        super().__init__()
        self.merged = shape.vision_hidden * shape.merge**2
        self.norm = nn.LayerNorm(self.merged if norm_merged else shape.vision_hidden, _VISION_EPS)
        self.up = nn.Linear(self.merged, self.merged)
        self.down = nn.Linear(self.merged, shape.hidden)

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """(patches, vision hidden) -> (tokens, hidden)."""
        x = x.reshape(-1, self.norm.normalized_shape[0])
        x = _layer_norm(self.norm, x, dtype).view(-1, self.merged)
        return _linear(self.down, functional.gelu(_linear(self.up, x)))


@dataclass(frozen=True)
class _Stack:
    """Pictures of one size in the tower."""

    pictures: int
    patches: int
    """Of one picture."""
    turn: _Turn


def _cut(x: Tensor, stacks: Sequence[_Stack]) -> Sequence[Tensor]:
    return torch.split(x, [stack.pictures * stack.patches for stack in stacks])


class VisionTower(nn.Module):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.patch_kernel = nn.Parameter(
            torch.empty(shape.vision_hidden, shape.channels, shape.moments, shape.patch, shape.patch)
        )
        self.patch_bias = nn.Parameter(torch.empty(shape.vision_hidden))
        self.places = nn.Parameter(torch.empty(shape.grid**2, shape.vision_hidden))
        self.blocks = nn.ModuleList(_VisionBlock(shape) for _ in range(shape.vision_layers))
        self.merger = _Merger(shape, norm_merged=False)
        self.tap_mergers = nn.ModuleList(_Merger(shape, norm_merged=True) for _ in shape.taps)
        self._kernels: dict[int, Tensor] = {}
        self._kernel_bias = torch.empty(0)
        self._grids: OrderedDict[tuple[int, int], tuple[Tensor, _Turn]] = OrderedDict()

    def finish(self) -> None:
        """Fold the patch embedding for pixels that come as (frames, rows, columns, channels), value / 128 - 1.

        The model's pixels are (value - 127.5) / 127.5. Ours are exact in every precision; scale and offset go into
        kernel and bias, computed in float32.
        """
        kernel = self.patch_kernel.detach().float().permute(0, 2, 3, 4, 1) * (128 / 127.5)
        dtype = self.patch_kernel.dtype
        self._kernel_bias = self.patch_bias.detach().float() + kernel.sum((1, 2, 3, 4)) * (0.5 / 128)
        self._kernels = {
            1: kernel.sum(1, keepdim=True).flatten(1).to(dtype).contiguous(),
            self.shape.moments: kernel.flatten(1).to(dtype).contiguous(),
        }
        self._grids.clear()

    def forward(self, stacks: Sequence[Tensor], dtype: torch.dtype, between: Callable[[], None]) -> list[Tensor]:
        """Features of pictures and of pairs of frames.

        `stacks`: uint8 on the network's device, each (pictures, 1 or 2 frames, rows, columns, 3), the sides multiples
        of 32. Gives for each (pictures, levels, tokens, hidden). `between` is called before every layer.
        """
        embedded = [self._embed(stack, dtype) for stack in stacks]
        shapes = [stack for _, stack in embedded]
        x = torch.cat([patches for patches, _ in embedded]).to(_residual(dtype))
        taps = []
        for index, block in enumerate(self.blocks):
            between()
            x = block(x, shapes, dtype)
            if index in self.shape.taps:
                taps.append(self.tap_mergers[self.shape.taps.index(index)](x, dtype))
        levels = torch.stack([self.merger(x, dtype), *taps])
        tokens = [stack.pictures * stack.patches // self.shape.merge**2 for stack in shapes]
        ends = list(itertools.accumulate(tokens))
        return [
            levels[:, end - count : end]
            .reshape(self.shape.levels, stack.pictures, -1, self.shape.hidden)
            .transpose(0, 1)
            for end, count, stack in zip(ends, tokens, shapes, strict=True)
        ]

    def _embed(self, frames: Tensor, dtype: torch.dtype) -> tuple[Tensor, _Stack]:
        pictures, moments, height, width, _ = frames.shape
        patch, merge = self.shape.patch, self.shape.merge
        rows, columns = height // patch, width // patch
        blocks = frames.view(
            pictures, moments, rows // merge, merge, patch, columns // merge, merge, patch * self.shape.channels
        )
        patches = blocks.permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(pictures * rows * columns, -1)
        places, turn = self._grid(rows, columns)
        pixels = patches.to(dtype).mul_(1 / 128).sub_(1)
        embedded = functional.linear(pixels, self._kernels[moments].to(dtype))
        embedded = embedded.view(pictures, rows * columns, -1) + places.to(dtype)
        turn = _Turn(turn.cos.to(dtype), turn.sin.to(dtype))
        return embedded.flatten(0, 1), _Stack(pictures, rows * columns, turn)

    def _grid(self, rows: int, columns: int) -> tuple[Tensor, _Turn]:
        """Learned position plus bias of each patch, (patches, hidden), and its turn, in the order of patches."""
        if (rows, columns) in self._grids:
            self._grids.move_to_end((rows, columns))
            return self._grids[rows, columns]
        device, dtype, merge = self.places.device, self.places.dtype, self.shape.merge
        row, column = (
            axis.view(rows // merge, merge, columns // merge, merge).transpose(1, 2).flatten()
            for axis in torch.meshgrid(
                torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij"
            )
        )
        places = (self._interpolated(row, rows, column, columns) + self._kernel_bias).to(dtype)
        # Half a head's frequencies, split between row and column.
        half = self.shape.vision_hidden // self.shape.vision_heads // 2
        steps = torch.arange(0, half, 2, dtype=torch.float32, device=device) / half
        frequencies = 1.0 / self.shape.vision_theta**steps
        angles = torch.cat((row[:, None] * frequencies, column[:, None] * frequencies), -1)
        self._grids[rows, columns] = places, _Turn.by(angles.unsqueeze(0), dtype)
        if len(self._grids) > _GRIDS_KEPT:
            self._grids.popitem(last=False)
        return self._grids[rows, columns]

    def _interpolated(self, row: Tensor, rows: int, column: Tensor, columns: int) -> Tensor:
        """The learned grid stretched over a picture, corner to corner, bilinear. (patches, hidden), float32."""
        last = self.shape.grid - 1
        taps = []
        for index, size in ((row, rows), (column, columns)):
            at = index.float() * last / max(size - 1, 1)
            low = at.floor().long()
            taps.append(((low, 1 - (at - low)), ((low + 1).clamp(max=last), at - low)))
        grid = self.places.detach()
        total = torch.zeros(len(row), grid.shape[1], device=grid.device)
        for y, weight_y in taps[0]:
            for x, weight_x in taps[1]:
                total.addcmul_(grid[y * self.shape.grid + x].float(), (weight_y * weight_x)[:, None])
        return total


def _residual(dtype: torch.dtype) -> torch.dtype:
    """The sums along the layers outgrow float16 before anything else does, so they are kept wider."""
    return torch.float32 if dtype == torch.float16 else dtype


# --- language ----------------------------------------------------------------------------------------


class _TextLayer(nn.Module):
    """What all layers share: keys and values, and what follows attention."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.norm1 = nn.RMSNorm(shape.hidden, shape.eps)
        self.q_norm = nn.RMSNorm(shape.head_size, shape.eps)
        self.k_norm = nn.RMSNorm(shape.head_size, shape.eps)
        self.out = nn.Linear(shape.heads * shape.head_size, shape.hidden, bias=shape.attention_bias)
        self.norm2 = nn.RMSNorm(shape.hidden, shape.eps)
        self.gate_up = nn.Linear(shape.hidden, 2 * shape.ffn, bias=False)
        self.down = nn.Linear(shape.ffn, shape.hidden, bias=False)

    def _finish(self, x: Tensor, seen: Tensor) -> Tensor:
        x = x + _linear(self.out, seen)
        gate, up = _linear(self.gate_up, _rms_norm(self.norm2, x, seen.dtype)).chunk(2, -1)
        return x + _linear(self.down, functional.silu(gate).mul_(up))

    def _heads(self, layer: nn.Module, x: Tensor) -> Tensor:
        """(batch, positions, hidden) -> (batch, positions, heads, head size)."""
        y = _linear(layer, x)
        return y.view(*y.shape[:-1], -1, self.shape.head_size)


class _InnerLayer(_TextLayer):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__(shape)
        width = (shape.heads + 2 * shape.key_heads) * shape.head_size
        self.qkv = nn.Linear(shape.hidden, width, bias=shape.attention_bias)

    def forward(
        self, x: Tensor, turn: _Turn, past: KeysValues | None, mask: Tensor | None, dtype: torch.dtype
    ) -> tuple[Tensor, KeysValues]:
        """`x`: (batch, positions, hidden). Gives the next `x`, and the keys and values of these positions."""
        heads, key_heads = self.shape.heads, self.shape.key_heads
        qkv = self._heads(self.qkv, _rms_norm(self.norm1, x, dtype))
        q = turn(_rms_norm(self.q_norm, qkv[:, :, :heads], dtype))
        k = turn(_rms_norm(self.k_norm, qkv[:, :, heads : heads + key_heads], dtype))
        v = qkv[:, :, heads + key_heads :]
        return self._finish(x, _attention(q, *_after(past, (k, v)), mask)), (k, v)


class _LastLayer(_TextLayer):
    """Only the last position of each row is wanted of it, so queries are a product of their own."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__(shape)
        self.q = nn.Linear(shape.hidden, shape.heads * shape.head_size, bias=shape.attention_bias)
        self.kv = nn.Linear(shape.hidden, 2 * shape.key_heads * shape.head_size, bias=shape.attention_bias)

    def keys_values(self, x: Tensor, turn: _Turn, dtype: torch.dtype) -> KeysValues:
        kv = self._heads(self.kv, _rms_norm(self.norm1, x, dtype))
        k, v = kv.chunk(2, 2)
        return turn(_rms_norm(self.k_norm, k, dtype)), v

    def forward(self, x: Tensor, turn: _Turn, past: KeysValues | None, ends: Tensor, dtype: torch.dtype) -> Tensor:
        """(batch, positions, hidden) -> (batch, hidden): the state of position `ends` of each row."""
        k, v = (part.transpose(1, 2) for part in _after(past, self.keys_values(x, turn, dtype)))
        rows = torch.arange(len(x), device=x.device)
        last = x[rows, ends].unsqueeze(1)
        q = self._heads(self.q, _rms_norm(self.norm1, last, dtype))
        q = turn.at(rows, ends)(_rms_norm(self.q_norm, q, dtype))
        # The heads that share a key are so many queries of it: (batch, key heads, queries, head size).
        q = q.view(len(x), self.shape.key_heads, -1, self.shape.head_size)
        visible = torch.arange(k.shape[2], device=x.device) <= (ends + (k.shape[2] - x.shape[1]))[:, None]
        seen = functional.scaled_dot_product_attention(q, k, v, visible[:, None, None])
        return self._finish(last, seen.flatten(1).unsqueeze(1)).squeeze(1)


def _after(past: KeysValues | None, own: KeysValues) -> KeysValues:
    """Keys and values of the prefix, the same for every row, before the rows' own."""
    if past is None:
        return own
    k, v = (torch.cat((old.expand(len(new), -1, -1, -1), new), 1) for old, new in zip(past, own, strict=True))
    return k, v


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Causal attention of the last positions of `k` over all of them. (batch, positions, heads * head size)."""
    idle = k.shape[1] - q.shape[1] if mask is None else 0
    if idle:
        q = functional.pad(q, (0, 0, 0, 0, idle, 0))
    by_kernel = q.device.type == "cpu"
    if not by_kernel:
        # Where a GPU's kernel for this precision, mask or chip can't share keys among heads, torch would turn to one
        # that writes out every weight of attention. The copies cost a percent.
        k, v = (part.repeat_interleave(q.shape[2] // k.shape[2], dim=2) for part in (k, v))
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    seen = functional.scaled_dot_product_attention(q, k, v, mask, is_causal=mask is None, enable_gqa=by_kernel)
    return seen[:, :, idle:].transpose(1, 2).flatten(2)


def _mask(prefix: int, positions: int, device: torch.device) -> Tensor | None:
    if prefix <= positions:
        return None
    return torch.ones(positions, prefix + positions, dtype=torch.bool, device=device).tril(prefix)


@dataclass(frozen=True)
class Shown:
    """Where vision features stand among the tokens of a batch."""

    at: Tensor
    """(vision tokens,): index into the flattened (batch * positions)."""
    features: Tensor
    """(levels, vision tokens, hidden)."""


class LanguageModel(nn.Module):
    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(_InnerLayer(shape) for _ in range(shape.layers - 1))
        self.last = _LastLayer(shape)
        self.norm = nn.RMSNorm(shape.hidden, shape.eps)
        self._frequencies = torch.empty(0)
        self._axes = torch.empty(0)

    def finish(self) -> None:
        """Rotary frequencies: of every three in a row, one for time, row and column, as long as each has some left."""
        device, half = self.norm.weight.device, self.shape.head_size // 2
        axes = torch.zeros(half, dtype=torch.long)
        for axis in (1, 2):
            axes[axis : 3 * self.shape.sections[axis] : 3] = axis
        steps = torch.arange(0, 2 * half, 2, dtype=torch.float32) / (2 * half)
        self._frequencies, self._axes = (1.0 / self.shape.theta**steps).to(device), axes.to(device)

    def forward(
        self,
        ids: Tensor,
        positions: Tensor,
        ends: Tensor,
        shown: Shown | None,
        prefix: Sequence[KeysValues] | None,
        dtype: torch.dtype,
        between: Callable[[], None],
    ) -> Tensor:
        """(batch, hidden), float32: the normed state of the last position of each row.

        `ids`: (batch, positions) without the prefix. `positions`: (3, batch, positions), time, row and column.
        `ends`: (batch,), the index of the last position of each row; what stands after it is padding.
        """
        x, turn = self._start(ids, positions, shown, dtype)
        past: Sequence[KeysValues | None] = prefix or [None] * self.shape.layers
        mask = _mask(prefix[0][0].shape[1], ids.shape[1], ids.device) if prefix else None
        for index, layer in enumerate(self.layers):
            between()
            x, _ = layer(x, turn, past[index], mask, dtype)
            self._add_tap(x, shown, index)
        between()
        return _rms_norm(self.norm, self.last(x, turn, past[-1], ends, dtype).float(), torch.float32)

    def prefix(
        self, ids: Tensor, positions: Tensor, shown: Shown | None, dtype: torch.dtype, between: Callable[[], None]
    ) -> list[KeysValues]:
        """Keys and values, layer by layer, of what many prompts begin with. `ids`: (1, positions)."""
        x, turn = self._start(ids, positions, shown, dtype)
        kept: list[KeysValues] = []
        for index, layer in enumerate(self.layers):
            between()
            x, (k, v) = layer(x, turn, None, None, dtype)
            kept.append((k, v.clone()))  # v is a view of what is needed no longer
            self._add_tap(x, shown, index)
        between()
        k, v = self.last.keys_values(x, turn, dtype)
        return [*kept, (k, v.clone())]

    def _start(self, ids: Tensor, positions: Tensor, shown: Shown | None, dtype: torch.dtype) -> tuple[Tensor, _Turn]:
        x = self.embedding(ids).to(_residual(dtype))
        if shown is not None:
            x.view(-1, self.shape.hidden).index_copy_(0, shown.at, shown.features[0].to(x.dtype))
        angles = positions.permute(1, 2, 0)[..., self._axes] * self._frequencies
        return x, _Turn.by(angles, dtype)

    def _add_tap(self, x: Tensor, shown: Shown | None, layer: int) -> None:
        if shown is not None and layer < self.shape.levels - 1:
            features = shown.features[1 + layer].to(x.dtype)
            x.view(-1, self.shape.hidden).index_add_(0, shown.at, features)


# --- the whole ---------------------------------------------------------------------------------------


class QwenNetwork(nn.Module):
    """The network of a Qwen3-VL reranker or embedder. Build it under `torch.device("meta")`, fill it in, then `finish`.

    Every product of the language model is a plain `nn.Linear`, so that a quantised one can take its place.
    """

    head: Tensor | None
    """(hidden,), float32: the head's row of “yes” less that of “no”. None: an embedder's, not for logits."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.vision = VisionTower(shape)
        self.language = LanguageModel(shape)
        self.register_buffer("head", torch.empty(shape.hidden, dtype=torch.float32))

    @property
    def device(self) -> torch.device:
        return self.language.norm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What is computed in, unless asked otherwise; quantised weights may be kept in less."""
        return self.language.norm.weight.dtype

    def sources(self) -> dict[str, tuple[str, ...]]:
        """For each parameter the checkpoint's tensors that make it up, one below the other (along dimension 0)."""
        return {name: _sources(name, self.shape.layers) for name, _ in self.named_parameters()}

    def language_products(self) -> frozenset[str]:
        """The weights that may be quantised: those of the language model's products, which are nearly all there are."""
        products = (name for name, module in self.language.named_modules() if isinstance(module, nn.Linear))
        return frozenset(f"language.{name}.weight" for name in products)

    def finish(self) -> None:
        """Derive what is derived from the weights. Call it when all are in place, and again if they move."""
        self.vision.finish()
        self.language.finish()

    def logits(self, states: Tensor) -> Tensor:
        """(batch, hidden) float32 states -> (batch,) float32; their sigmoid is the score."""
        assert self.head is not None
        return states @ self.head

    def vectors(self, states: Tensor) -> Tensor:
        """(batch, hidden) float32 states -> the same with rows of length 1."""
        return functional.normalize(states, dim=1)


_LANGUAGE_NAMES: dict[str, tuple[str, ...]] = {
    "norm1": ("input_layernorm",),
    "norm2": ("post_attention_layernorm",),
    "q_norm": ("self_attn.q_norm",),
    "k_norm": ("self_attn.k_norm",),
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "q": ("self_attn.q_proj",),
    "kv": ("self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
_BLOCK_NAMES = {"qkv": "attn.qkv", "out": "attn.proj", "up": "mlp.linear_fc1", "down": "mlp.linear_fc2"}
_MERGER_NAMES = {"up": "linear_fc1", "down": "linear_fc2"}
_SINGLE_NAMES = {
    "vision.patch_kernel": "visual.patch_embed.proj.weight",
    "vision.patch_bias": "visual.patch_embed.proj.bias",
    "vision.places": "visual.pos_embed.weight",
    "language.embedding.weight": "language_model.embed_tokens.weight",
    "language.norm.weight": "language_model.norm.weight",
}


def _sources(name: str, layers: int) -> tuple[str, ...]:
    if name in _SINGLE_NAMES:
        return (f"model.{_SINGLE_NAMES[name]}",)
    match name.split("."):
        case ["language", "layers", index, part, kind]:
            return tuple(f"model.language_model.layers.{index}.{source}.{kind}" for source in _LANGUAGE_NAMES[part])
        case ["language", "last", part, kind]:
            source_names = _LANGUAGE_NAMES[part]
            return tuple(f"model.language_model.layers.{layers - 1}.{source}.{kind}" for source in source_names)
        case ["vision", "blocks", index, part, kind]:
            return (f"model.visual.blocks.{index}.{_BLOCK_NAMES.get(part, part)}.{kind}",)
        case ["vision", "merger", part, kind]:
            return (f"model.visual.merger.{_MERGER_NAMES.get(part, part)}.{kind}",)
        case ["vision", "tap_mergers", index, part, kind]:
            return (f"model.visual.deepstack_merger_list.{index}.{_MERGER_NAMES.get(part, part)}.{kind}",)
    raise KeyError(name)
