"""The embedder in the engine: which instruction stands before what, and that nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from core.checkpoints import inspect
from core.errors import JudgeNotLoaded, ModelNotEmbedder
from core.media import Decoded, Kind, Region
from core.query import Aspect, Query
from core.scorers import Budget, Document, Feature, JudgeChoice
from core.scorers.embedding import Embedder, Encoder
from core.scorers.qwen_embedding import DOCUMENT_INSTRUCTION, QUERY_INSTRUCTION, QwenEncoder
from core.scorers.qwen_forward import Input, Seen, Stopped
from core.scorers.qwen_pixels import EMBEDDING_VERSION, identity, policy
from core.scorers.qwen_prompt import Side, Vision
from core.scorers.qwen_shown import ASPECT_INSTRUCTIONS, PAGE_CHARACTERS, vision_of
from tests.core.qwen_kit import MODEL, one_thread, pixels

LOOK = policy(Budget.FAST)
FILE, OTHER = Path("a.jpg"), Path("b.jpg")


def never() -> bool:
    return False


def returned(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def load(folder: Path = MODEL) -> QwenEncoder:
    checkpoint = inspect(folder, embedder=True)
    encoder: QwenEncoder = returned(QwenEncoder.load(checkpoint, JudgeChoice(device="cpu", precision="float32")))
    return encoder


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def encoder() -> Iterator[QwenEncoder]:
    encoder = load()
    yield encoder
    encoder.close()


def document(name: str, frames: NDArray[np.uint8] | None = None, kind: Kind = Kind.IMAGE, text: str = "") -> Document:
    times = tuple(map(float, range(len(frames)))) if frames is not None and kind is Kind.VIDEO else ()
    return Document(Decoded(name.encode(), kind, frames=frames, times=times, text=text))


PICTURE = document("picture", pixels(1, 2, 5))
OTHER_PICTURE = document("other picture", pixels(2, 4, 2))
CLIP = document("clip", pixels(4, 2, 3, frames=4), Kind.VIDEO)
TEXT = document("text", kind=Kind.TEXT, text="boats, lamps and rain. " * 200)
PAGE = document("page", pixels(3, 6, 4), Kind.TEXT, "a page speaks of boats. " * 100)
ALL = [PICTURE, OTHER_PICTURE, CLIP, TEXT, PAGE]


def encoded(encoder: Encoder, documents: Sequence[Document]) -> NDArray[np.float32]:
    vectors = np.full((len(documents), encoder.dimensions), np.inf, np.float32)
    for indices, found, reasons in encoder.documents(documents, LOOK, never):
        assert np.isinf(vectors[indices]).all(), "each comes once"
        assert not reasons
        vectors[indices] = found
    return vectors


def prompted(encoder: QwenEncoder, instruction: str, side: Side, *shown: Document) -> NDArray[np.float32]:
    """The vector of a prompt that is written down here."""
    seen = [Seen(("here", one.decoded.fingerprint), one.decoded.frames) for one in shown if one.decoded]
    ((_, vectors),) = encoder.forward.vectors([Input(encoder.writer.write(instruction, side), tuple(seen))])
    return np.asarray(vectors[0])


def vision(one: Document) -> Vision:
    assert one.decoded
    return vision_of(one.decoded, 32)


# --- documents ---------------------------------------------------------------------------------------


def test_documents_are_encoded_with_the_models_own_instruction(encoder: QwenEncoder) -> None:
    expected = [
        prompted(encoder, DOCUMENT_INSTRUCTION, Side(pictures=(vision(PICTURE),)), PICTURE),
        prompted(encoder, DOCUMENT_INSTRUCTION, Side(pictures=(vision(OTHER_PICTURE),)), OTHER_PICTURE),
        prompted(encoder, DOCUMENT_INSTRUCTION, Side(clips=(vision(CLIP),)), CLIP),
        prompted(encoder, DOCUMENT_INSTRUCTION, Side((TEXT.decoded.text,)) if TEXT.decoded else Side()),
    ]
    np.testing.assert_allclose(encoded(encoder, ALL[:4]), expected, atol=1e-5)


def test_a_page_is_seen_and_the_beginning_of_it_read(encoder: QwenEncoder) -> None:
    assert PAGE.decoded
    assert len(PAGE.decoded.text) > PAGE_CHARACTERS
    side = Side((PAGE.decoded.text[:PAGE_CHARACTERS],), (vision(PAGE),))
    expected = prompted(encoder, DOCUMENT_INSTRUCTION, side, PAGE)
    np.testing.assert_allclose(encoded(encoder, [PAGE])[0], expected, atol=1e-5)


def test_a_vector_does_not_depend_on_its_company(encoder: QwenEncoder) -> None:
    alone = np.concatenate([encoded(encoder, [one]) for one in ALL])
    order = [3, 0, 4, 4, 1, 2, 0]
    np.testing.assert_allclose(encoded(encoder, [ALL[place] for place in order]), alone[order], atol=1e-5)


def test_no_features_are_kept_of_what_is_encoded_once(encoder: QwenEncoder) -> None:
    encoded(encoder, ALL)
    assert not len(encoder.forward._features._kept)


# --- queries -----------------------------------------------------------------------------------------


def asked(encoder: QwenEncoder, query: Query, *references: Document) -> NDArray[np.float32]:
    vector = encoder.query(query, references, LOOK, never)
    assert vector.shape == (encoder.dimensions,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    return vector


@pytest.mark.parametrize(
    ("query", "instruction"),
    [
        (Query("boats"), QUERY_INSTRUCTION),
        (Query("boats", instruction="Find drawings of it"), "Find drawings of it."),
        (Query("boats", instruction="找图。"), "找图。"),
        (Query("boats", instruction=""), QUERY_INSTRUCTION),
    ],
)
def test_words_have_the_instruction_of_a_query(encoder: QwenEncoder, query: Query, instruction: str) -> None:
    np.testing.assert_allclose(asked(encoder, query), prompted(encoder, instruction, Side(("boats",))), atol=1e-5)


@pytest.mark.parametrize("one", ALL, ids=["picture", "other", "clip", "text", "page"])
def test_a_file_alone_asks_by_the_vector_that_is_kept_of_it(encoder: QwenEncoder, one: Document) -> None:
    assert one.decoded
    video = one.decoded.kind is Kind.VIDEO
    query = Query(videos=(FILE,)) if video else Query(images=(FILE,))
    np.testing.assert_allclose(asked(encoder, query, one), encoded(encoder, [one])[0], atol=1e-5)


def test_several_references_and_words_are_one_prompt(encoder: QwenEncoder) -> None:
    found = asked(encoder, Query("at night", images=(FILE,), videos=(OTHER,)), CLIP, PICTURE)
    side = Side(("at night",), (vision(PICTURE),), (vision(CLIP),))
    np.testing.assert_allclose(found, prompted(encoder, QUERY_INSTRUCTION, side, CLIP, PICTURE), atol=1e-5)
    both = asked(encoder, Query(images=(FILE, OTHER)), PICTURE, OTHER_PICTURE)
    side = Side(pictures=(vision(PICTURE), vision(OTHER_PICTURE)))
    expected = prompted(encoder, DOCUMENT_INSTRUCTION, side, PICTURE, OTHER_PICTURE)
    np.testing.assert_allclose(both, expected, atol=1e-5)


@pytest.mark.parametrize("aspect", ASPECT_INSTRUCTIONS)
def test_a_respect_is_an_instruction(encoder: QwenEncoder, aspect: Aspect) -> None:
    found = asked(encoder, Query(images=(FILE,), aspect=aspect), PICTURE)
    side = Side(pictures=(vision(PICTURE),))
    np.testing.assert_allclose(found, prompted(encoder, ASPECT_INSTRUCTIONS[aspect], side, PICTURE), atol=1e-5)


def test_part_of_a_page_is_not_the_page(encoder: QwenEncoder) -> None:
    """What it says is said of all of it."""
    region = Region(0.0, 0.0, 0.5, 0.5)
    found = asked(encoder, Query(images=(FILE,), regions=(region,)), PAGE)
    expected = prompted(encoder, DOCUMENT_INSTRUCTION, Side(pictures=(vision(PAGE),)), PAGE)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_cosines_become_scores_that_keep_their_order(encoder: QwenEncoder) -> None:
    scores = encoder.score(np.array([-1.0, -0.5, 0, 1, 1.0000002], np.float32), Query("a"))
    assert scores.tolist() == [0, 0.25, 0.5, 1, 1]


def test_it_is_what_the_engine_asks_of_an_encoder(encoder: QwenEncoder) -> None:
    embedder = Embedder(
        title=encoder.title,
        digest=encoder.digest,
        precision=encoder.precision,
        pixels=LOOK,
        seen_as=identity(LOOK),
        version=EMBEDDING_VERSION,
        numbers=32,
        encoder=encoder,
    )
    assert embedder.appetite >= 4
    kept: dict[int, Feature] = {}
    for verdicts in embedder.encode(ALL, never):
        kept |= verdicts.features
    found = embedder.ask(Query(images=(FILE,)), [PICTURE])
    scores, _ = found.judge([Document(feature=kept[place]) for place in range(len(ALL))])
    assert scores.argmax() == 0
    assert scores[0] == pytest.approx(1, abs=1e-3)
    assert scores[1:].max() < 0.999


# --- stopping and closing ----------------------------------------------------------------------------


def test_it_stops_soon_and_can_go_on(encoder: QwenEncoder) -> None:
    told = 0

    def stopped() -> bool:
        nonlocal told
        told += 1
        return told > 3

    assert list(encoder.documents(ALL, LOOK, stopped)) == []
    assert told <= 5
    with pytest.raises(Stopped):
        encoder.query(Query("boats"), (), LOOK, lambda: True)
    assert np.isfinite(encoded(encoder, ALL)).all()


def test_one_that_waits_for_another_thread_can_be_stopped(encoder: QwenEncoder) -> None:
    with encoder.using(never):
        stop = threading.Event()
        threading.Timer(0.05, stop.set).start()
        assert list(encoder.documents(ALL, LOOK, stop.is_set)) == []


def test_closed_it_asks_to_be_loaded() -> None:
    encoder = load()
    encoder.warm_up()
    under_way = encoder.documents([TEXT, *ALL], LOOK, never)
    closing = threading.Thread(target=encoder.close)
    next(under_way)
    closing.start()
    with pytest.raises(JudgeNotLoaded):
        list(under_way)
    closing.join()
    assert encoder.closed
    with pytest.raises(JudgeNotLoaded):
        list(encoder.documents(ALL, LOOK, never))
    with pytest.raises(JudgeNotLoaded):
        encoder.query(Query("boats"), (), LOOK, never)


# --- loading -----------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL, tmp_path / "model"))


def test_neither_an_output_layer_nor_answers_are_needed(encoder: QwenEncoder, copy: Path) -> None:
    """What a checkpoint of the network without its head looks like, and a vocabulary without yes and no."""
    tensors = load_file(copy / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file({name.removeprefix("model."): tensor for name, tensor in tensors.items()}, copy / "model.safetensors")
    tokenizer = json.loads((copy / "tokenizer.json").read_text("utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    for word in ("yes", "no"):
        vocabulary[f"never {word}"] = vocabulary.pop(word)
    merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in tokenizer["model"]["merges"]]
    tokenizer["model"]["merges"] = [merge for merge in merges if not {*merge, "".join(merge)} & {"yes", "no"}]
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    other = load(copy)
    np.testing.assert_array_equal(encoded(other, ALL[:3]), encoded(encoder, ALL[:3]))
    other.close()


def test_a_vocabulary_of_another_model_is_no_embedder(copy: Path) -> None:
    content = (copy / "tokenizer.json").read_text("utf-8").replace("<|image_pad|>", "<|other|>")
    (copy / "tokenizer.json").write_text(content, "utf-8")
    with pytest.raises(ModelNotEmbedder, match="image_pad"):
        load(copy)
