"""What strangers wrote, made into values, or refused with the place where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.fetch import moment, one_line, parse_json
from exporter.readings import Fault

NOW = 1_795_600_000.0


@dataclass(frozen=True, slots=True)
class Incident:
    name: str
    score: float = 0.0
    open: bool = True
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    incidents: list[Incident]
    title: str | None = None


def test_keys_that_nobody_asked_for_are_ignored() -> None:
    body = b'{"page": {"id": 1}, "incidents": [{"name": "a", "regions": ["us"], "severity": 9}]}'
    assert parse_json(Page, body) == Page([Incident("a", regions=("us",))])


def test_a_list_is_a_shape_too() -> None:
    assert parse_json(list[Incident], b'[{"name": "a", "other": 1}]') == [Incident("a")]
    assert parse_json(list[int], b"[1, 2]") == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_text_in_utf_16_is_known_by_its_mark(encoding: str) -> None:
    text = '{"incidents": [{"name": "日本"}]}'
    body = ("﻿" + text if encoding == "utf-16-be" else text).encode(encoding)
    assert parse_json(Page, body).incidents[0].name == "日本"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "an empty answer instead of JSON"),
        (" \n", "an empty answer instead of JSON"),
        ("<!DOCTYPE html><html>", "a page of HTML or XML instead of JSON"),
        ('{"incidents": [', "not JSON: EOF while parsing a list at line 1 column 15"),
        ("null", "the answer is null"),
        ("[]", "must be an object, found a list"),
        ("{}", "incidents: is missing"),
        ('{"incidents": {}}', "incidents: must be a list, found an object"),
        ('{"incidents": [{"name": 5}]}', "incidents[0].name: must be a text, found 5"),
        ('{"incidents": [{"name": null}, {}]}', "incidents[0].name: must be a text, found null (and 1 more)"),
        ('{"incidents": [{"name": "a", "score": "x"}]}', 'incidents[0].score: must be a number, found "x"'),
        ('{"incidents": [{"name": "a", "score": NaN}]}', "incidents[0].score: must be a finite number, found NaN"),
        ('{"incidents": [{"name": "a", "score": 1e999}]}', "incidents[0].score: must be a finite number"),
        ('{"incidents": [{"name": "a", "open": "<b>no<br>"}]}', "incidents[0].open: must be true or false, found"),
    ],
)
def test_what_differs_from_the_shape_is_told_with_its_place(body: str, said: str) -> None:
    with pytest.raises(SignalError) as caught:
        parse_json(Page, body.encode())
    assert caught.value.fault is Fault.FORMAT
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"\xff\xff", b"[" * 100_000, b'{"incidents": "\xed\xa0\x80"}'])
def test_what_is_no_text_or_no_end_of_brackets_is_a_fault_of_its_format(body: bytes) -> None:
    with pytest.raises(SignalError) as caught:
        parse_json(Page, body)
    assert caught.value.fault is Fault.FORMAT
    assert len(str(caught.value)) < 200


def test_a_long_value_is_not_repeated() -> None:
    with pytest.raises(SignalError) as caught:
        parse_json(Page, b'{"incidents": "' + b"x" * 10_000 + b'"}')
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T15:06:40Z",
        "2026-11-25T15:06:40.000+00:00",
        "2026-11-25T16:06:40+01:00",
        "2026-11-25 15:06:40",
        "Wed, 25 Nov 2026 15:06:40 GMT",
        "Wed, 25 Nov 2026 07:06:40 PST",
        " Wed, 25 Nov 2026 15:06:40 +0000 ",
        "1795619200",
        1_795_619_200,
        1_795_619_200.0,
    ],
)
def test_a_moment_is_read_in_the_ways_that_servers_write_it(text: Any) -> None:
    assert moment(text, 1_795_619_200.0) == 1_795_619_200.0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-45", "20", "99:99", "Wed, 99 Foo 2026", "nan", "0" * 500])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(SignalError) as caught:
        moment(text, NOW)
    assert caught.value.fault is Fault.FORMAT
    assert "is not a time" in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, 10**400], ids=lambda number: str(number)[:9])
def test_a_number_that_is_no_moment_is_refused(number: float) -> None:
    with pytest.raises(SignalError) as caught:
        moment(number, NOW)
    assert caught.value.fault is Fault.FORMAT


def test_a_clock_may_be_five_minutes_ahead_and_no_more() -> None:
    assert moment(NOW + 299, NOW) == NOW + 299
    with pytest.raises(SignalError) as caught:
        moment("2126-11-25T17:06:40Z", NOW)
    assert (caught.value.fault, str(caught.value)) == (Fault.FORMAT, "2126-11-25T17:06:40Z is in the future")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  a \n\t b  ", "a b"),
        ("<p>We are <b>looking</b> into it.</p>", "We are looking into it."),
        ("&lt;p&gt;Uploads &amp;amp; login&lt;/p&gt;", "Uploads &amp; login"),
        ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
        ("a\x00b\x1b[31mc\u202ed\u200be", "a b [31mc d e"),
        ("half \ud83d", "half"),
        ("x" * 400, "x" * 299 + "…"),
        ("<" * 100_000, "<" * 299 + "…"),
        ("", ""),
    ],
)
def test_a_line_has_no_markup_no_control_characters_and_an_end(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_line_may_be_cut_shorter() -> None:
    assert one_line("one two three", 8) == "one two…"
