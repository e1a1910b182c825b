"""Errors in the user's words: every known one, translated, its data made fit for a label; a bug named as one."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QTranslator
from PySide6.QtWidgets import QApplication

from core import errors
from desktop.messages import sentence

KINDS = sorted(
    (thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, errors.SemblanceError)),
    key=lambda kind: kind.__name__,
)


def example(kind: type[errors.SemblanceError]) -> errors.SemblanceError:
    """One of this kind, with something in every place its sentence has."""
    return kind(**{name: f"<{name}>" for name in re.findall(r"{(\w+)}", kind.sentence)})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_with_its_data_in_it(kind: type[errors.SemblanceError], qapp: QApplication) -> None:
    error = example(kind)
    words = sentence(error)
    assert words == str(error)  # in English the window says what the command line says
    assert all(str(value) in words for value in error.data.values())
    assert words[0].isupper() or words[0] == "<"
    assert "Error" not in words
    assert "Traceback" not in words


def test_the_reason_inside_an_error_is_a_sentence_too(qapp: QApplication) -> None:
    error = errors.ReferenceUnreadable(path="/q/cat.jpg", reason=errors.FileTooLarge(megapixels=900, limit=500))
    assert sentence(error) == (
        "The reference /q/cat.jpg can't be used. "
        "The picture is too large to open safely (900 megapixels; the limit is 500)."
    )


def test_a_name_that_is_no_unicode_can_be_shown(qapp: QApplication) -> None:
    words = sentence(errors.FolderMissing(path=os.fsdecode(b"/photos/caf\xe9")))
    assert "/photos/caf\N{REPLACEMENT CHARACTER}" in words
    words.encode()  # a lone surrogate would break a label's text


def test_braces_in_a_name_are_only_characters(qapp: QApplication) -> None:
    assert "/photos/{0} {path}" in sentence(errors.FolderMissing(path="/photos/{0} {path}"))


def test_a_bug_is_named_as_one(qapp: QApplication) -> None:
    words = sentence(ZeroDivisionError("division by zero"))
    assert "A fault in Semblance itself" in words
    assert "ZeroDivisionError: division by zero" in words
    assert "{" in sentence(KeyError("{fault}"))


# --- translated --------------------------------------------------------------------------------------


class Shouting(QTranslator):
    """Translates the errors into capitals, and nothing else."""

    def translate(self, context: str, source: str, disambiguation: str | None = None, count: int = -1) -> str:
        return re.sub(r"[^{}]+(?![^{]*})", lambda words: words[0].upper(), source) if context == "errors" else ""

    def isEmpty(self) -> bool:
        return False


@pytest.fixture
def shouting(qapp: QApplication) -> Iterator[Shouting]:
    translator = Shouting()
    QCoreApplication.installTranslator(translator)
    yield translator
    QCoreApplication.removeTranslator(translator)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_translated_before_its_data_is_put_in(
    kind: type[errors.SemblanceError], shouting: object
) -> None:
    error = example(kind)
    words = sentence(error)
    for value in error.data.values():
        assert str(value) in words  # the data itself is not
        words = words.replace(str(value), "")
    assert words == words.upper()


def test_the_inner_reason_and_a_bug_are_translated_too(shouting: object) -> None:
    words = sentence(errors.ReferenceUnreadable(path="/q/cat.jpg", reason=errors.FileEmpty()))
    assert words == "THE REFERENCE /q/cat.jpg CAN'T BE USED. THE FILE IS EMPTY."
    assert sentence(ZeroDivisionError("no")).startswith("A FAULT IN SEMBLANCE ITSELF: ZeroDivisionError: no.")


def test_every_sentence_is_found_by_the_tools_that_collect_them() -> None:
    # The templates are translated by value: they must be plain literals, never put together.
    source = Path(errors.__file__).read_text("utf-8")
    assert not re.search(r"sentence\s*=\s*f[\"']", source)
