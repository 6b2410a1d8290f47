"""CSV, Parquet, Arrow and text folders; finding inputs; naming fields."""

import csv
import datetime as dt
import decimal
import io
import os
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dedup.config import ReadConfig
from dedup.errors import DataError, SystemFailure, UsageError
from dedup.files import FIELD_NAMES, Fields, check_distinct, find_inputs, parse, resolve_fields
from dedup.flags import FLAGS

LIMIT = 64 << 20
DAY = 86_400_000_000


def read(path, *, target=8 << 20, limit=LIMIT, fields=None, **options):
    (source,) = find_inputs([str(path)], record_limit_bytes=limit, **options)
    fields = fields or resolve_fields([source], ReadConfig())
    rows = []
    for chunk in source.chunks(target):
        rows += parse(pickle.loads(pickle.dumps(chunk)), fields, limit).to_pylist()
    return rows


def csv_rows(tmp_path, data, name="a.csv", **options):
    path = tmp_path / name
    path.write_bytes(data)
    return read(path, **options)


# CSV


def test_csv_fields_are_text_and_rows_have_places(tmp_path):
    data = b'\xef\xbb\xbfid,text,date\r\n007,"a ""b"", c\nd",19700102\r\n,plain,\r\n'
    rows = csv_rows(tmp_path, data)
    assert rows[0]["text"] == 'a "b", c\nd'
    assert (rows[0]["id"], rows[0]["date"]) == ('"007"', DAY)
    assert (rows[1]["text"], rows[1]["id"], rows[1]["date"], rows[1]["flags"]) == ("plain", None, None, 0)
    assert [row["line"] for row in rows] == [2, 4]
    assert data[rows[1]["offset"] :][: rows[1]["length"]] == b",plain,\r"


def test_a_quote_inside_an_unquoted_field_is_a_character(tmp_path):
    rows = csv_rows(
        tmp_path, b'id,text\n1,5" nails, or\n'.replace(b", or", b"") + b'2,a "quoted" word\n3,"x"y"z\n'
    )
    assert [row["text"] for row in rows] == ['5" nails', 'a "quoted" word', 'xy"z']


def test_ragged_rows_are_bad(tmp_path):
    rows = csv_rows(tmp_path, b"id,text\n1\n1,a,b\n2,ok\n\n")
    assert [row["bad"] for row in rows] == [
        "row has 1 fields, the header 2",
        "row has 3 fields, the header 2",
        None,
    ]


@pytest.mark.parametrize("target", [1, 8 << 20])
def test_an_unclosed_quote_makes_the_remainder_one_bad_record(tmp_path, target):
    rows = csv_rows(tmp_path, b'id,text\n1,ok\n2,"a\nb""\n3,c\n', target=target)
    assert [row["bad"] for row in rows] == [None, "unclosed quote opened at line 3"]
    assert rows[1]["length"] == len(b'2,"a\nb""\n3,c\n')


def test_the_delimiter_is_told_by_the_header_alone(tmp_path):
    assert csv_rows(tmp_path, b"id;text\n1;a,b,c,d\n")[0]["text"] == "a,b,c,d"
    assert csv_rows(tmp_path, b"id,text\n1,a;b;c;d\n")[0]["text"] == "a;b;c;d"
    assert csv_rows(tmp_path, b"id\ttext\n1\ta,b\n", "a.tsv")[0]["text"] == "a,b"


def test_a_header_without_rows_is_fine_and_no_header_is_not(tmp_path):
    assert csv_rows(tmp_path, b"id,text") == []
    with pytest.raises(DataError, match="no header"):
        csv_rows(tmp_path, b"")


def test_repeated_header_names_are_refused(tmp_path):
    with pytest.raises(UsageError, match="'text' more than once"):
        csv_rows(tmp_path, b"text,id,text\n1,2,3\n")


def test_long_csv_fields_pass(tmp_path):
    assert len(csv_rows(tmp_path, b"text\n" + b"x" * 300_000 + b"\n")[0]["text"]) == 300_000
    assert csv.field_size_limit() == 131_072


def test_invalid_utf8_in_csv_is_bad(tmp_path):
    rows = csv_rows(tmp_path, b"id,text\n1,a\xff\n2,b\n")
    assert ["UTF-8" in (row["bad"] or "") for row in rows] == [True, False]


@pytest.mark.parametrize("target", [1, 8 << 20])
def test_an_oversized_csv_record_is_cut_and_its_neighbours_survive(tmp_path, target):
    big = b'2,"' + b'x""\n' * 1_000_000 + b'"'
    data = b"id,text\n1,a\n" + big + b"\n3,b\n"
    rows = csv_rows(tmp_path, data, target=target, limit=1000)
    assert [row["text"] for row in rows] == ["a", None, "b"]
    assert rows[1]["bad"] == f"record of {len(big)} bytes is over the limit of 1000"
    assert [row["line"] for row in rows] == [2, 3, 1_000_004]
    assert rows[2]["offset"] == data.rindex(b"3,b")


cells = st.text(alphabet=st.sampled_from('ab,;"\n\r é'), max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(cells, cells), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.sampled_from([0, 1]),
)
def test_csv_is_read_as_the_csv_module_writes_it(tmp_path_factory, rows, line_end, target, quoting):
    # The module leaves a lone carriage return unquoted, and then refuses to read it.
    assume(quoting == csv.QUOTE_ALL or not any("\r" in cell for row in rows for cell in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=line_end, quoting=quoting)
    writer.writerow(["id", "text"])
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(buffer.getvalue().encode())
    whole, cut = read(path), read(path, target=target)
    assert whole == cut
    assert [row["text"] for row in whole] == [text for _, text in rows]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 30))
def test_chunk_size_changes_no_csv_row(tmp_path_factory, noise, target):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(b"id,text\n1,a\n" + noise)
    assert read(path) == read(path, target=target)
    path.write_bytes(b"id,text\n1,a\n" + noise.translate(bytes(b',"\nab\r'[n % 6] for n in range(256))))
    assert read(path) == read(path, target=target)


# Parquet and Arrow

TEXTS = ["one", "two", None, "", "fünf"]
TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


def write_table(path, table):
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif path.suffix == ".arrows":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.arrows"])
def test_columnar_texts_of_every_string_type_are_read(tmp_path, name, kind):
    table = pa.table(
        {"id": pa.array([1, 2, 3, 4, 2**62]), "text": pa.array(TEXTS).cast(kind), "n": pa.array(range(5))}
    )
    rows = read(write_table(tmp_path / name, table), target=1)
    assert [row["text"] for row in rows] == TEXTS
    assert [row["bad"] for row in rows] == [None, None, "text is null", None, None]
    assert [row["id"] for row in rows] == ["1", "2", None, "4", str(2**62)]
    assert [(row["line"], row["offset"], row["length"]) for row in rows] == [(n, -1, -1) for n in range(1, 6)]


def test_typed_dates_become_utc_microseconds(tmp_path):
    day = dt.date(1970, 1, 2)
    zoned = dt.datetime(1970, 1, 2, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    columns = [
        pa.array([day], pa.date32()),
        pa.array([day], pa.date64()),
        pa.array([zoned], pa.timestamp("ms", "Europe/Kyiv")),
        pa.array([DAY * 1000 + 1], pa.timestamp("ns")),
        pa.array([86_400], pa.int64()),
        pa.array(["1970-01-02"]),
    ]
    for number, column in enumerate(columns):
        path = write_table(tmp_path / f"{number}.parquet", pa.table({"text": ["a"], "date": column}))
        assert read(path)[0]["date"] == DAY, column.type


def test_columnar_edges_are_flagged(tmp_path):
    table = pa.table(
        {
            "text": ["a\0", "b", "xxxx"],
            "date": ["soon", None, ""],
            "title": [1, 2, None],
            "id": ["a", "", None],
        }
    )
    rows = read(write_table(tmp_path / "a.parquet", table), limit=3)
    assert [row["flags"] for row in rows] == [FLAGS["suspect_characters"] | FLAGS["date_unparseable"], 0, 0]
    assert [row["title"] for row in rows] == ["1", "2", None]
    assert [row["id"] for row in rows] == ['"a"', None, None]
    assert rows[2]["bad"] == "record of 4 bytes is over the limit of 3"


def test_invalid_utf8_and_nested_ids_in_columns_are_bad(tmp_path):
    text = pa.array([b"a\xff", b"ok", b"b"]).view(pa.string())
    table = pa.table({"text": text, "id": pa.array([None, [1], None])})
    rows = read(write_table(tmp_path / "a.arrow", table))
    assert [row["bad"] for row in rows] == ["text is not UTF-8 (byte 2)", "id is a list or a structure", None]


@pytest.mark.parametrize("kind", [pa.binary(), pa.int64(), pa.list_(pa.string())])
def test_a_text_column_that_holds_no_strings_is_refused(tmp_path, kind):
    path = write_table(tmp_path / "a.parquet", pa.table({"text": pa.array([None], kind)}))
    with pytest.raises(UsageError, match="not text"):
        read(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense", b"\0" * 200])
def test_a_damaged_footer_is_a_data_error(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.arrows"])
def test_a_truncated_columnar_file_is_a_data_error(tmp_path, name):
    path = write_table(tmp_path / name, pa.table({"text": ["x" * 5000] * 20}))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 + 5])
    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_the_first_pass_reads_needed_columns_and_the_second_all(tmp_path):
    path = write_table(
        tmp_path / "a.parquet", pa.table({"x": range(50), "text": ["t"] * 50, "big": ["b" * 100] * 50})
    )
    (source,) = find_inputs([str(path)])
    resolve_fields([source], ReadConfig())
    first, second = list(source.chunks(300)), list(source.chunks_again())
    assert first[0].payload.schema.names == ["text"]
    assert second[0].payload.schema.names == ["x", "text", "big"]
    assert [(c.ordinal, c.first_line, c.payload.num_rows) for c in first] == [
        (c.ordinal, c.first_line, c.payload.num_rows) for c in second
    ]
    assert len(first) > 1


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_columnar_file_that_changes_is_a_failure(tmp_path, name):
    path = write_table(tmp_path / name, pa.table({"text": ["a"] * 9, "x": [1] * 9}))
    (source,) = find_inputs([str(path)])
    resolve_fields([source], ReadConfig())
    list(source.chunks())
    times = path.stat()
    write_table(path, pa.table({"text": ["a"] * 9, "x": [2] * 9}))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(SystemFailure, match="input changed"):
        list(source.chunks_again())


# Text folders


def make_folder(root):
    (root / "b").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"\xef\xbb\xbfalpha")
    (root / "b" / "c.txt").write_bytes(b"gam\xffma")
    (root / "b" / "d.txt").write_bytes(b"")
    (root / ".hidden.txt").write_bytes(b"no")
    return root


@pytest.mark.parametrize("target", [1, 1 << 20])
def test_a_folder_of_texts_is_one_source_with_relative_paths_as_ids(tmp_path, target):
    rows = read(make_folder(tmp_path / "texts"), target=target)
    assert [(row["id"], row["text"]) for row in rows] == [
        ('"a.txt"', "alpha"),
        (None, None),
        ('"b/d.txt"', ""),
    ]
    assert rows[1]["bad"] == "file is not UTF-8 (byte 4)"
    assert [row["line"] for row in rows] == [1, 2, 3]


def test_an_oversized_text_file_is_bad(tmp_path):
    root = make_folder(tmp_path / "texts")
    (root / "a.txt").write_bytes(b"x" * 3_000_000)
    (source,) = find_inputs([str(root)], record_limit_bytes=1000)
    (chunk,) = source.chunks()
    assert len(chunk.payload.column("content")[0].as_py()) == 64 << 10
    row = parse(chunk, Fields("text", "id"), 1000).to_pylist()[0]
    assert row["bad"] == "record of 3000000 bytes is over the limit of 1000"
    assert row["length"] == 3_000_000


def test_a_text_that_changes_is_a_failure(tmp_path):
    root = make_folder(tmp_path / "texts")
    (source,) = find_inputs([str(root)])
    list(source.chunks())
    assert list(source.chunks_again())
    (root / "b" / "d.txt").write_bytes(b"now")
    with pytest.raises(SystemFailure, match="input changed"):
        list(source.chunks_again())


# Inputs and fields


def test_folders_yield_sorted_sources_and_text_files_one(tmp_path):
    make_folder(tmp_path)
    for name in ("z.jsonl", "b/y.csv", "x.jsonl.gz", "README.md"):
        (tmp_path / name).write_bytes(b"")
    found = find_inputs([str(tmp_path)])
    assert [(source.name[len(str(tmp_path)) :], source.format) for source in found] == [
        *(("/b/y.csv", "csv"), ("/x.jsonl.gz", "jsonl"), ("/z.jsonl", "jsonl")),
        ("", "text"),
    ]
    assert [source.index for source in found] == [0, 1, 2, 3]


def test_globs_are_expanded_in_order_and_must_match(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_bytes(b"")
    found = find_inputs([str(tmp_path / "*.jsonl")])
    assert [source.path.name for source in found] == ["a.jsonl", "b.jsonl"]
    with pytest.raises(UsageError, match="no file matches"):
        find_inputs([str(tmp_path / "*.csv")])


def test_a_file_whose_name_holds_a_star_is_a_file(tmp_path):
    path = tmp_path / "a[1]*.jsonl"
    path.write_bytes(b"")
    assert find_inputs([str(path)])[0].name == str(path)


def test_texts_named_one_by_one_are_one_source(tmp_path):
    root = make_folder(tmp_path)
    (source,) = find_inputs([str(root / "b" / "d.txt"), str(root / "a.txt")])
    assert source.files == ["a.txt", "b/d.txt"]


def test_an_input_given_twice_is_refused_also_through_links(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    (tmp_path / "soft.jsonl").symlink_to(path)
    os.link(path, tmp_path / "hard.jsonl")
    for other in (path, tmp_path / "soft.jsonl", tmp_path / "hard.jsonl", tmp_path / "." / "a.jsonl"):
        with pytest.raises(
            UsageError, match=r"a.jsonl is given twice|soft.jsonl is given twice|hard.jsonl is given twice"
        ):
            find_inputs([str(path), str(other)])


def test_nothing_to_read_and_unknown_endings_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no input"):
        find_inputs([])
    with pytest.raises(UsageError, match="nothing to read"):
        find_inputs([str(tmp_path)])
    (tmp_path / "a.dat").write_bytes(b'{"text":"a"}')
    with pytest.raises(UsageError, match="cannot tell the format"):
        find_inputs([str(tmp_path / "a.dat")])
    assert read(tmp_path / "a.dat", input_format="jsonl")[0]["text"] == "a"
    with pytest.raises(UsageError, match="input format 'xml' is unknown"):
        find_inputs([str(tmp_path / "a.dat")], input_format="xml")


def header_source(tmp_path, header, name="a.csv"):
    (tmp_path / name).write_text(header + "\n")
    return find_inputs([str(tmp_path / name)])[0]


def test_the_first_published_name_wins_and_case_is_ignored_after_exact_matches(tmp_path):
    source = header_source(tmp_path, "Story,BODY,body,URL,Headline,created_at,agency")
    assert resolve_fields([source], ReadConfig()) == Fields(
        "body", "URL", "Headline", "agency", "created_at", "URL"
    )


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role, names in FIELD_NAMES.items() for name in names]
)
def test_every_published_name_is_found(tmp_path, role, name):
    source = header_source(tmp_path, f"{name},zzz" if role == "text" else f"text,{name}")
    assert getattr(resolve_fields([source], ReadConfig()), role) == name


def test_a_named_field_that_is_missing_is_refused_with_those_there(tmp_path):
    source = header_source(tmp_path, "text,x")
    with pytest.raises(UsageError, match=r"no field 'y' for --title.*text, x"):
        resolve_fields([source], ReadConfig(title="y"))
    with pytest.raises(UsageError, match=r"no field that holds the text.*p, q"):
        resolve_fields([header_source(tmp_path, "p,q")], ReadConfig())


def test_the_text_must_be_in_every_source(tmp_path):
    sources = [header_source(tmp_path, "text"), header_source(tmp_path, "body", "b.csv")]
    with pytest.raises(UsageError, match=r"no field 'text' for the text in .*b.csv"):
        resolve_fields(sources, ReadConfig())


def test_outputs_that_are_inputs_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    (tmp_path / "soft.jsonl").symlink_to(path)
    os.link(path, tmp_path / "hard.jsonl")
    sources = find_inputs([str(path)])
    for name in ("a.jsonl", "soft.jsonl", "hard.jsonl"):
        with pytest.raises(UsageError, match="output is an input"):
            check_distinct(sources, [str(tmp_path / name)])
    check_distinct(sources, [str(tmp_path / "new.jsonl"), "-", "/dev/null", "/dev/null"])


def test_equal_outputs_and_folders_inside_inputs_are_refused(tmp_path):
    root = make_folder(tmp_path / "texts")
    sources = find_inputs([str(root)])
    with pytest.raises(UsageError, match="two outputs are the same"):
        check_distinct(sources, [str(tmp_path / "o"), str(tmp_path / "texts" / ".." / "o")])
    with pytest.raises(UsageError, match="two outputs go to standard output"):
        check_distinct(sources, ["-", "-"])
    for inside in (root, root / "b", root / "new"):
        with pytest.raises(UsageError, match="inside an input folder"):
            check_distinct(sources, [str(inside)])
    with pytest.raises(UsageError, match="output is an input"):
        check_distinct(sources, [str(tmp_path)])
    check_distinct(sources, [str(tmp_path / "out")])


def test_rows_convert_to_json_values(tmp_path):
    from dedup.files.columnar import row_objects
    from dedup.files.rows import encode_json

    batch = pa.record_batch(
        {
            "day": pa.array([dt.date(2020, 1, 2)]),
            "time": pa.array([1], pa.timestamp("ns", "UTC")),
            "raw": pa.array([b"\xff"]),
            "price": pa.array([decimal.Decimal("1.50")]),
            "list": pa.array([[1, None]]),
        }
    )
    expected = (
        b'{"day":"2020-01-02","time":"1970-01-01T00:00:00Z","raw":"/w==","price":"1.50","list":[1,null]}'
    )
    assert encode_json(row_objects(batch)[0]) == expected
