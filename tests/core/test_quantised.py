"""Linear layers in 8 and 4 bits: how far they may be from the weights they were given."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.scorers import quantised
from core.scorers.quantised import GROUP, Int4Linear, Int8Linear, nf4_levels

KINDS = (Int8Linear, Int4Linear)


def weights(outputs: int, inputs: int, seed: int = 0) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed)) * 0.05


def layer(kind: type[Int8Linear | Int4Linear], weight: Tensor) -> Int8Linear | Int4Linear:
    linear = kind(weight.shape[1], weight.shape[0], torch.float32)
    linear.take(0, weight)
    return linear


def kept(linear: Int8Linear | Int4Linear) -> Tensor:
    """The weights that it computes with, (outputs, inputs)."""
    return linear(torch.eye(linear.in_features)).T


def test_the_levels_are_those_of_nf4() -> None:
    levels = nf4_levels()
    assert len(levels) == 16
    assert levels == tuple(sorted(levels))
    assert (levels[0], levels[7], levels[15]) == (-1.0, 0.0, 1.0)
    # Two of the published ones (Dettmers et al. 2023, appendix E).
    assert levels[1] == pytest.approx(-0.6961928, abs=1e-6)
    assert levels[9] == pytest.approx(0.1609302, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    outputs=st.integers(1, 9), groups=st.integers(1, 4), seed=st.integers(0, 99), size=st.sampled_from([1e-4, 1.0, 50])
)
def test_a_weight_is_off_by_half_a_step_at_most(outputs: int, groups: int, seed: int, size: float) -> None:
    weight = weights(outputs, groups * GROUP, seed) * size
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((kept(layer(Int8Linear, weight)) - weight).abs() <= step * 0.501).all()
    largest = (
        weight.view(outputs, groups, GROUP).abs().amax(2, keepdim=True).expand(-1, -1, GROUP).reshape(weight.shape)
    )
    gap = max(above - below for below, above in zip(nf4_levels(), nf4_levels()[1:], strict=False))
    assert ((kept(layer(Int4Linear, weight)) - weight).abs() <= largest * gap * 0.501).all()


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_it_can_hold_exactly_are_held_exactly(kind: type[Int8Linear | Int4Linear]) -> None:
    values = torch.tensor(nf4_levels()) if kind is Int4Linear else torch.arange(-127, 128, 17) / 127
    weight = values[torch.randint(len(values), (5, GROUP), generator=torch.Generator().manual_seed(1))]
    weight[:, 0] = 1.0  # so that the scale is that of the levels
    torch.testing.assert_close(kept(layer(kind, weight)), weight)
    assert torch.equal(kept(layer(kind, torch.zeros(3, GROUP))), torch.zeros(3, GROUP))


@pytest.mark.parametrize("kind", KINDS)
def test_it_matters_neither_in_which_pieces_weights_come_nor_in_which_blocks_they_are_used(
    kind: type[Int8Linear | Int4Linear], monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = weights(37, 2 * GROUP)
    whole, pieces = layer(kind, weight), kind(2 * GROUP, 37, torch.float32)
    for start in range(0, 37, 10):
        pieces.take(start, weight[start : start + 10])
    x = torch.randn(3, 5, 2 * GROUP, generator=torch.Generator().manual_seed(2))
    expected = whole(x)
    assert torch.equal(pieces(x), expected)
    monkeypatch.setattr(quantised, "BLOCK", 10 * GROUP)
    torch.testing.assert_close(whole(x), expected)


@pytest.mark.parametrize(("kind", "bits"), [(Int8Linear, 8.1), (Int4Linear, 4.3)])
def test_it_is_as_small_as_it_says(kind: type[Int8Linear | Int4Linear], bits: float) -> None:
    linear = kind(2048, 1024, torch.bfloat16)
    assert 8 * linear.memory / (2048 * 1024) < bits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_answers_in_the_type_it_is_asked_in(kind: type[Int8Linear | Int4Linear], dtype: torch.dtype) -> None:
    linear = kind(GROUP, 8, torch.bfloat16)
    linear.take(0, weights(8, GROUP).bfloat16())
    assert linear(torch.ones(2, GROUP, dtype=dtype)).dtype == dtype
