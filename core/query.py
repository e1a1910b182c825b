"""What a person asks for: words, pictures, clips, and what they don't want; and the digest that names it."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from core.media import Region

DEFAULT_INSTRUCTION = "Given a search query, retrieve relevant candidates that answer the query."


class Aspect(StrEnum):
    """In which respect a file should be like the references. The value is the word on the command line."""

    OVERALL = "overall"
    PALETTE = "palette"
    LAYOUT = "layout"
    TEXTURE = "texture"
    SAME = "same"
    """The same picture, however altered."""


@dataclass(frozen=True)
class Reference:
    """A file of the query, or a region of it."""

    path: Path
    region: Region | None = None


@dataclass(frozen=True)
class Query:
    """A question about a folder. Text is kept in Unicode NFC without outer space, so that equal questions are equal."""

    text: str = ""
    images: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()
    minus: str = ""
    instruction: str = DEFAULT_INSTRUCTION
    aspect: Aspect = Aspect.OVERALL
    """For judges that know aspects; the others take the references as a whole."""
    regions: tuple[Region | None, ...] = ()
    """For each of `images` the part that counts, or None for all of it. May be shorter than `images`."""

    def __post_init__(self) -> None:
        for name in ("text", "minus", "instruction"):
            object.__setattr__(self, name, unicodedata.normalize("NFC", getattr(self, name)).strip())
        object.__setattr__(self, "images", tuple(Path(path) for path in self.images))
        object.__setattr__(self, "videos", tuple(Path(path) for path in self.videos))
        object.__setattr__(self, "aspect", Aspect(self.aspect))
        if len(self.regions) > len(self.images):
            raise ValueError("more regions than pictures")
        missing = (None,) * (len(self.images) - len(self.regions))
        object.__setattr__(self, "regions", (*self.regions, *missing))

    def __bool__(self) -> bool:
        """Whether there is anything to look for (a minus alone is not)."""
        return bool(self.text or self.images or self.videos)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The files of the query, clips first: the order in which a judge's prompt shows them."""
        clips = tuple(Reference(path) for path in self.videos)
        return clips + tuple(Reference(path, region) for path, region in zip(self.images, self.regions, strict=True))

    @property
    def wanted(self) -> Query:
        """The query without its minus."""
        return replace(self, minus="")

    @property
    def unwanted(self) -> Query | None:
        """The minus as a query of its own, or None. Each part is judged and kept by itself, combined when read."""
        return Query(text=self.minus, instruction=self.instruction) if self.minus else None

    def digest(self, fingerprints: Sequence[bytes]) -> bytes:
        """16 bytes that name this question; `fingerprints` are its references' contents, in order of `references`.

        A reference counts by content, so a renamed or copied reference asks the same question.
        """
        parts = [
            self.text.encode(),
            self.minus.encode(),
            self.instruction.encode(),
            self.aspect.encode(),
            str(len(self.videos)).encode(),
            *(str(region or "").encode() for region in self.regions),
            *fingerprints,
        ]
        digest = hashlib.blake2b(b"semblance query 2", digest_size=16)
        for part in parts:
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.digest()
