"""Models with two towers: their vectors are those of transformers, whatever stands beside; what breaks is said."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from core.checkpoints import Checkpoint
from core.decoding import decode
from core.errors import (
    JudgeNotLoaded,
    ModelDamaged,
    ModelIncomplete,
    ModelNotEmbedder,
    PrecisionUnfit,
    SemblanceError,
)
from core.media import Decoded, Kind, PixelPolicy, Region
from core.query import Query
from core.scorers import Document, Feature, JudgeChoice, tower_pixels
from core.scorers.towers import NO_NUMBERS, NO_PIXELS, TowerEncoder, probability
from core.scorers.vectors import pack
from tests.core import tower_kit
from tests.core.qwen_kit import one_thread

WriteClip = Callable[..., Path]
T = TypeVar("T")
CPU = JudgeChoice(device="cpu", precision="float32")
SIZES = ((300, 200), (60, 400), (20, 10), (500, 31), (32, 32))
TEXTS = ("a cat on the sofa", "red dog", "红色猫", "x" * 100, "é! dog", "cat, dog.")


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def _few_threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checkpoint]:
    folder = tmp_path_factory.mktemp("towers")
    return {family: tower_kit.write(folder / family, family) for family in tower_kit.FAMILIES}


@pytest.fixture
def siglip(checkpoints: dict[str, Checkpoint]) -> TowerEncoder:
    return loaded(checkpoints["siglip"])


@pytest.fixture
def broken(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> Checkpoint:
    """A copy of a checkpoint, to be broken."""
    shutil.copytree(checkpoints["siglip"].folder, tmp_path / "model")
    return replace(checkpoints["siglip"], folder=tmp_path / "model")


def finished(steps: Generator[object, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def loaded(checkpoint: Checkpoint, choice: JudgeChoice = CPU) -> TowerEncoder:
    return finished(TowerEncoder.load(checkpoint, choice))


def exact(checkpoint: Checkpoint) -> PixelPolicy:
    return replace(tower_pixels.policy(checkpoint.folder), scaled=False)


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (height // 5 + 1, width // 5 + 1, 3), dtype=np.uint8) for width, height in SIZES]
    return [Image.fromarray(pixels).resize(size) for pixels, size in zip(coarse, SIZES, strict=True)]


def documents_of(images: list[Image.Image], checkpoint: Checkpoint, folder: Path) -> list[Document]:
    documents = []
    for index, image in enumerate(images):
        image.save(folder / f"{index}.png")
        documents.append(Document(decode(str(folder / f"{index}.png"), exact(checkpoint))))
    return documents


def encoded(encoder: TowerEncoder, documents: list[Document], policy: PixelPolicy) -> NDArray[np.float32]:
    vectors = np.full((len(documents), encoder.dimensions), np.inf, np.float32)
    for indices, found, _ in encoder.documents(documents, policy, never):
        vectors[indices] = found
    return vectors


def asked(encoder: TowerEncoder, query: Query, references: list[Document] | None = None) -> NDArray[np.float32]:
    return encoder.query(query, references or [], PixelPolicy(1), never)


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


# --- as transformers has it --------------------------------------------------------------------------


@pytest.mark.parametrize("family", tower_kit.FAMILIES)
def test_pictures_alone_and_together_are_those_of_transformers(
    checkpoints: dict[str, Checkpoint], family: str, tmp_path: Path
) -> None:
    checkpoint = checkpoints[family]
    encoder, images = loaded(checkpoint), pictures()
    expected = tower_kit.Reference(checkpoint).images(images)
    documents = documents_of(images, checkpoint, tmp_path)
    policy = exact(checkpoint)
    np.testing.assert_allclose(encoded(encoder, documents, policy), expected, atol=1e-5)
    alone = np.concatenate([encoded(encoder, [document], policy) for document in documents])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    assert encoder.dimensions == checkpoint.dimensions == expected.shape[1]
    assert (expected @ expected.T < 0.99).sum() >= 16, "pictures that a mistake would tell apart"


@pytest.mark.parametrize("family", tower_kit.FAMILIES)
def test_texts_are_those_of_transformers(checkpoints: dict[str, Checkpoint], family: str) -> None:
    encoder = loaded(checkpoints[family])
    expected = tower_kit.Reference(checkpoints[family]).texts(list(TEXTS))
    found = np.stack([asked(encoder, Query(text=text)) for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len({row.tobytes() for row in expected.round(3)}) >= len(TEXTS) - 1, "tiny vocabularies know no more"


@pytest.mark.parametrize("family", ["siglip", "siglip2"])
def test_siglip_reads_small_letters_as_it_was_trained(checkpoints: dict[str, Checkpoint], family: str) -> None:
    encoder = loaded(checkpoints[family])
    np.testing.assert_array_equal(asked(encoder, Query(text="A CAT")), asked(encoder, Query(text="a cat")))


def test_chinese_clip_reads_by_its_list_of_words_alone(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> None:
    checkpoint = checkpoints["chinese_clip"]
    shutil.copytree(checkpoint.folder, tmp_path / "model")
    vocabulary = json.loads((tmp_path / "model" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    (tmp_path / "model" / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    (tmp_path / "model" / "tokenizer.json").unlink()
    encoder, published = loaded(replace(checkpoint, folder=tmp_path / "model")), loaded(checkpoint)
    for text in TEXTS:
        np.testing.assert_array_equal(asked(encoder, Query(text=text)), asked(published, Query(text=text)))


def test_processors_of_newer_checkpoints_are_read_alike(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> None:
    for family, checkpoint in checkpoints.items():
        folder = tmp_path / family
        folder.mkdir()
        told = {"image_processor": json.loads((checkpoint.folder / "preprocessor_config.json").read_text("utf-8"))}
        (folder / "processor_config.json").write_text(json.dumps(told), "utf-8")
        assert tower_pixels.policy(folder) == tower_pixels.policy(checkpoint.folder)


def test_other_pixels_are_another_identity(checkpoints: dict[str, Checkpoint]) -> None:
    policies = [tower_pixels.policy(checkpoint.folder) for checkpoint in checkpoints.values()]
    policies += [replace(policies[0], scaled=False), replace(policies[0], frames=4), replace(policies[0], margin=1.0)]
    assert policies[2] == policies[3], "CLIP and Chinese-CLIP look at pictures alike"
    assert len({tower_pixels.identity(policy) for policy in policies}) == len(policies) - 1


# --- what is decoded ---------------------------------------------------------------------------------


def test_a_jpeg_decoded_in_small_is_nearly_the_same(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> None:
    image = pictures()[0].resize((1600, 1200), Image.Resampling.BICUBIC)
    image.save(tmp_path / "a.jpg", quality=95)
    for checkpoint in checkpoints.values():
        near, whole = (
            decode(str(tmp_path / "a.jpg"), policy)
            for policy in (tower_pixels.policy(checkpoint.folder), exact(checkpoint))
        )
        assert near.frames is not None
        assert whole.frames is not None
        assert near.frames.shape == whole.frames.shape
        assert np.abs(near.frames.astype(int) - whole.frames).mean() < 2
        assert near.likeness
        assert near.facts == whole.facts


def test_pictures_are_upright_and_on_white(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> None:
    policy = exact(checkpoints["siglip"])
    image = pictures()[0]
    image.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    upright, turned = (decode(str(tmp_path / name), policy).frames for name in ("upright.png", "turned.png"))
    np.testing.assert_array_equal(upright, turned)
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    frames = decode(str(tmp_path / "clear.png"), policy).frames
    assert frames is not None
    assert frames.min() == 255


@pytest.mark.parametrize("family", ["siglip", "clip"])
def test_a_region_is_seen_as_a_picture_of_it(checkpoints: dict[str, Checkpoint], family: str, tmp_path: Path) -> None:
    image, policy = pictures()[0], exact(checkpoints[family])
    image.save(tmp_path / "whole.png")
    image.crop((150, 0, 300, 100)).save(tmp_path / "part.png")
    part = decode(str(tmp_path / "part.png"), policy).frames
    np.testing.assert_array_equal(
        decode(str(tmp_path / "whole.png"), policy, region=Region(0.5, 0, 1, 0.5)).frames, part
    )


def test_a_very_long_picture_is_no_larger_than_any(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> None:
    Image.new("RGB", (30_000, 1), "red").save(tmp_path / "line.png")
    frames = decode(str(tmp_path / "line.png"), exact(checkpoints["clip"])).frames
    assert frames is not None
    assert frames.shape == (1, 32, 32, 3)
    assert (frames == (255, 0, 0)).all()


def test_a_clip_is_the_mean_of_its_moments(
    checkpoints: dict[str, Checkpoint], write_clip: WriteClip, siglip: TowerEncoder
) -> None:
    still = [np.full((48, 64, 3), level, np.uint8) for level in range(0, 240, 10)]
    for scaled in (False, True):
        policy = replace(exact(checkpoints["siglip"]), scaled=scaled)
        decoded = decode(str(write_clip(frames=still, size=(64, 48))), policy)
        assert decoded.frames is not None
        assert decoded.frames.shape == (8, 32, 32, 3)
        frames = [Document(replace(decoded, kind=Kind.IMAGE, frames=frame[None])) for frame in decoded.frames]
        expected = unit(encoded(siglip, frames, policy).mean(axis=0))
        clip, picture = encoded(siglip, [Document(decoded), frames[0]], policy)
        np.testing.assert_allclose(clip, expected, atol=1e-6)
        assert not np.allclose(picture, expected, atol=1e-3)


def test_a_text_has_no_vector_and_a_page_has(siglip: TowerEncoder, checkpoints: dict[str, Checkpoint]) -> None:
    page = Decoded(b"page", Kind.TEXT, np.full((1, 32, 32, 3), 200, np.uint8), (0.0,), "words")
    text = Decoded(b"text", Kind.TEXT, text="words")
    found = list(siglip.documents([Document(text), Document(page)], exact(checkpoints["siglip"]), never))
    reasons = {index: reason for _, _, told in found for index, reason in told.items()}
    assert reasons == {0: NO_PIXELS}
    vectors = {index: row for indices, rows, _ in found for index, row in zip(indices, rows, strict=True)}
    assert np.isnan(vectors[0]).all()
    assert np.linalg.norm(vectors[1]) == pytest.approx(1, abs=1e-6)


# --- queries -----------------------------------------------------------------------------------------


def test_a_mixture_is_the_mean_of_words_and_pictures(
    siglip: TowerEncoder, checkpoints: dict[str, Checkpoint], tmp_path: Path
) -> None:
    first, second = documents_of(pictures()[:2], checkpoints["siglip"], tmp_path)
    seen = encoded(siglip, [first, second], exact(checkpoints["siglip"]))
    words = asked(siglip, Query(text="a cat"))
    both = Query(text="a cat", images=(Path("a.png"), Path("b.png")))
    np.testing.assert_allclose(asked(siglip, both, [first, second]), unit(words + unit(seen.mean(axis=0))), atol=1e-6)
    kept = Document(feature=Feature(pack(seen[:1])[0]))
    near = asked(siglip, Query(images=(Path("a.png"),)), [kept])
    assert near @ seen[0] > 0.999
    told = replace(both, instruction="Find another.", aspect="palette")  # type: ignore[arg-type]
    np.testing.assert_array_equal(asked(siglip, told, [first, second]), asked(siglip, both, [first, second]))


def test_words_get_the_models_own_probability(siglip: TowerEncoder, checkpoints: dict[str, Checkpoint]) -> None:
    model = tower_kit.Reference(checkpoints["siglip"]).model
    cosines = np.linspace(-0.3, 0.18, 50, dtype=np.float32)
    expected = torch.sigmoid(torch.from_numpy(cosines) * model.logit_scale.exp() + model.logit_bias).detach().numpy()
    np.testing.assert_allclose(siglip.score(cosines, Query(text="cat")), expected, rtol=1e-4)
    halves = (1 + cosines) / 2
    np.testing.assert_allclose(siglip.score(cosines, Query(images=(Path("a"),))), halves, rtol=1e-6)
    np.testing.assert_allclose(siglip.score(cosines, Query(text="cat", images=(Path("a"),))), halves, rtol=1e-6)
    clip = loaded(checkpoints["clip"])
    np.testing.assert_allclose(clip.score(cosines, Query(text="cat")), halves, rtol=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=20),
    st.floats(1, 150),
    st.floats(-25, 5),
)
def test_a_probability_keeps_the_order_of_cosines(values: list[float], scale: float, bias: float) -> None:
    cosines = np.sort(np.array([*values, -1, 1], np.float32))
    scores = probability(cosines, scale, bias)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert (np.diff(scores) >= 0).all()
    apart = np.diff(cosines) >= 1e-4
    assert (np.diff(scores)[apart] > 0).all()


def test_published_scales_keep_even_small_differences() -> None:
    cosines = np.arange(-1, 1, 1e-5, dtype=np.float64).astype(np.float32)
    assert (np.diff(probability(cosines, 112.7, -16.8)) > 0).all()
    assert np.isnan(probability(np.array([np.nan], np.float32), 112.7, -16.8)).all()


# --- stopping and closing ----------------------------------------------------------------------------


def test_it_stops_between_batches(siglip: TowerEncoder, checkpoints: dict[str, Checkpoint]) -> None:
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    documents = [Document(Decoded(b"", Kind.IMAGE, frames))] * 500
    done: list[int] = []

    def enough() -> bool:
        return bool(done)

    for indices, _, _ in siglip.documents(documents, exact(checkpoints["siglip"]), enough):
        done += indices
    assert 0 < len(done) < 500
    assert np.isnan(siglip.query(Query(images=(Path("a"),)), documents[:1], PixelPolicy(1), lambda: True)).all()


def test_closing_ends_what_is_under_way(checkpoints: dict[str, Checkpoint]) -> None:
    encoder = loaded(checkpoints["siglip"])
    encoder.warm_up()
    documents = [Document(Decoded(b"", Kind.IMAGE, np.zeros((1, 32, 32, 3), np.uint8)))] * 100
    under_way = encoder.documents(documents, exact(checkpoints["siglip"]), never)
    next(under_way)
    closing = threading.Thread(target=encoder.close)
    closing.start()
    closing.join(10)
    assert encoder.closed
    with pytest.raises(JudgeNotLoaded):
        list(under_way)
    with pytest.raises(JudgeNotLoaded):
        asked(encoder, Query(text="cat"))


def test_a_query_need_not_wait_for_all_documents(siglip: TowerEncoder, checkpoints: dict[str, Checkpoint]) -> None:
    documents = [Document(Decoded(b"", Kind.IMAGE, np.zeros((1, 32, 32, 3), np.uint8)))] * 100
    under_way = siglip.documents(documents, exact(checkpoints["siglip"]), never)
    next(under_way)
    assert np.isfinite(asked(siglip, Query(text="cat"))).all()
    assert sum(len(indices) for indices, _, _ in under_way) < 100


# --- what is broken ----------------------------------------------------------------------------------


def changed(checkpoint: Checkpoint, file: str, **values: object) -> None:
    path = checkpoint.folder / file
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def problem(checkpoint: Checkpoint) -> SemblanceError:
    with pytest.raises(SemblanceError) as caught:
        loaded(checkpoint)
    return caught.value


@pytest.mark.parametrize("file", ["preprocessor_config.json", "tokenizer.json", "config.json", "model.safetensors"])
def test_a_file_that_is_missing_or_cut_off_is_named(broken: Checkpoint, file: str) -> None:
    whole = (broken.folder / file).read_bytes()
    (broken.folder / file).write_bytes(whole[: len(whole) // 2])
    assert isinstance(found := problem(broken), ModelDamaged)
    assert found.data["file"] == file
    (broken.folder / file).unlink()
    assert isinstance(found := problem(broken), ModelIncomplete)
    assert found.data["file"] == file


def test_weights_that_are_missing_or_no_numbers_are_not_made_up(broken: Checkpoint) -> None:
    path = broken.folder / "model.safetensors"
    whole = load_file(path)
    name = "vision_model.post_layernorm.weight"
    for weights in (
        {other: weight for other, weight in whole.items() if other != name},
        {**whole, name: torch.full((32,), torch.nan)},
        {**whole, name: torch.ones(31)},
    ):
        save_file(weights, path)
        assert isinstance(found := problem(broken), ModelDamaged)
        assert name in str(found)


def test_what_does_not_fit_together_is_refused(broken: Checkpoint) -> None:
    changed(broken, "preprocessor_config.json", size={"height": 48, "width": 48})
    assert isinstance(problem(broken), ModelNotEmbedder)
    changed(broken, "preprocessor_config.json", size={"shortest_edge": 32})
    assert isinstance(problem(broken), ModelNotEmbedder)
    changed(broken, "preprocessor_config.json", image_processor_type="SomeImageProcessor")
    assert isinstance(problem(broken), ModelNotEmbedder)
    changed(broken, "config.json", model_type="resnet")
    changed(broken, "preprocessor_config.json", **tower_kit.PICTURES["siglip"])
    assert isinstance(problem(broken), ModelNotEmbedder)


def test_numbers_for_larger_models_are_refused(checkpoints: dict[str, Checkpoint]) -> None:
    with pytest.raises(PrecisionUnfit):
        loaded(checkpoints["siglip"], replace(CPU, precision="int4"))


def test_a_file_that_changed_since_is_not_read_on(broken: Checkpoint) -> None:
    encoder = loaded(broken)
    path = broken.folder / "model.safetensors"
    save_file({name: weight + 1 for name, weight in load_file(path).items()}, path)
    with pytest.raises(ModelDamaged):
        asked(encoder, Query(text="cat"))
    path.unlink()
    with pytest.raises(ModelIncomplete):
        asked(encoder, Query(text="cat"))


def test_a_picture_that_overflows_has_a_reason(broken: Checkpoint) -> None:
    path = broken.folder / "model.safetensors"
    save_file({**load_file(path), "vision_model.head.mlp.fc2.bias": torch.full((32,), 1e30)}, path)
    encoder = loaded(broken)
    document = Document(Decoded(b"", Kind.IMAGE, np.zeros((1, 32, 32, 3), np.uint8)))
    [(indices, vectors, reasons)] = encoder.documents([document], exact(broken), never)
    assert list(indices) == [0]
    assert np.isnan(vectors).all()
    assert reasons == {0: NO_NUMBERS}


def test_bfloat16_is_near(checkpoints: dict[str, Checkpoint], siglip: TowerEncoder, tmp_path: Path) -> None:
    documents = documents_of(pictures(), checkpoints["siglip"], tmp_path)
    rough = loaded(checkpoints["siglip"], replace(CPU, precision="bfloat16"))
    policy = exact(checkpoints["siglip"])
    assert (encoded(siglip, documents, policy) * encoded(rough, documents, policy)).sum(axis=1).min() > 0.999
    assert rough.memory * 2 == siglip.memory
