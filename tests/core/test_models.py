"""Models: what is one, where it is found, how it is fetched from a hub on this machine, and checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from core import model_download
from core.checkpoints import EMBEDDER, RERANKER, inspect, kind_of
from core.errors import (
    DownloadBroken,
    DownloadDiskFull,
    DownloadForbidden,
    JudgeError,
    ModelDamaged,
    ModelFolderWrong,
    ModelForbidden,
    ModelIncomplete,
    ModelMissing,
    ModelNotEmbedder,
    ModelNotReranker,
    ScorerUnknown,
)
from core.models import (
    KNOWN,
    Found,
    candidates,
    canonical_name,
    config_of,
    download,
    find,
    known_models,
    role_of,
    title_of,
    verify,
)
from tests.core.fake_hub import FakeHub, model_files

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "data" / "parity" / "model"
REPO = KNOWN["2B"].repo
WEIGHTS = "model.safetensors"
SIZE = (TINY / WEIGHTS).stat().st_size


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and an environment that says nothing else."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "hf" / "hub"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of one's own, to be damaged."""
    return Path(shutil.copytree(TINY, tmp_path / "mine"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(model_download, "EVENT_SECONDS", 0.0)
    with FakeHub(REPO, model_files(TINY)).serving() as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.address + "/")
        yield serving


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    read = json.loads(path.read_bytes())
    change(read)
    path.write_text(json.dumps(read))


def split_in_shards(model: Path) -> None:
    """The weights in two files with an index, as large models have them."""
    content = (model / WEIGHTS).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    tensors = sorted((key for key in header if key != "__metadata__"), key=lambda key: header[key]["data_offsets"])
    weight_map = {}
    for number, names in enumerate((tensors[:50], tensors[50:]), 1):
        file, start = f"model-{number:05}-of-00002.safetensors", header[names[0]]["data_offsets"][0]
        own = {key: header[key] | {"data_offsets": [at - start for at in header[key]["data_offsets"]]} for key in names}
        packed = json.dumps(own).encode()
        end = header[names[-1]]["data_offsets"][1]
        (model / file).write_bytes(len(packed).to_bytes(8, "little") + packed + data[start:end])
        weight_map |= dict.fromkeys(names, file)
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (model / WEIGHTS).unlink()


# --- what is a model ---------------------------------------------------------------------------------


def test_the_tiny_model_is_one_in_one_file_or_in_shards(model: Path) -> None:
    whole = inspect(model)
    assert (whole.name, whole.title, whole.weights) == (str(model), "mine", (WEIGHTS,))
    assert whole.size == sum(path.stat().st_size for path in model.iterdir())
    split_in_shards(model)
    assert inspect(model).weights == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def test_the_digest_names_the_content_wherever_it_lies(model: Path, tmp_path: Path) -> None:
    digest = inspect(model).digest
    assert len(digest) == 16
    moved = model.rename(tmp_path / "elsewhere")
    assert inspect(moved).digest == digest
    (moved / "README.md").write_text("Read me")
    assert inspect(moved).digest == digest


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", WEIGHTS])
def test_the_digest_changes_with_a_byte(model: Path, file: str) -> None:
    before = inspect(model).digest
    content = bytearray((model / file).read_bytes())
    # A space for the first line break; in the weights, one bit of the last number.
    content[content.index(b"\n") if file != WEIGHTS else -1] ^= 0x2A if file != WEIGHTS else 1
    (model / file).write_bytes(content)
    assert inspect(model).digest != before


def damage(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda model: (model / file).write_bytes(change((model / file).read_bytes()))


def config(**changes: Any) -> Callable[[Path], object]:
    return lambda model: edit_json(model / "config.json", lambda read: read.update(changes))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
BAD_FOLDERS: dict[str, tuple[Callable[[Path], object], type[JudgeError], str]] = {
    "no folder": (shutil.rmtree, ModelFolderWrong, "config.json"),
    "no config": (lambda model: (model / "config.json").unlink(), ModelFolderWrong, "config.json"),
    "config no JSON": (damage("config.json", lambda content: content[:40]), ModelDamaged, "not JSON"),
    "config a list": (damage("config.json", lambda _: b"[]"), ModelDamaged, "config.json"),
    "config too deep": (damage("config.json", lambda _: b"[" * 100_000 + b"]" * 100_000), ModelDamaged, "not JSON"),
    "config binary": (damage("config.json", lambda _: b"\xff\xfe\x00"), ModelDamaged, "not JSON"),
    "other model": (
        config(model_type="qwen2", architectures=["Qwen2ForCausalLM"]),
        ModelNotReranker,
        "Qwen2ForCausalLM",
    ),
    "architecture a number": (config(architectures=5), ModelNotReranker, "5"),
    "other type": (config(model_type="qwen3_vl_moe"), ModelNotReranker, "qwen3_vl_moe"),
    "no vision": (config(vision_config=None), ModelNotReranker, "vision_config"),
    "quantised": (config(quantization_config={"quant_method": "awq"}), ModelNotReranker, "awq"),
    "embedder": (
        lambda model: (model / "modules.json").write_text('[{"type": "sentence_transformers.models.Pooling"}]'),
        ModelNotReranker,
        "embedder",
    ),
    "no tokenizer": (lambda model: (model / "tokenizer.json").unlink(), ModelIncomplete, "tokenizer.json"),
    "tokenizer cut": (damage("tokenizer.json", lambda content: content[:9000]), ModelDamaged, "tokenizer.json"),
    "tokenizer a pointer": (damage("tokenizer.json", lambda _: POINTER), ModelDamaged, "pointer"),
    "no weights": (lambda model: (model / WEIGHTS).unlink(), ModelIncomplete, WEIGHTS),
    "only pickled weights": (
        lambda model: (model / WEIGHTS).rename(model / "pytorch_model.bin"),
        ModelIncomplete,
        WEIGHTS,
    ),
    "weights cut": (damage(WEIGHTS, lambda content: content[:-1]), ModelDamaged, "should have"),
    "weights too long": (damage(WEIGHTS, lambda content: content + b"x"), ModelDamaged, "should have"),
    "weights cut in the header": (damage(WEIGHTS, lambda content: content[:100]), ModelDamaged, "header"),
    "weights a pointer": (damage(WEIGHTS, lambda _: POINTER), ModelDamaged, "pointer"),
    "weights empty": (damage(WEIGHTS, lambda _: b""), ModelDamaged, "header"),
    "weights of zeros": (damage(WEIGHTS, lambda content: bytes(len(content))), ModelDamaged, "header"),
    "weights too deep": (
        damage(WEIGHTS, lambda _: (200_000).to_bytes(8, "little") + b"[" * 100_000 + b"]" * 100_000),
        ModelDamaged,
        "header",
    ),
    "weights endless": (
        damage(WEIGHTS, lambda _: (34).to_bytes(8, "little") + b'{"a": {"data_offsets": [0, 1e999]}}'[:34] + b"}"),
        ModelDamaged,
        "header",
    ),
    "weights a folder": (
        lambda model: ((model / WEIGHTS).unlink(), (model / WEIGHTS).mkdir()),
        ModelDamaged,
        "can't be read",
    ),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_what_is_no_whole_reranker_is_refused_with_a_reason(model: Path, case: str) -> None:
    spoil, error, words = BAD_FOLDERS[case]
    spoil(model)
    with pytest.raises(error) as caught:
        inspect(model)
    assert words in str(caught.value)
    assert str(model) in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes on Windows")
def test_nothing_waits_for_a_pipe_in_place_of_the_weights(model: Path) -> None:
    (model / WEIGHTS).unlink()
    os.mkfifo(model / WEIGHTS)
    with pytest.raises(ModelDamaged, match="pipe"):
        inspect(model)


@pytest.fixture
def forbidden(model: Path) -> Iterator[Path]:
    """A folder of models with three that may not be read, seen by somebody who is not root, who may read anything."""
    if not hasattr(os, "geteuid"):
        pytest.skip("rights are another thing on Windows")
    administrator = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed = [folder / "closed", folder / "weights closed" / WEIGHTS, folder / "config closed" / "config.json"]
        for own in ("closed", "weights closed", "config closed", "open"):
            shutil.copytree(model, folder / own)
        for path in closed:
            path.chmod(0)
        if administrator:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if administrator:
                os.seteuid(0)
            for path in closed:
                path.chmod(0o700)


def test_what_may_not_be_read_is_told_and_hides_nothing_else(forbidden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("closed", "weights closed", "config closed"):
        with pytest.raises(ModelForbidden, match=name):
            find(str(forbidden / name))
        assert isinstance(candidates(str(forbidden / name))[0].problem, ModelForbidden)
    monkeypatch.setenv("HF_HOME", str(forbidden / "closed"))
    listed = {found.title: found.problem for found in known_models([forbidden, forbidden / "closed"])}
    assert listed["open"] is None
    assert isinstance(listed["closed"], ModelForbidden)
    with pytest.raises(ModelMissing):
        find("2B", [forbidden / "closed"])


SPOILED_INDEX: dict[str, tuple[Callable[[dict[str, Any]], object], type[JudgeError], str]] = {
    "no map": (lambda index: index.clear(), ModelDamaged, "names no weight files"),
    "map a list": (lambda index: index.update(weight_map=[]), ModelDamaged, "names no weight files"),
    "a file outside": (lambda index: index["weight_map"].update(a="../mine.safetensors"), ModelDamaged, "names no"),
    "a pickle": (lambda index: index["weight_map"].update(a="model.bin"), ModelDamaged, "names no weight files"),
    "a shard not here": (
        lambda index: index["weight_map"].update(a="model-00003-of-00003.safetensors"),
        ModelIncomplete,
        "model-00003-of-00003.safetensors",
    ),
    "a tensor not there": (
        lambda index: index["weight_map"].update(extra="model-00001-of-00002.safetensors"),
        ModelDamaged,
        "extra",
    ),
}


@pytest.mark.parametrize("case", SPOILED_INDEX)
def test_an_index_that_does_not_fit_its_shards_is_refused(model: Path, case: str) -> None:
    change, error, words = SPOILED_INDEX[case]
    split_in_shards(model)
    edit_json(model / "model.safetensors.index.json", change)
    with pytest.raises(error, match=words):
        inspect(model)


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_whatever_stands_for_the_weights_is_refused_in_words(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = shutil.copytree(TINY, Path(parent) / "model")
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(ModelDamaged):
            inspect(folder)


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("Qwen3-VL-Embedding-2B", True),
        ("Qwen3-VL-8B-Instruct", True),
        ("qwen3-vl-2b-thinking", True),
        ("Qwen3-VL-Reranker-2B", False),
        ("Qwen3-VL-2B-Instruct-my-reranker", False),
        ("my-instruct-thing", False),
        ("model", False),
    ],
)
def test_its_relatives_are_told_by_their_names(model: Path, name: str, refused: bool) -> None:
    folder = model.rename(model.with_name(name))
    if refused:
        with pytest.raises(ModelNotReranker, match=r"embedder|chat model"):
            inspect(folder)
    else:
        inspect(folder)


def test_code_that_a_config_names_is_never_run(model: Path) -> None:
    (model / "evil.py").write_text("raise SystemExit('run')")
    edit_json(model / "config.json", lambda read: read.update(auto_map={"AutoModel": "evil.Model"}))
    inspect(model)


# --- embedders ---------------------------------------------------------------------------------------


@pytest.fixture
def towers(tmp_path: Path) -> Path:
    """Everything that makes a folder a two-tower model, but weights that compute anything."""
    folder = tmp_path / "towers"
    folder.mkdir()
    made = {
        "config.json": {
            "model_type": "siglip",
            "architectures": ["SiglipModel"],
            "text_config": {"hidden_size": 24},
            "vision_config": {"hidden_size": 32},
        },
        "preprocessor_config.json": {"image_processor_type": "SiglipImageProcessor"},
        "tokenizer.json": {"version": "1.0"},
    }
    for name, content in made.items():
        (folder / name).write_text(json.dumps(content))
    save_file({"logit_scale": np.zeros(1, np.float32)}, folder / WEIGHTS)
    return folder


@pytest.mark.parametrize(
    ("family", "architecture", "dimensions"),
    [("siglip", "SiglipModel", 32), ("siglip2", "Siglip2Model", 32), ("clip", "CLIPModel", 20)],
)
def test_a_two_tower_model_is_an_embedder(towers: Path, family: str, architecture: str, dimensions: int) -> None:
    changed = {"model_type": family, "architectures": [architecture], "projection_dim": 20}
    edit_json(towers / "config.json", lambda read: read.update(changed))
    for wanted in (True, None):
        found = inspect(towers, embedder=wanted)
        assert (found.role, found.family, found.dimensions) == (EMBEDDER, family, dimensions)
    with pytest.raises(ModelNotReranker, match="an embedder"):
        inspect(towers)
    edit_json(towers / "config.json", lambda read: read.pop("architectures"))
    assert inspect(towers, embedder=True).family == family


def test_a_chinese_clip_may_have_its_words_in_a_plain_list(towers: Path) -> None:
    edit_json(towers / "config.json", lambda read: read.update(model_type="chinese_clip", architectures=None))
    (towers / "tokenizer.json").rename(towers / "vocab.txt")
    assert inspect(towers, embedder=True).dimensions == 512
    (towers / "vocab.txt").write_bytes(b"\n")
    with pytest.raises(ModelDamaged, match=r"vocab\.txt.*empty"):
        inspect(towers, embedder=True)
    (towers / "vocab.txt").unlink()
    with pytest.raises(ModelIncomplete, match=r"vocab\.txt"):
        inspect(towers, embedder=True)


BAD_TOWERS: dict[str, tuple[Callable[[Path], object], type[JudgeError], str]] = {
    "one tower": (config(architectures=["SiglipVisionModel"]), ModelNotEmbedder, "SiglipVisionModel"),
    "another kind": (config(model_type="blip", architectures=["BlipModel"]), ModelNotEmbedder, "BlipModel"),
    "no text tower": (config(text_config=7), ModelNotEmbedder, "text_config"),
    "no length": (config(vision_config={"hidden_size": "32"}), ModelNotEmbedder, "how long"),
    "type a list": (config(model_type=["siglip"]), ModelNotEmbedder, "SiglipModel"),
    "quantised": (config(quantization_config={"quant_method": "bitsandbytes"}), ModelNotEmbedder, "bitsandbytes"),
    "no pixels": (lambda model: (model / "preprocessor_config.json").unlink(), ModelIncomplete, "preprocessor_config"),
    "no tokenizer": (lambda model: (model / "tokenizer.json").unlink(), ModelIncomplete, "tokenizer.json"),
    "tokenizer cut": (damage("tokenizer.json", lambda content: content[:-1]), ModelDamaged, "cut off"),
    "weights cut": (damage(WEIGHTS, lambda content: content[:-1]), ModelDamaged, "should have"),
    "weights a pointer": (damage(WEIGHTS, lambda _: POINTER), ModelDamaged, "pointer"),
}


@pytest.mark.parametrize("case", BAD_TOWERS)
def test_what_is_no_whole_embedder_is_refused_with_a_reason(towers: Path, case: str) -> None:
    spoil, error, words = BAD_TOWERS[case]
    spoil(towers)
    with pytest.raises(error) as caught:
        inspect(towers, embedder=True)
    assert words in str(caught.value)
    assert str(towers) in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "tokenizer.json", WEIGHTS])
def test_the_digest_of_towers_changes_with_all_that_vectors_depend_on(towers: Path, file: str) -> None:
    before = inspect(towers, embedder=True).digest
    content = (towers / file).read_bytes()
    (towers / file).write_bytes(b" " + content if file != WEIGHTS else content[:-1] + b"\x01")
    assert inspect(towers, embedder=True).digest != before


def test_how_texts_are_cut_into_words_and_pictures_are_seen_counts_wherever_it_is_said(towers: Path) -> None:
    digests = {inspect(towers, embedder=True).digest}
    (towers / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    digests.add(inspect(towers, embedder=True).digest)
    (towers / "preprocessor_config.json").unlink()
    (towers / "processor_config.json").write_text('{"image_processor": {}}')
    digests.add(inspect(towers, embedder=True).digest)
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Qwen3-VL-Embedding-2B", EMBEDDER),
        ("my-qwen-embedder", EMBEDDER),
        ("Qwen3-VL-Reranker-2B", RERANKER),
        ("Qwen3-VL-Embedding-turned-reranker", RERANKER),
        ("model", ""),
    ],
)
def test_what_a_qwen3_vl_is_for_is_told_by_its_name(model: Path, name: str, role: str) -> None:
    folder = model.rename(model.with_name(name))
    assert inspect(folder, embedder=None).role == role == kind_of(folder)[0] == role_of(str(folder))
    if role == RERANKER:
        with pytest.raises(ModelNotEmbedder, match="a reranker"):
            inspect(folder, embedder=True)
    else:
        assert inspect(folder, embedder=True).dimensions == 64
    (folder / WEIGHTS).unlink()
    assert kind_of(folder) == (role, "qwen3_vl"), "a model that is not whole is of its kind"


@pytest.mark.parametrize(
    ("step", "role"), [("sentence_transformers.models.Pooling", EMBEDDER), ("x.LogitScore", RERANKER)]
)
def test_the_steps_after_the_network_tell_what_it_is_for(model: Path, step: str, role: str) -> None:
    (model / "modules.json").write_text(json.dumps([{"type": "x.Transformer"}, {"type": step}]))
    assert inspect(model, embedder=None).role == role


def test_a_network_without_an_output_layer_is_an_embedder(model: Path) -> None:
    edit_json(model / "config.json", lambda read: read.update(architectures=["Qwen3VLModel"]))
    assert inspect(model, embedder=True).role == EMBEDDER
    with pytest.raises(ModelNotReranker, match="an embedder"):
        inspect(model)


def test_a_chat_model_is_neither(model: Path) -> None:
    folder = model.rename(model.with_name("Qwen3-VL-2B-Instruct"))
    with pytest.raises(ModelNotEmbedder, match="a chat model"):
        inspect(folder, embedder=True)
    assert kind_of(folder) == ("", "")


@pytest.mark.parametrize(("name", "embedder"), [("2B", True), ("Embedding-2B", False), ("SigLIP2", False)])
def test_a_known_model_of_the_other_kind_is_refused_before_it_is_fetched(name: str, embedder: bool) -> None:
    with pytest.raises(ModelNotEmbedder if embedder else ModelNotReranker, match=KNOWN[name].title):
        find(name, embedder=embedder)
    with pytest.raises(ModelMissing):
        find(name, embedder=not embedder)
    assert role_of(name) == KNOWN[name].role


@pytest.mark.parametrize("name", ["SigLIP2", "siglip2-base-patch16-224", "google/siglip2-base-patch16-224"])
def test_an_embedder_is_fetched_found_and_verified_as_a_reranker_is(
    towers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with FakeHub(KNOWN["SigLIP2"].repo, model_files(towers)).serving() as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.address)
        list(download(name))
        list(download(name))
    found = find(name, embedder=True)
    assert (found.name, found.digest) == ("SigLIP2", inspect(towers, embedder=True).digest)
    fetched = {path.name for path in found.folder.iterdir()} - {"1_LogitScore"}
    assert fetched == {path.name for path in towers.iterdir()}
    assert list(verify(name))[-1].done == found.size
    state = next(model for model in known_models() if model.name == "SigLIP2")
    assert (state.usable, state.finds, state.folder) == (True, True, found.folder)
    assert [model.name for model in candidates("auto", embedder=True)] == ["SigLIP2", "Embedding-2B", "Embedding-8B"]
    flip_a_bit(found.folder / WEIGHTS)
    with pytest.raises(ModelDamaged, match="not what was published"):
        list(verify(str(found.folder)))


def test_a_folder_of_towers_is_listed_as_a_finder_even_when_it_is_not_whole(towers: Path) -> None:
    assert known_models([towers])[-1].finds
    (towers / WEIGHTS).unlink()
    found = known_models([towers])[-1]
    assert (found.finds, found.family) == (True, "siglip")
    assert isinstance(found.problem, ModelIncomplete)
    assert towers not in [model.folder for model in candidates("auto", [towers])]


# --- where models lie --------------------------------------------------------------------------------


def put_in_cache(cache: Path, revision: str = "a" * 40, repo: str = REPO, *, main: bool = True) -> Path:
    """The tiny model in the cache, as the hub's library leaves it; returns the snapshot."""
    home = cache / f"models--{repo.replace('/', '--')}"
    snapshot = home / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir(exist_ok=True)
    for path, entry in tree_of(FakeHub(repo, {p.name: p.read_bytes() for p in TINY.iterdir()})).items():
        blob = home / "blobs" / entry
        shutil.copyfile(TINY / path, blob)
        (snapshot / path).symlink_to(os.path.relpath(blob, snapshot))
    if main:
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / "main").write_text(revision)
    return snapshot


def tree_of(hub: FakeHub) -> dict[str, str]:
    return {
        each["rfilename"]: each.get("lfs", {}).get("sha256") or each["blobId"] for each in hub.listing()["siblings"]
    }


@pytest.mark.parametrize("name", ["2B", "2b", "Qwen3-VL-Reranker-2B", "qwen/qwen3-vl-reranker-2b"])
def test_a_known_model_is_found_in_the_cache_by_any_of_its_names(cache: Path, name: str) -> None:
    snapshot = put_in_cache(cache)
    found = find(name)
    assert (found.name, found.title, found.folder) == ("2B", "Qwen3-VL-Reranker-2B", snapshot)
    assert found.digest == inspect(TINY).digest


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_cache_is_where_the_environment_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    below = {"HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}.get(variable, ".")
    snapshot = put_in_cache(tmp_path / "moved" / below)
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, str(tmp_path / "moved"))
    assert find("2B").folder == snapshot


def test_the_cache_is_where_the_library_looks(tmp_path: Path) -> None:
    # The same rules, written twice since the library reads them only once.
    code = "from core import hub; from huggingface_hub import constants as c; print(hub.cache(), c.HF_HUB_CACHE)"
    for variables in ({}, {"HF_HOME": "~/h"}, {"HF_HUB_CACHE": "$HOME/c"}, {"XDG_CACHE_HOME": "/x"}):
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
        told = subprocess.run(
            [sys.executable, "-c", code], env=clean | variables, cwd=ROOT, capture_output=True, text=True, check=True
        )
        ours, library = told.stdout.split()
        assert ours == library


def test_the_newest_whole_revision_is_used(cache: Path) -> None:
    older = put_in_cache(cache, "b" * 40, main=False)
    newest = put_in_cache(cache, "c" * 40)
    assert find("2B").folder == newest
    (newest / WEIGHTS).unlink()
    assert find("2B").folder == older
    later = put_in_cache(cache, "0" * 40, main=False)
    os.utime(older, ns=(1, 1))
    assert find("2B").folder == later


def test_a_model_that_is_not_here_is_missing() -> None:
    with pytest.raises(ModelMissing, match="semblance models get 8B"):
        find("qwen3-vl-reranker-8b")


@pytest.mark.parametrize(("name", "error"), [("4B", ScorerUnknown), ("", ScorerUnknown), ("./4B", ModelFolderWrong)])
def test_other_names_are_unknown_and_other_folders_wrong(name: str, error: type[JudgeError]) -> None:
    with pytest.raises(error):
        find(name)


def test_a_folder_is_found_by_its_path_and_a_known_one_by_its_name(model: Path, tmp_path: Path) -> None:
    assert find(str(model)).folder == model
    own = model.rename(tmp_path / "Qwen3-VL-Reranker-2B")
    with pytest.raises(ModelMissing):
        find("2B")
    assert find("2B", [own]).folder == own
    assert find("2B", [tmp_path]).folder == own
    assert find("2B", [tmp_path]).name == "2B"


def test_a_model_may_be_named_by_its_folder_in_a_cache(cache: Path) -> None:
    snapshot = put_in_cache(cache, repo="someone/my-reranker")
    assert find(str(snapshot.parents[1])).folder == snapshot
    assert find(str(snapshot)).title == "my-reranker"


def test_all_models_are_listed_with_their_state(cache: Path, model: Path, tmp_path: Path) -> None:
    snapshot = put_in_cache(cache)
    (model / "tokenizer.json").unlink()
    two, eight, towers, small, large, own = known_models([tmp_path])
    size, kind = inspect(TINY).size, ("reranker", "qwen3_vl")
    assert two == Found("2B", "Qwen3-VL-Reranker-2B", snapshot, size, size, None, *kind)
    assert [model.finds for model in (two, eight, towers, small, large, own)] == [False, False, True, True, True, False]
    assert (towers.title, towers.family, small.family) == ("siglip2-base-patch16-224", "siglip", "qwen3_vl")
    assert (eight.folder, eight.arrived, eight.problem, eight.usable) == (None, 0, None, False)
    assert eight.size == pytest.approx(17.5e9, rel=0.02)
    assert own.name == str(model)
    assert isinstance(own.problem, ModelIncomplete)
    assert not own.usable


def test_a_copy_of_a_known_model_is_listed_once(cache: Path, model: Path, tmp_path: Path) -> None:
    own = model.rename(tmp_path / "Qwen3-VL-Reranker-2B")
    two, *_ = known_models([own])
    assert (two.name, two.folder, two.usable) == ("2B", own, True)
    put_in_cache(cache)
    two, *_, copy = known_models([own])
    assert (two.folder, copy.name) == (find("2B").folder, str(own))


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("2b", "2B"),
        ("qwen/Qwen3-VL-Reranker-8B", "8B"),
        ("auto", "auto"),
        ("builtin", "builtin"),
        ("4B", "4B"),
        ("", ""),
        ("a/b", "{here}/a/b"),
        ("mine", "{here}/mine"),
        ("8B", "{here}/8B"),
    ],
)
def test_what_is_typed_has_one_name(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, canonical: str
) -> None:
    if typed == "8B":
        model.rename(tmp_path / "8B")  # a folder with a model in it comes first
    monkeypatch.chdir(tmp_path)
    assert canonical_name(typed) == canonical.format(here=tmp_path)


def test_what_a_name_may_mean(cache: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [found.name for found in candidates("auto", [model])] == ["2B", "8B", str(model)]
    assert [found.name for found in candidates("qwen3-vl-reranker-2b")] == ["2B"]
    monkeypatch.chdir(model.parent)
    (own,) = candidates("mine")
    assert (own.name, own.folder, own.usable) == (str(model), model, True)
    (wrong,) = candidates("./nowhere")
    assert isinstance(wrong.problem, ModelFolderWrong)
    with pytest.raises(ScorerUnknown):
        candidates("4B")


def test_every_model_has_a_title_and_the_known_ones_a_configuration() -> None:
    assert title_of("8b") == "Qwen3-VL-Reranker-8B"
    assert title_of(str(TINY)) == "model"
    assert config_of(str(TINY)) == json.loads((TINY / "config.json").read_bytes())
    assert config_of("8B")["text_config"]["hidden_size"] == config_of("8B")["vision_config"]["out_hidden_size"] == 4096
    for key in ("text_config", "vision_config"):
        assert set(config_of("2B")[key]) <= set(config_of(str(TINY))[key]) | {"rope_scaling"}


# --- fetching ----------------------------------------------------------------------------------------


def blobs(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("models--*/blobs/*"))


def test_a_model_is_fetched_checked_and_found(hub: FakeHub, cache: Path) -> None:
    events = list(download("2b"))
    done = [event.done for event in events]
    assert done == sorted(done)
    assert (events[0].done, events[-1].done) == (0, events[-1].total)
    assert {event.total for event in events} == {sum(path.stat().st_size for path in TINY.iterdir()) + 2}
    assert events[-2].rate > 0
    found = find("2B")
    assert found.digest == inspect(TINY).digest
    assert found.folder.name == hub.revision
    fetched = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
    assert fetched == {path.name for path in TINY.iterdir()} | {"1_LogitScore/config.json"}
    assert (found.folder / WEIGHTS).is_symlink()
    assert not [name for name in blobs(cache) if "incomplete" in name]


def test_the_hubs_own_library_finds_what_was_fetched(hub: FakeHub, cache: Path) -> None:
    list(download("2B"))
    code = (
        "from huggingface_hub import snapshot_download, try_to_load_from_cache\n"
        f"print(snapshot_download({REPO!r}, local_files_only=True, allow_patterns='*.json', ignore_patterns='o*/*'))\n"
        f"print(try_to_load_from_cache({REPO!r}, 'model.safetensors'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(find("2B").folder), str(find("2B").folder / WEIGHTS)]


def test_what_is_here_and_whole_asks_nobody(hub: FakeHub) -> None:
    list(download("2B"))
    hub.asked.clear()
    last = list(download("2B"))[-1]
    assert last.done == last.total > SIZE
    assert hub.asked == []


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_download_that_was_stopped_goes_on_where_it_was(hub: FakeHub, cache: Path, share: float) -> None:
    events = download("2B")
    kept = next(event.done for event in events if event.done > share * event.total)
    events.close()
    two = known_models()[0]
    assert (two.folder, two.problem, two.arrived) == (None, None, kept)
    assert two.arrived < two.size
    hub.sent = Counter()
    first, *_, last = download("2B")
    assert first.done == kept
    assert last.done == last.total
    # What the server had sent into the socket when the reader left is not counted again either.
    assert sum(hub.sent.values()) <= last.total - kept
    assert find("2B").digest == inspect(TINY).digest


def test_a_connection_that_breaks_again_and_again_is_taken_up_again(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download.time, "sleep", lambda _: None)
    monkeypatch.setattr(model_download, "LONGEST_WAIT", 0.0)
    hub.cut_after, hub.unavailable = 200_000, 2
    list(download("2B"))
    assert hub.sent[WEIGHTS] == SIZE
    assert find("2B").digest == inspect(TINY).digest


def test_a_server_without_ranges_sends_the_file_again(hub: FakeHub) -> None:
    events = download("2B")
    next(event for event in events if event.done > 0.5 * event.total)
    events.close()
    hub.sent = Counter()
    hub.ranges = False
    done = [event.done for event in download("2B")]
    assert hub.sent[WEIGHTS] == SIZE
    assert done[-1] == max(done)
    assert find("2B").digest == inspect(TINY).digest


def test_a_server_without_ranges_that_breaks_off_each_time_is_given_up(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download, "LONGEST_WAIT", 0.0)
    hub.cut_after, hub.ranges = 200_000, False
    with pytest.raises(DownloadBroken, match="was lost"):
        list(download("2B"))
    assert hub.sent[WEIGHTS] <= 200_000 * (model_download.ATTEMPTS + 1)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HF_ENDPOINT", "http://mirror:port", "HF_ENDPOINT"),
        ("HF_ENDPOINT", "mirror", "HF_ENDPOINT"),
        ("HF_ENDPOINT", "ftp://mirror", "HF_ENDPOINT"),
        ("ALL_PROXY", "socks4://127.0.0.1:9", "proxy"),
        ("HTTPS_PROXY", "http://proxy:port", "proxy"),
    ],
)
def test_an_address_in_the_environment_that_is_none_is_told(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(DownloadBroken, match=words):
        list(download("2B"))
    assert not hub.asked


def test_a_socks_proxy_that_can_not_be_used_is_told(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(DownloadBroken, match="socksio"):
        list(download("2B"))


def test_a_hub_that_is_gone_is_told_in_plain_words(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_download, "LONGEST_WAIT", 0.0)
    hub.unavailable = 99
    with pytest.raises(DownloadBroken, match="answered 503"):
        list(download("2B"))
    hub.unavailable = 0
    hub.repo = "someone/else"
    with pytest.raises(DownloadBroken, match="answered 404"):
        list(download("2B"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadBroken, match=r"no connection to 127\.0\.0\.1.*kept"):
        list(download("2B"))


def test_a_line_that_brings_nothing_more_is_given_up_and_what_came_is_kept(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_download, "LONGEST_WAIT", 0.0)
    hub.cut_after = 0
    with pytest.raises(DownloadBroken, match="was lost"):
        list(download("2B"))
    hub.cut_after = None
    list(download("2B"))
    assert find("2B").name == "2B"


@pytest.mark.parametrize("answer", [b"<html>Log in</html>", b"[]", b'{"sha": "../..", "siblings": []}'])
def test_a_page_that_is_no_hub_is_not_believed(hub: FakeHub, cache: Path, answer: bytes) -> None:
    hub.page = answer
    with pytest.raises(DownloadBroken, match="something else than a list"):
        list(download("2B"))
    assert not cache.exists()


def test_a_hub_can_put_no_file_outside_the_cache(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    hub.files["../../../../evil.json"] = b"{}"
    hub.files["a/../../evil.json"] = b"{}"
    original = hub.listing

    def listing() -> dict[str, Any]:
        told = original()
        told["siblings"].append({"rfilename": "x.json", "size": 2, "blobId": "../../../../evil.json"})
        return told

    hub.listing = listing  # type: ignore[method-assign]
    list(download("2B"))
    assert not list(tmp_path.rglob("*evil*"))


def test_a_file_of_another_content_is_fetched_once_more_and_then_refused(hub: FakeHub, cache: Path) -> None:
    wrong = bytearray(hub.files[WEIGHTS])
    wrong[-1] ^= 1
    hub.altered[WEIGHTS] = bytes(wrong)
    with pytest.raises(DownloadBroken, match="another content"):
        list(download("2B"))
    assert hub.sent[WEIGHTS] == 2 * SIZE
    with pytest.raises(JudgeError):
        find("2B")
    hub.altered.clear()
    list(download("2B"))
    assert find("2B").digest == inspect(TINY).digest


def test_a_begun_file_of_other_content_is_begun_again(hub: FakeHub, cache: Path) -> None:
    partial = cache / f"models--{REPO.replace('/', '--')}" / "blobs" / f"{tree_of(hub)[WEIGHTS]}.incomplete"
    partial.parent.mkdir(parents=True)
    for length in (SIZE // 2, SIZE, SIZE + 5):
        partial.write_bytes(bytes(length))
        done = [event.done for event in download("2B")]
        assert done[-1] == max(done)
        assert find("2B").digest == inspect(TINY).digest
        shutil.rmtree(cache / f"models--{REPO.replace('/', '--')}" / "snapshots")
        (partial.parent / tree_of(hub)[WEIGHTS]).unlink()


def test_a_full_disk_is_told_before_anything_is_fetched(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # type: ignore[attr-defined]
    with pytest.raises(DownloadDiskFull) as caught:
        list(download("2B"))
    assert caught.value.data["available"] == 0.0
    assert not hub.sent


def test_a_disk_that_fills_up_meanwhile_is_told(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_download._Fetch, "_take", full)
    with pytest.raises(DownloadDiskFull):
        list(download("2B"))


def test_nothing_is_fetched_while_offline_is_set(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadForbidden, match="Unset it"):
        list(download("2B"))
    assert hub.asked == []


def test_only_known_models_are_fetched(hub: FakeHub) -> None:
    with pytest.raises(ScorerUnknown):
        list(download(str(TINY)))
    assert hub.asked == []


def test_two_programs_do_not_fetch_the_same_file(hub: FakeHub) -> None:
    first = download("2B")
    next(event for event in first if event.file == WEIGHTS and 0 < event.done < event.total)
    with pytest.raises(DownloadBroken, match="another program"):
        list(download("2B"))
    list(first)
    assert hub.sent[WEIGHTS] == SIZE


def test_of_a_new_revision_only_what_is_new_is_fetched(hub: FakeHub) -> None:
    list(download("2B"))
    old = find("2B").folder
    (old / WEIGHTS).unlink()
    hub.revision = "f" * 40
    hub.files["config.json"] += b"\n"
    hub.sent = Counter()
    list(download("2B"))
    assert find("2B").folder == old.with_name("f" * 40)
    assert hub.sent[WEIGHTS] == 0, "the same content is not fetched again"


# --- checking ----------------------------------------------------------------------------------------


def test_a_sound_model_is_verified_whole(cache: Path) -> None:
    for name in (str(put_in_cache(cache)), str(TINY), "2B"):
        events = list(verify(name))
        assert events[-1].done == events[-1].total == inspect(TINY).size


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("file", [WEIGHTS, "chat_template.json"])
def test_one_wrong_bit_of_a_published_file_is_found_and_the_file_named(cache: Path, file: str) -> None:
    flip_a_bit(put_in_cache(cache) / file)
    find("2B")
    with pytest.raises(ModelDamaged, match=rf"{file}.*not what was published.*fetch the model again"):
        list(verify("2B"))


def test_doing_what_the_error_says_repairs_a_damaged_model(hub: FakeHub) -> None:
    list(download("2B"))
    snapshot = find("2B").folder
    flip_a_bit(snapshot / WEIGHTS)
    with pytest.raises(ModelDamaged):
        list(verify("2B"))
    (snapshot / WEIGHTS).unlink()
    events = list(download("2B"))
    assert max(event.done for event in events) == events[-1].done == events[-1].total
    list(verify("2B"))


def test_a_server_that_sends_on_and_on_is_not_listened_to(hub: FakeHub) -> None:
    hub.altered[WEIGHTS] = hub.files[WEIGHTS] + bytes(64 * 2**20)
    events = list(download("2B"))
    assert max(event.done for event in events) == events[-1].total
    assert hub.sent[WEIGHTS] < 32 * 2**20
    assert find("2B").digest == inspect(TINY).digest


def test_files_are_checked_where_links_can_not_be_made(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    list(download("2B"))
    weights = find("2B").folder / WEIGHTS
    assert not weights.is_symlink()
    list(verify("2B"))
    flip_a_bit(weights)
    with pytest.raises(ModelDamaged, match="not what was published"):
        list(verify("2B"))


def test_a_blob_may_be_a_link_into_a_store_named_by_another_digest(cache: Path) -> None:
    snapshot = put_in_cache(cache)
    blob = snapshot / os.readlink(snapshot / WEIGHTS)
    store = cache / "blobs" / "ab" / ("ab" * 32)
    store.parent.mkdir(parents=True)
    blob.rename(store)
    blob.symlink_to(os.path.relpath(store, blob.parent))
    assert list(verify("2B"))[-1].done == inspect(TINY).size
