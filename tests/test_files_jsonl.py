"""JSON Lines and what surrounds them: streams, compression, bad records, two passes."""

import bz2
import gzip
import io
import json
import os
import pickle
import re
import sys
import types

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.config import ReadConfig
from dedup.errors import DataError, SystemFailure, UsageError
from dedup.files import Chunk, Fields, find_inputs, parse, resolve_fields
from dedup.files import compression as compression_module
from dedup.schema import FLAGS, RECORDS

FIELDS = Fields("text", "id", "title", "source", "date", "url")
LIMIT = 64 << 20


def read(path, *, target=8 << 20, limit=LIMIT, fields=FIELDS, **options):
    (source,) = find_inputs([str(path)], record_limit_bytes=limit, **options)
    rows = []
    for chunk in source.chunks(target):
        batch = parse(pickle.loads(pickle.dumps(chunk)), fields, limit)
        assert batch.schema.equals(RECORDS)
        batch.validate(full=True)
        rows += batch.to_pylist()
    return rows


def read_bytes(tmp_path, data, name="a.jsonl", **options):
    path = tmp_path / name
    path.write_bytes(data)
    return read(path, **options)


def one(tmp_path, line, **options):
    (row,) = read_bytes(tmp_path, line, **options)
    return row


def test_every_role_is_filled_from_its_field(tmp_path):
    line = b'{"id": 7, "text": "Hello", "title": "T", "source": "S", "date": "1970-01-02", "url": "u"}\n'
    row = one(tmp_path, line)
    assert row == {
        **{"text": "Hello", "id": "7", "title": "T", "source": "S", "date": 86_400_000_000, "url": "u"},
        **{"line": 1, "offset": 0, "length": len(line) - 1, "flags": 0, "bad": None},
    }


def test_records_end_at_line_feeds_only(tmp_path):
    inner = "a\u2028b\x85c\u2029d\x7f"
    data = json.dumps({"text": inner}, ensure_ascii=False).encode() + b"\r\n" + b'{"text":"x"}'
    rows = read_bytes(tmp_path, data)
    assert [row["text"] for row in rows] == [inner, "x"]
    assert rows[1]["offset"] == data.index(b"\n") + 1
    assert rows[0]["length"] == data.index(b"\n")  # the carriage return belongs to the record


def test_form_feeds_and_vertical_tabs_are_not_blank_and_not_ends(tmp_path):
    rows = read_bytes(tmp_path, b'{"text":"a"}\x0b{"text":"b"}\n\x0c\n')
    assert len(rows) == 2
    assert all(row["bad"] for row in rows)


def test_blank_lines_are_no_records_but_count_as_lines(tmp_path):
    rows = read_bytes(tmp_path, b'\n \t\r\n{"text":"a"}\n\n{"text":"b"}\n\n')
    assert [(row["line"], row["text"]) for row in rows] == [(3, "a"), (5, "b")]


def test_a_byte_order_mark_is_skipped_and_counts_in_the_offset(tmp_path):
    row = one(tmp_path, b'\xef\xbb\xbf{"text":"a"}')
    assert (row["text"], row["offset"]) == ("a", 3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_utf16_is_refused_with_a_remedy(tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    with pytest.raises(DataError, match=r"UTF-16.*iconv"):
        read_bytes(tmp_path, (mark + '{"text":"a"}').encode(encoding))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_records(tmp_path, data):
    assert read_bytes(tmp_path, data) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"text":"a",}', "not JSON"),
        (b'{"text":"a"} x', "not JSON"),
        (b'{"text":"a","n":NaN}', "not JSON"),
        (b'{"text":"tab\there"}', "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"id":1}', "text is missing"),
        (b'{"text":null}', "text is null"),
        (b'{"text":5}', "text is not a string"),
        (b'{"text":["a"]}', "text is not a string"),
        (b'{"text":"a\xff"}', "not UTF-8"),
        (b'{"text":"a","other":"\xff"}', "not UTF-8"),
        (b'{"text":"a","id":"\xff"}', "not UTF-8"),
        (b'{"text":"a","id":{"x":1}}', "id is an array, an object or a number out of range"),
        (b'{"text":"a","id":[1]}', "id is an array, an object or a number out of range"),
        (b'{"text":"a","id":1e400}', "id is an array, an object or a number out of range"),
        (b'{"text":"a","x":' + b"[" * 501 + b"]" * 501 + b"}", "deeper than 500"),
        (b'{"text":"a","x":' + b'{"y":' * 500 + b"1" + b"}" * 500 + b"}", "deeper than 500"),
        (b'{"text":"a","x":' + b"[" * 100_000, "deeper than 500"),
        (b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}", "deeper than 500"),
    ],
)
def test_bad_records_are_told_apart_and_their_neighbours_survive(tmp_path, line, reason):
    rows = read_bytes(tmp_path, b'{"text":"before"}\n' + line + b'\n{"text":"after"}\n')
    assert [row["text"] for row in rows] == ["before", None, "after"]
    assert reason in rows[1]["bad"]
    assert [row["line"] for row in rows] == [1, 2, 3]
    assert rows[0]["bad"] is rows[2]["bad"] is None


def test_deep_nesting_within_the_limit_and_brackets_in_strings_are_fine(tmp_path):
    deep = b'{"text":"' + b"[" * 2000 + b'","x":' + b"[" * 499 + b"]" * 499 + b"}"
    assert one(tmp_path, deep)["bad"] is None


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_text_is_a_good_record(tmp_path, text):
    row = one(tmp_path, json.dumps({"text": text}).encode())
    assert (row["text"], row["bad"]) == (text, None)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("1", "1"),
        ('"1"', '"1"'),
        ('"007"', '"007"'),
        ("12345678901234567890123456789", "12345678901234567890123456789"),
        ("1.50", "1.50"),
        ("true", "true"),
        ("null", None),
        ('""', None),
        ('"caf\\u00e9"', '"café"'),
    ],
)
def test_ids_keep_their_type_and_digits(tmp_path, token, expected):
    assert one(tmp_path, f'{{"text":"a","id": {token} }}'.encode())["id"] == expected


def test_a_url_serves_as_id_and_as_url(tmp_path):
    fields = Fields("text", id="url", url="url")
    row = one(tmp_path, b'{"text":"a","url":"http:\\/\\/x"}', fields=fields)
    assert (row["id"], row["url"]) == ('"http://x"', "http://x")


def test_one_field_may_hold_text_and_title(tmp_path):
    row = one(tmp_path, b'{"text":"a"}', fields=Fields("text", title="text"))
    assert (row["text"], row["title"]) == ("a", "a")


@pytest.mark.parametrize(
    ("value", "expected"), [("5", "5"), ("1.5", "1.5"), ("true", None), ("[1]", None), ("null", None)]
)
def test_labels_take_numbers_and_ignore_the_rest(tmp_path, value, expected):
    row = one(tmp_path, f'{{"text":"a","title":{value},"source":{value}}}'.encode())
    assert (row["title"], row["source"], row["bad"]) == (expected, expected, None)


def test_a_number_beyond_a_double_does_not_spoil_the_record(tmp_path):
    row = one(tmp_path, b'{"text":"a","title":1e999,"date":1e999}')
    assert (row["text"], row["bad"]) == ("a", None)


def test_the_last_of_repeated_keys_counts_even_if_the_first_has_another_type(tmp_path):
    assert one(tmp_path, b'{"text":1,"text":"b"}')["text"] == "b"
    assert one(tmp_path, b'{"text":"b","text":1}')["bad"] == "text is not a string"


def test_lone_surrogates_become_replacement_characters_and_are_flagged(tmp_path):
    row = one(tmp_path, rb'{"text":"a\ud800b\udc00 \ud83d\ude00 \\ud800","id":"\udfff"}')
    assert row["text"] == "a\ufffdb\ufffd \U0001f600 \\ud800"
    assert row["id"] == '"\ufffd"'
    assert row["flags"] == FLAGS["suspect_characters"]


def test_nul_is_kept_and_flagged(tmp_path):
    row = one(tmp_path, b'{"text":"a\\u0000b"}')
    assert (row["text"], row["flags"]) == ("a\0b", FLAGS["suspect_characters"])


def test_an_unparseable_date_is_flagged_and_an_absent_one_is_not(tmp_path):
    rows = read_bytes(
        tmp_path,
        b'{"text":"a","date":"soon"}\n{"text":"a","date":null}\n{"text":"a","date":""}\n{"text":"a"}\n',
    )
    assert [row["flags"] for row in rows] == [FLAGS["date_unparseable"], 0, 0, 0]
    assert {row["date"] for row in rows} == {None}


def test_field_names_with_quotes_and_backslashes_work(tmp_path):
    name = 'a"b\\c\n'
    row = one(tmp_path, json.dumps({name: "hello", "id": 3}).encode(), fields=Fields(name, "id"))
    assert (row["text"], row["id"], row["bad"]) == ("hello", "3", None)


def test_a_key_written_with_escapes_is_the_same_key(tmp_path):
    assert one(tmp_path, b'{"te\\u0078t":"a"}')["text"] == "a"


@pytest.mark.parametrize("target", [1, 1000, 8 << 20])
def test_an_oversized_record_is_cut_and_its_neighbours_survive(tmp_path, target):
    big = b'{"text":"' + b"x" * 3_000_000 + b'"}'
    data = b'{"text":"a"}\n' + big + b'\n{"text":"b"}\n' + big
    rows = read_bytes(tmp_path, data, target=target, limit=1000)
    assert [row["text"] for row in rows] == ["a", None, "b", None]
    assert rows[1]["bad"] == f"record of {len(big)} bytes is over the limit of 1000"
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert [row["offset"] for row in rows] == [0, 13, 13 + len(big) + 1, 13 + len(big) + 14]
    assert rows[1]["length"] == rows[3]["length"] == len(big)


def test_memory_stays_flat_on_one_huge_line(tmp_path):
    import tracemalloc

    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    (source,) = find_inputs([str(path)], record_limit_bytes=1 << 20)
    tracemalloc.start()
    (chunk,) = source.chunks()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert chunk.record_length == 200 << 20
    assert len(chunk.payload) == 64 << 10
    assert peak < 12 << 20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(["text", "id", "x", "date", "é", "title"]), json_values, max_size=5)
raw_lines = st.one_of(
    objects.map(lambda value: json.dumps(value).encode()),
    objects.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")),
    st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
    st.sampled_from([b"", b"  ", b"\r", b'{"text":"ok"}\r', b' {"text" : "ok"}']),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(raw_lines, max_size=12), st.booleans(), st.integers(1, 60), st.integers(5, 60))
def test_chunk_size_changes_no_record(tmp_path_factory, lines, ended, target, limit):
    data = b"\n".join(lines) + b"\n" * ended
    path = tmp_path_factory.mktemp("chunks") / "a.jsonl"
    path.write_bytes(b'{"text":"first"}\n' + data)
    whole, cut = read(path, limit=limit), read(path, target=target, limit=limit)
    assert whole == cut


@settings(max_examples=150, deadline=None)
@given(st.lists(raw_lines, max_size=8))
def test_good_records_are_those_that_json_reads_with_a_text(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("good") / "a.jsonl"
    path.write_bytes(b'{"text":"first"}\n' + b"\n".join(lines))
    for row, line in zip(read(path)[1:], [line for line in lines if line.strip(b" \t\r")], strict=True):
        try:
            value = json.loads(line)
        except ValueError:
            assert row["bad"]
            continue
        good = (
            isinstance(value, dict)
            and isinstance(value.get("text"), str)
            and not isinstance(value.get("id"), (list, dict))
        )
        assert (row["bad"] is None) == good
        if good:
            assert row["text"] == re.sub("[\ud800-\udfff]", "\ufffd", value["text"])


fair_lines = st.sampled_from(
    [
        b'{"text":"plain","id":"a","date":"2020-01-01","title":"T"}',
        b'{"text":"other","id":7,"date":20200101,"title":5,"source":true,"url":null}',
        '{"text":"é…","id":"é\\"","url":"u"}'.encode(),
        b'{"text":"nul\\u0000","date":"junk"}\r',
        b'{"text":"","id":"","title":[1,{}],"date":1.5}',
    ]
)
foul_lines = raw_lines | st.sampled_from(
    [
        *(
            b'{"text":"a"}{"text":"b"}',
            b'{"text":"a"',
            b"}",
            b"{}",
            b'{"text":"a","x":{"y":',
            b'{"text":"a\xff"}',
        ),
        *(b'{"text":"a"} \t', b'{"text":"a"}\x0b', b"\t\r", b'[{"text":"a"}]', b'{"text":"dup","text":null}'),
        *(
            b'{"text":5,"text":"a"}',
            b'{"text":"a","id":[1]}',
            b'{"text":"a","id":1e999}',
            b'{"text":"\\ud800"}',
        ),
        *(b'{"text":"%s"}' % (b"[" * 501), b'{"text":"a","x":' + b"[" * 499 + b"]" * 499 + b"}"),
        *(b'{"text":"a","x":' + b"[" * 500 + b"]" * 500 + b"}", b'{"text":"%s"}' % (b"x" * 2000)),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(fair_lines, max_size=20),
    st.lists(st.tuples(foul_lines, st.integers(0, 20)), max_size=4),
    st.booleans(),
    st.sampled_from([FIELDS, Fields("text", id="url", url="url", date="id"), Fields("text", title="text")]),
)
def test_lines_read_together_are_as_each_by_itself(lines, spoiled, ended, fields):
    for line, place in spoiled:
        lines.insert(place, line)
    data = b"\n".join(lines) + b"\n" * ended
    alone, offset = [], 5
    for number, line in enumerate(data.split(b"\n"), start=3):
        alone += parse(Chunk(0, 0, line, number, offset, "a", "jsonl"), fields, 1500).to_pylist()
        offset += len(line) + 1
    together = parse(Chunk(0, 0, data, 3, 5, "a", "jsonl"), fields, 1500)
    together.validate(full=True)
    assert together.to_pylist() == alone


PLAIN = b"".join(b'{"text":"number %d of the many that are here"}\n' % n for n in range(3000))
PACKERS = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("named", [True, False])
def test_compressed_files_are_known_by_content_or_name(tmp_path, ending, named):
    rows = read_bytes(tmp_path, PACKERS[ending](PLAIN), "a.jsonl" + ending * named)
    assert len(rows) == 3000
    assert rows[-1]["offset"] == PLAIN.rindex(b"{")


@pytest.mark.parametrize("ending", PACKERS)
def test_further_members_are_read(tmp_path, ending):
    pack = PACKERS[ending]
    data = pack(PLAIN[:1000]) + pack(b"") + pack(PLAIN[1000:])
    assert len(read_bytes(tmp_path, data, "a.jsonl" + ending)) == 3000


def test_skippable_zstandard_frames_and_gzip_padding_are_passed_over(tmp_path):
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    assert len(read_bytes(tmp_path, skippable + PACKERS[".zst"](PLAIN), "a.jsonl")) == 3000
    assert len(read_bytes(tmp_path, gzip.compress(PLAIN) + b"\0" * 512, "b.jsonl")) == 3000


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_stream_is_an_error_with_its_place(tmp_path, ending, share):
    data = PACKERS[ending](PLAIN)
    cut = min(int(len(data) * share), len(data) - 1)
    with pytest.raises(DataError, match=rf"truncated after {cut} bytes \(.*a.jsonl"):
        read_bytes(tmp_path, data[:cut], "a.jsonl" + ending)


@pytest.mark.parametrize("ending", PACKERS)
def test_a_truncated_second_member_is_an_error(tmp_path, ending):
    data = PACKERS[ending](PLAIN)
    with pytest.raises(DataError, match="truncated"):
        read_bytes(tmp_path, data + data[:-4], "a.jsonl" + ending)


@pytest.mark.parametrize("ending", PACKERS)
def test_a_corrupt_stream_is_an_error(tmp_path, ending):
    data = bytearray(PACKERS[ending](os.urandom(5000).hex().encode()))
    data[len(data) // 2] ^= 0xFF
    data[len(data) // 2 + 1] ^= 0xFF
    if ending == ".zst":
        data = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(PLAIN))
        data[-1] ^= 0xFF
    with pytest.raises(DataError, match="corrupt"):
        read_bytes(tmp_path, bytes(data), "a.jsonl" + ending)


def test_bytes_behind_a_compressed_member_are_an_error(tmp_path):
    with pytest.raises(DataError, match="corrupt"):
        read_bytes(tmp_path, gzip.compress(PLAIN) + b"garbage here", "a.jsonl.gz")


@pytest.mark.parametrize("ending", PACKERS)
def test_a_bomb_is_stopped(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(compression_module, "EXPANSION_FLOOR", 1 << 20)
    with pytest.raises(DataError, match="unfolds to more than 200 times"):
        read_bytes(tmp_path, PACKERS[ending](b"\0" * (64 << 20)), "a.jsonl" + ending, limit=1000)


def test_a_small_file_may_unfold_a_lot(tmp_path):
    rows = read_bytes(tmp_path, gzip.compress(b" " * (4 << 20) + b'{"text":"a"}'), "a.jsonl.gz")
    assert rows[0]["text"] == "a"


def fake_stdin(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(data)))


@pytest.mark.parametrize("data", [PLAIN, gzip.compress(PLAIN), b""])
def test_standard_input_can_be_looked_at_and_read_twice(monkeypatch, tmp_path, data):
    fake_stdin(monkeypatch, data)
    (source,) = find_inputs(["-"], spool_dir=str(tmp_path))
    assert (source.name, source.format) == ("<stdin>", "jsonl")
    assert source.fields() == (["text"] if data else [])
    first = list(source.chunks(5000))
    assert source.size_bytes == len(data)
    assert list(source.chunks_again()) == first
    assert b"".join(chunk.payload for chunk in first) == (PLAIN if data else b"")


def test_a_pipe_is_read_twice(tmp_path):
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(PLAIN))
    writer.start()
    (source,) = find_inputs([str(pipe)])
    first = list(source.chunks())
    writer.join()
    assert list(source.chunks_again()) == first


def test_digest_and_size_are_those_of_the_raw_bytes(tmp_path):
    import hashlib

    data = gzip.compress(PLAIN)
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    (source,) = find_inputs([str(tmp_path / "a.jsonl.gz")])
    source.fields()
    list(source.chunks(100))
    assert (source.sha256, source.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(PLAIN + b"{}\n"),
        lambda path: path.write_bytes(PLAIN[:-20]),
        lambda path: path.unlink() or path.write_bytes(PLAIN.replace(b"number 7 ", b"number 8 ")),
        lambda path: path.write_bytes(b"\xff\xfe"),
    ],
)
def test_an_input_that_changes_between_the_passes_is_a_failure(tmp_path, spoil):
    path = tmp_path / "a.jsonl"
    path.write_bytes(PLAIN)
    (source,) = find_inputs([str(path)])
    list(source.chunks(1000))
    spoil(path)
    with pytest.raises(SystemFailure, match="input changed during the run"):
        list(source.chunks_again())


def test_chunks_of_a_plain_file_travel_as_places_and_are_read_again(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN)
    (source,) = find_inputs([str(path)])
    for chunk in source.chunks(1000):
        packed = pickle.dumps(chunk)
        assert len(packed) < 400 < len(chunk.payload)
        assert pickle.loads(packed).whole() == chunk


@pytest.mark.parametrize("spoiled", [PLAIN[:-20], PLAIN.replace(b"number 1 ", b"number 2 ")])
def test_a_change_between_cutting_and_reading_a_chunk_is_a_failure(tmp_path, spoiled):
    path = tmp_path / "a.jsonl"
    path.write_bytes(PLAIN)
    (source,) = find_inputs([str(path)])
    # Unpickling itself must not fail: in a worker that would be the end of its pool.
    chunks = [pickle.loads(pickle.dumps(chunk)) for chunk in source.chunks(1000)]
    path.write_bytes(spoiled)
    with pytest.raises(SystemFailure, match="input changed during the run"):
        [parse(chunk, FIELDS, LIMIT) for chunk in chunks]


def test_a_change_that_keeps_size_and_time_is_still_seen(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(PLAIN)
    (source,) = find_inputs([str(path)])
    list(source.chunks(1000))
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(1500)
        file.write(b"#")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(SystemFailure, match="input changed"):
        list(source.chunks_again())


def test_a_file_that_grows_while_it_is_read_is_a_failure(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(PLAIN)
    (source,) = find_inputs([str(path)])
    chunks = source.chunks(1000)
    next(chunks)
    with path.open("ab") as file:
        file.write(b"\n")
    with pytest.raises(SystemFailure, match="input changed"):
        list(chunks)


def test_a_json_array_file_gets_a_remedy(tmp_path):
    with pytest.raises(DataError, match=r"JSON array.*jq"):
        read_bytes(tmp_path, b'[\n{"text":"a"}\n]', "a.json")


def test_fields_are_the_union_over_the_first_records(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"b":1}\nnonsense\n{"text":"x","b":2}\n')
    (source,) = find_inputs([str(path)])
    assert source.fields() == ["b", "text"]
    assert resolve_fields([source], ReadConfig()).text == "text"


def test_a_missing_file_is_a_usage_error():
    with pytest.raises(UsageError, match="does not exist"):
        find_inputs(["/nowhere/a.jsonl"])
