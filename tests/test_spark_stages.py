"""The Arrow stages of the distributed engine, without any engine: held to the batch's own results."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup import candidates
from dedup.candidates import Sketched, find_candidates, rank_documents
from dedup.canonical import id_order
from dedup.cluster import Edges, form_stars
from dedup.config import CandidateConfig, Config, VerifyConfig
from dedup.spark import electing, grouping, linking, meeting
from dedup.spark.pieces import pieces
from dedup.spark.preparing import sortable_id

DAY = 86_400_000_000


def cut(batch, seed, n=5):
    """Cut a batch at arbitrary places, as an engine does."""
    places = sorted(random.Random(seed).choices(range(batch.num_rows + 1), k=n))
    bounds = zip([0, *places], [*places, batch.num_rows], strict=True)
    return [batch.slice(start, end - start) for start, end in bounds]


def rows_of(batches):
    return [row for batch in batches for row in batch.to_pylist()]


def small_groups(monkeypatch, module, rows=20):
    """Let groups over so many rows come in several pieces."""
    monkeypatch.setattr(
        module, "pieces", lambda batches, keys, **_: pieces(batches, keys, group_rows=rows, piece_rows=8)
    )


@pytest.mark.parametrize("seed", range(20))
def test_pieces_keep_rows_and_cut_only_large_groups(seed):
    sizes = random.Random(seed).choices([1, 1, 2, 3, 40], k=30)
    keys = [key for key, size in enumerate(sizes) for _ in range(size)]
    batch = pa.record_batch({"k": pa.array(keys, pa.int64()), "v": pa.array(range(len(keys)))})
    groups, values = [], []
    for piece in pieces(cut(batch, seed), ["k"], group_rows=10, piece_rows=4):
        values += piece.rows.column("v").to_pylist()
        for start, end, continued, is_open in piece.groups():
            (key,) = set(piece.rows.column("k")[start:end].to_pylist())
            if continued:
                assert groups[-1][0] == key
                assert groups[-1][2]
                groups[-1] = (key, groups[-1][1] + end - start, is_open)
            else:
                groups.append((key, end - start, is_open))
            assert not is_open or groups[-1][1] >= 10
    assert values == list(range(len(keys)))
    assert [size for _, size, _ in groups] == sizes
    assert not any(is_open for _, _, is_open in groups)


json_ids = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.booleans(),
    st.none(),
)


@given(st.lists(json_ids, max_size=8))
@settings(deadline=None)
def test_ids_sort_as_bytes_as_they_do_as_values(ids):
    import msgspec

    tokens = [msgspec.json.encode(value).decode() for value in ids]
    values = [id_order(msgspec.json.decode(token)) for token in tokens]
    raw = [sortable_id(token) for token in tokens]
    for i in range(len(ids)):
        for j in range(len(ids)):
            assert (values[i] < values[j]) == (raw[i] < raw[j]), (tokens[i], tokens[j])


def sketches(n_docs, seed, num_perm=128):
    """Signatures with families large and small, and fingerprints that many share."""
    words = np.random.default_rng(seed)
    bases = words.integers(0, 1 << 32, (6, num_perm), dtype=np.uint32)
    family = words.choice(6, n_docs, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    alone = words.integers(0, 1 << 32, (n_docs, num_perm), dtype=np.uint32)
    share = words.choice([0.05, 0.5, 0.9, 0.97], (n_docs, 1))
    signatures = np.where(words.random((n_docs, num_perm)) < share, bases[family], alone).astype(np.uint32)
    sizes = words.integers(0, 12, n_docs)
    pool = words.integers(0, 1 << 63, 25, dtype=np.uint64)
    prints = np.where(
        words.random(sizes.sum()) < 0.6,
        words.choice(pool, sizes.sum()),
        words.integers(0, 1 << 63, sizes.sum(), dtype=np.uint64),
    )
    return signatures, prints, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def sorted_batch(batches, schema, by):
    table = pa.Table.from_batches(list(batches), schema).combine_chunks()
    table = table.sort_by([(name, "ascending") for name in by])
    return table.to_batches()[0] if table.num_rows else pa.record_batch([[]] * len(schema), schema=schema)


def met_pairs(documents, published, config, n_parts, seed):
    """Candidates by the stages, with sorts and joins done here."""
    n_docs = len(documents.ranks)
    ranks = documents.ranks.astype(np.int64) * 2 + published
    spans = zip(documents.fingerprint_at.tolist(), documents.sizes.tolist(), strict=True)
    prints = [documents.fingerprints[at : at + size].tobytes() for at, size in spans]
    signatures = documents.signatures.reshape(n_docs, documents.num_perm)
    batch = pa.record_batch(
        {
            "rank": pa.array(ranks),
            "signature": pa.array([row.tobytes() for row in signatures], pa.binary()),
            "fingerprints": pa.array(prints, pa.binary()),
        }
    )
    entries = sorted_batch(
        meeting.make_entries(cut(batch, seed), config=config, n_parts=n_parts),
        meeting.ENTRIES,
        ["bucket", "rank"],
    )
    met = list(meeting.meet(cut(entries, seed, 40), config=config, may_split=True))
    again = [row for row in rows_of(met) if row["kind"] == meeting.AGAIN]
    split = [{"bucket": row["a"], "rank": row["b"], "extra": row["extra"]} for row in again]
    if split:
        split = sorted_batch(
            [pa.RecordBatch.from_pylist(split, meeting.ENTRIES)], meeting.ENTRIES, ["bucket", "rank"]
        )
        met += meeting.meet(cut(split, seed, 40), config=config, may_split=False)
    pairs = {}
    for row in rows_of(met):
        if row["kind"] != meeting.AGAIN:
            found = pairs.setdefault((row["a"], row["b"]), {"met": False, "shared": 0, "least": 0})
            found["met"] |= row["kind"] == meeting.BAND
            if row["kind"] == meeting.PRINT:
                found["shared"] += 1
                found["least"] = row["extra"]
    by_rank = dict(zip(ranks.tolist(), documents.signatures.reshape(len(ranks), -1), strict=True))
    rows = []
    for (a, b), found in pairs.items():
        if not (found["shared"] and meeting.enough_shared(found["shared"], found["least"], min)):
            found["shared"] = 0
        if found["met"] or found["shared"]:
            ends = {"signature_a": by_rank[a].tobytes(), "signature_b": by_rank[b].tobytes()}
            rows.append({"a": a, "b": b, **found, **ends})
    scored = sorted_batch(
        meeting.score([pa.RecordBatch.from_pylist(rows)], num_perm=128), meeting.SCORED, ["b", "a"]
    )
    return {(row["a"] // 2, row["b"] // 2) for row in rows_of(meeting.cap(cut(scored, seed)))}


@pytest.mark.parametrize("with_archive", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_those_of_the_batch_also_from_giant_buckets(seed, with_archive, monkeypatch):
    small_groups(monkeypatch, meeting)
    for name, value in (("BEST", 5), ("FULLEST", 3)):
        monkeypatch.setattr(candidates, name, value)
        monkeypatch.setattr(meeting, name, value)
    n_docs = 400
    signatures, prints, offsets = sketches(n_docs, seed)
    words = np.random.default_rng(seed)
    ranks = rank_documents(words.integers(50, 90, n_docs).astype(np.int32), words.integers(0, 9, (n_docs, 4)))
    documents = Sketched.of(signatures, prints, offsets, ranks)
    published = words.random(n_docs) < (0.4 if with_archive else 0)
    config = CandidateConfig()
    found = find_candidates(documents, config, published=published)
    assert found.counters["candidates_capped"] > 0, "this corpus must reach the caps"
    expected = {(int(ranks[a]), int(ranks[b])) for a, b in found.pairs.tolist()}
    assert met_pairs(documents, published.astype(np.int64), config, 1, seed) == expected


def test_fingerprints_are_cut_into_parts_as_in_the_batch(monkeypatch):
    monkeypatch.setattr(candidates, "PAIRS_AT_ONCE", 64)
    monkeypatch.setattr(meeting, "PAIRS_AT_ONCE", 64)
    signatures, prints, offsets = sketches(300, 7)
    ranks = np.random.default_rng(7).permutation(300).astype(np.uint32)
    documents = Sketched.of(signatures, prints, offsets, ranks)
    n_parts = meeting.fingerprint_parts(len(prints))
    assert n_parts > 1
    found = find_candidates(documents, CandidateConfig())
    expected = {(int(ranks[a]), int(ranks[b])) for a, b in found.pairs.tolist()}
    assert met_pairs(documents, np.zeros(300, np.int64), CandidateConfig(), n_parts, 7) == expected


def group(rows, **verify):
    config = Config(verify=VerifyConfig(**verify))
    full = [
        {
            "key_digest": b"k" * 16,
            "day": 0,
            "apart": 0,
            "date": None,
            "n_tokens": 90,
            "source": "a",
            "heading": None,
            "subject": None,
        }
        | row
        for row in rows
    ]
    batch = pa.RecordBatch.from_pylist(full)
    batch = batch.set_column(3, "date", batch.column("date").cast(pa.int64()))
    return rows_of(grouping.group_rows(cut(batch, 1), config=config))


def test_equal_keys_share_a_node_and_count_from_its_representative():
    rows = group([{"place": 5}, {"place": 3}, {"place": 4, "day": 1}])
    assert [(row["node"], row["seq"]) for row in rows] == [(5, 0), (5, 1), (4, 0)]


def test_a_text_set_apart_has_no_node():
    rows = group([{"place": 5}, {"place": 3, "apart": 4}])
    assert [row["node"] for row in rows] == [5, None]


def test_titles_of_other_subjects_split_a_short_text_of_one_source():
    titles = [b"alden corp pays", b"brent mills declares", b"", b"alden corp", b"brent mills"]
    rows = group([{"place": n, "subject": title} for n, title in enumerate(titles)])
    assert [(row["node"], row["seq"]) for row in rows] == [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1)]
    rows = group([{"place": n, "subject": title, "source": str(n)} for n, title in enumerate(titles)])
    assert {row["node"] for row in rows} == {0}


def test_days_split_a_group_around_each_first():
    rows = group([{"place": n, "date": day * DAY} for n, day in enumerate([0, 2, 9, 1, 8])], max_days=3)
    assert [(row["node"], row["seq"]) for row in rows] == [(0, 0), (0, 1), (2, 0), (0, 2), (2, 1)]


def test_a_short_text_under_many_titles_is_a_notice(monkeypatch):
    small_groups(monkeypatch, grouping, rows=6)
    titles = [{"place": n, "n_tokens": 20, "heading": bytes([n])} for n in range(5)]
    assert all(
        row["notice"] and row["node"] is None for row in group(titles + [{"place": n} for n in range(5, 40)])
    )
    assert not any(row["notice"] for row in group(titles[:4]))


def components(edges, seed):
    """Run the half-rounds until nothing changes; return each node's component."""
    links = {(max(edge), min(edge)) for edge in edges if edge[0] != edge[1]}

    def batch(pairs):
        pairs = sorted(pairs)
        return [pa.array(column, pa.int64()) for column in (zip(*pairs, strict=True) if pairs else ([], []))]

    for _ in range(50):
        both = pa.record_batch(batch(links | {(b, a) for a, b in links}), schema=linking.LINKS)
        large = {tuple(row.values()) for row in rows_of(linking.large_star(cut(both, seed)))}
        small = pa.record_batch(batch(large), schema=linking.LINKS)
        after = {tuple(row.values()) for row in rows_of(linking.small_star(cut(small, seed)))}
        if after == links:
            return dict(links)
        links = after
    raise AssertionError("no end")


@pytest.mark.parametrize("seed", range(10))
def test_stars_come_to_the_components(seed, monkeypatch):
    small_groups(monkeypatch, linking, rows=5)
    words = random.Random(seed)
    edges = [(words.randrange(80), words.randrange(80)) for _ in range(60)]
    edges += [(n, n + 1) for n in range(100, 140)] + [(200, n) for n in range(150, 180)]
    found = components(edges, seed)
    least = {node: node for edge in edges for node in edge}
    for _ in range(200):
        for a, b in edges:
            least[a] = least[b] = min(least[a], least[b])
    assert found == {node: root for node, root in least.items() if node != root}


@pytest.mark.parametrize("seed", range(10))
def test_rounds_keep_the_nodes_that_the_greedy_order_keeps(seed, monkeypatch):
    small_groups(monkeypatch, electing, rows=5)
    words = np.random.default_rng(seed)
    n_nodes = 60
    fixed = words.random(n_nodes) < 0.2
    keepers, dropped = words.integers(0, n_nodes, (2, 200))
    forward = (keepers < dropped) & ~fixed[dropped]
    keepers, dropped = keepers[forward], dropped[forward]
    edges = Edges(keepers, dropped, np.arange(len(keepers)), np.ones(len(keepers), np.uint64))
    stars = form_stars(np.arange(n_nodes), fixed, edges)
    status = {node: 1 for node in range(n_nodes) if node not in set(dropped.tolist())}
    for _ in range(n_nodes):
        waiting = sorted(
            (d, status.get(k, -1)) for k, d in zip(keepers.tolist(), dropped.tolist(), strict=True)
        )
        waiting = [row for row in waiting if row[0] not in status]
        if not waiting:
            break
        batch = pa.RecordBatch.from_pylist([{"dropped": d, "status": s} for d, s in waiting])
        decided = rows_of(electing.elect(cut(batch, seed)))
        assert any(row["kept"] is not None for row in decided)
        status |= {row["node"]: int(row["kept"]) for row in decided if row["kept"] is not None}
    assert {node for node, kept in status.items() if kept} == set(
        np.flatnonzero(stars.keeper == np.arange(n_nodes))
    )
