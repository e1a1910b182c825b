"""How a query and a document become what Qwen3-VL-Reranker was trained to read, and either of them Qwen3-VL-Embedding.

The words around query and document, their order and every space are part of the model: another prompt, other scores.
They are those of the models' own code (Qwen3-VL-Embedding, `qwen3_vl_reranker.py` and `qwen3_vl_embedding.py`), and so
are the rules by which a long prompt is cut. The tokens of pictures are counted and placed here, and never looked for
in the text, so whatever a text says, it can't be taken for a picture.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.errors import ModelDamaged, ModelIncomplete, ModelNotReranker

MAX_LENGTH = 10_240
"""Tokens of a reranker's prompt; the last five come on top. As the model's own code has it."""
MAX_LONE_LENGTH = 8_192
"""Tokens of an embedder's prompt, likewise."""

Ids = NDArray[np.int64]

_TASK = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
_NOTHING = "NULL"
_STRUCTURE = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
_ALWAYS_KEPT = 5
"""Tokens at the end of a prompt that are never cut: in the model's vocabulary, those that ask for the answer."""


# --- what a prompt is made of, and what comes out ----------------------------------------------------


@dataclass(frozen=True)
class Vision:
    """A picture or clip as the prompt sees it."""

    rows: int
    """Of tokens: height in pixels over the grid's factor."""
    columns: int
    times: tuple[float, ...] = ()
    """Of a clip: seconds of each pair of frames, which is the mean of the two. Empty for a picture."""

    @property
    def steps(self) -> int:
        """How many times its rows and columns stand in the prompt."""
        return len(self.times) or 1

    @property
    def tokens(self) -> int:
        return self.steps * self.rows * self.columns


@dataclass(frozen=True)
class Side:
    """A query or a document. All parts empty means nothing was given; an empty text is something."""

    texts: tuple[str, ...] = ()
    pictures: tuple[Vision, ...] = ()
    clips: tuple[Vision, ...] = ()

    @property
    def visions(self) -> tuple[Vision, ...]:
        """In the order in which the prompt shows them."""
        return self.clips + self.pictures


@dataclass(frozen=True)
class Span:
    """Where one picture, or one pair of frames of a clip, stands in a prompt."""

    start: int
    length: int
    vision: int
    """Index into `query.visions + document.visions`, or into those of the one side there is."""
    step: int
    """Which pair of frames; 0 for a picture."""


@dataclass(frozen=True)
class Prompt:
    """What the network reads. S is its length in tokens."""

    ids: Ids
    """(S,) token ids. Inside a span they only hold the place."""
    positions: Ids
    """(3, S): time, row and column of each token in the network's rotary embedding."""
    spans: tuple[Span, ...]
    """In order of start."""
    document_start: int
    """No token before it belongs to the document, or to the one side there is. Of two prompts with the same query and
    instruction, what their ids have in common before it is the same in everything."""
    cut: bool
    """Whether text was left out because the prompt was too long."""


@dataclass(frozen=True)
class _Shown:
    """A span that has no place yet."""

    vision: int
    step: int
    tokens: int
    moves: bool


# --- writing it --------------------------------------------------------------------------------------


class _Writer(ABC):
    """What both writers share. Safe to use from several threads by turns only."""

    def __init__(self, folder: Path, max_length: int) -> None:
        self._tokenizer = _open_tokenizer(folder)
        self._max_length = max_length
        structure = _ids_of(self._tokenizer, folder, _STRUCTURE)
        special = _special_ids(self._tokenizer, folder).union(structure)
        self._special = np.zeros(max(self._tokenizer.get_vocab_size(), *special) + 1, np.bool_)
        self._special[list(special)] = True
        self._words = _Words(self._tokenizer, self._special, max_length)
        self._frame = _Frame(self._words, *(np.array([id_], np.int64) for id_ in structure))

    def _written(self, draft: _Draft, document: Side, visions: tuple[Vision, ...]) -> Prompt:
        """The draft with the document at its end; `visions`: all that the prompt shows, the document's last."""
        # The document's first words may merge with the last token before them.
        length, unread = draft.length, self._words.ids(draft.unread)
        for part in _shown(document, len(visions) - len(document.visions)):
            draft.add(part)
        ids, spans = draft.finished(), draft.spans
        document_start = length + _common(unread, ids[length:])
        kept = self._kept(ids, spans)
        if not kept.all():
            places = np.cumsum(kept) - 1
            spans = [replace(span, start=int(places[span.start])) for span in spans]
            document_start = int(kept[:document_start].sum())
            ids = ids[kept]
        positions = _positions(len(ids), spans, visions)
        return Prompt(ids, positions, tuple(spans), document_start, not kept.all())

    @abstractmethod
    def _kept(self, ids: Ids, spans: Sequence[Span]) -> NDArray[np.bool_]:
        """Which tokens remain of a prompt that may be too long; all of pictures do."""


class PromptWriter(_Writer):
    """Writes a reranker's prompts with the tokenizer of the model in `folder`.

    Raises ModelIncomplete, ModelDamaged, ModelNotReranker.
    """

    def __init__(self, folder: Path, *, max_length: int = MAX_LENGTH) -> None:
        super().__init__(folder, max_length)
        self.yes, self.no = _ids_of(self._tokenizer, folder, ("yes", "no"))
        self._head = self._frame.head(_TASK)

    def write(self, instruction: str, query: Side, document: Side) -> Prompt:
        """The prompt that asks whether the document answers the query."""
        draft = _Draft(self._words, self._frame, self._head)
        for part in (f"user\n<Instruct>: {instruction}<Query>:", *_shown(query, 0), "\n<Document>:"):
            draft.add(part)
        return self._written(draft, document, query.visions + document.visions)

    def _kept(self, ids: Ids, spans: Sequence[Span]) -> NDArray[np.bool_]:
        """All special tokens, and as many others as there is room for; the last few come on top."""
        kept = np.ones(len(ids), np.bool_)
        body = ids[:-_ALWAYS_KEPT]
        if len(body) > self._max_length:
            special = self._special[body]
            room = self._max_length - np.count_nonzero(special)
            kept[: len(body)] = special | (np.cumsum(~special) <= room)
        return kept


class LonePromptWriter(_Writer):
    """Writes an embedder's prompts: a query or a document by itself.

    Raises ModelIncomplete, ModelDamaged, ModelNotReranker.
    """

    def __init__(self, folder: Path, *, max_length: int = MAX_LONE_LENGTH) -> None:
        super().__init__(folder, max_length)

    def write(self, instruction: str, side: Side) -> Prompt:
        """The prompt that has a side represented as the instruction says, which is taken as it is: see `punctuated`."""
        draft = _Draft(self._words, self._frame, self._frame.head(instruction))
        draft.add("user\n")
        return self._written(draft, side, side.visions)

    def _kept(self, ids: Ids, spans: Sequence[Span]) -> NDArray[np.bool_]:
        """The beginning, be its end as it may: the words that end a prompt are cut with the rest.

        The model's own code fails where that would cut a picture. Here what stands before a picture's end stays.
        """
        shown = max((span.start + span.length + 1 for span in spans), default=0)
        return np.arange(len(ids)) < max(self._max_length, shown)


def punctuated(instruction: str) -> str:
    """An instruction as the embedder was trained to read it: without outer space, with some punctuation at its end."""
    instruction = instruction.strip()
    ends = not instruction or unicodedata.category(instruction[-1]).startswith("P")
    return instruction if ends else f"{instruction}."


class _Frame:
    """What is the same in every prompt."""

    def __init__(self, words: _Words, begin: Ids, end: Ids, before: Ids, after: Ids, picture: Ids, frames: Ids) -> None:
        self._words = words
        self._begin, self._end = begin, end
        self._line, answer = words.ids("\n"), words.ids("assistant\n")
        self.tail = np.concatenate([end, self._line, begin, answer])
        self.before, self.after, self.picture, self.frames = before, after, picture, frames

    def head(self, task: str) -> Ids:
        """The system's part, and what begins the user's."""
        return np.concatenate([self._begin, self._words.ids(f"system\n{task}"), self._end, self._line, self._begin])


class _Draft:
    """A prompt as far as it is written."""

    def __init__(self, words: _Words, frame: _Frame, head: Ids) -> None:
        self._words = words
        self._frame = frame
        self._pieces = [head]
        self.length = len(head)
        """Tokens so far."""
        self.unread = ""
        """Words after them that are no tokens yet: they are read as one with what follows, up to a special token."""
        self.spans: list[Span] = []

    def add(self, part: str | _Shown) -> None:
        if isinstance(part, str):
            self.unread += part
            return
        ids, frame = self._words.ids(self.unread), self._frame
        self.unread = ""
        pads = np.repeat(frame.frames if part.moves else frame.picture, part.tokens)
        self._pieces += [ids, frame.before, pads, frame.after]
        self.spans.append(Span(self.length + len(ids) + 1, part.tokens, part.vision, part.step))
        self.length += len(ids) + part.tokens + 2

    def finished(self) -> Ids:
        return np.concatenate([*self._pieces, self._words.ids(self.unread), self._frame.tail])


def _shown(side: Side, first: int) -> Iterator[str | _Shown]:
    """What the side says and shows, in order: clips, pictures, texts."""
    for index, vision in enumerate(side.visions, first):
        for step, time in enumerate(vision.times):
            yield f"<{time:.1f} seconds>"
            yield _Shown(index, step, vision.rows * vision.columns, moves=True)
        if not vision.times:
            yield _Shown(index, 0, vision.tokens, moves=False)
    if side.texts or side.visions:
        yield "".join(side.texts)
    else:
        yield _NOTHING


def _common(one: Ids, other: Ids) -> int:
    """How many tokens both begin with."""
    length = min(len(one), len(other))
    differing = np.flatnonzero(one[:length] != other[:length])
    return int(differing[0]) if len(differing) else length


def _positions(length: int, spans: Iterable[Span], visions: tuple[Vision, ...]) -> Ids:
    """(3, length). Text counts up in all three; a picture has one time, and takes as many places as its longer side."""
    positions = np.empty((3, length), np.int64)
    at, place = 0, 0
    for span in spans:
        positions[:, at : span.start] = np.arange(place, place + span.start - at)
        place += span.start - at
        at = span.start + span.length
        vision = visions[span.vision]
        positions[:, span.start : at] = _grid(vision.rows, vision.columns) + place
        place += max(vision.rows, vision.columns)
    positions[:, at:] = np.arange(place, place + length - at)
    return positions


@functools.lru_cache(maxsize=128)
def _grid(rows: int, columns: int) -> Ids:
    return np.indices((1, rows, columns)).reshape(3, -1)


# --- words to tokens ---------------------------------------------------------------------------------


class _Words:
    """Turns text between pictures into token ids.

    The prompt is read as one string, whose words merge across the borders of its parts. A special token is where that
    ends: the tokenizer takes those out first and reads what is between them apart. So the text between two of them
    may be read by itself, and remembered, and gives the ids that the whole string would.
    """

    _REMEMBERED = 2**21
    """Characters of text that was read lately. A folder of pictures is asked about by the same words every time."""
    _UNSETTLED = 40
    """Words before a cut that might be others with what follows it. A special token cut apart is fewer."""

    def __init__(self, tokenizer: Tokenizer, special: NDArray[np.bool_], max_length: int) -> None:
        self._tokenizer = tokenizer
        self._special = special
        self._max_length = max_length
        self._added = {token.content: id_ for id_, token in tokenizer.get_added_tokens_decoder().items()}
        self._added_pattern = re.compile("|".join(map(re.escape, sorted(self._added, key=len, reverse=True))))
        self._known: OrderedDict[str, Ids] = OrderedDict()
        self._room = self._REMEMBERED

    def ids(self, text: str) -> Ids:
        """The ids of a text. Of one beyond the limit, those that come to nothing when the prompt is cut are missing."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        ids = self._read(text)
        ids.flags.writeable = False
        self._known[text] = ids
        self._room -= len(text)
        while self._room < 0:
            forgotten, _ = self._known.popitem(last=False)
            self._room += len(forgotten)
        return ids

    def _read(self, text: str) -> Ids:
        # A name on a disk may hold bytes that are no characters, which a tokenizer refuses.
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        if len(text) > 8 * self._max_length and (ids := self._read_beginning(text)) is not None:
            return ids
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int64)

    def _read_beginning(self, text: str) -> Ids | None:
        """The ids of a text of which only the beginning, and all special tokens, can matter; None if it isn't so.

        A text of a million characters takes half a second to be read, and nearly all of it would be cut.
        """
        length = 8 * self._max_length
        encoding = self._tokenizer.encode(text[:length], add_special_tokens=False)
        ids = np.array(encoding.ids, np.int64)
        words = np.array(encoding.word_ids, np.int64)
        settled = words <= words.max() - self._UNSETTLED
        if np.count_nonzero(settled & ~self._special[ids]) <= self._max_length:
            return None
        added = (self._added[match[0]] for match in self._added_pattern.finditer(text) if match.end() > length)
        later = np.array([id_ for id_ in added if self._special[id_]], np.int64)
        return np.concatenate([ids, later])


def _open_tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelIncomplete(path=str(folder), file=path.name)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelDamaged(path=str(folder), file=path.name, detail=str(error)) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _ids_of(tokenizer: Tokenizer, folder: Path, tokens: Iterable[str]) -> list[int]:
    ids = []
    for token in tokens:
        id_ = tokenizer.token_to_id(token)
        if id_ is None:
            raise ModelNotReranker(path=str(folder), found=f"its vocabulary lacks {token}")
        ids.append(id_)
    return ids


def _special_ids(tokenizer: Tokenizer, folder: Path) -> set[int]:
    """Ids of the tokens that are never cut: those that the tokenizer or its configuration calls special."""
    ids = {id_ for id_, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    path = folder / "tokenizer_config.json"
    try:
        configuration = json.loads(path.read_text("utf-8"))
        named = list(_named_tokens(configuration))
    except FileNotFoundError:
        return ids
    except (OSError, ValueError, AttributeError) as error:
        raise ModelDamaged(path=str(folder), file=path.name, detail=str(error)) from error
    return ids | {id_ for token in named if (id_ := tokenizer.token_to_id(token)) is not None}


def _named_tokens(configuration: Mapping[str, Any]) -> Iterator[str]:
    for key, value in configuration.items():
        if key in ("additional_special_tokens", "extra_special_tokens"):
            yield from map(_content, value.values() if isinstance(value, dict) else value or ())
        elif key.endswith("_token") and value:
            yield _content(value)


def _content(token: str | Mapping[str, str]) -> str:
    return token if isinstance(token, str) else token["content"]
