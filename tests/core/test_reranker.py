"""The judge for scripts against the reference's scores: tests/data/parity holds a tiny model, media, and its logits."""

from __future__ import annotations

import json
import logging
import math
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from core import Qwen3VLReranker
from core.errors import AddressRefused, JudgeNotLoaded, PrecisionUnfit, ReferenceUnreadable
from core.given_media import AHEAD
from core.scorers.qwen_forward import Forward

PARITY = Path(__file__).parents[1] / "data" / "parity"
GOLDEN: dict[str, Any] = json.loads((PARITY / "golden.json").read_text("utf-8"))
MEDIA = PARITY / "media"


def placed(given: dict[str, Any]) -> dict[str, Any]:
    """A side of the kit with its file names as paths."""

    def place(name: str, value: Any) -> Any:
        if name == "text":
            return value
        return [str(MEDIA / file) for file in value] if isinstance(value, list) else str(MEDIA / value)

    return {name: place(name, value) for name, value in given.items()}


DOCUMENTS = [placed(document) for document in GOLDEN["documents"]]
CASES = [case | {"query": placed(case["query"])} for case in GOLDEN["cases"]]


def asked(case: dict[str, Any], documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: case[name] for name in ("instruction", "query", "fps")} | {"documents": documents}


def logit(score: float) -> float:
    return math.log(score / (1 - score))


def tolerance(case: dict[str, Any], document: dict[str, Any]) -> float:
    """What the kit requires: clips 1e-2, all else 1e-3."""
    return 1e-2 if "video" in case["query"] or "video" in document else 1e-3


@pytest.fixture(scope="module")
def model() -> Iterator[Qwen3VLReranker]:
    with Qwen3VLReranker(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        yield model


@pytest.mark.parametrize("case", CASES, ids=lambda case: "+".join(case["query"]))
def test_every_logit_is_the_references(model: Qwen3VLReranker, case: dict[str, Any]) -> None:
    found = [logit(score) for score in model.process(asked(case, DOCUMENTS))]
    for document, mine, theirs in zip(DOCUMENTS, found, case["logits"], strict=True):
        assert mine == pytest.approx(theirs, abs=tolerance(case, document)), document


def test_one_by_one_as_in_company(model: Qwen3VLReranker) -> None:
    for case in CASES[2:4]:
        together = model.process(asked(case, DOCUMENTS))
        alone = [model.process(asked(case, [document]))[0] for document in DOCUMENTS]
        assert alone == pytest.approx(together, abs=2e-5)


@settings(max_examples=8, deadline=None)
@given(
    case=st.sampled_from(CASES),
    order=st.lists(st.integers(0, len(DOCUMENTS) - 1), min_size=1, max_size=16),
    features_kept=st.booleans(),
)
def test_in_any_company_order_and_repetition(
    model: Qwen3VLReranker, case: dict[str, Any], order: list[int], features_kept: bool
) -> None:
    if not features_kept:
        model.model.forward.give_back()
    found = model.process(asked(case, [DOCUMENTS[index] for index in order]))
    for index, score in zip(order, found, strict=True):
        assert logit(score) == pytest.approx(case["logits"][index], abs=tolerance(case, DOCUMENTS[index]))


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_lower_precision_ranks_alike_where_scores_are_spread(model: Qwen3VLReranker, precision: str) -> None:
    from scipy.stats import spearmanr

    case = max(CASES, key=lambda case: float(np.std(case["logits"])))
    exact = model.process(asked(case, DOCUMENTS))
    with Qwen3VLReranker(PARITY / "model", device="cpu", torch_dtype=precision) as other:
        found = other.process(asked(case, DOCUMENTS))
    assert spearmanr(exact, found).statistic > 0.99


def test_a_document_that_cannot_be_read_is_minus_one_and_said(
    model: Qwen3VLReranker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    documents = [{"text": "a"}, {"image": str(tmp_path / "gone.png")}, {"image": str(tmp_path / "broken.jpg")}]
    with caplog.at_level(logging.WARNING, "core.given_media"):
        scores = model.process({"query": {"text": "a"}, "documents": documents})
    assert 0 < scores[0] < 1
    assert scores[1:] == [-1.0, -1.0]
    assert ["no longer there" in line for line in caplog.messages] == [True, False]
    assert "damaged" in caplog.messages[1]


def test_a_picture_in_memory_that_cannot_be_read_is_minus_one(model: Qwen3VLReranker, tmp_path: Path) -> None:
    whole = (MEDIA / "photo0.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    closed = Image.open(MEDIA / "photo0.jpg")
    closed.close()
    with Image.open(tmp_path / "cut.jpg") as cut:
        documents = [{"text": "a"}, {"image": cut}, {"video": [cut, cut]}, {"image": closed}]
        documents.append({"image": Image.new("RGB", (0, 5))})
        scores = model.process({"query": {"text": "a"}, "documents": documents})
    assert 0 < scores[0] < 1
    assert scores[1:] == [-1.0] * 4


def test_what_a_file_is_given_as_counts_whatever_its_name(model: Qwen3VLReranker, tmp_path: Path) -> None:
    for name, given_name in (("photo0.jpg", "a0f3"), ("photo1.jpg", "b.part"), ("tall.mp4", "clip")):
        shutil.copy(MEDIA / name, tmp_path / given_name)
    documents = [{"image": "a0f3"}, {"image": "b.part"}, {"video": "clip"}]
    here = [{kind: str(tmp_path / name) for kind, name in document.items()} for document in documents]
    named = [{"image": str(MEDIA / "photo0.jpg")}, {"image": str(MEDIA / "photo1.jpg")}]
    named.append({"video": str(MEDIA / "tall.mp4")})
    query = {"text": "a dog"}
    assert model.process({"query": query, "documents": here}) == pytest.approx(
        model.process({"query": query, "documents": named}), abs=1e-6
    )


def test_a_document_on_the_web_is_minus_one(model: Qwen3VLReranker) -> None:
    documents = [{"text": "a"}, {"image": "https://example.org/a.png"}, {"video": ["https://example.org/a.png"]}]
    scores = model.process({"query": {"text": "a"}, "documents": documents})
    assert 0 < scores[0] < 1
    assert scores[1:] == [-1.0, -1.0]


def test_what_is_no_picture_at_all_is_a_mistake(model: Qwen3VLReranker) -> None:
    for given_one in (3, None, b"bytes", np.zeros((64, 64, 3), np.uint8)):
        with pytest.raises(TypeError, match=type(given_one).__name__):
            model.process({"query": {"text": "a"}, "documents": [{"image": [given_one]}]})


def test_a_picture_is_no_clip_even_if_its_features_are_kept(model: Qwen3VLReranker) -> None:
    path = str(MEDIA / "photo0.jpg")
    for _ in range(2):
        scores = model.process({"query": {"text": "a"}, "documents": [{"image": path}]})
        assert 0 < scores[0] < 1
        assert model.process({"query": {"text": "a"}, "documents": [{"video": path}]}) == [-1.0]


def test_a_query_that_cannot_be_read_is_an_error(model: Qwen3VLReranker) -> None:
    with pytest.raises(ReferenceUnreadable, match=r"gone\.png"):
        model.process({"query": {"image": "gone.png"}, "documents": [{"text": "a"}]})
    with pytest.raises(AddressRefused):
        model.process({"query": {"image": "https://example.org/a.png"}, "documents": [{"text": "a"}]})


def test_nothing_asked_or_nothing_given_is_nothing(model: Qwen3VLReranker) -> None:
    assert model.process({"query": {}, "documents": [{"text": "a"}]}) == []
    assert model.process({"query": {"text": "a"}, "documents": []}) == []


def test_an_empty_document_is_judged_as_the_reference_does(model: Qwen3VLReranker) -> None:
    empty, word = model.process({"query": {"text": "a"}, "documents": [{}, {"text": "NULL"}]})
    assert empty == word


def test_pictures_and_frames_in_memory(model: Qwen3VLReranker) -> None:
    path = MEDIA / "photo0.jpg"
    with Image.open(path) as image:
        image.load()
        query = {"text": "a dog"}
        from_file, from_memory = model.process({"query": query, "documents": [{"image": str(path)}, {"image": image}]})
        assert from_file == from_memory
        several = model.process({"query": query, "documents": [{"video": [image] * 4}, {"image": [image, image]}]})
    assert all(0 < score < 1 for score in several)


def test_pictures_in_memory_of_equal_bytes_are_told_apart(model: Qwen3VLReranker) -> None:
    with Image.open(MEDIA / "photo0.jpg") as image:
        turned = image.copy()
        turned.getexif()[ExifTags.Base.Orientation] = 6
        few = image.quantize(8)
        other = few.copy()
        other.putpalette([255 - level for level in few.getpalette() or []])
        documents = [{"image": one} for one in (image, turned, few, other)]
        together = model.process({"query": {"text": "a dog"}, "documents": documents})
    alone = []
    for document in documents:
        model.model.forward.give_back()
        alone += model.process({"query": {"text": "a dog"}, "documents": [document]})
    assert together == pytest.approx(alone, abs=1e-5)
    assert len({round(score, 5) for score in alone}) == 4


def test_an_instruction_with_the_text_is_the_only_one(model: Qwen3VLReranker) -> None:
    """Where it is empty the default holds, whatever the request says: the reference's rule."""
    documents = [{"text": "a boat"}]
    plain = model.process({"query": {"text": "a"}, "documents": documents})
    for nothing in (None, ""):
        request = {"instruction": "Find boats.", "query": {"text": (nothing, "a")}, "documents": documents}
        assert model.process(request) == plain


def test_a_list_of_frames_is_as_long_as_the_model_says(model: Qwen3VLReranker) -> None:
    """The reference holds the request's number of frames against files alone."""
    with Image.open(MEDIA / "photo0.jpg") as image:
        request = {
            "query": {"text": "a"},
            "documents": [{"video": [image.rotate(turn) for turn in range(0, 60, 10)]}],
        }
    assert model.process(request | {"max_frames": 4}) == pytest.approx(model.process(request), abs=1e-6)


def test_the_instruction_may_come_with_the_text(model: Qwen3VLReranker) -> None:
    documents = [{"text": "a boat"}]
    told = model.process({"instruction": "Find boats.", "query": {"text": "a"}, "documents": documents})
    assert model.process({"query": {"text": ("Find boats.", "a")}, "documents": documents}) == told
    assert model.process({"query": {"text": "a"}, "documents": documents}) != told


def test_frames_a_second_and_their_number_count(model: Qwen3VLReranker) -> None:
    request = {"query": {"text": "a"}, "documents": [{"video": str(MEDIA / "pan.mp4")}]}
    scores = {*model.process(request), *model.process(request | {"fps": 3.0})}
    assert len(scores) == 2
    assert model.process(request | {"fps": 3.0, "max_frames": 4}) != model.process(request | {"fps": 3.0})


def test_the_second_query_opens_no_picture(model: Qwen3VLReranker, tmp_path: Path) -> None:
    paths = []
    for index in range(3):
        paths.append(tmp_path / f"{index}.png")
        Image.new("RGB", (64, 64), (80 * index, 10, 10)).save(paths[-1])
    documents = [{"image": str(path)} for path in paths]
    first = model.process({"query": {"text": "red"}, "documents": documents})
    states = [path.stat() for path in paths]
    for path, state in zip(paths, states, strict=True):
        path.write_bytes(b"x" * state.st_size)
        import os

        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert model.process({"query": {"text": "red"}, "documents": documents}) == pytest.approx(first, abs=1e-6)


def test_a_picture_asked_about_outlives_its_features(tmp_path: Path) -> None:
    """Its features are forgotten for those of the documents, long before the last of them is judged."""
    documents = []
    for index in range(AHEAD + 20):
        documents.append({"image": str(tmp_path / f"{index}.png")})
        Image.new("RGB", (64, 64), (index, 10, 10)).save(documents[-1]["image"])
    request = {"query": {"image": str(MEDIA / "photo1.jpg")}, "documents": documents}
    with Qwen3VLReranker(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        plain = model.process(request)
        network = model.model.forward._network
        model.model.forward = Forward(network, kept_bytes=300_000)
        model.process(request | {"documents": documents[:1]})
        assert model.process(request) == pytest.approx(plain, abs=1e-6)


def test_closed_twice_is_closed() -> None:
    with Qwen3VLReranker(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        model.close()
    with pytest.raises(JudgeNotLoaded):
        model.process({"query": {"text": "a"}, "documents": [{"text": "a"}]})


def test_closed_by_another_thread_it_stops_and_says_so() -> None:
    documents = [{"text": f"{index} " * 20} for index in range(4000)]
    ended: list[Exception] = []

    def judge() -> None:
        try:
            model.process({"query": {"text": "a"}, "documents": documents})
        except Exception as error:
            ended.append(error)

    with Qwen3VLReranker(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        thread = threading.Thread(target=judge)
        thread.start()
        time.sleep(0.2)
        model.close()
        thread.join()
    assert [type(error) for error in ended] == [JudgeNotLoaded]


def test_float16_on_a_processor_is_refused() -> None:
    with pytest.raises(PrecisionUnfit, match="float16"):
        Qwen3VLReranker(PARITY / "model", device="cpu", torch_dtype="float16")


def test_long_texts_are_cut_and_said(model: Qwen3VLReranker, caplog: pytest.LogCaptureFixture) -> None:
    text = " ".join(str(random.Random(0).random()) for _ in range(4000))
    with caplog.at_level(logging.WARNING, "core.given_media"):
        scores = model.process({"query": {"text": "a"}, "documents": [{"text": text}, {"text": text + " more"}]})
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert sum("longer" in line for line in caplog.messages) == 2
