"""How words become the tokens that a model of two towers was trained on.

The vocabulary and how a text is cut into it are in the checkpoint's tokenizer.json; what is done around that (small
letters, how long, filled up with what) differs by family and is here. transformers' own tokenizer of Gemma's 256,000
tokens, which SigLIP 2 has, is built anew from that file in seconds and hundreds of megabytes: this takes the file as it
is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import BertWordPieceTokenizer, Tokenizer

from core.errors import ModelDamaged, ModelIncomplete

TOKENIZER, VOCABULARY, CONFIG = "tokenizer.json", "vocab.txt", "tokenizer_config.json"
_LOWERCASE = ("siglip", "siglip2")
"""Families that were trained on small letters alone, and on texts that are filled up to one length."""
_NEAR = 32
"""Characters of a text for each token it may have, beyond which there is no telling them apart: it is cut before."""


class TextReader:
    """Reads texts for the model in `folder`. Raises ModelIncomplete and ModelDamaged."""

    def __init__(self, folder: Path, family: str, *, length: int, vocabulary: int, padding: int) -> None:
        """`length`: the most tokens that the model takes; `vocabulary`: how many it knows; `padding`: what texts are
        filled up with if the tokenizer's configuration does not say."""
        self._folder = folder
        self._vocabulary = vocabulary
        self._fills = family in _LOWERCASE
        told = _told(folder)
        self._length = min(length, _whole(told.get("model_max_length"), length))
        self._tokenizer = _opened(folder, lowercase=told.get("do_lower_case") is not False)
        self._tokenizer.enable_truncation(self._length)
        self._tokenizer.no_padding()
        if self._fills:
            token = told.get("pad_token")
            word = str(token.get("content") if isinstance(token, dict) else token)
            found = self._tokenizer.token_to_id(word)
            side = "left" if told.get("padding_side") == "left" else "right"
            filler = padding if found is None else found
            self._tokenizer.enable_padding(direction=side, pad_id=filler, length=self._length)

    def read(self, text: str) -> list[int]:
        """The tokens of a text, as the model's own processor makes them; what is too long is cut at its end.

        SigLIP gets small letters, since it was trained on no others, and texts filled up to its full length. Raises
        ModelDamaged if the tokenizer knows more than the model.
        """
        # A name on a disk may hold bytes that are no characters, which a tokenizer refuses.
        sound = text.encode("utf-8", "replace").decode("utf-8")[: self._length * _NEAR]
        ids: list[int] = self._tokenizer.encode(sound.lower() if self._fills else sound).ids
        if not ids or max(ids) >= self._vocabulary:
            raise ModelDamaged(path=str(self._folder), file=TOKENIZER, detail="its tokens are not those of the model")
        return ids


def _opened(folder: Path, *, lowercase: bool) -> Any:
    """The library's tokenizer. Of Chinese-CLIP, which is published with its list of words alone, BERT's."""
    words = (folder / VOCABULARY).is_file() and not (folder / TOKENIZER).is_file()
    path = folder / (VOCABULARY if words else TOKENIZER)
    if not path.is_file():
        raise ModelIncomplete(path=str(folder), file=TOKENIZER)
    try:
        return BertWordPieceTokenizer(str(path), lowercase=lowercase) if words else Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelDamaged(path=str(folder), file=path.name, detail=str(error)) from error


def _told(folder: Path) -> dict[str, Any]:
    """What the tokenizer's configuration says; nothing if there is none."""
    try:
        told = json.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelDamaged(path=str(folder), file=CONFIG, detail=str(error)) from error
    return told if isinstance(told, dict) else {}


def _whole(value: Any, otherwise: int) -> int:
    return int(value) if isinstance(value, int | float) and value >= 1 else otherwise
