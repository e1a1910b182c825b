"""Linear layers whose weights are kept in 8 or 4 bits.

It saves memory, not time: a batch is bound by its products, and those are made in 16 or 32 bits. Plain operations of
torch, so that it works on every device and needs no further library.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from statistics import NormalDist

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUP = 64
"""Weights of one row that share a scale in int4, as in QLoRA (Dettmers et al. 2023)."""

BLOCK = 1 << 24
"""Weights made ready for a product at a time: 32 MB in 16 bits, where a matrix of the 8B model would be 200."""

_TINY = 1e-30
"""In place of a scale of zero, where all weights are zero."""


class Int8Linear(nn.Module):
    """y = W x with W as whole numbers from -127 to 127, times one scale a row. No bias."""

    weight: Tensor
    scale: Tensor

    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features = inputs, outputs
        self.register_buffer("weight", torch.empty(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(outputs, 1, dtype=dtype))

    @property
    def memory(self) -> int:
        """Bytes."""
        return sum(buffer.nbytes for buffer in self.buffers())

    def take(self, start: int, rows: Tensor) -> None:
        """Put `rows` (n, inputs) in place from row `start` on."""
        end = start + len(rows)
        wide = rows.float()
        # Divided by the scale as it is kept, rounded: so that the rounding is no error of its own.
        scale = (wide.abs().amax(1, keepdim=True) / 127).to(self.scale.dtype)
        self.scale[start:end] = scale
        self.weight[start:end] = (wide / scale.float().clamp_min(_TINY)).round_().clamp_(-127, 127)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs), in the type of x."""
        return _in_blocks(x, self.in_features, self.out_features, self._rows)

    def _rows(self, start: int, end: int, dtype: torch.dtype) -> Tensor:
        return self.weight[start:end].to(dtype).mul_(self.scale[start:end])


class Int4Linear(nn.Module):
    """y = W x with W in 16 levels that suit normally distributed weights (NF4), times one scale every `GROUP` of
    them; two a byte. No bias."""

    weight: Tensor
    scale: Tensor
    twos: Tensor
    """(256, 2): the levels that each byte stands for, so that one look-up makes two weights."""

    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features = inputs, outputs
        self.group = math.gcd(inputs, GROUP)
        self.register_buffer("weight", torch.empty(outputs, inputs // 2, dtype=torch.uint8))
        self.register_buffer("scale", torch.empty(outputs, inputs // self.group, 1, dtype=dtype))
        levels = torch.tensor(nf4_levels(), device="cpu")
        self.register_buffer("twos", torch.cartesian_prod(levels, levels).to(self.weight.device, dtype))

    @property
    def memory(self) -> int:
        """Bytes."""
        return sum(buffer.nbytes for buffer in self.buffers())

    def take(self, start: int, rows: Tensor) -> None:
        """Put `rows` (n, inputs) in place from row `start` on."""
        end = start + len(rows)
        groups = rows.float().view(len(rows), -1, self.group)
        scale = groups.abs().amax(2, keepdim=True).to(self.scale.dtype)
        self.scale[start:end] = scale
        levels = torch.tensor(nf4_levels(), device=rows.device)
        between = (levels[1:] + levels[:-1]) / 2
        nearest = torch.bucketize(groups / scale.float().clamp_min(_TINY), between, out_int32=True)
        pairs = nearest.view(len(rows), -1, 2)
        self.weight[start:end] = pairs[..., 0] * 16 + pairs[..., 1]

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs), in the type of x."""
        return _in_blocks(x, self.in_features, self.out_features, self._rows)

    def _rows(self, start: int, end: int, dtype: torch.dtype) -> Tensor:
        levels = self.twos.to(dtype).index_select(0, self.weight[start:end].view(-1).int())
        return levels.view(end - start, -1, self.group).mul_(self.scale[start:end]).view(end - start, -1)


@functools.cache
def nf4_levels() -> tuple[float, ...]:
    """The 16 levels of NF4 from -1 to 1: quantiles of the normal distribution, 8 above zero, 7 below, and zero itself
    (Dettmers et al. 2023, appendix E)."""
    edge = 1 - (1 / 30 + 1 / 32) / 2  # midway between the outermost quantiles of 15 and of 16 levels
    normal = NormalDist()
    above = [normal.inv_cdf(0.5 + (edge - 0.5) * step / 8) for step in range(1, 9)]
    below = [-normal.inv_cdf(0.5 + (edge - 0.5) * step / 7) for step in range(7, 0, -1)]
    return tuple(level / above[-1] for level in [*below, 0.0, *above])


def _in_blocks(x: Tensor, inputs: int, outputs: int, rows: Callable[[int, int, torch.dtype], Tensor]) -> Tensor:
    """x times the rows that `rows(start, end, dtype)` makes ready, few enough at a time to cost little memory."""
    step = max(1, BLOCK // inputs)
    if outputs <= step:
        return functional.linear(x, rows(0, outputs, x.dtype))
    y = x.new_empty(*x.shape[:-1], outputs)
    for start in range(0, outputs, step):
        end = min(start + step, outputs)
        y[..., start:end] = functional.linear(x, rows(start, end, x.dtype))
    return y
