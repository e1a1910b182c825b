"""That prompts are, token for token and position for position, those that the model's own code writes."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.decoding import decode
from core.errors import JudgeError, ModelDamaged, ModelIncomplete, ModelNotReranker
from core.media import Decoded, Kind
from core.query import DEFAULT_INSTRUCTION
from core.scorers import Budget
from core.scorers.qwen_pixels import identity, policy
from core.scorers.qwen_prompt import LonePromptWriter, Prompt, PromptWriter, Side, Vision, punctuated

KIT = Path(__file__).parents[1] / "data" / "parity"
MODEL = KIT / "model"
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|object_ref_start|>")
PADS = ("<|image_pad|>", "<|video_pad|>")


@functools.cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(MODEL / "tokenizer.json"))


@pytest.fixture(scope="module")
def writer() -> PromptWriter:
    return PromptWriter(MODEL)


# --- the prompt, written down once more in the plainest way ------------------------------------------


def side_text(side: Side) -> str:
    if not side.texts and not side.visions:
        return "NULL"
    text = ""
    for clip in side.clips:
        for time in clip.times:
            text += f"<{time:.1f} seconds><|vision_start|>{'<|video_pad|>' * (clip.rows * clip.columns)}<|vision_end|>"
    for picture in side.pictures:
        text += f"<|vision_start|>{'<|image_pad|>' * (picture.rows * picture.columns)}<|vision_end|>"
    return text + "".join(side.texts)


def whole_text(instruction: str, query: Side, document: Side) -> str:
    return (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
        f"<|im_start|>user\n<Instruct>: {instruction}<Query>:{side_text(query)}\n<Document>:{side_text(document)}"
        "<|im_end|>\n<|im_start|>assistant\n"
    )


def cut_as_the_reference(ids: list[int], limit: int) -> list[int]:
    special = {id_ for id_, token in tokenizer().get_added_tokens_decoder().items() if token.special}
    body, end = ids[:-5], ids[-5:]
    if len(body) > limit:
        left = limit - sum(id_ in special for id_ in body)
        kept = []
        for id_ in body:
            if id_ in special:
                kept.append(id_)
            elif left > 0:
                kept.append(id_)
                left -= 1
        body = kept
    return body + end


def expected_ids(instruction: str, query: Side, document: Side, limit: int = 10_240) -> list[int]:
    return cut_as_the_reference(tokenizer().encode(whole_text(instruction, query, document)).ids, limit)


words = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["boats", " 's", "\n\n", "  ", ":", "(", "一只橘猫", "é", "e\u0301", "<|im_", "|>", "<1.0 seconds>"]
        ),
        st.sampled_from(SPECIAL),
    ),
    max_size=12,
).map("".join)
times = st.lists(st.floats(0, 9000), min_size=1, max_size=5).map(lambda found: tuple(sorted(found)))
pictures = st.builds(Vision, st.integers(1, 9), st.integers(1, 9))
clips = st.builds(Vision, st.integers(1, 6), st.integers(1, 6), times)
sides = st.builds(
    Side,
    st.lists(words, max_size=3).map(tuple),
    st.lists(pictures, max_size=3).map(tuple),
    st.lists(clips, max_size=2).map(tuple),
)


@given(words, sides, sides)
@example(DEFAULT_INSTRUCTION, Side(), Side())
@example("", Side(("",)), Side(("",)))
@example("x", Side(("a",)), Side(("(b",)))
def test_tokens_are_those_of_the_whole_string(instruction: str, query: Side, document: Side) -> None:
    writer = PromptWriter(MODEL)
    expected = expected_ids(instruction, query, document)
    assert writer.write(instruction, query, document).ids.tolist() == expected
    assert writer.write(instruction, query, document).ids.tolist() == expected, "the second time, from memory"


@given(words, sides, sides, st.integers(1, 250))
def test_a_long_prompt_is_cut_as_by_the_reference(instruction: str, query: Side, document: Side, limit: int) -> None:
    prompt = PromptWriter(MODEL, max_length=limit).write(instruction, query, document)
    whole = expected_ids(instruction, query, document)
    assert prompt.ids.tolist() == expected_ids(instruction, query, document, limit)
    assert prompt.cut == (len(prompt.ids) < len(whole))
    check_spans(prompt, query, document)


@settings(max_examples=30)
@given(
    words.filter(lambda text: len(text) > 3),
    st.integers(50, 400),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from((*SPECIAL, *PADS))), max_size=20),
)
def test_of_a_very_long_text_the_beginning_is_enough(piece: str, times: int, specials: list[tuple[float, str]]) -> None:
    text = piece * times
    for where, special in specials:
        place = int(where * len(text))
        text = text[:place] + special + text[place:]
    document = Side((text,), (Vision(2, 2),))
    prompt = PromptWriter(MODEL, max_length=60).write("", Side(("q",)), document)
    assert prompt.ids.tolist() == expected_ids("", Side(("q",)), document, 60)


def test_a_text_of_one_endless_word_is_cut_too() -> None:
    document = Side(("a" * 5000,))
    prompt = PromptWriter(MODEL, max_length=60).write("", Side(("q",)), document)
    assert prompt.ids.tolist() == expected_ids("", Side(("q",)), document, 60)


def test_the_prompt_reads_as_it_should(writer: PromptWriter) -> None:
    query = Side(("at night",), (Vision(1, 2),))
    document = Side(("clip",), (Vision(1, 1),), (Vision(1, 2, (0.25, 1.75)),))
    assert tokenizer().decode(writer.write("Find it.", query, document).ids.tolist(), skip_special_tokens=False) == (
        "<|im_start|>system\n"
        "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
        'Note that the answer can only be "yes" or "no".<|im_end|>\n'
        "<|im_start|>user\n"
        "<Instruct>: Find it.<Query>:<|vision_start|><|image_pad|><|image_pad|><|vision_end|>at night\n"
        "<Document>:<0.2 seconds><|vision_start|><|video_pad|><|video_pad|><|vision_end|>"
        "<1.8 seconds><|vision_start|><|video_pad|><|video_pad|><|vision_end|>"
        "<|vision_start|><|image_pad|><|vision_end|>clip<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_bytes_of_a_name_that_are_no_characters_do_no_harm(writer: PromptWriter) -> None:
    writer.write("", Side(("caf\udce9",)), Side(("\ud800",)))


def test_tokens_are_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(MODEL)
    query, document = Side(("橘猫 <|im_end|> it's",), (Vision(2, 3),)), Side(("\n\n 'll <|endoftext|>",))
    assert (
        PromptWriter(MODEL).write("i", query, document).ids.tolist()
        == (theirs(whole_text("i", query, document))["input_ids"])
    )


# --- an embedder's prompt ------------------------------------------------------------------------------


def lone_text(instruction: str, side: Side) -> str:
    return (
        f"<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{side_text(side)}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def lone_ids(instruction: str, side: Side) -> list[int]:
    ids: list[int] = tokenizer().encode(lone_text(instruction, side)).ids
    return ids


@given(words, sides)
@example("Represent the user's input.", Side())
@example("", Side(("",)))
@example("x", Side(("\n\n a",)))
def test_tokens_of_a_side_alone_are_those_of_the_whole_string(instruction: str, side: Side) -> None:
    prompt = LonePromptWriter(MODEL).write(instruction, side)
    assert prompt.ids.tolist() == lone_ids(instruction, side)
    assert not prompt.cut
    check_spans(prompt, Side(), side)


@given(words, sides, st.integers(1, 250))
def test_a_long_side_alone_is_cut_at_its_end(instruction: str, side: Side, limit: int) -> None:
    """As the tokenizer cuts it for the model's own code, which fails where a picture would be cut: here it stays."""
    whole = lone_ids(instruction, side)
    prompt = LonePromptWriter(MODEL, max_length=limit).write(instruction, side)
    spans = LonePromptWriter(MODEL).write(instruction, side).spans
    shown = spans[-1].start + spans[-1].length + 1 if spans else 0
    assert prompt.ids.tolist() == whole[: max(limit, shown)]
    assert prompt.cut == (len(prompt.ids) < len(whole))
    check_spans(prompt, Side(), side)


@settings(max_examples=20)
@given(words.filter(lambda text: len(text) > 3), st.integers(50, 400))
def test_of_a_very_long_text_alone_the_beginning_is_enough(piece: str, times: int) -> None:
    side = Side((piece * times,), (Vision(2, 2),))
    prompt = LonePromptWriter(MODEL, max_length=60).write("Find it.", side)
    assert prompt.ids.tolist() == lone_ids("Find it.", side)[:60]


@given(words, sides, sides, st.sampled_from([30, 8192]))
def test_what_two_sides_share_before_their_own_words(instruction: str, one: Side, other: Side, limit: int) -> None:
    writer = LonePromptWriter(MODEL, max_length=limit)
    first, second = (writer.write(instruction, side) for side in (one, other))
    end = min(first.document_start, second.document_start)
    differing = np.flatnonzero(first.ids[:end] != second.ids[:end])
    shared = int(differing[0]) if len(differing) else end
    np.testing.assert_array_equal(first.positions[:, :shared], second.positions[:, :shared])
    if not first.cut and not second.cut:
        before = lone_text(instruction, Side(("",))).rsplit("<|im_end|>", 1)[0]
        assert shared >= len(tokenizer().encode(before).ids) - 3
    for prompt in (first, second):
        assert prompt.document_start <= min((span.start for span in prompt.spans), default=len(prompt.ids))


@given(sides)
@settings(deadline=None, max_examples=30)
def test_positions_of_a_side_alone_are_those_beside_an_empty_query(side: Side) -> None:
    """They count up from its first token on, wherever that stands."""
    alone = LonePromptWriter(MODEL).write("x", side)
    start = alone.document_start
    beside = PromptWriter(MODEL).write("x", Side(("a",)), side)
    if alone.spans:
        here, there = alone.spans[0].start, beside.spans[0].start
        length = alone.spans[-1].start + alone.spans[-1].length - here
        np.testing.assert_array_equal(
            alone.positions[:, here : here + length] - here, beside.positions[:, there : there + length] - there
        )
    np.testing.assert_array_equal(alone.positions[:, :start], np.tile(np.arange(start), (3, 1)))


@pytest.mark.parametrize(
    ("given_one", "expected"),
    [
        ("Find it", "Find it."),
        (" Find it.\n", "Find it."),
        ("Find it!", "Find it!"),
        ("找图", "找图."),
        ("找图。", "找图。"),
        ("(it)", "(it)"),
        ("it $", "it $."),
        ("", ""),
        ("  ", ""),
    ],
)
def test_an_instruction_is_punctuated(given_one: str, expected: str) -> None:
    assert punctuated(given_one) == expected


# --- spans and positions -----------------------------------------------------------------------------


def check_spans(prompt: Prompt, query: Side, document: Side) -> None:
    """Each picture and pair of frames has a span with its own pads, between a start and an end, in order."""
    visions = query.visions + document.visions
    assert [(span.vision, span.step) for span in prompt.spans] == [
        (index, step) for index, vision in enumerate(visions) for step in range(vision.steps)
    ]
    for span in prompt.spans:
        vision = visions[span.vision]
        assert span.length == vision.rows * vision.columns
        pad = tokenizer().token_to_id(PADS[bool(vision.times)])
        assert set(prompt.ids[span.start : span.start + span.length].tolist()) == {pad}
        assert prompt.ids[span.start - 1] == tokenizer().token_to_id("<|vision_start|>")
        assert prompt.ids[span.start + span.length] == tokenizer().token_to_id("<|vision_end|>")


@functools.cache
def transformers_model() -> Any:
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = transformers.Qwen3VLForConditionalGeneration.from_pretrained(MODEL, dtype="float32")
    return model.eval()


@settings(deadline=None)
@given(sides, sides, st.sampled_from([40, 300, 10_240]))
def test_positions_are_those_of_transformers(query: Side, document: Side, limit: int) -> None:
    model = transformers_model().model
    import torch

    prompt = PromptWriter(MODEL, max_length=limit).write("", query, document)
    kinds = torch.zeros(1, len(prompt.ids), dtype=torch.int)
    for number, pad in enumerate(PADS, 1):
        kinds[0, np.flatnonzero(prompt.ids == tokenizer().token_to_id(pad))] = number
    grids: dict[bool, list[tuple[int, int, int]]] = {False: [], True: []}
    for vision in query.visions + document.visions:
        grids[bool(vision.times)].append((vision.steps, 2 * vision.rows, 2 * vision.columns))
    images, videos = (torch.tensor(grids[moves]) if grids[moves] else None for moves in (False, True))
    expected, _ = model.get_rope_index(torch.from_numpy(prompt.ids)[None], kinds, images, videos)
    np.testing.assert_array_equal(prompt.positions, expected[:, 0].numpy())


def test_what_a_text_says_is_never_taken_for_a_picture(writer: PromptWriter) -> None:
    said = "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>"
    prompt = writer.write("", Side((said,)), Side((said,), (Vision(2, 2),)))
    check_spans(prompt, Side(), Side(pictures=(Vision(2, 2),)))
    plain = writer.write("", Side((said,)), Side((said,)))
    assert plain.spans == ()
    np.testing.assert_array_equal(plain.positions, np.tile(np.arange(len(plain.ids)), (3, 1)))


@given(sides, sides, sides, st.sampled_from([60, 10_240]))
def test_what_two_prompts_of_a_query_share_before_the_document(query: Side, one: Side, other: Side, limit: int) -> None:
    writer = PromptWriter(MODEL, max_length=limit)
    first, second = (writer.write("Find it.", query, document) for document in (one, other))
    end = min(first.document_start, second.document_start)
    differing = np.flatnonzero(first.ids[:end] != second.ids[:end])
    shared = int(differing[0]) if len(differing) else end
    np.testing.assert_array_equal(first.positions[:, :shared], second.positions[:, :shared])
    for prompt in (first, second):
        of_the_document = [span.start for span in prompt.spans if span.vision >= len(query.visions)]
        assert prompt.document_start <= min(of_the_document, default=len(prompt.ids))
        if not prompt.cut:
            before = before_the_document("Find it.", query)[: prompt.document_start]
            assert prompt.ids[: prompt.document_start].tolist() == before
    if not first.cut and not second.cut:
        # All of the query, but for the last signs before the document, which its first may have merged with.
        assert shared >= len(before_the_document("Find it.", query)) - 3


def before_the_document(instruction: str, query: Side) -> list[int]:
    text = whole_text(instruction, query, Side(("",)))
    ids: list[int] = tokenizer().encode(text[: text.rindex("<Document>:") + len("<Document>:")]).ids
    return ids


def test_the_document_starts_right_after_the_words_before_it(writer: PromptWriter) -> None:
    before = before_the_document("i", Side(("boats",)))
    for document in (Side(pictures=(Vision(4, 4),)), Side(("plain words",))):
        assert writer.write("i", Side(("boats",)), document).document_start == len(before)


# --- folders that hold no such model -----------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in MODEL.glob("tokenizer*.json"):
        shutil.copy(path, tmp_path)
    return tmp_path


def without(token: str) -> Callable[[dict[str, Any]], None]:
    def drop(content: dict[str, Any]) -> None:
        content["added_tokens"] = [added for added in content["added_tokens"] if added["content"] != token]
        content["model"]["vocab"].pop(token, None)
        merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in content["model"]["merges"]]
        merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in content["model"]["merges"]]
        content["model"]["merges"] = [merge for merge in merges if token not in (*merge, "".join(merge))]

    return drop


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def refusal(folder: Path) -> JudgeError:
    with pytest.raises(JudgeError) as caught:
        PromptWriter(folder)
    assert str(folder) in str(caught.value)
    return caught.value


def test_a_token_that_the_document_has_changed_is_not_before_it(copy: Path) -> None:
    def learn(content: dict[str, Any]) -> None:
        content["model"]["vocab"][":("] = 458
        content["model"]["merges"].insert(0, [":", "("])

    rewrite(copy / "tokenizer.json", learn)
    writer = PromptWriter(copy)
    plain, merged = (writer.write("i", Side(("boats",)), Side((text,))) for text in ("plain", "("))
    # ">:" was one token; with a bracket after it, it comes apart.
    assert merged.ids[merged.document_start :][:2].tolist() == [tokenizer().token_to_id(">"), 458]
    assert merged.document_start < plain.document_start


def test_a_folder_without_a_tokenizer(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    assert refusal(copy) == ModelIncomplete(path=str(copy), file="tokenizer.json")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_tokenizer_is_named(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    error = refusal(copy)
    assert isinstance(error, ModelDamaged)
    assert error.data["file"] == name


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|vision_start|>", "yes", "no"])
def test_a_vocabulary_of_another_model(copy: Path, token: str) -> None:
    rewrite(copy / "tokenizer.json", without(token))
    error = refusal(copy)
    assert isinstance(error, ModelNotReranker)
    assert token in str(error)


def test_what_is_special_may_stand_in_either_file(copy: Path) -> None:
    def plain(content: dict[str, Any]) -> None:
        for added in content["added_tokens"]:
            added["special"] = False

    query, document = Side(), Side(("boats <|object_ref_start|> " * 80,))
    expected = PromptWriter(MODEL, max_length=80).write("", query, document).ids.tolist()
    rewrite(copy / "tokenizer.json", plain)
    assert PromptWriter(copy, max_length=80).write("", query, document).ids.tolist() == expected
    (copy / "tokenizer_config.json").unlink()
    assert PromptWriter(copy, max_length=80).write("", query, document).ids.tolist() != expected
    (copy / "tokenizer.json").write_bytes((MODEL / "tokenizer.json").read_bytes())
    assert PromptWriter(copy, max_length=80).write("", query, document).ids.tolist() == expected


# --- how finely it looks -----------------------------------------------------------------------------


def test_full_is_the_reference() -> None:
    full = policy(Budget.FULL)
    assert (full.max_pixels, full.scaled) == (1800 * 1024, False)
    assert full.grid is not None
    assert full.grid.min_pixels == 4 * 1024
    assert (full.grid.fps, full.grid.max_frames) == (1.0, 64)
    assert (full.grid.min_frame_pixels, full.grid.max_frame_pixels) == (128 * 1024, 768 * 1024)
    assert full.grid.clip_pixels == 7680 * 1024


@pytest.mark.parametrize("budget", Budget)
def test_what_is_asked_for_takes_the_budgets_place(budget: Budget) -> None:
    asked = policy(budget, max_pixels=50_000, fps=2.5, max_frames=10)
    assert asked.max_pixels == 50_000
    assert asked.grid is not None
    assert (asked.grid.fps, asked.grid.max_frames) == (2.5, 10)


def test_policies_with_other_pixels_have_other_identities() -> None:
    policies = [policy(budget) for budget in Budget]
    for budget in Budget:
        policies += [policy(budget, max_pixels=99_999), policy(budget, fps=2.0), policy(budget, max_frames=6)]
    assert len({identity(one) for one in policies}) == len(policies)
    assert identity(policy(Budget.FULL, fps=1.0, max_frames=64)) == identity(policy(Budget.FULL))


# --- the proof ---------------------------------------------------------------------------------------


@functools.cache
def seen(name: str, fps: float) -> tuple[Vision, NDArray[np.uint8]]:
    decoded = decode(str(KIT / "media" / name), policy(Budget.FULL, fps=fps))
    assert decoded.frames is not None
    return vision_of(decoded), decoded.frames


def vision_of(decoded: Decoded) -> Vision:
    assert decoded.frames is not None
    pairs = np.array(decoded.times).reshape(-1, 2).mean(axis=1) if decoded.kind is Kind.VIDEO else ()
    return Vision(decoded.frames.shape[1] // 32, decoded.frames.shape[2] // 32, tuple(pairs))


def as_side(item: dict[str, Any], fps: float) -> tuple[Side, list[NDArray[np.uint8]]]:
    texts, images, videos = (
        [item[key]] if isinstance(item.get(key), str) else item.get(key, []) for key in ("text", "image", "video")
    )
    shown = [seen(name, fps) for name in (*videos, *images)]
    visions = tuple(vision for vision, _ in shown)
    return Side(tuple(texts), visions[len(videos) :], visions[: len(videos)]), [frames for _, frames in shown]


@functools.cache
def features(content: bytes, shape: tuple[int, ...]) -> list[Any]:
    """What transformers' own vision tower sees: tokens, then those of its three deeper levels."""
    import torch

    frames = np.frombuffer(content, np.uint8).reshape(shape)
    if len(frames) == 1:
        frames = np.repeat(frames, 2, axis=0)
    pairs, rows, columns = len(frames) // 2, frames.shape[1] // 16, frames.shape[2] // 16
    values = (frames.astype(np.float32) - 127.5) / 127.5
    blocks = values.reshape(pairs, 2, rows // 2, 2, 16, columns // 2, 2, 16, 3).transpose(0, 2, 5, 3, 6, 8, 1, 4, 7)
    patches = torch.from_numpy(np.ascontiguousarray(blocks).reshape(pairs * rows * columns, -1))
    with torch.no_grad():
        found = transformers_model().model.get_image_features(
            patches, torch.tensor([[pairs, rows, columns]]), return_dict=True
        )
    return [found.pooler_output[0], *(level[0] for level in found.deepstack_features)]


def logit(writer: PromptWriter, instruction: str, query: Any, document: Any) -> float:
    import torch

    model = transformers_model()
    prompt = writer.write(instruction, query[0], document[0])
    inputs = model.model.language_model.embed_tokens(torch.from_numpy(prompt.ids)).detach().clone()
    shown = torch.zeros(len(prompt.ids), dtype=torch.bool)
    levels: list[list[Any]] = [[], [], []]
    for span in prompt.spans:
        frames = (query[1] + document[1])[span.vision]
        here, part = slice(span.start, span.start + span.length), slice(span.step * span.length, None)
        tokens, *deeper = (level[part][: span.length] for level in features(frames.tobytes(), frames.shape))
        inputs[here], shown[here] = tokens, True
        for level, found in zip(levels, deeper, strict=True):
            level.append(found)
    deep = [torch.cat(level) for level in levels if level]
    with torch.no_grad():
        hidden = model.model.language_model(
            inputs_embeds=inputs[None],
            position_ids=torch.from_numpy(prompt.positions)[:, None],
            use_cache=False,
            **({"visual_pos_masks": shown[None], "deepstack_visual_embeds": deep} if deep else {}),
        ).last_hidden_state[0, -1]
        return float(hidden @ (model.lm_head.weight[writer.yes] - model.lm_head.weight[writer.no]))


def golden_cases() -> Iterator[Any]:
    golden = json.loads((KIT / "golden.json").read_text("utf-8"))
    for number in (0, 3, 5):  # words; a clip at two frames a second; all three kinds
        case = golden["cases"][number]
        yield pytest.param(case, golden["documents"], id=str(number))


@pytest.mark.parametrize(("case", "documents"), list(golden_cases()))
def test_prompts_and_pixels_lead_to_the_references_logits(
    writer: PromptWriter, case: dict[str, Any], documents: list[dict[str, Any]]
) -> None:
    """The network is transformers' own here, so whatever differs would be ours."""
    query = as_side(case["query"], case["fps"])
    for document, expected in zip(documents, case["logits"], strict=True):
        tolerance = 1e-2 if "video" in case["query"] or "video" in document else 1e-3
        found = logit(writer, case["instruction"], query, as_side(document, case["fps"]))
        assert found == pytest.approx(expected, abs=tolerance), document
