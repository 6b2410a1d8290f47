"""Evaluation: scores against brute force, files against their faults."""

import gzip
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup.errors import DataError, UsageError
from dedup.evaluate import ClusterTruth, PairTruth, TruthPair, evaluate, load_decisions, load_truth, render
from dedup.evaluate.clusters import agreement, contingency_sums
from dedup.evaluate.load import id_key
from dedup.evaluate.scores import ratio, resample
from dedup.records import Decision


def decide(id, kept=None, *, story=None, kept_in=None):
    if kept is None:
        return Decision(f"r:{id}", id, "kept", cluster=id, story=story)
    return Decision(f"r:{id}", id, "dropped", cluster=kept, story=story, kept_id=kept, kept_in=kept_in)


def brute_force(true, predicted):
    """Pairwise, Rand and B-cubed scores straight from their definitions."""
    n = len(true)
    pairs = list(itertools.combinations(range(n), 2))
    both = sum(true[i] == true[j] and predicted[i] == predicted[j] for i, j in pairs)
    in_true = sum(true[i] == true[j] for i, j in pairs)
    in_predicted = sum(predicted[i] == predicted[j] for i, j in pairs)

    def share(part, whole):
        return part / whole if whole else math.nan

    expected = share(in_true * in_predicted, len(pairs)) if pairs else 0.0
    span = (in_true + in_predicted) / 2 - expected
    rand = (both - expected) / span if span else 1.0
    members = [
        (
            {j for j in range(n) if true[j] == true[i]},
            {j for j in range(n) if predicted[j] == predicted[i]},
        )
        for i in range(n)
    ]
    precision = sum(len(t & p) / len(p) for t, p in members) / n
    recall = sum(len(t & p) / len(t) for t, p in members) / n
    f1 = 2 * precision * recall / (precision + recall)
    return [
        share(both, in_predicted),
        share(both, in_true),
        share(2 * both, in_true + in_predicted),
        rand,
        precision,
        recall,
        f1,
    ]


def numbered(labels):
    return np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)


clusterings = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 5), min_size=n, max_size=n) for _ in range(2)))
)


@given(clusterings)
def test_cluster_scores_equal_brute_force_over_all_pairs(both):
    true, predicted = both
    got = agreement(contingency_sums(numbered(true), numbered(predicted)).sum(axis=0))
    np.testing.assert_allclose(got, brute_force(true, predicted), rtol=1e-9, atol=1e-12)


@given(clusterings)
def test_an_evaluation_of_clusters_gives_the_brute_force_scores(both):
    true, predicted = both
    first = {label: predicted.index(label) for label in predicted}
    decisions = [
        decide(i, None if first[label] == i else first[label], story=f"s{label}")
        for i, label in enumerate(predicted)
    ]
    truth = ClusterTruth({id_key(i): id_key(label) for i, label in enumerate(true)})
    result = evaluate(decisions, truth)
    expected = [None if math.isnan(value) else round(value, 4) for value in brute_force(true, predicted)]
    for score in result.partitions:
        got = [
            getattr(score, name).value
            for name in (
                "precision",
                "recall",
                "f1",
                "adjusted_rand",
                "bcubed_precision",
                "bcubed_recall",
                "bcubed_f1",
            )
        ]
        assert got == pytest.approx(expected, abs=1.01e-4)
    wrong = sum(first[label] != i and true[first[label]] != true[i] for i, label in enumerate(predicted))
    assert result.n_wrong_witness == wrong


def test_cluster_scores_do_not_look_at_all_pairs():
    n = 1_000_000  # all pairs would be 5e11
    true = np.arange(n, dtype=np.int64) // 1000
    scores = agreement(contingency_sums(true, np.roll(true, 1)).sum(axis=0))
    assert 0.99 < scores[0] < 1


def test_identical_and_trivial_partitions_have_a_rand_index_of_one():
    singletons = np.arange(5, dtype=np.int64)
    one = np.zeros(5, dtype=np.int64)
    assert agreement(contingency_sums(singletons, singletons).sum(axis=0))[3] == 1
    assert agreement(contingency_sums(one, one).sum(axis=0))[3] == 1
    assert agreement(contingency_sums(one, singletons).sum(axis=0))[3] == 0


def test_grouping_equal_rows_leaves_the_bootstrap_distribution_as_it_was():
    rng = np.random.default_rng(5)
    rows = np.stack([rng.integers(0, 2, 200), np.ones(200)], axis=1).astype(float)

    def share(sums):
        return ratio(sums[..., :1], sums[..., 1:])

    (estimate,) = resample(rows, share, np.random.default_rng(1))
    plain = [rows[rng.integers(0, 200, 200)].mean(axis=0)[0] for _ in range(4000)]
    assert estimate.low == pytest.approx(np.percentile(plain, 2.5), abs=0.02)
    assert estimate.high == pytest.approx(np.percentile(plain, 97.5), abs=0.02)


def test_a_seed_fixes_the_intervals_and_another_moves_them():
    decisions = [decide(i, i - 1 if i % 4 == 1 else None) for i in range(100)]
    truth = PairTruth(tuple(TruthPair(i, i + 1, "dup") for i in range(0, 100, 2)))
    assert evaluate(decisions, truth, seed=1) == evaluate(decisions, truth, seed=1)
    assert evaluate(decisions, truth, seed=1).recall != evaluate(decisions, truth, seed=2).recall
    estimate = evaluate(decisions, truth, seed=1).recall
    assert estimate.low < estimate.value == 0.5 < estimate.high


def test_merged_found_and_keeper_are_told_apart_by_label():
    decisions = [
        decide("a", story="a"),
        decide("b", "a", story="a"),
        decide("c", story="a"),
        decide("d"),
        decide("e", "b2"),
        decide("b2"),
    ]
    truth = PairTruth(
        (
            TruthPair("a", "b", "yes", "near", keep="b"),
            TruthPair("b", "c", "no", "revised"),
            TruthPair("c", "d", "no", "template"),
            TruthPair("e", "b2", "yes", "near", keep="b2"),
            TruthPair("a", "d", "debatable", "related"),
        )
    )
    result = evaluate(decisions, truth)
    labels = {
        score.label: (score.n, score.merged.value, score.found.value, score.keeper.value)
        for score in result.labels
    }
    assert labels == {"yes": (2, 1.0, 1.0, 0.5), "no": (2, 0.0, 0.5, None), "debatable": (1, 0.0, 0.0, None)}
    assert [score.label for score in result.relations] == ["near", "related", "revised", "template"]
    assert (result.precision.value, result.recall.value, result.f1.value) == (1.0, 1.0, 1.0)


def test_a_merged_negative_costs_precision_and_a_debatable_one_nothing():
    decisions = [decide("a"), decide("b", "a"), decide("c", "a")]
    truth = PairTruth(
        (TruthPair("a", "b", "dup"), TruthPair("a", "c", "template"), TruthPair("b", "c", "debatable"))
    )
    assert evaluate(decisions, truth).precision.value == 0.5


def test_a_third_survivor_does_not_count_against_the_keeper():
    decisions = [decide("a", "z"), decide("b", "z"), decide("z")]
    truth = PairTruth((TruthPair("a", "b", "dup", keep="a"),))
    (label,) = evaluate(decisions, truth).labels
    assert (label.merged.value, label.keeper.value) == (1.0, None)


def test_a_record_kept_in_an_archive_is_not_taken_for_the_one_of_the_same_id_in_the_input():
    decisions = [decide("a"), decide("b", "a", kept_in="against")]
    (label,) = evaluate(decisions, PairTruth((TruthPair("a", "b", "dup"),))).labels
    assert label.merged.value == 0.0


def test_pairs_without_a_decision_are_counted_as_missing():
    result = evaluate(
        [decide("a"), decide("b", "a")], PairTruth((TruthPair("a", "b", "dup"), TruthPair("a", "x", "dup")))
    )
    assert (result.n, result.missing) == (1, 1)


def test_a_truth_of_other_records_is_refused():
    with pytest.raises(DataError, match='none of the 2 ids of the truth has a decision, such as "1"'):
        evaluate([decide(1), decide(2)], PairTruth((TruthPair("1", "2", "dup"),)))


def test_an_ambiguous_id_is_refused_and_its_record_name_taken():
    decisions = [
        Decision("r1", "a", "kept", story="s"),
        Decision("r2", "a", "kept", story="t"),
        decide("b", story="t"),
    ]
    with pytest.raises(DataError, match="belongs to several records"):
        evaluate(decisions, PairTruth((TruthPair("a", "b", "dup"),)))
    (label,) = evaluate(decisions, PairTruth((TruthPair("r2", "b", "dup"),))).labels
    assert label.found.value == 1.0


def write(path, *rows):
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path


def test_files_are_read_back_with_their_id_types(tmp_path):
    rows = [
        {"schema": 1, "record": "r1", "id": 7, "status": "kept", "cluster": 7, "flags": ["short"]},
        {"record": "r2", "id": "7", "status": "dropped", "cluster": 7, "kept_id": 7, "relation": "near"},
    ]
    decisions = load_decisions(write(tmp_path / "d.jsonl", *rows))
    truth = load_truth(write(tmp_path / "t.jsonl", {"a": 7, "b": "7", "label": "dup", "keep": 7}))
    result = evaluate(decisions, truth)
    assert result.recall.value == 1.0
    assert result.labels[0].keeper.value == 1.0
    assert json.loads(json.dumps(result.to_dict()))["labels"][0]["label"] == "dup"
    truth = load_truth(
        write(tmp_path / "c.jsonl", {"id": 7, "cluster": "x"}, {"id": "7", "cluster": "x", "version": 2})
    )
    assert evaluate(decisions, truth).partitions[0].adjusted_rand.value == 1.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "truth holds no row"),
        (('{"a": 1,\n',), r"t\.jsonl:1"),
        (("[1]\n",), "not a JSON object"),
        (("[" * 100_000,), "not a JSON object"),
        (("\udcff",), "not a JSON object"),
        (({"a": 1, "b": 2},), "not a labelled pair"),
        (
            ({"a": 1, "b": 2, "label": "dup"}, {"a": 1, "b": 1, "label": "dup"}),
            r"with itself \(.*t\.jsonl:2\)",
        ),
        (({"a": 1, "b": 2, "drop": "maybe"},), "choose from yes, no, debatable"),
        (({"id": 1},), "no id and cluster"),
        (({"id": 1, "cluster": 1}, {"id": 1, "cluster": 2}), r"stands in the truth twice \(.*:2\)"),
    ],
)
def test_a_faulty_truth_is_refused_with_its_line(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        load_truth(write(tmp_path / "t.jsonl", *rows))


@pytest.mark.parametrize("row", ['{"record": 1}\n', "{\n", '{"record": "r", "status": "kept"}\n'])
def test_a_faulty_decision_is_refused_with_its_line(tmp_path, row):
    good = {"record": "r", "id": 1, "status": "kept"}
    with pytest.raises(DataError, match=r"not a decision.*d\.jsonl:3"):
        load_decisions(write(tmp_path / "d.jsonl", good, "\n", row))


def test_an_empty_or_absent_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no decision"):
        load_decisions(write(tmp_path / "d.jsonl"))
    with pytest.raises(UsageError, match="cannot read"):
        load_decisions(tmp_path / "absent.jsonl")
    with pytest.raises(UsageError, match="cannot read"):
        load_truth(tmp_path)


def test_packed_files_are_read_and_a_truncated_one_is_refused(tmp_path):
    rows = [{"record": f"r{n}", "id": n, "status": "kept"} for n in range(1000)]
    plain = write(tmp_path / "d.jsonl", *rows).read_bytes()
    packed = tmp_path / "d.jsonl.gz"
    packed.write_bytes(gzip.compress(plain))
    assert load_decisions(packed) == load_decisions(tmp_path / "d.jsonl")
    packed.write_bytes(gzip.compress(plain)[:-20])
    with pytest.raises(DataError, match="truncated"):
        load_decisions(packed)


def test_a_file_without_a_last_line_end_is_read_whole(tmp_path):
    path = write(tmp_path / "t.jsonl", {"a": 1, "b": 2, "label": "dup"}, '\n{"a": 1, "b": 3, "label": "dup"}')
    assert [(pair.b, pair.line) for pair in load_truth(path).pairs] == [(2, 1), (3, 3)]


def test_the_table_fits_80_columns_and_shows_every_label():
    decisions = [decide("a"), decide("b", "a"), decide("c")]
    long = "a label that is much longer than anybody would ever wish to write in a file, and longer"
    pairs = PairTruth((TruthPair("a", "b", "dup", "near", keep="a"), TruthPair("b", "c", long, "related")))
    clusters = ClusterTruth({id_key("a"): b"1", id_key("b"): b"1", id_key("c"): b"1"})
    for truth, words in (
        (pairs, ("dup", "near", "F1", "seed 1")),
        (clusters, ("B-cubed F1", "adjusted rand", "by story")),
    ):
        text = render(evaluate(decisions, truth))
        assert max(map(len, text.splitlines())) <= 80
        for word in words:
            assert word in text
