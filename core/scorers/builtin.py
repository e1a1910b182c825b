"""How the built-in matcher judges: by looks, by words and by words for looks, with no model's weights.

What is measured of a frame, and how two frames compare, is in `looks`, `points` and `figures`; what a query's words
ask for in `look_words` and `words`; what is kept in `features`. Here they become evidence and one score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core.errors import NothingToGoOn, SemblanceError
from core.media import Decoded, PixelPolicy
from core.query import Aspect, Query
from core.scorers import (
    Document,
    EncodesNothing,
    Evidence,
    Explanation,
    Feature,
    IsQuick,
    Scores,
    Understood,
    Where,
    WordMet,
)
from core.scorers.features import FRAMES, Batch, Library, feature_of, points_of
from core.scorers.features import VERSION as FEATURES_VERSION
from core.scorers.look_words import looks_in
from core.scorers.looks import MAYBE_SAME, nearness, overall
from core.scorers.points import SamePicture, count_points
from core.scorers.words import Finder, Word, asked_words

Floats = NDArray[np.float32]

VERSION = 3
MET = 0.55
"""Evidence from which a word counts as met: not half a Chinese word, nor a house for a horse."""
LEAST_LOOK = np.float32(0.1)
"""What a look that is not there counts for among several, so that a second one still tells documents apart."""
DECISIVE_POINTS, HARDLY = 16, 0.1
"""Two pictures with so many points that hardly share any are not the same. Of 326 copies with as many, all of held-out
pictures, none had less proof; of 87 pairs of strangers whose global looks were taken for one picture, all had less."""
BORNE_OUT, UNPROVEN = 0.7, 0.39
"""How near palette or layout must be for the global look to be believed without proof, and what it counts otherwise."""
CLOSEST_FRAMES = 2
"""Of a clip, this many frames are compared point by point with each frame of a reference: the nearest ones."""
ALTERED = np.float32(0.1)
"""What a copy may lose by looking different."""
NEARLY = 0.85
"""How near a clip's frames must be, against the best of them, to belong to its best stretch."""
_PARTS = (Aspect.PALETTE, Aspect.LAYOUT, Aspect.TEXTURE, Aspect.SAME)

# --- how near two looks are --------------------------------------------------------------------------


class _Reference:
    """A picture or clip of the query."""

    def __init__(self, feature: Feature) -> None:
        library = Library()
        library.add([feature.data])
        self.looks = library.batch(np.zeros(1, np.int64)).looks
        kept = points_of(feature.detail)
        self._points = [(SamePicture(points), count_points(points)) for points in kept]

    def verify(self, planes: _Planes, points: Sequence[bytes]) -> Floats:
        """How surely the frames of one document show the same picture, each (frames, own frames).

        The nearest few frames are compared point by point. Where both pictures have enough points, these decide; of
        hazy ones, which have few, the global look is believed as far as palette or layout bear it out.
        """
        same = np.zeros_like(planes.maybe_same)
        maybe = planes.in_doubt
        likely = np.where(maybe, planes.maybe_same, np.float32(0))
        borne_out = np.maximum(planes.palette, planes.layout) >= BORNE_OUT
        for column, (mine, count) in enumerate(self._points):
            nearest = np.argsort(-likely[:, column], kind="stable")[:CLOSEST_FRAMES]
            for row in nearest[maybe[nearest, column]]:
                theirs = points[row] if row < len(points) else b""
                proof = mine.verify(theirs)
                seen = float(likely[row, column])
                if min(count, count_points(theirs)) >= DECISIVE_POINTS:
                    seen = seen if proof >= HARDLY else 0.0
                elif not borne_out[row, column]:
                    seen = min(seen, UNPROVEN)
                same[row, column] = max(seen, proof)
        return same


@dataclass
class _Planes:
    """How near frames are to a reference's frames in each respect. Each (frames, reference frames), 0..1."""

    palette: Floats
    layout: Floats
    texture: Floats
    same: Floats
    """0 where it was not looked at closely."""
    maybe_same: Floats
    """What the global look alone says of it."""
    style: Floats

    @property
    def in_doubt(self) -> NDArray[np.bool_]:
        """Which pairs of frames may show the same picture."""
        return self.maybe_same >= MAYBE_SAME

    def rows(self, frames: slice) -> _Planes:
        """Some of the frames."""
        return _Planes(*(getattr(self, field.name)[frames] for field in fields(self)))

    def of(self, aspect: Aspect) -> Floats:
        """Overall is the better of style and sameness: the same picture in grey has another palette.

        Of copies, those that were altered least come first.
        """
        if aspect is Aspect.OVERALL:
            return np.maximum(self.style, self.same * (1 - ALTERED + ALTERED * self.style))
        plane: Floats = getattr(self, aspect.value)
        return plane


def _planes(batch: Batch, reference: _Reference) -> _Planes:
    """By the global look alone."""
    near = nearness(batch.looks, reference.looks)
    style = overall(near)
    return _Planes(near.palette, near.layout, near.texture, np.zeros_like(style), near.same, style)


def _by_document(plane: NDArray[np.generic], batch: Batch) -> Floats:
    """One number a document of a plane of frames; 0 for one without frames.

    A document is as near as its best stretch: a picture counts by the best frame of a clip, and two clips by the
    mean over the frames of the one with fewer of the best counterpart on the other, so that a black frame in both is
    not enough.
    """
    result = np.zeros(len(batch), np.float32)
    counts = batch.measured.counts
    seen = np.flatnonzero(counts)
    if not (len(seen) and plane.shape[1]):
        return result
    if plane.shape[1] == 1 and len(plane) == len(seen):
        result[seen] = plane[:, 0]
        return result
    starts = batch.starts[seen]
    of_reference = np.maximum.reduceat(plane, starts, axis=0).mean(axis=1, dtype=np.float32)
    of_document = np.add.reduceat(plane.max(axis=1), starts) / counts[seen]
    result[seen] = np.where(counts[seen] < plane.shape[1], of_document, of_reference)
    return result


def _in_some_frame(marks: NDArray[np.bool_], batch: Batch) -> NDArray[np.bool_]:
    """Which documents have a mark in any of their frames."""
    marked = np.zeros(len(batch), np.bool_)
    marked[np.repeat(np.arange(len(batch)), batch.measured.counts)[marks.any(axis=1)]] = True
    return marked


def _together(values: Sequence[Floats]) -> Floats:
    """Several references as one: half their mean, half the best, so that a copy of one of them still stands out."""
    stacked = np.stack(values)
    return np.asarray((stacked.mean(axis=0) + stacked.max(axis=0)) / 2, np.float32)


# --- the judge ---------------------------------------------------------------------------------------


class BuiltinMatcher(IsQuick, EncodesNothing):
    """Judges looks and words, not meaning: at once, on any machine."""

    title = "Built-in matcher: looks and words, not meaning"
    pixels = PixelPolicy(max_pixels=400 * 300, frames=FRAMES, scaled=True, margin=1.0)
    extractor = (
        f"builtin features {FEATURES_VERSION}; {pixels.max_pixels} pixels, {FRAMES} frames, scale {pixels.margin}"
    )
    identity = f"builtin {VERSION}; {extractor}"
    reads_pixels_alone = False  # captions and keywords are words

    def extract(self, decoded: Decoded) -> Feature:
        """Look, figures and points of up to 8 frames, the shape, and the first words. At most 12 KB."""
        return feature_of(decoded)

    def shelf(self) -> Library:
        return Library()

    def asks_by_features(self, query: Query) -> bool:
        return True

    def ask(self, query: Query, references: Sequence[Document]) -> BuiltinQuestion:
        """The query made ready; a reference counts by its look alone."""
        return BuiltinQuestion(query, [_Reference(_feature_of(reference)) for reference in references])


def _feature_of(document: Document) -> Feature:
    if document.feature is not None:
        return document.feature
    return Feature(b"") if document.decoded is None else feature_of(document.decoded)


class BuiltinQuestion:
    """A query as the built-in matcher understands it.

    Evidence: how near the look is to the references (0 without any, and for a text), then for each look and each
    word that the query's text asks for how far the content has it. The score is the mean of the two parts that the
    query has: how near it is to the references, and the words, which weigh more the rarer they are.
    """

    def __init__(self, query: Query, references: Sequence[_Reference]) -> None:
        looks, rest = looks_in(query.text)
        # Little words count only if there is nothing else.
        words = asked_words(rest, or_little=not looks)
        self._text = query.text
        self._aspect = query.aspect
        self._by_points = query.aspect in (Aspect.OVERALL, Aspect.SAME)
        self._references = references
        self._looks = looks
        self._terms = [Word(look.text, look.forms, look.weight) for look in looks] + list(words)
        self._weights = np.array([term.weight for term in self._terms], np.float32)
        self._finder = Finder(self._terms)
        self._met = np.zeros(len(self._terms), np.float32)
        self.columns = 1 + len(self._terms)
        self.reads_names = bool(self._terms)
        told = Understood(tuple(look.text for look in looks), tuple(word.text for word in words))
        self.understood = told if self._terms else None

    # --- judging ---

    def glance(self, shelf: Library, rows: NDArray[np.int64]) -> tuple[Scores, Evidence, NDArray[np.bool_]]:
        batch = shelf.batch(rows)
        planes = [_planes(batch, reference) for reference in self._references]
        doubtful = np.zeros(len(batch), np.bool_)
        if self._by_points:
            for each in planes:
                doubtful |= _in_some_frame(each.in_doubt, batch)
        evidence = self._evidence(batch, planes)
        return self._scores(evidence), evidence, doubtful

    def judge(self, documents: Sequence[Document]) -> tuple[Scores, Evidence]:
        batch, planes = self._look_closely(documents, by_points=self._by_points)
        evidence = self._evidence(batch, planes)
        return self._scores(evidence), evidence

    def _look_closely(self, documents: Sequence[Document], *, by_points: bool) -> tuple[Batch, list[_Planes]]:
        """The documents, and how near they are to each reference; if wanted, point by point where that may decide."""
        features = [_feature_of(document) for document in documents]
        library = Library()
        library.add([feature.data for feature in features])
        batch = library.batch(np.arange(len(features)))
        planes = [_planes(batch, reference) for reference in self._references]
        if by_points:
            firsts, counts = batch.starts, batch.measured.counts
            for reference, each in zip(self._references, planes, strict=True):
                for document in np.flatnonzero(_in_some_frame(each.in_doubt, batch)):
                    frames = slice(firsts[document], firsts[document] + counts[document])
                    each.same[frames] = reference.verify(each.rows(frames), points_of(features[document].detail))
        return batch, planes

    def _evidence(self, batch: Batch, planes: Sequence[_Planes]) -> Evidence:
        evidence = np.zeros((len(batch), self.columns), np.float32)
        if planes:
            evidence[:, 0] = _together([_by_document(each.of(self._aspect), batch) for each in planes])
        if self._terms:
            np.maximum(self._in_looks(batch), self._in_texts(batch), out=evidence[:, 1:])
        evidence[~batch.valid] = np.nan
        return evidence

    def _in_looks(self, batch: Batch) -> Floats:
        """How far each document looks as each term asks; 0 for words that say nothing about looks."""
        fits = np.zeros((len(batch), len(self._terms)), np.float32)
        for column, look in enumerate(self._looks):
            fits[:, column] = look.fits(batch.measured)
        return fits

    def _in_texts(self, batch: Batch) -> Floats:
        met = np.zeros((len(batch), len(self._terms)), np.float32)
        worded = np.array([row for row, text in enumerate(batch.texts) if text], np.intp)
        if len(worded):
            met[worded] = self._finder.in_texts([batch.texts[row] for row in worded])
        return met

    def _scores(self, evidence: Evidence) -> Scores:
        parts = []
        if self._references:
            parts.append(evidence[:, 0])
        if self._terms:
            parts.append(self._of_terms(evidence[:, 1:]))
        scores = sum(parts) / len(parts) if parts else np.zeros(len(evidence))
        return np.asarray(np.clip(scores, 0, 1), np.float32)

    def _of_terms(self, evidence: Floats) -> Floats:
        """The weighted mean of the words and, as one, the looks: of these the harmonic mean, for "red and green" wants
        both. Sums along rows, not products of matrices, whose last bits would depend on how many rows there are."""
        count = len(self._looks)
        values, weights = evidence[:, count:], self._weights[count:]
        if count:
            of_looks = self._weights[:count]
            each = np.maximum(evidence[:, :count], LEAST_LOOK)
            together = of_looks.sum() / (of_looks / each).sum(axis=1)
            together = np.maximum((together - LEAST_LOOK) / (1 - LEAST_LOOK), 0)
            values = np.column_stack([together, values])
            weights = np.append(of_looks.sum(), weights)
        return np.asarray((values * weights).sum(axis=1) / weights.sum(), np.float32)

    # --- names ---

    def with_names(self, scores: Scores, evidence: Evidence, names: Sequence[str]) -> Scores:
        if not (self._terms and len(names)):
            return scores
        named = self._finder.in_names(names)
        unknown = np.isnan(scores)
        full = np.where(unknown[:, None], np.float32(0), evidence)
        np.maximum(full[:, 1:], named, out=full[:, 1:])
        self._met = np.maximum(self._met, full[:, 1:].max(axis=0))
        result = self._scores(full)
        result[unknown & ~named.any(axis=1)] = np.nan
        return result

    # --- telling ---

    def explain(self, document: Document, name: str) -> Explanation:
        batch, planes = self._look_closely([document], by_points=True)
        if not batch.valid[0]:
            return Explanation()
        looks: tuple[tuple[str, float], ...] = ()
        if planes:
            looks = tuple(
                (part, float(_together([_by_document(each.of(Aspect(part)), batch) for each in planes])[0]))
                for part in _PARTS
            )
        return Explanation(looks, self._words_met(batch, name), self._stretch(batch, planes))

    def _words_met(self, batch: Batch, name: str) -> tuple[WordMet, ...]:
        if not self._terms:
            return ()
        places = (Where.LOOK, Where.NAME, Where.TEXT)
        found = np.vstack([self._in_looks(batch), self._finder.in_names([name]), self._in_texts(batch)])
        # In the name it is there for all to see, so that is said first.
        best = [max((1, 2, 0), key=lambda place: found[place, column]) for column in range(len(self._terms))]
        return tuple(
            WordMet(term.text, float(value), places[place] if value > 0 else None)
            for term, place, value in zip(self._terms, best, found.max(axis=0), strict=True)
        )

    def _stretch(self, batch: Batch, planes: Sequence[_Planes]) -> tuple[float, float] | None:
        """From when to when the clip is nearest: its best frame, and its neighbours that are hardly worse."""
        if not (planes and len(batch.times) > 1):
            return None
        near = _together([each.of(self._aspect).max(axis=1) for each in planes])
        first = last = int(near.argmax())
        enough = near[first] * NEARLY
        while first > 0 and near[first - 1] >= enough:
            first -= 1
        while last < len(near) - 1 and near[last + 1] >= enough:
            last += 1
        # A frame stands for the time to half way to its neighbours.
        edges = np.concatenate(
            [[0.0], (batch.times[1:] + batch.times[:-1]) / 2, [max(batch.seconds[0], batch.times[-1])]]
        )
        return float(edges[first]), float(edges[last + 1])

    def remark(self) -> SemblanceError | None:
        if self._text and not self._terms:
            return NothingToGoOn(words=self._text)
        words = self._terms[len(self._looks) :]
        if words and (self._met[len(self._looks) :] < MET).all():
            return NothingToGoOn(words=" ".join(word.text for word in words))
        return None
