"""How documents and queries become sides of a Qwen3-VL prompt, with the pixels that they show."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from core.media import Decoded, Kind, PixelPolicy
from core.query import DEFAULT_INSTRUCTION, Aspect, Query
from core.scorers import Document
from core.scorers.qwen_forward import Seen
from core.scorers.qwen_pixels import identity
from core.scorers.qwen_prompt import Side, Vision

ASPECT_INSTRUCTIONS = {
    Aspect.PALETTE: "Given a reference, retrieve candidates with the same colours and light.",
    Aspect.LAYOUT: "Given a reference, retrieve candidates with the same composition.",
    Aspect.TEXTURE: "Given a reference, retrieve candidates with the same textures, materials and patterns.",
    Aspect.SAME: "Given a reference, retrieve candidates that show the same picture, however altered.",
}
"""What the model is told where a query asks for one respect in place of giving an instruction."""

PAGE_CHARACTERS = 1500
"""How much of what a page of a document says is given beside its picture, which small print can't be read from."""


@dataclass(frozen=True)
class Shown:
    """A side of a prompt, with its pixels."""

    side: Side
    seen: tuple[Seen, ...]


class Looking:
    """One way of looking at pictures, which gives them their shapes and their keys."""

    def __init__(self, pixels: PixelPolicy) -> None:
        assert pixels.grid is not None
        self._factor = pixels.grid.factor
        self._named = identity(pixels)

    def key(self, fingerprint: bytes, region: object = None) -> Hashable:
        """Names the pixels of a content as they are seen in this way."""
        return fingerprint, self._named, region

    def document(self, decoded: Decoded) -> Shown:
        """A file, a page of one, or a text."""
        if decoded.frames is None:
            return Shown(Side(texts=(decoded.text,)), ())
        texts = (decoded.text[:PAGE_CHARACTERS],) if decoded.kind is Kind.TEXT and decoded.text else ()
        seen = Seen(self.key(decoded.fingerprint), decoded.frames)
        return Shown(side_of(vision_of(decoded, self._factor), texts), (seen,))

    def query(self, query: Query, references: Sequence[Document]) -> Shown:
        """The words of a query and its references, which are decoded, in the order of `query.references`."""
        texts = [query.text] if query.text else []
        clips: list[Vision] = []
        pictures: list[Vision] = []
        seen: list[Seen] = []
        for asked, reference in zip(query.references, references, strict=True):
            decoded = reference.decoded
            assert decoded is not None
            if decoded.frames is None:  # a text given as a reference
                texts.append(decoded.text)
                continue
            vision = vision_of(decoded, self._factor)
            (clips if decoded.kind is Kind.VIDEO else pictures).append(vision)
            seen.append(Seen(self.key(decoded.fingerprint, asked.region), decoded.frames))
        return Shown(Side(tuple(texts), tuple(pictures), tuple(clips)), tuple(seen))


def told(query: Query) -> str:
    """The instruction that a person gave, or that the respect asked for stands for; empty: neither."""
    if query.instruction != DEFAULT_INSTRUCTION:
        return query.instruction
    return ASPECT_INSTRUCTIONS.get(query.aspect, "") if query.references else ""


def vision_of(decoded: Decoded, factor: int) -> Vision:
    """A picture or clip as the prompt sees it. `factor`: pixels of a token's side."""
    assert decoded.frames is not None
    count, height, width, _ = decoded.frames.shape
    rows, columns = height // factor, width // factor
    if decoded.kind is not Kind.VIDEO:  # a picture, or a page of a document
        return Vision(rows, columns)
    times = np.array(decoded.times, np.float64).reshape(count // 2, 2).mean(axis=1)
    return Vision(rows, columns, tuple(times.tolist()))


def side_of(vision: Vision, texts: tuple[str, ...] = ()) -> Side:
    """A picture or clip, and what is said beside it."""
    return Side(texts, clips=(vision,)) if vision.times else Side(texts, pictures=(vision,))
