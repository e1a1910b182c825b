"""How finely a Qwen3-VL looks at pictures and clips, and what a reranker's scores and an embedder's vectors depend on.

Apart from the rest of it, so that what is kept can be found without loading anything.
"""

from __future__ import annotations

from dataclasses import replace

from core.media import ModelGrid, PixelPolicy
from core.scorers import Budget

PROMPT_VERSION = 1
"""Raise it when the same pair would be written differently."""
EMBEDDING_VERSION = "prompt 1"
"""How an embedder is asked. Another one when the same document, or query, would be written differently."""

_CLIP_FRAMES = {Budget.FAST: 16, Budget.BALANCED: 32, Budget.FULL: 64}
_CLIP_PICTURES = 4
"""What a clip may cost at most where time is short, in pictures of the same budget."""


def policy(budget: Budget, *, max_pixels: int = 0, fps: float = 0.0, max_frames: int = 0) -> PixelPolicy:
    """The pixels of a budget. The others, if not 0, take the place of what it says.

    Full is what the model's own code gives it. Below, a clip is seen at as many moments as leave 128 tokens for each
    pair of frames, the fewest that the model's rules allow, and costs no more than four pictures.
    """
    full = budget is Budget.FULL
    grid = ModelGrid(max_frames=max_frames or _CLIP_FRAMES[budget])
    if fps:
        grid = replace(grid, fps=fps)
    pixels = budget.tokens * grid.factor**2
    if not full:
        grid = replace(grid, max_frame_pixels=min(pixels, grid.max_frame_pixels), clip_pixels=_CLIP_PICTURES * pixels)
    return PixelPolicy(max(max_pixels, grid.min_pixels) if max_pixels else pixels, scaled=not full, grid=grid)


def identity(policy: PixelPolicy) -> str:
    """Everything in the policy that changes pixels, in short. Policies that say the same give the same pixels."""
    grid = policy.grid
    assert grid is not None
    exact = f"near {policy.margin:g}" if policy.scaled else "exact"
    return (
        f"grid {grid.factor}, {grid.min_pixels}-{policy.max_pixels} px, {exact}; clip {grid.fps:g} fps, "
        f"{grid.max_frames} frames, {grid.min_frame_pixels}-{grid.max_frame_pixels} px, {grid.clip_pixels} in all"
    )


def judge_identity(digest: str, precision: str, pixels: PixelPolicy) -> str:
    """What the scores of a checkpoint are kept under. The device is not in it: on all it is the same arithmetic."""
    return f"qwen3-vl {digest}; {precision}; {identity(pixels)}; prompt {PROMPT_VERSION}"
