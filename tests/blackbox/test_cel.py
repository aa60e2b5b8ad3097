"""What CEL says of a JSON body: expected values are those of blackbox_exporter 0.28 on the same bodies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exporter.assertions.expressions import parse_expression
from exporter.model import Reason, Result
from tests.probes.http_probing import page, run, site

BODY = """{"n": 1, "f": 1.5, "s": "ok", "none": null, "yes": true, "big": 12345678901234567890, "neg": -3,
  "list": [1, 2, 3], "inside": {"deep": {"x": "y"}}, "with space": 4}"""


async def judged(body: str, **options: Any) -> Result:
    async with site(page(body)) as url:
        return await run(url, **options)


def by_cel(result: Result) -> tuple[bool, float]:
    """Whether it succeeded, and what is told of CEL."""
    return result.ok, result.samples["probe_failed_due_to_cel"]


@pytest.mark.parametrize(
    "expression",
    [
        "body.n == 1",
        "body.n == 1.0",
        "body.n == 1u",
        "body.n > 0 && body.n < body.f",
        "int(body.n) % 2 == 1",
        "body.n + 1.0 == 2.0",
        "type(body.n) == double",
        "body.big > 0",
        "body.neg < 0",
        "body.s == 'ok' && body.s.startsWith('o') && body.s.matches('^o') && body.s.size() == 2",
        "body.yes",
        "body.none == null",
        "has(body.n) && !has(body.nowhere)",
        "'n' in body && body['with space'] == 4",
        "body.inside.deep.x == 'y'",
        "body.list == [1, 2, 3] && size(body.list) == 3 && body.list[0] == 1",
        "body.list.all(x, x > 0) && body.list.exists(x, x == 2) && body.list.exists_one(x, x == 3)",
        "body.list.filter(x, x > 1).size() == 2 && body.list.map(x, x * 2.0) == [2.0, 4.0, 6.0]",
        "body.nowhere == 1 || body.n == 1",
        "body.n / 0.0 > 1.0",
        "timestamp('2020-01-01T00:00:00Z') < timestamp('2021-01-01T00:00:00Z')",
    ],
)
async def test_an_expression_that_holds_is_wanted_or_forbidden(expression: str) -> None:
    async with site(page(BODY)) as url:
        assert by_cel(await run(url, fail_if_body_json_not_matches_cel=expression)) == (True, 0.0)
        forbidden = await run(url, fail_if_body_json_matches_cel=expression)
    assert by_cel(forbidden) == (False, 1.0)
    assert forbidden.reason is Reason.BODY
    assert forbidden.message.startswith(f"the JSON body fulfils `{expression}` ")


async def test_an_expression_that_does_not_hold_is_shown_with_the_body() -> None:
    result = await judged('{"status": "degraded"}', fail_if_body_json_not_matches_cel="body.status ==\n  'ok'")
    assert result.message == (
        'the JSON body does not fulfil `body.status == \'ok\'` (22 bytes, begins "{"status": "degraded"}")'
    )
    assert (result.reason, result.samples["probe_failed_due_to_cel"]) == (Reason.BODY, 1.0)


@pytest.mark.parametrize(
    ("expression", "because"),
    [
        ("body.nowhere == 1", 'Key not found in map : "nowhere"'),
        ("body.list[5] == 1", "Index error: index=5 size=3"),
        ("body.n % 2 == 1", "No matching overloads found : _%_(double, int64)"),
        ("body.s > 1", "No matching overloads found : _>_(string, int64)"),
        ("body.s", "it is neither true nor false but string"),
        ("body.s.matches('a(')", "invalid regular expression: missing ): a("),
    ],
)
async def test_what_cannot_be_said_fails_wanted_or_forbidden(expression: str, because: str) -> None:
    async with site(page(BODY)) as url:
        for key in ("fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel"):
            options: dict[str, Any] = {key: expression}
            result = await run(url, **options)
            assert by_cel(result) == (False, 1.0)
            assert f"`{expression}` cannot be said of the JSON body: {because} (" in result.message


@pytest.mark.parametrize(
    "body", ["", "{", "ok", '{"n": 1} x', "\ufeff{}", '{"n": NaN}', '{"n": 1e999}', "{'n': 1}", "[" * 100_000]
)
async def test_a_body_that_is_no_json_fails(body: str) -> None:
    result = await judged(body, fail_if_body_json_matches_cel="1 == 2")
    assert by_cel(result) == (False, 1.0)
    assert result.message.startswith("the body is not JSON (")


@pytest.mark.parametrize(
    ("body", "expression"), [("42", "body == 42"), ("null", "body == null"), ("[1]", "body[0] == 1")]
)
async def test_a_body_may_be_any_json(body: str, expression: str) -> None:
    assert by_cel(await judged(body, fail_if_body_json_not_matches_cel=expression)) == (True, 0.0)


async def test_half_a_character_is_none() -> None:
    body = '{"s": "\\ud800", "list": ["\\udfff"], "n": 1}'
    assert by_cel(await judged(body, fail_if_body_json_not_matches_cel="body.s == '\ufffd' && body.n == 1")) == (
        True,
        0.0,
    )


async def test_the_whole_body_is_judged() -> None:
    body = f'{{"filling": "{"x" * 2_000_000}", "last": 1}}'
    assert by_cel(await judged(body, fail_if_body_json_not_matches_cel="body.last == 1")) == (True, 0.0)


async def test_patterns_leave_the_body_to_the_expression() -> None:
    both = await judged(BODY, fail_if_body_not_matches_regexp=("ok",), fail_if_body_json_not_matches_cel="body.n == 1")
    assert by_cel(both) == (True, 0.0)


async def test_an_expression_is_not_blamed_for_what_fails_before_it() -> None:
    wanted = "body.n == 2"
    status = await judged(BODY, valid_status_codes=(range(204, 205),), fail_if_body_json_not_matches_cel=wanted)
    assert (status.reason, *by_cel(status)) == (Reason.STATUS, False, 0.0)
    pattern = await judged(BODY, fail_if_body_matches_regexp=("ok",), fail_if_body_json_not_matches_cel=wanted)
    assert (pattern.samples["probe_failed_due_to_regex"], *by_cel(pattern)) == (1.0, False, 0.0)


async def test_a_body_that_is_not_read_fails_the_expression() -> None:
    async with site(page(BODY, status=302, Location="/")) as url:
        result = await run(
            url,
            follow_redirects=False,
            valid_status_codes=(range(302, 303),),
            fail_if_body_json_matches_cel="body.n == 2",
        )
    assert by_cel(result) == (False, 1.0)


async def test_an_expression_that_takes_too_long_is_no_fault_of_the_service() -> None:
    body = f"[{','.join('1' * 200)}]"
    result = await judged(body, fail_if_body_json_not_matches_cel="body.all(x, body.all(y, x == y))")
    assert (result.reason, *by_cel(result)) == (Reason.INTERNAL, False, 1.0)
    assert "takes more than 10,000 steps" in result.message


async def test_nothing_is_told_of_cel_where_nothing_is_asked() -> None:
    assert "probe_failed_due_to_cel" not in (await judged(BODY)).samples


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("body.n ==", "Syntax error: mismatched input '<EOF>' at line 1, column 10"),
        ("", "Syntax error: mismatched input '<EOF>' at line 1, column 1"),
        ("body.n == 1 &&\n  head.n == 1", "undeclared reference to 'head.n' at line 2, column 7"),
        ("body.n == 12345678901234567890", "invalid int literal at line 1, column 11"),
        ("body.s.shout() == ''", "undeclared reference to 'shout' at line 1, column 13"),
    ],
)
def test_what_is_no_expression_is_told_in_a_sentence(text: str, told: str) -> None:
    sentence = f"`{' '.join(text.split())}` is not a CEL expression: {told}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "kind"), [("1", "int"), ("'a'", "string"), ("size(body)", "int"), ("[1]", "list<int>")]
)
def test_what_can_never_be_true_is_refused(text: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"neither true nor false but {kind}; compare it with something"):
        parse_expression(text)
