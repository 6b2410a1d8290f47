"""Outputs: untouched bytes, spliced texts, formats, atomic publishing, quarantine."""

import bz2
import csv
import errno
import gzip
import io
import json
import os
import stat
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.config import ReadConfig
from dedup.errors import SystemFailure, UsageError
from dedup.files import (
    ANNOTATIONS,
    AtomicFile,
    RejectsWriter,
    find_inputs,
    open_writer,
    parse,
    resolve_fields,
    write_rows,
)
from dedup.files.splice import add_members, find_value, splice_text

LIMIT = 64 << 20


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def convert(paths, output, *, choose=None, edit=None, annotate=None, target=8 << 20, limit=LIMIT, **options):
    """Run both passes; choose and edit take a row as a dict; returns the kept rows."""
    sources = find_inputs([str(path) for path in paths], record_limit_bytes=limit)
    fields = resolve_fields(sources, ReadConfig())
    kept = []
    for source in sources:
        for _ in source.chunks(target):
            pass
    with open_writer(str(output), sources=sources, annotate=annotate is not None, **options) as writer:
        for source in sources:
            for chunk in source.chunks_again():
                records = parse(chunk, fields, limit)
                rows = records.to_pylist()
                keep = np.array(
                    [row["bad"] is None and (choose is None or choose(row)) for row in rows], dtype=bool
                )
                new = {
                    n: edit(row) for n, row in enumerate(rows) if edit and keep[n] and edit(row) is not None
                }
                added = None if annotate is None else [annotate for _ in rows]
                writer.write(chunk, records, keep, new, added)
                kept += [row for row, flag in zip(rows, keep, strict=True) if flag]
        digest = writer.close()
        writer.publish()
    return kept, digest


def run_bytes(tmp_path, data, name="in.jsonl", out="out.jsonl", **options):
    (tmp_path / name).write_bytes(data)
    convert([tmp_path / name], tmp_path / out, **options)
    return (tmp_path / out).read_bytes()


# JSONL

LINES = [
    b'{"text":"a"}',
    b' {"id" : 007.0e1, "text"\t:  "b\\u00e9",  "x":{"text":"no"}, "x":1 }\r'.replace(b"007.0e1", b"7.0e1"),
    '{"text":"ünï","z":[{"text":1},"}"]}'.encode(),
    b'{"text":1,"text":"last","text2":"\\"text\\":"}  \t',
]


def test_keeping_all_changes_no_byte(tmp_path):
    data = b"\n".join(LINES) + b"\n"
    assert run_bytes(tmp_path, data) == data


def test_a_last_line_without_an_end_gets_one_only_if_a_record_follows(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES[0])
    (tmp_path / "b.jsonl").write_bytes(LINES[2])
    convert([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == LINES[0] + b"\n" + LINES[2]


def test_dropped_bad_and_blank_lines_are_left_out(tmp_path):
    data = b"\xef\xbb\xbf" + b"\n\n".join([*LINES, b"bad"])
    assert run_bytes(tmp_path, data, choose=lambda row: row["text"] != "a") == b"".join(
        line + b"\n" for line in LINES[1:]
    )


def test_an_inverted_mask_gives_the_dropped_records_in_full(tmp_path):
    data = b"\n".join(LINES) + b"\n"
    kept = run_bytes(tmp_path, data, choose=lambda row: row["line"] % 2)
    dropped = run_bytes(tmp_path, data, choose=lambda row: not row["line"] % 2)
    assert kept == LINES[0] + b"\n" + LINES[2] + b"\n"
    assert dropped == LINES[1] + b"\n" + LINES[3] + b"\n"


def test_new_text_stands_in_the_place_of_the_effective_one(tmp_path):
    out = run_bytes(
        tmp_path, b"\n".join(LINES), edit=lambda row: 'n"é\n' + row["text"] if row["line"] > 1 else None
    )
    assert out.split(b"\n") == [
        LINES[0],
        LINES[1].replace(b'"b\\u00e9"', b'"n\\"\\u00e9\\nb\\u00e9"'),
        LINES[2].replace('"ünï"'.encode(), '"n\\"é\\nünï"'.encode()),
        LINES[3].replace(b'"last"', '"n\\"é\\nlast"'.encode()),
    ]


def test_annotations_go_before_the_closing_brace(tmp_path):
    out = run_bytes(tmp_path, b"\n".join(LINES), annotate={"dedup_status": "kept", "dedup_score": 0.5})
    for line, old in zip(out.split(b"\n"), LINES, strict=True):
        assert (
            line
            == old[: old.rindex(b"}")] + b',"dedup_status":"kept","dedup_score":0.5' + old[old.rindex(b"}") :]
        )
    assert add_members(b"{ }", {"a": 1}) == b'{ "a":1}'


@pytest.mark.parametrize(
    "line", [b'{"x":"\\\\","text":"a\\"b"}', b'{"te\\u0078t" : "a"}', b'{"a":[[{"b":"]}"}]],"text":"a"}']
)
def test_the_span_of_a_value_is_found_among_escapes_and_containers(line):
    start, end = find_value(line, "text")
    assert json.loads(line[start:end]) == json.loads(line)["text"]


def test_a_missing_key_has_no_span():
    with pytest.raises(KeyError):
        find_value(b'{"a":{"text":1}}', "text")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
valid_text = st.text(st.characters(exclude_categories=["Cs"]))


@st.composite
def odd_lines(draw):
    """A JSON object with its text, in odd white space, key orders, escapes and repetitions."""
    space = st.sampled_from(["", " ", "\t", "\r", "  "])
    ascii_only = draw(st.booleans())
    pairs = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["x", "text", 'q"', "id2", ""]) | valid_text.map("k".__add__), json_values
            ),
            max_size=4,
        )
    )
    pairs.insert(draw(st.integers(0, len(pairs))), ("text", "t"))
    pairs.append(("text", draw(valid_text)))
    if draw(st.booleans()):
        pairs.append(("z", draw(json_values)))
    body = ",".join(
        draw(space) + json.dumps(key, ensure_ascii=ascii_only) + draw(space) + ":" + draw(space)
        + json.dumps(value, ensure_ascii=ascii_only) + draw(space)
        for key, value in pairs
    )  # fmt: skip
    return (draw(space) + "{" + body + "}" + draw(space)).encode("utf-8", "replace")


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_lines(), min_size=1, max_size=6), st.booleans(), st.integers(1, 80))
def test_keeping_all_is_identical_for_any_json_and_chunk_size(tmp_path_factory, lines, ended, target):
    folder = tmp_path_factory.mktemp("same")
    data = b"\n".join(lines) + b"\n" * ended
    assert run_bytes(folder, data, target=target) == data


@settings(max_examples=200, deadline=None)
@given(odd_lines(), valid_text)
def test_a_splice_changes_the_text_value_alone(line, text):
    start, end = find_value(line, "text")
    spliced = splice_text(line, "text", text)
    assert spliced[:start] == line[:start]
    assert spliced[len(spliced) - (len(line) - end) :] == line[end:]
    before, after = json.loads(line), json.loads(spliced)
    assert after["text"] == text
    assert {**before, "text": None} == {**after, "text": None}


@settings(max_examples=100, deadline=None)
@given(st.lists(odd_lines(), min_size=1, max_size=8), st.data(), st.integers(1, 80))
def test_chunk_size_changes_no_output(tmp_path_factory, lines, data, target):
    folder = tmp_path_factory.mktemp("chunk")
    keep = data.draw(st.sets(st.integers(1, 8)))
    change = data.draw(st.sets(st.integers(1, 8)))
    options = {
        "choose": lambda row: row["line"] in keep,
        "edit": lambda row: "new" if row["line"] in change else None,
    }
    raw = b"\n".join(lines)
    assert run_bytes(folder, raw, **options) == run_bytes(folder, raw, target=target, **options)


@pytest.mark.parametrize(
    ("ending", "unpack"),
    [
        (".gz", gzip.decompress),
        (".bz2", bz2.decompress),
        (".zst", lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b)),
    ],
)
def test_outputs_are_compressed_by_their_name_and_reproducible(tmp_path, ending, unpack):
    data = b"\n".join(LINES * 1000)
    packed = run_bytes(tmp_path, data, out="out.jsonl" + ending)
    assert unpack(packed) == data
    assert run_bytes(tmp_path, data, out="again.jsonl" + ending) == packed


def test_the_digest_is_that_of_the_published_bytes(tmp_path):
    import hashlib

    (tmp_path / "a.jsonl").write_bytes(b"\n".join(LINES))
    _, digest = convert([tmp_path / "a.jsonl"], tmp_path / "o.jsonl.gz")
    assert digest == hashlib.sha256((tmp_path / "o.jsonl.gz").read_bytes()).hexdigest()


# CSV

CSV = b'\xef\xbb\xbfid,text,n\r\n007,"a ""b"",\nc",1.0\r\n2,plain,"x"\r\n3,last,'


def test_csv_rows_pass_as_they_are(tmp_path):
    assert run_bytes(tmp_path, CSV, "a.csv", "b.csv") == CSV
    assert run_bytes(
        tmp_path, CSV, "a.csv", "b.csv", target=1, choose=lambda row: row["id"] != '"2"'
    ) == CSV.replace(b'2,plain,"x"\r\n', b"")


def test_new_text_keeps_the_csv_dialect_and_all_other_fields(tmp_path):
    out = run_bytes(tmp_path, CSV, "a.csv", "b.csv", edit=lambda row: row["text"] + "!")
    assert out == CSV.replace(b'\nc"', b'\nc!"').replace(b"plain", b"plain!").replace(b"last", b"last!")
    data = b"text;id\na;1\nb;2\n"
    assert (
        run_bytes(tmp_path, data, "s.csv", "t.csv", edit=lambda row: "x;y,z")
        == b'text;id\n"x;y,z";1\n"x;y,z";2\n'
    )
    last = b"id\ttext\r\n1\told\r\n"
    assert run_bytes(tmp_path, last, "s.tsv", "t.tsv", edit=lambda row: "new") == last.replace(b"old", b"new")


def test_annotations_become_csv_columns(tmp_path):
    out = run_bytes(tmp_path, CSV, "a.csv", "b.csv", annotate={"dedup_status": "kept", "dedup_score": 0.5})
    rows = list(csv.DictReader(io.StringIO(out.decode("utf-8-sig"), newline="")))
    assert [row["dedup_status"] for row in rows] == ["kept"] * 3
    assert [rows[0][name] for name in ("id", "dedup_cluster", "dedup_score")] == ["007", "", "0.5"]
    assert out.startswith(b"\xef\xbb\xbfid,text,n,dedup_status,")


def test_the_header_is_written_once_for_several_files(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"id,text\n1,a")
    (tmp_path / "b.csv").write_bytes(b"id,text\n2,b\n")
    convert([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "o.csv")
    assert (tmp_path / "o.csv").read_bytes() == b"id,text\n1,a\n2,b\n"


cells = st.text(alphabet=st.sampled_from('ab,;"\n\r é'), max_size=5)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5), cells, st.integers(1, 40))
def test_a_csv_splice_changes_one_field(tmp_path_factory, rows, new, target):
    folder = tmp_path_factory.mktemp("csv")
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL if "\r" in str(rows) else csv.QUOTE_MINIMAL).writerows(
        [("id", "text", "x"), *rows]
    )
    out = run_bytes(folder, buffer.getvalue().encode(), "a.csv", "b.csv", edit=lambda row: new, target=target)
    assert list(csv.reader(io.StringIO(out.decode(), newline=""))) == [
        ["id", "text", "x"],
        *[[a, new, c] for a, _, c in rows],
    ]


# Parquet and Arrow

STRING = pa.string()


def make_table(kind=STRING):
    schema = pa.schema(
        [
            pa.field("id", pa.int32(), nullable=False, metadata={"k": "v"}),
            pa.field("text", kind),
            pa.field("when", pa.timestamp("ns", "Europe/Kyiv")),
        ],
        metadata={"made": "here"},
    )
    rows = {"id": [1, 2, 3], "text": pa.array(["a", "b", "c"]).cast(kind), "when": [1, None, 3]}
    return pa.table(rows, schema=schema)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
@pytest.mark.parametrize("ending", ["parquet", "arrow", "arrows"])
def test_columnar_outputs_keep_schema_metadata_and_other_columns(tmp_path, ending, kind):
    table = make_table(kind)
    source, output = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    if ending == "parquet":
        pq.write_table(table, source, compression="gzip")
    else:
        with (pa.ipc.new_file if ending == "arrow" else pa.ipc.new_stream)(source, table.schema) as writer:
            writer.write_table(table)
    convert(
        [source],
        output,
        choose=lambda row: row["id"] != "2",
        edit=lambda row: "new" if row["id"] == "3" else None,
    )
    if ending == "parquet":
        written = pq.read_table(output)
        original = pq.read_table(source)
        assert pq.ParquetFile(output).metadata.row_group(0).column(0).compression == "GZIP"
    else:
        opener = pa.ipc.open_file if ending == "arrow" else pa.ipc.open_stream
        written, original = opener(output.read_bytes()).read_all(), table
    assert written.schema.equals(original.schema, check_metadata=True)
    assert written.column("text").to_pylist() == ["a", "new"]
    for name in ("id", "when"):
        assert (
            written.column(name)
            .combine_chunks()
            .equals(original.column(name).combine_chunks().take(pa.array([0, 2])))
        )


def test_parquet_row_groups_gather_many_chunks(tmp_path):
    pq.write_table(pa.table({"text": ["x" * 10] * 5000}), tmp_path / "a.parquet", row_group_size=50)
    convert([tmp_path / "a.parquet"], tmp_path / "b.parquet")
    assert pq.ParquetFile(tmp_path / "b.parquet").metadata.num_row_groups == 1


def test_an_empty_columnar_output_is_still_a_file_of_its_format(tmp_path):
    pq.write_table(make_table(), tmp_path / "a.parquet")
    convert([tmp_path / "a.parquet"], tmp_path / "b.parquet", choose=lambda row: False)
    assert pq.read_table(tmp_path / "b.parquet").num_rows == 0


def test_annotations_become_columns(tmp_path):
    pq.write_table(make_table(), tmp_path / "a.parquet")
    convert(
        [tmp_path / "a.parquet"], tmp_path / "b.parquet", annotate={"dedup_cluster": 7, "dedup_score": 0.5}
    )
    table = pq.read_table(tmp_path / "b.parquet")
    assert table.column_names[-6:] == list(ANNOTATIONS)
    assert (table["dedup_cluster"].to_pylist(), table["dedup_score"].to_pylist()) == (["7"] * 3, [0.5] * 3)


# Text folders


@pytest.fixture
def texts(tmp_path):
    root = tmp_path / "texts"
    (root / "b").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"\xef\xbb\xbfalpha\r\n")
    (root / "b" / "c.txt").write_bytes(b"gamma")
    return root


def test_a_folder_of_texts_goes_to_a_folder(texts, tmp_path):
    out = tmp_path / "out"
    convert([texts], out, edit=lambda row: "GAMMA" if row["text"] == "gamma" else None)
    assert (out / "a.txt").read_bytes() == b"\xef\xbb\xbfalpha\r\n"
    assert (out / "b" / "c.txt").read_bytes() == b"GAMMA"
    convert([texts], out, choose=lambda row: row["text"] == "gamma")
    assert sorted(path.name for path in out.rglob("*")) == ["b", "c.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "texts"]


def test_a_folder_with_other_files_is_not_replaced(texts, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_bytes(b"years")
    with pytest.raises(UsageError, match=r"other files, such as thesis.doc"):
        convert([texts], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "texts"]


def test_a_failed_run_leaves_no_folder(texts, tmp_path):
    sources = find_inputs([str(texts)])
    with open_writer(str(tmp_path / "out"), sources=sources) as writer:
        chunk = next(sources[0].chunks())
        writer.write(chunk, parse(chunk, resolve_fields(sources, ReadConfig()), LIMIT), [True, True])
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


# Mixed formats


def test_any_mix_of_formats_goes_to_jsonl(texts, tmp_path):
    (tmp_path / "a.csv").write_bytes(b'text,n\n"b ""q""",01\n')
    (tmp_path / "a.jsonl").write_bytes(b'{"text" : "j"}')
    pq.write_table(make_table(), tmp_path / "a.parquet")
    inputs = [tmp_path / "a.jsonl", tmp_path / "a.csv", tmp_path / "a.parquet", texts]
    convert(inputs, tmp_path / "o.jsonl", edit=lambda row: "X" if row["text"] in ("gamma", "c") else None)
    assert (tmp_path / "o.jsonl").read_bytes().split(b"\n") == [
        *(b'{"text" : "j"}', b'{"text":"b \\"q\\"","n":"01"}'),
        b'{"id":1,"text":"a","when":"1970-01-01T02:00:00+02:00"}'.replace(
            b"02:00:00+02:00", b"03:00:00+03:00"
        ),
        b'{"id":2,"text":"b","when":null}',
        b'{"id":3,"text":"X","when":"1970-01-01T03:00:00+03:00"}',
        *(b'{"id":"a.txt","text":"alpha\\r\\n"}', b'{"id":"b/c.txt","text":"X"}', b""),
    ]


@pytest.mark.parametrize(
    ("names", "output", "message"),
    [
        (["a.jsonl"], "o.csv", "cannot write csv from jsonl input"),
        (["a.csv"], "o.tsv", "cannot write tsv from csv input"),
        (["a.csv", "b.csv"], "o.csv", "different columns"),
        (["a.csv", "semicolon.csv"], "o.csv", "different columns"),
        (["a.parquet", "a.jsonl"], "o.parquet", "cannot write parquet from jsonl"),
        (["a.parquet"], "o.arrow", "cannot write arrow from parquet"),
        (["a.jsonl"], "o.txt", "texts are written to a folder"),
        (["a.jsonl"], "o.dat", "cannot tell the format of the output"),
        (["a.jsonl"], ".", "output is a folder"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_remedy(tmp_path, names, output, message):
    (tmp_path / "a.jsonl").write_bytes(b'{"text":"a"}')
    (tmp_path / "a.csv").write_bytes(b"id,text\n")
    (tmp_path / "b.csv").write_bytes(b"text,id\n")
    (tmp_path / "semicolon.csv").write_bytes(b"id;text\n")
    pq.write_table(make_table(), tmp_path / "a.parquet")
    before = names_in(tmp_path)
    with pytest.raises(UsageError, match=message) as caught:
        convert([tmp_path / name for name in names], tmp_path / output)
    assert caught.value.remedy
    assert names_in(tmp_path) == before


def test_a_collision_with_annotations_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text":"a","dedup_story":1}')
    with pytest.raises(UsageError, match="'dedup_story' is already there"):
        convert([tmp_path / "a.jsonl"], tmp_path / "o.jsonl", annotate={})


# Atomic files


def publish(path, data=b"new", **options):
    file = AtomicFile(str(path), **options)
    file.write(data)
    file.publish()


def test_the_target_keeps_its_old_bytes_until_it_is_published(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    file = AtomicFile(str(path))
    file.write(b"new")
    file.close()
    assert path.read_bytes() == b"old"
    assert all(name == "a" or name.startswith(".") for name in names_in(tmp_path))
    file.publish()
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a"]


def test_an_aborted_file_leaves_nothing(tmp_path):
    with AtomicFile(str(tmp_path / "a")) as file:
        file.write(b"x")
    assert names_in(tmp_path) == []


def test_no_overwrite_is_checked_at_the_start_and_at_the_end(tmp_path):
    path = tmp_path / "a"
    file = AtomicFile(str(path), no_overwrite=True)
    file.write(b"new")
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="output exists"):
        file.publish()
    file.abort()
    with pytest.raises(UsageError, match="output exists"):
        AtomicFile(str(path), no_overwrite=True)
    assert path.read_bytes() == b"old"
    publish(tmp_path / "b", no_overwrite=True)
    assert names_in(tmp_path) == ["a", "b"]


def test_modes_are_those_of_an_ordinary_file(tmp_path):
    former = os.umask(0o027)
    try:
        publish(tmp_path / "a")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    (tmp_path / "a").chmod(0o604)
    publish(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604


def test_a_symbolic_link_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    publish(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"new"


def test_a_very_long_name_can_be_written(tmp_path):
    publish(tmp_path / ("é" * 120 + ".jsonl"))


def test_devices_and_pipes_are_written_directly(tmp_path):
    publish("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    publish(pipe, b"through")
    reader.join()
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_waits_until_it_is_published(monkeypatch, name):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=out))
    file = AtomicFile(name)
    file.write(b"x" * 3_000_000)
    file.close()
    assert out.getvalue() == b""
    file.publish()
    assert len(out.getvalue()) == 3_000_000
    aborted = AtomicFile(name)
    aborted.write(b"y")
    aborted.abort()
    assert len(out.getvalue()) == 3_000_000


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "not read-only"),
        (errno.EACCES, "permissions"),
        (errno.EIO, "disk"),
    ],
)
def test_a_failed_write_or_sync_is_a_system_failure_with_path_and_remedy(
    tmp_path, monkeypatch, number, remedy
):
    calls = []

    def fail(descriptor):
        calls.append(descriptor)
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a"
    path.write_bytes(b"old")
    with AtomicFile(str(path)) as file:
        file.write(b"new")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(SystemFailure, match=rf"{os.strerror(number)} \(.*a\); .*{remedy}"):
            file.close()
    assert len(calls) == 1
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_a_system_failure():
    with AtomicFile("/dev/full") as file, pytest.raises(SystemFailure, match="make room on the disk"):
        file.write(b"x")


def test_a_missing_folder_and_a_folder_as_target_are_refused(tmp_path):
    with pytest.raises(SystemFailure, match="make the folder first"):
        AtomicFile(str(tmp_path / "no" / "a"))
    with pytest.raises(UsageError, match="output is a folder"):
        AtomicFile(str(tmp_path))


def test_a_file_that_is_not_published_after_a_failed_fsync_cannot_be(tmp_path, monkeypatch):
    file = AtomicFile(str(tmp_path / "a"))
    file.write(b"x")
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "bad")))
    with pytest.raises(SystemFailure):
        file.close()
    monkeypatch.setattr(os, "fsync", real)
    with pytest.raises(SystemFailure):
        file.publish()
    file.abort()
    assert names_in(tmp_path) == []


# Rows and rejects


def rejected(tmp_path, name, data, limit=LIMIT, extra=None):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    (source,) = find_inputs([str(tmp_path / name)], record_limit_bytes=limit)
    fields = resolve_fields([source], ReadConfig())
    list(source.chunks())
    with RejectsWriter(str(tmp_path / "rejects.jsonl")) as writer:
        for chunk in source.chunks_again():
            writer.write(chunk, parse(chunk, fields, limit), extra)
        writer.publish()
    return [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_bytes().splitlines()]


def test_rejects_hold_place_reason_and_raw_bytes(tmp_path):
    rows = rejected(tmp_path, "a.jsonl", b'{"text":"a"}\n{"text":5}\r\n{"text":"\xff"}\n')
    name = str(tmp_path / "a.jsonl")
    assert rows == [
        {"file": name, "line": 2, "offset": 13, "reason": "text is not a string", "bytes": '{"text":5}\r'},
        {
            "file": name,
            "line": 3,
            "offset": 25,
            "reason": "line is not UTF-8 (byte 10)",
            "base64": "eyJ0ZXh0Ijoi/yJ9",
        },
    ]


def test_good_records_can_be_rejected_for_another_reason(tmp_path):
    rows = rejected(tmp_path, "a.jsonl", b'{"text":"a"}\n', extra={0: "duplicate id"})
    assert (rows[0]["reason"], rows[0]["bytes"]) == ("duplicate id", '{"text":"a"}')


@pytest.mark.parametrize("size", [2000, 200_000])
def test_of_an_oversized_record_the_head_is_kept(tmp_path, size):
    (row,) = rejected(tmp_path, "a.jsonl", b'{"text":"' + "é".encode() * size + b'"}', limit=1000)
    assert row.get("truncated", False) == (size > 64 << 10)
    assert len(row["bytes"].encode()) == min(2 * size + 11, (64 << 10) - 1)


def test_columnar_and_text_rejects(tmp_path, texts):
    pq.write_table(
        pa.table(
            {"text": [None], "day": [b"\xff"]}, schema=pa.schema({"text": pa.string(), "day": pa.binary()})
        ),
        tmp_path / "a.parquet",
    )
    (row,) = rejected(tmp_path, "a.parquet", None)
    assert row == {
        "file": str(tmp_path / "a.parquet"),
        "line": 1,
        "reason": "text is null",
        "row": {"text": None, "day": "/w=="},
    }
    (texts / "b" / "c.txt").write_bytes(b"\xff")
    (row,) = rejected(tmp_path, "texts", None)
    assert (row["file"], row["base64"]) == (str(texts / "b" / "c.txt"), "/w==")


def test_rows_are_written_as_jsonl_and_compressed_by_name(tmp_path):
    with write_rows(str(tmp_path / "d.jsonl.gz")) as writer:
        writer.write_row({"id": "é", "n": [1]})
        writer.write_row({})
        writer.publish()
    assert gzip.decompress((tmp_path / "d.jsonl.gz").read_bytes()) == '{"id":"é","n":[1]}\n{}\n'.encode()
