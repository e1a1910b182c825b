"""A query's identity."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media import Region
from core.query import Aspect, Query, Reference

regions = st.sampled_from([None, Region(0, 0, 0.5, 1), Region(0.5, 0, 1, 1)])
queries = st.builds(
    Query,
    text=st.text(max_size=20),
    minus=st.text(max_size=20),
    instruction=st.text(max_size=20),
    images=st.lists(st.just(Path("a.jpg")), max_size=2).map(tuple),
    videos=st.lists(st.just(Path("b.mp4")), max_size=2).map(tuple),
    aspect=st.sampled_from(Aspect),
)
queries = st.one_of(
    queries,
    st.builds(Query, images=st.just((Path("a.jpg"), Path("b.jpg"))), regions=st.tuples(regions, regions)),
)


def test_equal_questions_are_equal() -> None:
    assert Query(text="  café\n") == Query(text="café")
    assert Query(text="café").digest([]) == Query(text=" café").digest([])


def test_a_reference_counts_by_content() -> None:
    one, copy = Query(images=(Path("a.jpg"),)), Query(images=(Path("copy of a.jpg"),))
    assert one.digest([b"same"]) == copy.digest([b"same"]) != one.digest([b"other"])


def test_pictures_and_clips_differ_and_so_does_their_order() -> None:
    assert Query(images=(Path("a"),)).digest([b"1"]) != Query(videos=(Path("a"),)).digest([b"1"])
    both = Query(images=(Path("a"), Path("b")))
    assert both.digest([b"1", b"2"]) != both.digest([b"2", b"1"])
    assert Query(images=(Path("a"),), videos=(Path("b"),)).references == (Reference(Path("b")), Reference(Path("a")))


def test_a_region_belongs_to_its_picture() -> None:
    left, right = Region(0, 0, 0.5, 1), Region(0.5, 0, 1, 1)
    query = Query(images=(Path("a"), Path("b")), regions=(left,))
    assert query == Query(images=(Path("a"), Path("b")), regions=(left, None))
    assert query.references == (Reference(Path("a"), left), Reference(Path("b")))
    assert query.digest([b"1", b"2"]) != Query(images=query.images, regions=(right,)).digest([b"1", b"2"])
    with pytest.raises(ValueError, match="more regions"):
        Query(regions=(left,))
    for edges in ((0.5, 0, 0.5, 1), (0, 0, 1.1, 1), (-0.1, 0, 1, 1), (float("nan"), 0, 1, 1)):
        with pytest.raises(ValueError, match="region"):
            Region(*edges)


@given(queries, queries)
def test_different_questions_have_different_digests(one: Query, other: Query) -> None:
    prints = [[b"p"] * len(query.references) for query in (one, other)]
    assert (one.digest(prints[0]) == other.digest(prints[1])) == (one == other)


@given(queries)
def test_a_query_is_its_wanted_and_its_unwanted_part(query: Query) -> None:
    assert query.wanted.minus == ""
    assert bool(query.wanted) == bool(query)
    assert (query.unwanted is None) == (query.minus == "")
    if query.unwanted:
        assert query.unwanted == Query(text=query.minus, instruction=query.instruction)
