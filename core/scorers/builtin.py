"""How the built-in matcher judges: by colour, layout, words and names, with no model's weights."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.media import Decoded, Kind, PixelPolicy
from core.query import Query
from core.scorers import Document, Scores
from core.scorers.colour import oklab
from core.scorers.look_words import PROTOTYPES, Finder, Term, terms, words

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

VERSION = 1

# --- what is kept of a document ----------------------------------------------------------------------
#
# A header, then the frames one after the other, then the distinct words as UTF-8. One frame is, in bytes:
# the square roots of its soft colour histogram, its layout, and its figures (colour shares and tone).

_HEADER = struct.Struct("<BBBxII")  # version, kind, frames, width, height
_FRAMES = 8
_BUDGET = 2500
_WORD_BYTES = 1500
_CELLS = 8
_PALETTE = 64
_LAYOUT = _CELLS * _CELLS * 3
_COLOURS = tuple(PROTOTYPES)
_TONES = ("lightness", "chroma", "coloured")
_FRAME_BYTES = _PALETTE + _LAYOUT + len(_COLOURS) + len(_TONES)
_MOST_PIXELS = 4 * 128 * 128
_LIGHTNESS_STEPS, _CHROMA_STEPS = 200, 300
"""Steps per unit of OKLab in the layout: chroma counts half again as much, its range being that much smaller."""


@cache
def _colour_table() -> Floats:
    """What a pixel of each of 32³ colours adds to a frame's histogram and figures. Shape (32768, columns)."""
    levels = np.arange(32) * 255 / 31
    lab = oklab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3))
    thirds = np.arange(4) * 85
    palette = oklab(np.stack(np.meshgrid(thirds, thirds, thirds, indexing="ij"), axis=-1).reshape(-1, 3))
    owner = [index for index, codes in enumerate(PROTOTYPES.values()) for _ in codes]
    codes = np.array([code for codes in PROTOTYPES.values() for code in codes])
    prototypes = oklab(np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1))
    shares = _nearness(lab, prototypes, 0.03) @ np.eye(len(_COLOURS), dtype=np.float32)[owner]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    tones = np.stack([lab[:, 0], chroma / 0.25, np.clip(chroma / 0.04 - 0.5, 0, 1)], axis=1)
    return np.ascontiguousarray(np.hstack([_nearness(lab, palette, 0.08), shares, tones]), np.float32)


def _nearness(lab: Floats, centres: Floats, spread: float) -> Floats:
    """Each colour shared out among the centres, most to the nearest. Rows sum to 1."""
    squares = ((lab[:, None] - centres[None]) ** 2).sum(axis=2)
    weights = np.exp((squares.min(axis=1, keepdims=True) - squares) / (2 * spread**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _describe(frame: Bytes) -> bytes:
    """The _FRAME_BYTES of one frame, shape (height, width, 3)."""
    height, width = frame.shape[:2]
    step = max(1, int(np.ceil(np.sqrt(height * width / _MOST_PIXELS))))
    frame = frame[:: min(step, height), :: min(step, width)]
    colour = frame.astype(np.uint16) >> 3
    counts = np.bincount(((colour[..., 0] << 10) | (colour[..., 1] << 5) | colour[..., 2]).ravel(), minlength=32768)
    present = np.flatnonzero(counts)
    # Not as a matrix product: BLAS would use every core for it, wait for work in a loop, and starve the decoders.
    shares = (counts[present] / counts.sum()).astype(np.float32)
    sums = np.einsum("i,ij->j", shares, _colour_table()[present])
    histogram = np.sqrt(sums[:_PALETTE])
    histogram *= 255 / np.linalg.norm(histogram)
    figures = np.clip(sums[_PALETTE:], 0, 1) * 255
    layout = oklab(_cell_means(frame)) - np.array([0.5, 0, 0], np.float32)
    layout *= np.array([_LIGHTNESS_STEPS, _CHROMA_STEPS, _CHROMA_STEPS], np.float32)
    return b"".join(
        [
            np.rint(histogram).astype(np.uint8).tobytes(),
            np.clip(np.rint(layout), -127, 127).astype(np.int8).tobytes(),
            np.rint(figures).astype(np.uint8).tobytes(),
        ]
    )


def _cell_means(frame: Bytes) -> Floats:
    """Mean colours of an 8 by 8 grid over the frame; a side shorter than 8 pixels repeats its pixels."""
    sums, area = frame.astype(np.float32), np.ones((_CELLS, _CELLS, 1), np.float32)
    for axis in (0, 1):
        edges = np.arange(_CELLS + 1) * frame.shape[axis] // _CELLS
        sums = np.add.reduceat(sums, edges[:-1], axis=axis)
        sizes = np.maximum(1, np.diff(edges)).astype(np.float32)
        area *= sizes[:, None, None] if axis == 0 else sizes[None, :, None]
    return sums / area


def _kept_words(text: str, limit: int) -> bytes:
    """The distinct folded words of a text, as many of the first ones as fit into `limit` bytes."""
    # A book repeats its words: enough of it is read to fill the limit, not all of it.
    kept = " ".join(dict.fromkeys(words(text[: 16 * limit]))).encode("utf-8", "ignore")
    if len(kept) > limit:
        kept = kept[: limit + 1].rpartition(b" ")[0] or kept[:limit]
    return kept


def _feature_of(document: Document) -> bytes:
    return document.feature or _feature(document.decoded)


def _feature(decoded: Decoded | None) -> bytes:
    """What is kept of a document; empty if there is none."""
    if decoded is None:
        return b""
    frames = [] if decoded.frames is None else [frame for frame in decoded.frames[:_FRAMES] if frame.size]
    width, height = decoded.facts.width, decoded.facts.height
    if frames and not (width and height):
        height, width = frames[0].shape[:2]
    header = _HEADER.pack(VERSION, decoded.kind, len(frames), min(width, 2**32 - 1), min(height, 2**32 - 1))
    described = header + b"".join(map(_describe, frames))
    return described + _kept_words(decoded.text, min(_WORD_BYTES, _BUDGET - len(described)))


@dataclass(frozen=True)
class _Batch:
    """Features of a batch as arrays: a row a document, or a row a frame, document after document."""

    valid: NDArray[np.bool_]
    kinds: Bytes
    sizes: NDArray[np.float64]
    """(documents, 2): width, height."""
    counts: NDArray[np.int64]
    histograms: Floats
    layouts: Floats
    figures: Floats
    texts: list[str]

    def frame_runs(self) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
        """The documents that have frames; how many each has; and where they start."""
        seen = np.flatnonzero(self.counts)
        counts = self.counts[seen]
        return seen, counts, np.cumsum(counts) - counts


def _unpack(features: Sequence[bytes]) -> _Batch:
    headers, frames, texts = [], [], []
    for feature in features:
        header = _HEADER.unpack_from(feature) if len(feature) >= _HEADER.size else (0,) * 5
        end = _HEADER.size + header[2] * _FRAME_BYTES
        if header[0] != VERSION or len(feature) < end:
            header, end = (0,) * 5, _HEADER.size  # another version's, or cut off: nothing to judge by
        headers.append(header)
        frames.append(feature[_HEADER.size : end])
        texts.append(feature[end:].decode("utf-8", "ignore") if header[0] else "")
    table = np.array(headers, np.int64).reshape(-1, 5)
    raw = np.frombuffer(b"".join(frames), np.uint8).reshape(-1, _FRAME_BYTES)
    return _Batch(
        valid=table[:, 0] == VERSION,
        kinds=table[:, 1].astype(np.uint8),
        sizes=table[:, 3:].astype(np.float64),
        counts=table[:, 2],
        histograms=raw[:, :_PALETTE].astype(np.float32),
        layouts=raw[:, _PALETTE : _PALETTE + _LAYOUT].view(np.int8).astype(np.float32),
        figures=raw[:, _PALETTE + _LAYOUT :].astype(np.float32) / np.float32(255),
        texts=texts,
    )


# --- how near two looks are --------------------------------------------------------------------------


def _look_alike(documents: _Batch, reference: _Batch) -> Floats:
    """How near each document's look is to the one reference's, 0..1; 0 for a document without a look.

    Of clips, whichever side has fewer frames is compared frame by frame with the best counterpart on the other:
    a picture with the best frame of a clip, and two clips through, so that a black frame in both is not enough.
    """
    nearness = np.zeros(len(documents.counts), np.float32)
    seen, counts, starts = documents.frame_runs()
    if not (len(seen) and len(reference.histograms)):
        return nearness
    frames = _frame_nearness(documents, reference)
    of_reference = np.maximum.reduceat(frames, starts, axis=0).mean(axis=1)
    of_document = np.add.reduceat(frames.max(axis=1), starts) / counts
    nearness[seen] = np.where(counts < frames.shape[1], of_document, of_reference)
    return nearness


def _frame_nearness(documents: _Batch, reference: _Batch) -> Floats:
    """(document frames, reference frames). Half colours, whatever their place; half layout.

    The products are of small whole numbers, exact in float32 whatever the order of summing: a document's score
    is the same to the last bit in any batch.
    """
    alike = documents.histograms @ reference.histograms.T
    lengths = np.outer(_squares(documents.histograms), _squares(reference.histograms))
    # The Bhattacharyya coefficient of the histograms; even unrelated photographs reach 0.5.
    colours = np.clip((alike / np.sqrt(lengths) - 0.5) / 0.5, 0, 1) ** 2
    apart = (
        _squares(documents.layouts)[:, None] + _squares(reference.layouts) - 2 * documents.layouts @ reference.layouts.T
    )
    distance = np.sqrt(np.maximum(apart, 0) / (_CELLS * _CELLS)) / _LIGHTNESS_STEPS
    layout = np.exp(-((distance / 0.15) ** 2))
    return np.asarray((colours + layout) / 2, np.float32)


def _squares(rows: Floats) -> Floats:
    return np.asarray((rows * rows).sum(axis=1))


# --- how a document looks, in words ------------------------------------------------------------------


def _measured(measure: str, documents: _Batch) -> Floats:
    """How far each document's look is what a word of look_words asks for, 0..1; 0 without a look."""
    if measure in (kind.label for kind in Kind):
        return np.asarray(documents.kinds == Kind[measure.upper()], np.float32) * documents.valid
    fits = np.zeros(len(documents.counts), np.float32)
    seen, counts, starts = documents.frame_runs()
    if not len(seen):
        return fits
    if measure in ("portrait", "landscape", "square"):
        width, height = np.maximum(documents.sizes[seen], 1).T
        fits[seen] = _shape(measure, width / height)
    elif measure in ("black", "grey", "white") or measure not in _COLOURS:
        # Of the whole clip: many fade from black.
        figures = np.add.reduceat(documents.figures, starts, axis=0) / counts[:, None]
        fits[seen] = _tone(measure, figures.astype(np.float32))
    else:
        share = np.maximum.reduceat(documents.figures[:, _COLOURS.index(measure)], starts)
        fits[seen] = _noticed(share)
    return fits


def _shape(measure: str, ratio: NDArray[np.float64]) -> Floats:
    sideways = np.log2(ratio) / np.log2(4 / 3)  # 1 for a 4:3 landscape, -1 for a 3:4 portrait
    fit = {"landscape": sideways, "portrait": -sideways, "square": 1 - np.abs(sideways) * 2}[measure]
    return np.asarray(np.clip(fit, 0, 1), np.float32)


def _tone(measure: str, figures: Floats) -> Floats:
    share = dict(zip(_COLOURS, figures.T, strict=False))
    lightness, chroma, coloured = figures.T[len(_COLOURS) :]
    warm = share["red"] + share["orange"] + share["yellow"] + share["brown"]
    cool = share["cyan"] + share["blue"]
    fit: Floats
    match measure:
        case "dark":
            fit = (0.55 - lightness) / 0.35
        case "bright":
            fit = (lightness - 0.5) / 0.35
        case "monochrome":
            fit = 1 - 5 * coloured
        case "vivid":
            fit = chroma / 0.5
        case "muted":
            fit = np.minimum(1 - chroma / 0.4, 4 * coloured)
        case "warm":
            fit = _noticed(np.clip(warm - cool, 0, 1))
        case "cool":
            fit = _noticed(np.clip(cool - warm, 0, 1))
        case _:
            fit = _noticed(share[measure])
    return np.clip(fit, 0, 1)


def _noticed(share: Floats) -> Floats:
    """How much a share of the picture counts: as likely as one of three looks at random places meets it."""
    return np.asarray(1 - (1 - share) ** 3, np.float32)


# --- the judge ---------------------------------------------------------------------------------------


class BuiltinMatcher:
    """Judges looks and words, not meaning: at once, on any machine."""

    title = "Built-in matcher: looks and words, not meaning"
    pixels = PixelPolicy(max_pixels=128 * 128, frames=_FRAMES, scaled=True)
    extractor = f"builtin looks {VERSION}; {pixels.max_pixels} pixels, {pixels.frames} frames, scaled"
    identity = f"builtin 1; {extractor}"

    def extract(self, decoded: Decoded) -> bytes:
        """Colours, layout and figures of up to 8 frames, the shape, and the first words. At most 2.5 KB."""
        return _feature(decoded)

    def ask(self, query: Query, references: Sequence[Document]) -> BuiltinQuestion:
        """The query made ready; a reference counts by its look alone."""
        return BuiltinQuestion(terms(query.text), [_unpack([_feature_of(reference)]) for reference in references])


class BuiltinQuestion:
    """A query as the built-in matcher understands it.

    The score is the mean of the two parts that the query has: of the references, the mean nearness of the looks;
    of the words, the mean over the meaningful ones, each 1 where a text, a caption or the name holds it, and for a
    word of looks at least as much as it is seen. A text document has no look: 0 for a reference.
    """

    def __init__(self, asked: Sequence[Term], references: Sequence[_Batch]) -> None:
        self._terms = asked
        self._references = references
        self._finder = Finder(asked)
        self._measured = np.array([bool(term.measure) for term in asked], np.bool_)

    def score(self, documents: Sequence[Document]) -> Scores:
        batch = _unpack([_feature_of(document) for document in documents])
        parts = []
        if self._terms:
            parts.append(self._words_score(batch))
        if self._references:
            near = [_look_alike(batch, reference) for reference in self._references]
            parts.append(np.mean(near, axis=0))
        scores = np.mean(parts, axis=0) if parts else np.zeros(len(documents))
        return np.where(batch.valid, np.clip(scores, 0, 1), np.nan).astype(np.float32)

    def _words_score(self, batch: _Batch) -> Floats:
        """The mean over the terms of what a document's text or look shows of each."""
        evidence = np.zeros((len(batch.texts), len(self._terms)), np.float32)
        worded = np.array([row for row, text in enumerate(batch.texts) if text], np.intp)
        evidence[worded] = self._finder.in_texts([batch.texts[row] for row in worded])
        for column, term in enumerate(self._terms):
            if term.measure:
                np.maximum(evidence[:, column], _measured(term.measure, batch), out=evidence[:, column])
        return np.asarray(evidence.mean(axis=1))

    def with_names(self, scores: Scores, names: Sequence[str]) -> Scores:
        """See `Question`. A score is one number, so which words it stands for is inferred.

        What a content shows is taken to be of the words of looks first and spread evenly over them; a name adds
        what is missing of the words that it holds. With references too, the two parts are taken to agree. A name
        never lowers a score, and one that holds every word makes the words' part 1.
        """
        if not self._terms or not len(names):
            return np.array(scores, np.float32)
        hits = self._finder.in_names(names)
        weight = 0.5 if self._references else 1.0
        named = hits.any(axis=1)
        raised = np.array(scores, np.float32)
        unknown = np.isnan(raised)
        raised[unknown & named] = 0
        shown = np.clip(raised[named], 0, 1) * len(self._terms)
        total = np.zeros(len(shown), np.float32)
        for part in (self._measured, ~self._measured):
            words_of_part = int(part.sum())
            if words_of_part:
                seen = np.minimum(shown, words_of_part)
                held = hits[named][:, part].sum(axis=1)
                total += held + (words_of_part - held) * (seen / words_of_part)
                shown = shown - seen
        gain = total / len(self._terms) - raised[named]
        raised[named] += weight * np.maximum(gain, 0).astype(np.float32)
        return np.clip(raised, 0, 1)
