"""Dates in the shapes that news data has."""

import datetime as dt

import pytest

from dedup.files.dates import parse_date


def micros(*parts):
    return (dt.datetime(*parts, tzinfo=dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(
        microseconds=1
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2022-09-24", micros(2022, 9, 24)),
        ("20220924", micros(2022, 9, 24)),
        ("27-MAR-1987 13:46:59.98C T", micros(1987, 3, 27, 13, 46, 59, 980_000)),
        ("27-MAR-1987 05:38:29.99G C L", micros(1987, 3, 27, 5, 38, 29, 990_000)),
        (20220924, micros(2022, 9, 24)),
        ("20220924101112", micros(2022, 9, 24, 10, 11, 12)),
        ("2022-09-24T10:11:12Z", micros(2022, 9, 24, 10, 11, 12)),
        ("2022-09-24T10:11:12+02:00", micros(2022, 9, 24, 8, 11, 12)),
        ("2022-09-24 10:11:12 +0200", micros(2022, 9, 24, 8, 11, 12)),
        ("2022-09-24 10:11:12 UTC", micros(2022, 9, 24, 10, 11, 12)),
        ("2022-09-24T10:11:12.123456789Z", micros(2022, 9, 24, 10, 11, 12, 123456)),
        (" 2022-09-24 10:11 ", micros(2022, 9, 24, 10, 11)),
        ("2022/09/24", micros(2022, 9, 24)),
        ("Sat, 24 Sep 2022 10:11:12 +0100", micros(2022, 9, 24, 9, 11, 12)),
        ("Sat, 24 Sep 2022 10:11:12 GMT", micros(2022, 9, 24, 10, 11, 12)),
        ("24 Sep 2022 10:11:12 EST", micros(2022, 9, 24, 15, 11, 12)),
        ("26-FEB-1987 15:01:01.79", micros(1987, 2, 26, 15, 1, 1, 790_000)),
        ("10Feb2006", micros(2006, 2, 10)),
        ("February 10, 2006", micros(2006, 2, 10)),
        ("Feb 10, 2006 3:04 pm", micros(2006, 2, 10, 15, 4)),
        ("Feb 10, 2006 12:04 a.m.", micros(2006, 2, 10, 0, 4)),
        (1_664_014_272, micros(2022, 9, 24, 10, 11, 12)),
        ("1664014272", micros(2022, 9, 24, 10, 11, 12)),
        (1_664_014_272_123, micros(2022, 9, 24, 10, 11, 12, 123_000)),
        (1_664_014_272.5, micros(2022, 9, 24, 10, 11, 12, 500_000)),
        (-86_400, micros(1969, 12, 31)),
        (dt.date(2022, 9, 24), micros(2022, 9, 24)),
        (dt.datetime(2022, 9, 24, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), micros(2022, 9, 24)),
    ],
)
def test_known_shapes_are_read_as_utc(value, expected):
    assert parse_date(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(
            "soon",
            "",
            "2022",
            2022,
            0,
            "24/09/2022",
            "2022-13-45",
            "31 Feb 2022",
            "Smarch 1, 2022",
            "²",
            True,
            None,
            [],
            {},
        ),
        *(1e300, float("inf"), float("nan"), "9" * 90, "1 " * 400, "\0", "\ud800"),
    ],
    ids=ascii,
)
def test_what_is_no_single_date_is_none(value):
    assert parse_date(value) is None


def test_a_number_of_thousands_of_digits_is_no_date():
    assert parse_date(10**5000) is None
