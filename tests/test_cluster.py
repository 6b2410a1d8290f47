"""Stars: one survivor each, no chains, the same whatever order the edges come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.canonical import Version, choose, id_order
from dedup.cluster import Edges, Stars, form_stars

NONE_FIXED = np.zeros(6, bool)


def edges_of(pairs: list[tuple[int, int]], strengths: list[int] | None = None) -> Edges:
    keepers = np.array([k for k, _ in pairs], np.int64)
    dropped = np.array([d for _, d in pairs], np.int64)
    return Edges(keepers, dropped, np.arange(len(pairs)), np.array(strengths or [1] * len(pairs), np.uint64))


def stars_of(n_nodes: int, pairs: list[tuple[int, int]], strengths: list[int] | None = None) -> Stars:
    return form_stars(np.arange(n_nodes), np.zeros(n_nodes, bool), edges_of(pairs, strengths))


def test_nobody_is_dropped_through_a_chain() -> None:
    assert stars_of(3, [(0, 1), (1, 2)]).keeper.tolist() == [0, 0, 2]


def test_two_fuller_texts_of_one_cut_are_never_merged() -> None:
    # A ⊃ B, C ⊃ B, A ≁ C: B goes for one of them, A and C stay.
    assert stars_of(3, [(0, 2), (1, 2)], [5, 9]).keeper.tolist() == [0, 1, 1]


def test_the_strongest_edge_wins_and_is_the_witness() -> None:
    stars = stars_of(3, [(0, 2), (1, 2)], [9, 5])
    assert stars.keeper.tolist() == [0, 1, 0]
    assert stars.witness.tolist() == [-1, -1, 0]


def test_published_nodes_stay() -> None:
    fixed = np.array([False, True, False])
    stars = form_stars(np.array([1, 0, 2]), fixed, edges_of([(0, 1), (1, 0), (1, 2)]))
    assert stars.keeper.tolist() == [1, 1, 1]
    both = form_stars(np.array([0, 1, 2]), np.array([True, True, False]), edges_of([(0, 1)]))
    assert both.keeper.tolist() == [0, 1, 2]


def test_a_shorter_but_fuller_text_takes_over_a_star_edge_by_edge() -> None:
    # Node 2 comes last, yet it may stand for 0 and for 0's member 1, and nothing may stand for it.
    stars = stars_of(3, [(0, 1), (2, 0), (2, 1)])
    assert stars.keeper.tolist() == [2, 2, 2]
    assert stars.witness.tolist() == [1, 2, -1]
    # Without an edge to the member it takes nothing over.
    assert stars_of(3, [(0, 1), (2, 0)]).keeper.tolist() == [0, 0, 2]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 3)), max_size=30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_every_drop_has_an_edge_from_a_kept_node_whatever_the_order_of_edges(
    rows: list[tuple[int, int, int]], rng: object
) -> None:
    unique = {(k, d): s for k, d, s in rows if k != d}
    pairs, strengths = list(unique), list(unique.values())
    stars = stars_of(8, pairs, strengths)
    for node, keeper in enumerate(stars.keeper.tolist()):
        assert stars.keeper[keeper] == keeper
        if keeper != node:
            assert pairs[stars.witness[node]] == (keeper, node)
        else:
            assert stars.witness[node] == -1
    shuffled = list(unique.items())
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    again = stars_of(8, [pair for pair, _ in shuffled], [s for _, s in shuffled])
    assert again.keeper.tolist() == stars.keeper.tolist()


def version(node: int, **changes: object) -> Version:
    values = {
        "node": node, "damage": 1, "extra": 0, "foreign": 0,
        "source": None, "date": None, "likeness": 0.5, "id": node, "digest": bytes([node]),
    }  # fmt: skip
    return Version(**(values | changes))  # type: ignore[arg-type]


DEFAULT = ("undegraded", "complete", "source", "clean", "earliest", "medoid", "id")


def test_an_undamaged_version_beats_a_fuller_damaged_one() -> None:
    assert choose([version(0, damage=4, extra=50), version(1)], prefer=DEFAULT)[0].node == 1


def test_completeness_beats_a_preferred_source_and_the_clean_one_beats_the_earlier() -> None:
    full, cut = version(0, source="b"), version(1, source="a", extra=-90)
    assert choose([full, cut], prefer=DEFAULT, source_priority=("a",))[0] is full
    assert choose([full, cut], prefer=("source", "complete"), source_priority=("a",))[0] is cut
    wrapped, clean = version(0, date=1), version(1, date=2, foreign=-60)
    assert choose([wrapped, clean], prefer=DEFAULT)[0] is clean


def test_a_few_words_are_no_completeness() -> None:
    early, late = version(0, date=1), version(1, date=2, extra=4)
    assert choose([early, late], prefer=DEFAULT)[0] is early
    assert choose([early, late], prefer=("latest",))[0] is late


def test_the_values_of_all_preferences_are_printed() -> None:
    _, values = choose([version(3, date=7)], prefer=DEFAULT)
    assert list(values) == list(DEFAULT)
    assert values["earliest"] == 7


def test_ids_of_any_type_have_one_order() -> None:
    assert sorted(["10", 9, None, "9", 10, True], key=id_order) == [9, 10, "10", "9", None, True]
