"""The command line: what it prints, what it says when something is wrong, and its exit codes."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cli import main
from core.errors import (
    CatalogReadOnly,
    FileDamaged,
    FileEmpty,
    FolderForbidden,
    FolderMissing,
    JudgeNotLoaded,
    QueryEmpty,
    ReferenceUnreadable,
    ScorerUnknown,
)
from core.jobs import (
    Explain,
    Failed,
    Jobs,
    JudgeLoaded,
    LoadJudge,
    Notice,
    Preparation,
    Prepare,
    Progress,
    Rank,
    Scan,
    ScanFinished,
    ScanStarted,
    Scored,
)
from core.media import Listed, Region, Unlisted, scan
from core.query import DEFAULT_INSTRUCTION, Aspect
from core.scorers import Budget, Explanation, JudgeChoice, Where, WordMet
from tests.samples.documents import write_pdf

TINY = Path(__file__).parents[1] / "data" / "parity" / "model"

COLOURS = {"a.png": (30, 60, 200), "b.png": (220, 20, 30), "c.png": (128, 128, 128)}


class FakeEngine(Jobs):
    """Lists real folders and answers a ranking with the events it was given; an exception among them is raised."""

    def __init__(self, *events, unlisted=(), why=None):
        self.events = events
        self.why = why or {}
        self.unlisted = unlisted
        self.asked = self.loaded = None
        self.rank_closed = self.closed = False

    def __call__(self):
        return self

    def run(self, request):
        if isinstance(request, Rank):
            self.asked = request
            if not request.judge.is_builtin and self.loaded != request.judge:
                raise JudgeNotLoaded(name="A model")
            try:
                for event in self.events:
                    if isinstance(event, BaseException):
                        raise event
                    yield event
            finally:
                self.rank_closed = True
            return
        if isinstance(request, LoadJudge):
            self.loaded = request.judge
            yield JudgeLoaded(request.judge, "A model", "because it is here.", 10**9)
            return
        if isinstance(request, Explain):
            yield from filter(None, [self.why.get(request.row)])
            return
        yield ScanStarted(os.path.abspath(request.folder), request.recursive, "token")
        files = 0
        for chunk in scan(request.folder, recursive=request.recursive):
            files += len(chunk.names) if isinstance(chunk, Listed) else 0
            yield chunk
        for error in self.unlisted:
            yield Unlisted(error)
        yield ScanFinished(files, 0.1)

    def look_at(self, listing, rows):
        raise AssertionError("there is no screen")

    def close(self):
        self.closed = True


class Terminal(io.StringIO):
    def isatty(self):
        return True


def scored(*pairs, known=False):
    rows, scores = zip(*pairs, strict=True)
    return Scored(np.array(rows, np.int32), np.array(scores, np.float32), known)


@pytest.fixture
def folder(tmp_path):
    """Three files; rows 0, 1, 2 by name."""
    place = tmp_path / "media"
    place.mkdir()
    for name in COLOURS:
        (place / name).write_bytes(b"not opened")
    return place


@pytest.fixture
def say(capsysbinary):
    """Run the command line; returns (exit code, standard output, standard error)."""

    def run(*args, engine=None):
        code = main([str(arg) for arg in args], open_engine=engine)
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


# --- rank --------------------------------------------------------------------------------------------


def test_json_is_a_list_best_first_with_failures_last(folder, say):
    engine = FakeEngine(scored((0, 0.25), (2, 0.75)), Failed([1], [FileEmpty()]))
    code, out, err = say("rank", folder, "--text", "red", "--format", "json", engine=engine)
    assert code == 0
    assert json.loads(out) == [
        {
            "rank": 1,
            "path": str(folder / "c.png"),
            "kind": "image",
            "score": 0.75,
            "error": None,
            "page": None,
            "judged": True,
        },
        {
            "rank": 2,
            "path": str(folder / "a.png"),
            "kind": "image",
            "score": 0.25,
            "error": None,
            "page": None,
            "judged": True,
        },
        {
            **{"rank": None, "path": str(folder / "b.png"), "kind": "image", "score": None},
            **{"error": "The file is empty.", "page": None, "judged": None},
        },
    ]
    assert err == "semblance: 2 of 3 files scored, 1 can't be scored.\n"
    assert engine.closed


def test_a_later_score_replaces_an_earlier_one_and_equal_ones_keep_their_order(folder, say):
    events = [scored((0, 0.9), (1, 0.5), known=True), scored((0, 0.1)), Failed([2], [FileEmpty()]), scored((2, 0.5))]
    _, out, _ = say("rank", folder, "--text", "red", "--format", "json", engine=FakeEngine(*events))
    assert [(row["path"][-5:], row["score"]) for row in json.loads(out)] == [
        ("b.png", 0.5),
        ("c.png", 0.5),
        ("a.png", 0.1),
    ]


def test_csv_has_the_same_columns(folder, say):
    engine = FakeEngine(scored((0, 0.25), (2, 1 / 3)), Failed([1], [FileDamaged(detail='a "b", c')]))
    _, out, _ = say("rank", folder, "--text", "red", "--format", "csv", engine=engine)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == ["rank", "path", "kind", "score", "error", "page", "judged"]
    assert [row["score"] for row in rows] == ["0.333333", "0.25", ""]
    assert rows[2]["error"] == 'The file is damaged or incomplete (a "b", c).'


def test_the_table_is_aligned_and_names_the_reasons(folder, say):
    engine = FakeEngine(scored((0, 0.25), (2, 0.75)), Failed([1], [FileEmpty()]))
    _, out, _ = say("rank", folder, "--text", "red", engine=engine)
    assert out.splitlines() == [
        "rank  score  kind   path",
        f"   1  0.750  image  {folder / 'c.png'}",
        f"   2  0.250  image  {folder / 'a.png'}",
        "",
        "Can't be scored:",
        f"   -      -  image  {folder / 'b.png'}: The file is empty.",
    ]


def test_a_limit_prints_the_best_and_counts_the_failures_on_standard_error(folder, say):
    engine = FakeEngine(scored((0, 0.25), (2, 0.75)), Failed([1], [FileEmpty()]))
    code, out, err = say("rank", folder, "--text", "red", "--limit", 1, "--format", "json", engine=engine)
    assert code == 0
    assert [row["path"] for row in json.loads(out)] == [str(folder / "c.png")]
    assert "1 can't be scored" in err


def test_paths_start_with_the_folder_as_it_was_typed(folder, say, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (folder / "deep").mkdir()
    (folder / "deep" / "d.txt").write_text("words")
    engine = FakeEngine(scored((0, 0.1), (1, 0.2), (2, 0.3), (3, 0.4)))
    for typed in ("media", "./media/", "media/../media"):
        _, out, _ = say("rank", typed, "--text", "red", "--format", "json", engine=engine)
        paths = [row["path"] for row in json.loads(out)]
        assert paths[0] == os.path.join(typed, "deep", "d.txt")
        assert all(os.path.exists(path) for path in paths)


MODEL = "--device cpu --precision float32 --budget fast --fps 2"


def test_every_option_reaches_the_engine(folder, say):
    engine = FakeEngine()
    options = "--text red --image x.png --image y.png --video z.mp4 --minus blue --instruction Match --no-recursive"
    say("rank", folder, *options.split(), "--scorer", "2B", *MODEL.split(), engine=engine)
    query = engine.asked.query
    assert (query.text, query.minus, query.instruction) == ("red", "blue", "Match")
    assert [str(reference.path) for reference in query.references] == ["z.mp4", "x.png", "y.png"]
    assert engine.asked.judge == JudgeChoice("2B", "cpu", "float32", Budget.FAST, 0, 2.0)
    assert engine.loaded == engine.asked.judge
    assert not engine.asked.listing.recursive
    say("rank", folder, "--text", "red", engine=engine)
    assert engine.asked.query.instruction == DEFAULT_INSTRUCTION
    assert engine.asked.query.aspect is Aspect.OVERALL
    assert engine.asked.judge == JudgeChoice()
    say("rank", folder, "--image", "x.png", "--aspect", "palette", "--region", "0, .5,1,1", engine=engine)
    assert engine.asked.query.aspect is Aspect.PALETTE
    assert engine.asked.query.regions == (Region(0, 0.5, 1, 1),)


@pytest.mark.parametrize("aspect", Aspect)
def test_every_aspect_can_be_asked_for(folder, say, aspect):
    engine = FakeEngine()
    code, _, err = say("rank", folder, "--image", "x.png", "--aspect", aspect.value, engine=engine)
    assert code == 0, err
    assert engine.asked.query.aspect is aspect


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--image x.png --aspect mood", "mood"),
        ("--image x.png --aspect same --instruction Match", "not both"),
        ("--text red --region 0,0,1,1", "give --image"),
        ("--image x.png --region 0,0,1", "four fractions"),
        ("--image x.png --region 0.5,0,0.5,1", "four fractions"),
        ("--image x.png --region 0,0,2,1", "four fractions"),
        ("--image x.png --region a,b,c,d", "four fractions"),
    ],
)
def test_an_aspect_or_a_region_that_makes_no_sense_is_wrong_usage(folder, say, options, words):
    code, out, err = say("rank", folder, *options.split(), engine=FakeEngine())
    assert (code, out) == (2, "")
    assert words in err


WHY = Explanation(
    (("palette", 0.91234), ("same", 0.0)),
    (WordMet("red", 0.8, Where.LOOK), WordMet("dog", 0.0, None)),
    (1.5, 4.0),
)


def test_it_says_why_when_asked(folder, say):
    engine = FakeEngine(scored((0, 0.25), (2, 0.75)), why={2: WHY})
    arguments = "rank", folder, "--text", "red dog", "--why", "--format"
    _, out, _ = say(*arguments, "json", engine=engine)
    best, other = json.loads(out)
    assert best["why"] == {
        "looks": {"palette": 0.912, "same": 0.0},
        "words": [
            {"word": "red", "value": 0.8, "where": "look"},
            {"word": "dog", "value": 0.0, "where": None},
        ],
        "stretch": [1.5, 4.0],
    }
    assert other["why"] is None
    _, out, _ = say(*arguments, "table", engine=engine)
    assert out.splitlines()[2] == (
        "      palette 0.91 · same 0.00 · “red” 0.80 by look · “dog” 0.00 · from 1.5 s to 4.0 s"
    )
    _, out, _ = say(*arguments, "csv", engine=engine)
    assert [row["why"][:12] for row in csv.DictReader(io.StringIO(out))] == ["palette 0.91", ""]


def test_an_empty_folder_gives_an_empty_list(tmp_path, say):
    for style, expected in (("json", "[]\n"), ("csv", "rank,path,kind,score,error,page,judged\n"), ("table", "")):
        code, out, err = say("rank", tmp_path, "--text", "red", "--format", style, engine=FakeEngine())
        assert (code, out, err) == (0, expected, "semblance: 0 of 0 files scored.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_keeps_the_output_valid_and_the_path_exact(folder, say):
    raw = os.fsencode(folder) + b"/caf\xe9\xff \xe7\x8c\xab.png"
    os.rename(folder / "a.png", raw)
    rows = [(0, 0.1), (1, 0.2), (2, 0.9)]
    _, out, _ = say("rank", folder, "--text", "red", "--format", "json", engine=FakeEngine(scored(*rows)))
    best = json.loads(out)[0]["path"]
    assert "猫" in out
    assert os.fsencode(best) == raw
    for style in ("csv", "table"):
        _, out, _ = say("rank", folder, "--text", "red", "--format", style, engine=FakeEngine(scored(*rows)))
        assert "caf�� 猫.png" in out


@pytest.mark.skipif(os.name == "nt", reason="other systems refuse such names")
def test_a_name_can_not_steer_the_terminal(folder, say):
    os.rename(folder / "a.png", folder / "a\x1b[2J\n.png")
    _, out, _ = say("rank", folder, "--text", "red", engine=FakeEngine(scored((0, 0.5))))
    assert "a�[2J�.png" in out
    assert "\x1b" not in out


def test_notices_are_told_once_and_do_not_stop_the_ranking(folder, say):
    notice = Notice(CatalogReadOnly(path="x"))
    unlisted = FolderForbidden(path="secret")
    engine = FakeEngine(notice, scored((0, 0.5)), notice, unlisted=[unlisted])
    code, out, err = say("rank", folder, "--text", "red", "--format", "json", engine=engine)
    assert code == 0
    assert len(json.loads(out)) == 1
    assert err.count(str(CatalogReadOnly(path="x"))) == 1
    assert err.count(str(unlisted)) == 1


# --- finding, then judging ---------------------------------------------------------------------------


class FindingEngine(FakeEngine):
    """It finds before it asks for its judge. `events` are those of a ranking, `prepared` those of preparing."""

    def __init__(self, *events, prepared=()):
        super().__init__(*events)
        self.prepared = prepared
        self.requests = []

    def run(self, request):
        self.requests.append(request)
        if isinstance(request, Prepare):
            for event in self.prepared:
                if isinstance(event, BaseException):
                    raise event
                yield event
        elif isinstance(request, LoadJudge) and request.finder:
            yield JudgeLoaded(request.judge, "A finder", "it fits.", 10**6, finder=True)
        elif isinstance(request, Rank) and self.loaded != request.judge:
            yield from self.events[:1]
            raise JudgeNotLoaded(name="A model")
        else:
            yield from super().run(request)

    def of(self, kind):
        return [request for request in self.requests if isinstance(request, kind)]


@pytest.fixture
def models(tmp_path):
    """A reranker and an embedder, by name: the same tiny network, which does not say what it is for."""
    for name in ("a-reranker", "an-embedder"):
        shutil.copytree(TINY, tmp_path / name)
    return {"judge": str(tmp_path / "a-reranker"), "finder": str(tmp_path / "an-embedder")}


def both(models, *more):
    return ["--text", "red", "--finder", models["finder"], "--scorer", models["judge"], *more]


def found(*pairs):
    return dataclasses.replace(scored(*pairs), judged=False)


def test_a_folder_for_which_nothing_can_be_kept_is_ranked_all_the_same(folder, say, models):
    engine = FindingEngine(found((0, 0.4), (1, 0.6), (2, 0.2)), prepared=[CatalogReadOnly(path="catalog")])
    code, out, err = say("rank", folder, *both(models), engine=engine)
    assert code == 0, err
    assert str(CatalogReadOnly(path="catalog")) in err
    assert "b.png" in out


def test_what_is_found_is_told_from_what_is_judged(folder, say, models):
    events = (found((0, 0.4), (1, 0.6), (2, 0.2)), scored((1, 0.9)), Failed((2,), (FileEmpty(),)))
    code, out, err = say("rank", folder, *both(models, "--format", "json"), engine=FindingEngine(*events))
    assert code == 0, err
    rows = json.loads(out)
    assert [(os.path.basename(row["path"]), row["score"], row["judged"]) for row in rows] == [
        ("b.png", 0.9, True),
        ("a.png", 0.4, False),
        ("c.png", None, None),
    ]
    assert "2 of 3 files scored, 1 of them only found, not judged, 1 can't be scored." in err
    _, out, _ = say("rank", folder, *both(models), engine=FindingEngine(*events))
    head, first, second, *_ = out.splitlines()
    assert head.split() == ["rank", "score", "kind", "by", "path"]
    assert (first.split()[3], second.split()[3]) == ("judge", "finder")


def test_what_is_neither_found_nor_judged_is_listed_too(folder, say, models):
    events = (found((0, 0.4)), scored((1, 0.9)))
    code, out, err = say("rank", folder, *both(models, "--format", "json"), engine=FindingEngine(*events))
    assert code == 0, err
    *_, last = json.loads(out)
    assert (os.path.basename(last["path"]), last["rank"], last["score"], last["judged"]) == ("c.png", None, None, None)
    assert "the judge had no time for it" in last["error"]
    assert "2 of 3 files scored, 1 of them only found, not judged, 1 neither found nor judged." in err


def test_the_finder_is_loaded_and_learns_the_folder_first(folder, say, models):
    engine = FindingEngine(found((0, 0.4)), prepared=[Preparation(1, 3, 0), Preparation(3, 3, 0)])
    assert say("rank", folder, *both(models, "--judge-seconds", "0"), engine=engine)[0] == 0
    assert [type(request) for request in engine.requests] == [Scan, LoadJudge, Prepare, Rank, LoadJudge, Rank]
    asked = engine.of(Rank)[-1]
    assert (asked.finder.name, asked.judge.name, asked.judge_seconds) == (models["finder"], models["judge"], None)
    engine = FindingEngine()
    assert say("rank", folder, *both(models), engine=engine)[0] == 0
    assert engine.of(Rank)[-1].judge_seconds == 20


def test_what_is_remarked_is_not_said_again_once_the_judge_is_loaded(folder, say, models):
    notice = Notice(CatalogReadOnly(path="x"))
    _, _, err = say("rank", folder, *both(models), engine=FindingEngine(notice, scored((0, 0.5))))
    assert err.count(str(notice.error)) == 1


@pytest.mark.parametrize("judge", ["builtin", "embedder", "SigLIP2"])
def test_a_finder_without_a_reranker_is_wrong_usage(folder, say, tmp_path, judge):
    shutil.copytree(TINY, tmp_path / "embedder")
    name = str(tmp_path / "embedder") if judge == "embedder" else judge
    engine = FindingEngine()
    code, out, err = say("rank", folder, "--text", "red", "--finder", "SigLIP2", "--scorer", name, engine=engine)
    assert (code, out) == (2, "")
    assert "--finder finds for a reranker" in err
    assert not engine.requests


def test_a_judge_that_is_not_there_is_said_before_anything_is_prepared(folder, say, models, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    for name, words in {"nobody": "called nobody", "2B": "2B is not on", "auto": "2B is not on"}.items():
        engine = FindingEngine()
        code, out, err = say("rank", folder, *both(models | {"judge": name}), engine=engine)
        assert (code, out) == (1, "")
        assert words in err
        assert not engine.of(LoadJudge)
        assert not engine.of(Prepare)


def test_an_interrupt_while_the_folder_is_prepared_says_how_far_that_is(folder, say, models):
    engine = FindingEngine(prepared=[Preparation(2, 3, 0), KeyboardInterrupt()])
    code, out, err = say("rank", folder, *both(models), engine=engine)
    assert (code, out) == (130, "")
    assert "interrupted: 2 of 3 files prepared. It is kept; the same command goes on from there." in err
    assert engine.closed


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (
            [Preparation(2, 3, 0)],
            "interrupted: 2 of 3 files prepared. It is kept; the same command goes on from there.",
        ),
        ([], "interrupted before anything was prepared."),
    ],
)
def test_an_interrupted_prepare_says_how_far_it_is(folder, say, models, events, words):
    engine = FindingEngine(prepared=[*events, KeyboardInterrupt()])
    code, out, err = say("prepare", folder, "--finder", models["finder"], engine=engine)
    assert (code, out) == (130, "")
    assert err.endswith(f"semblance: {words}\n")
    assert engine.closed


def test_prepare_says_what_it_came_to_and_refuses_a_reranker(folder, say, models, monkeypatch, tmp_path):
    engine = FindingEngine(prepared=[Preparation(0, 3, 0), Preparation(2, 3, 1)])
    code, out, err = say("prepare", folder, "--finder", models["finder"], engine=engine)
    assert (code, out) == (0, "")
    assert "semblance: 2 of 3 files prepared, 1 can't be.\n" in err
    assert engine.of(Prepare)[0].finder == engine.of(LoadJudge)[0].judge
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "home"))
    code, out, err = say("prepare", folder, "--finder", models["judge"])
    assert (code, out) == (1, "")
    assert "is not an embedder" in err


def test_a_pipe_gets_no_progress_bar_and_a_terminal_gets_one_line(folder, say, monkeypatch):
    events = [Progress(1, 3, 0, 61.4, 130.0), scored((0, 0.5)), Progress(3, 3, 0, 61.4, 0.0)]
    _, _, err = say("rank", folder, "--text", "red", engine=FakeEngine(*events))
    assert err == "semblance: 1 of 3 files scored.\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _, out, _ = say("rank", folder, "--text", "red", engine=FakeEngine(*events))
    said = terminal.getvalue()
    assert "1 of 3 · 61/s · 2 min left" in said
    # The line is written over, and gone in the end.
    assert re.sub(r"[^\r\n]*\r\x1b\[K", "", said) == "semblance: 1 of 3 files scored.\n"
    assert "61/s" not in out


# --- what goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ScorerUnknown(name="nobody"), ReferenceUnreadable(path="x.png", reason="Gone."), QueryEmpty()]
)
def test_a_known_problem_is_one_sentence(folder, say, error):
    engine = FakeEngine(error)
    code, out, err = say("rank", folder, "--text", "red", engine=engine)
    assert (code, out, err) == (1, "", f"semblance: {error}\n")
    assert engine.closed


def test_a_bug_is_not_hidden(folder, say):
    with pytest.raises(ZeroDivisionError):
        say("rank", folder, "--text", "red", engine=FakeEngine(ZeroDivisionError()))


@pytest.mark.parametrize("command", [["rank", "--text", "red"], ["scan"]])
def test_a_folder_that_is_not_there(tmp_path, say, command):
    code, out, err = say(command[0], tmp_path / "gone", *command[1:], engine=FakeEngine())
    assert (code, out, err) == (1, "", f"semblance: {FolderMissing(path=str(tmp_path / 'gone'))}\n")


@pytest.mark.parametrize(
    "address", ["https://example.org/a.jpg", "HTTP://example.org/a.jpg", "data:image/png;base64,x"]
)
@pytest.mark.parametrize("option", ["--image", "--video"])
def test_a_web_address_is_refused(folder, say, option, address):
    engine = FakeEngine(scored((0, 1)))
    code, out, err = say("rank", folder, option, address, engine=engine)
    assert (code, out) == (1, "")
    assert "opens no connection" in err
    assert engine.asked is None


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ([], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank"], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank", "."], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank", ".", "--text", "  "], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank", ".", "--minus", "blue"], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank", ".", "--text", "red", "--limit", "0"], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank", ".", "--text", "red", "--format", "xml"], 'Try: semblance rank FOLDER --text "red car"'),
        (["rank", ".", "--colour", "red"], 'Try: semblance rank FOLDER --text "red car"'),
        (["rang", "."], 'Try: semblance rank FOLDER --text "red car"'),
        (["scan"], "Try: semblance scan FOLDER"),
        (["scan", ".", "--text", "red"], "Try: semblance scan FOLDER"),
    ],
)
def test_wrong_usage_says_the_line_to_type(say, args, line):
    code, out, err = say(*args, engine=FakeEngine())
    assert (code, out) == (2, "")
    assert err.startswith("semblance: ")
    assert err.splitlines()[-1] == line


def test_help_and_version_are_answers(say):
    assert say("--help")[0] == 0
    assert "--minus" in say("rank", "--help")[1]
    assert re.fullmatch(r"semblance, version \d+\.\d+\.\d+\n", say("--version")[1])


def test_an_interrupt_closes_the_engine_and_says_what_is_kept(folder, say):
    engine = FakeEngine(scored((0, 0.5)), KeyboardInterrupt())
    code, out, err = say("rank", folder, "--text", "red", engine=engine)
    assert (code, out) == (130, "")
    assert err == (
        "semblance: interrupted: 1 of 3 files scored. "
        "The scores so far are kept; the same command goes on from there.\n"
    )
    assert engine.rank_closed
    assert engine.closed


# --- scan --------------------------------------------------------------------------------------------


def test_scan_lists_what_would_be_ranked(folder, say):
    os.utime(folder / "a.png", ns=(0, 1_700_000_000_500_000_000))
    (folder / "deep").mkdir()
    (folder / "deep" / "clip.MP4").write_bytes(b"12345")
    (folder / "notes.md").write_text("x")
    (folder / "program.exe").write_text("x")
    code, out, err = say("scan", folder, "--format", "json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert rows[0] == {"path": str(folder / "a.png"), "kind": "image", "size": 10, "modified": "2023-11-14T22:13:20Z"}
    assert [(os.path.basename(row["path"]), row["kind"]) for row in rows[3:]] == [
        ("notes.md", "text"),
        ("clip.MP4", "video"),
    ]
    assert datetime.fromisoformat(rows[4]["modified"]).utcoffset().total_seconds() == 0
    _, out, _ = say("scan", folder, "--format", "csv", "--no-recursive")
    assert out.splitlines()[0] == "path,kind,size,modified"
    assert len(out.splitlines()) == 5
    _, out, _ = say("scan", folder)
    assert out.splitlines()[1] == f"image    10  2023-11-14T22:13:20Z  {folder / 'a.png'}"


# --- the real program --------------------------------------------------------------------------------

PROGRAM = "import sys; from core.cli import main; sys.exit(main())"


def test_it_imports_nothing_heavy_until_a_command_runs():
    program = (
        "import sys; import core.cli; print(sorted({'numpy', 'PySide6', 'av', 'PIL', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(os.name == "nt", reason="no SIGPIPE there")
def test_a_reader_that_has_seen_enough_is_no_problem(folder):
    for number in range(2000):
        (folder / f"{number}-{'long' * 20}.txt").touch()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "scan", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdout.readline().startswith(b"kind")
    program.stdout.close()
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait(20) == 0


def test_the_real_engine_ranks_pictures_by_a_word_and_by_a_picture(tmp_path, say, monkeypatch):
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "media"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (64, 48), colour).save(folder / name)
    (folder / "d.jpg").write_bytes(b"")
    Image.new("RGB", (50, 50), (30, 60, 199)).save(tmp_path / "reference.png")
    code, out, err = say("rank", folder, "--text", "red", "--format", "json")
    rows = json.loads(out)
    assert code == 0, err
    assert os.path.basename(rows[0]["path"]) == "b.png"
    assert rows[0]["score"] >= 0.8
    assert (rows[3]["rank"], rows[3]["error"]) == (None, "The file is empty.")
    code, out, err = say("rank", folder, "--image", tmp_path / "reference.png", "--format", "json")
    best, second, *_ = json.loads(out)
    assert os.path.basename(best["path"]) == "a.png"
    assert best["score"] >= 0.8
    assert second["score"] < 0.6
    assert sorted(os.listdir(folder)) == ["a.png", "b.png", "c.png", "d.jpg"]


@pytest.mark.parametrize("fps", ["nan", "inf", "0", "-1"])
def test_frames_a_second_are_a_number(folder, say, fps):
    code, out, err = say("rank", folder, "--text", "red", "--fps", fps)
    assert (code, out) == (2, "")
    assert "--fps" in err


def test_the_real_engine_refuses_a_reference_that_is_not_there(folder, say, monkeypatch):
    monkeypatch.setenv("SEMBLANCE_HOME", str(folder.parent / "home"))
    missing = folder.parent / "gone.png"
    code, out, err = say("rank", folder, "--image", missing)
    assert (code, out) == (1, "")
    assert err == f"semblance: The reference {missing} can't be used. The file is no longer there.\n"
    code, out, err = say("rank", folder, "--text", "red", "--scorer", "nobody")
    assert (code, out) == (1, "")
    assert "no judge or finder called nobody" in err


def test_pages_are_ranked_one_by_one_and_named(tmp_path, say, monkeypatch):
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "media"
    folder.mkdir()
    write_pdf(folder / "report.pdf", ["a harbour", "a meadow"])
    code, out, err = say("rank", folder, "--text", "meadow", "--format", "json")
    assert code == 0, err
    assert [(row["page"], row["kind"]) for row in json.loads(out)] == [(2, "text"), (1, "text")]
    assert "report.pdf (page 2)" in say("rank", folder, "--text", "meadow")[1]
