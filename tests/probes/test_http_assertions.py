"""What an answer must hold, and what a bot wall looks like."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from exporter.assertions import BotWall, HeaderMatch, JSONMatch, WallHeader, value_at
from exporter.model import NetworkOptions, Reason
from exporter.probes import http
from exporter.probes.http import Options, check_target
from tests.probes.http_probing import page, run, site
from tests.servers.certificates import Authority

ANY = (range(200, 600),)


async def test_a_wrong_status_is_named_beside_those_wanted() -> None:
    async with site(page(status=503)) as url:
        result = await run(url, valid_status_codes=(range(200, 300), range(404, 405)))
    assert (result.reason, result.message) == (Reason.STATUS, "status 503, wanted 200-299, 404")
    assert result.samples["probe_http_status_code"] == 503


async def test_a_failure_keeps_the_beginning_of_headers_and_body() -> None:
    async with site(page("x" * 10_000, 500, X_Trace="abc")) as url:
        result = await run(url)
    assert "x-trace: abc" in result.facts["headers"]
    assert result.facts["body"] == "x" * 2048


@pytest.mark.parametrize(
    ("name", "pattern", "ok"),
    [
        ("fail_if_body_matches_regexp", "mainten[a-z]+", False),
        ("fail_if_body_matches_regexp", "tiktok", True),
        ("fail_if_body_not_matches_regexp", "mainten[a-z]+", True),
        ("fail_if_body_not_matches_regexp", "tiktok", False),
    ],
)
async def test_patterns_judge_the_body(name: str, pattern: str, ok: bool) -> None:
    async with site(page("<html>\n  Down for maintenance</html>")) as url:
        result = await run(url, **{name: (pattern,)})
    assert result.ok is ok
    assert result.reason is (None if ok else Reason.BODY)
    assert result.samples["probe_failed_due_to_regex"] == (0 if ok else 1)
    assert ok or '36 bytes, begins "<html> Down for maintenance' in result.message


@pytest.mark.parametrize(
    ("name", "match", "ok"),
    [
        ("fail_if_header_matches", {"header": "x-cache", "regexp": "HIT"}, False),
        ("fail_if_header_matches", {"header": "X-Cache", "regexp": "MISS"}, True),
        ("fail_if_header_matches", {"header": "X-None", "regexp": "a"}, False),
        ("fail_if_header_matches", {"header": "X-None", "regexp": "a", "allow_missing": True}, True),
        ("fail_if_header_not_matches", {"header": "X-Cache", "regexp": "HIT"}, True),
        ("fail_if_header_not_matches", {"header": "X-Cache", "regexp": "MISS"}, False),
        ("fail_if_header_not_matches", {"header": "X-None", "regexp": "a"}, False),
        ("fail_if_header_not_matches", {"header": "X-None", "regexp": "a", "allow_missing": True}, True),
    ],
)
async def test_patterns_judge_the_headers(name: str, match: dict[str, Any], ok: bool) -> None:
    async with site(page(X_Cache="HIT from edge")) as url:
        result = await run(url, **{name: (HeaderMatch(**match),)})
    assert result.ok is ok, result.message
    assert result.samples["probe_failed_due_to_regex"] == (0 if ok else 1)
    assert ok or result.reason is Reason.BODY


DOCUMENT = {"code": 40104, "ok": False, "error": {"code": "access_token_missing"}, "items": [{"id": "a"}, {"id": "b"}]}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("code", "40104"),
        ("ok", "false"),
        ("error.code", "access_token_missing"),
        ("error", '{"code":"access_token_missing"}'),
        ("items.1.id", "b"),
        ("items.-1.id", "b"),
        ("items.2.id", None),
        ("items.id", None),
        ("code.more", None),
        ("nothing", None),
    ],
)
def test_a_path_finds_a_value_as_text(path: str, text: str | None) -> None:
    assert value_at(DOCUMENT, path) == text


@pytest.mark.parametrize(
    ("name", "path", "regexp", "ok"),
    [
        ("fail_if_json_matches", "error.code", "^access_token_", False),
        ("fail_if_json_matches", "error.message", ".", True),
        ("fail_if_json_not_matches", "code", "^4", True),
        ("fail_if_json_not_matches", "code", "^5", False),
        ("fail_if_json_not_matches", "error.message", ".*", False),
    ],
)
async def test_values_in_json_are_judged(name: str, path: str, regexp: str, ok: bool) -> None:
    async with site(page(json.dumps(DOCUMENT))) as url:
        result = await run(url, **{name: (JSONMatch(path=path, regexp=regexp),)})
    assert result.ok is ok
    assert result.reason is (None if ok else Reason.BODY)
    assert ok or path in result.message


async def test_a_body_that_is_no_json_says_how_it_begins() -> None:
    async with site(page("<html>oops")) as url:
        result = await run(url, fail_if_json_matches=(JSONMatch(path="a", regexp="b"),))
    assert result.reason is Reason.BODY
    assert result.message == 'the body is not JSON (10 bytes, begins "<html>oops")'


async def test_json_that_nests_without_end_is_no_json() -> None:
    async with site(page("[" * 100_000)) as url:
        result = await run(url, fail_if_json_matches=(JSONMatch(path="a", regexp="b"),))
    assert result.reason is Reason.BODY


@pytest.mark.parametrize(
    ("status", "valid", "reason"),
    [
        (403, (), Reason.BLOCKED),
        (429, (range(200, 300),), Reason.BLOCKED),
        (403, (range(403, 404),), None),
        (404, (), Reason.STATUS),
    ],
)
async def test_403_and_429_are_a_bot_wall_unless_valid(
    status: int, valid: tuple[range, ...], reason: Reason | None
) -> None:
    async with site(page(status=status)) as url:
        result = await run(url, valid_status_codes=valid)
    assert result.reason is reason


@pytest.mark.parametrize(
    ("wall", "reason"),
    [
        (BotWall(status=()), Reason.STATUS),
        (BotWall(status=(range(403, 404),)), Reason.BLOCKED),
        (BotWall(status=(), headers=(WallHeader(header="cf-mitigated", regexp="challenge"),)), Reason.BLOCKED),
        (BotWall(status=(), headers=(WallHeader(header="cf-mitigated", regexp="other"),)), Reason.STATUS),
        (BotWall(status=(), body=("verify you",)), Reason.BLOCKED),
    ],
)
async def test_a_bot_wall_shows_in_status_headers_or_body_before_they_are_judged(wall: BotWall, reason: Reason) -> None:
    async with site(page("verify you are human", 403, Cf_Mitigated="challenge")) as url:
        result = await run(url, blocked=wall, fail_if_body_not_matches_regexp=("tiktok",))
    assert result.reason is reason
    assert result.samples["probe_failed_due_to_regex"] == 0


async def test_a_version_that_is_not_valid_is_a_protocol_failure() -> None:
    async with site(page()) as url:
        result = await run(url, valid_http_versions=("HTTP/2.0",))
    assert (result.reason, result.message) == (Reason.PROTOCOL, "HTTP/1.1, wanted HTTP/2.0")


@pytest.mark.parametrize(("secure", "option"), [(True, "fail_if_ssl"), (False, "fail_if_not_ssl")])
async def test_the_wrong_scheme_is_a_tls_failure(tmp_path: Path, secure: bool, option: str) -> None:
    authority = Authority(tmp_path)
    tls = authority.leaf("127.0.0.1").server_context() if secure else None
    async with site(page(), tls) as url:
        network = NetworkOptions(ca_file=str(authority.file))
        assert (await run(url, network)).ok
        result = await run(url, network, **{option: True})
    assert result.reason is Reason.TLS


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress,
    "gzip in two members": lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]),
    "br": brotli.compress,
    "deflate": zlib.compress,
    "deflate without header": raw_deflate,
    "identity": bytes,
}


@pytest.mark.parametrize("form", PACKED)
async def test_a_compressed_body_is_unpacked_and_counted(form: str) -> None:
    seen: list[str] = []
    packed = PACKED[form](b"tiktok" * 100_000)

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Accept-Encoding", ""))
        return web.Response(body=packed)

    async with site(handler) as url:
        result = await run(url, compression=form.split()[0], fail_if_body_not_matches_regexp=("^(tiktok)+$",))
    assert result.ok, result.message
    assert result.samples["probe_http_uncompressed_body_length"] == 600_000
    assert result.samples["probe_http_content_length"] == len(packed)
    assert seen == [form.split()[0]]


@pytest.mark.parametrize("compression", ["gzip", "br"])
@pytest.mark.parametrize("cut", [False, True])
async def test_a_body_that_is_not_compressed_as_promised_fails(compression: str, cut: bool) -> None:
    body = PACKED[compression](b"tiktok" * 100_000)[:-9] if cut else b"plain text"

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with site(handler) as url:
        result = await run(url, compression=compression)
    assert result.reason is Reason.BODY
    assert compression in result.message


@pytest.mark.parametrize(("limit", "ok"), [(600, True), (599, False)])
async def test_the_size_limit_counts_after_decompression(limit: int, ok: bool) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"x" * 600))

    async with site(handler) as url:
        result = await run(url, compression="gzip", body_size_limit=limit)
    assert result.ok is ok
    assert ok or result.message == "the body has more than 599 bytes"


async def test_a_wrong_status_is_told_even_when_the_body_is_too_large() -> None:
    async with site(page("x" * 1000, 500)) as url:
        result = await run(url, body_size_limit=10)
    assert result.reason is Reason.STATUS


async def test_the_body_of_a_redirect_that_is_not_followed_matches_nothing() -> None:
    async with site(page("moved", 302, Location="/")) as url:
        result = await run(
            url, follow_redirects=False, valid_status_codes=ANY, fail_if_body_not_matches_regexp=("moved",)
        )
    assert result.reason is Reason.BODY
    assert result.samples["probe_failed_due_to_regex"] == 1
    assert result.samples["probe_http_uncompressed_body_length"] == 0


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://", "http://user:secret@/", "http://a..example/"])
def test_a_url_that_cannot_be_probed_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_target(url)


@pytest.mark.parametrize(
    "url", ["a.example", "a.example:8080/?u=http://b", "http://[::1]:80/", "https://bücher.example"]
)
def test_a_url_that_can_be_probed_is_taken(url: str) -> None:
    check_target(url)


@pytest.mark.parametrize(
    "block",
    [
        {"basic_auth": {"username": "a"}, "bearer_token": "b"},
        {"authorization": {"type": "Basic", "credentials": "x"}},
        {"no_proxy": "a.example"},
        {"proxy_connect_header": {"A": ["b"]}},
        {"http_headers": {"User-Agent": {"values": ["x"]}}},
        {"headers": {"Bad Name": "x"}},
        {"headers": {"A": "b\r\nC: d"}},
        {"body": "a", "body_file": "/dev/null"},
        {"method": "GET /"},
        {"compression": "gzip", "headers": {"Accept-Encoding": "br, gzip;q=0"}},
        {"compression": "zip"},
        {"proxy_url": "ftp://a.example"},
        {"fail_if_header_matches": [{"header": "", "regexp": "a"}]},
    ],
    ids=str,
)
def test_a_block_that_contradicts_itself_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Options).validate_python(block)


def test_every_key_of_a_block_is_taken() -> None:
    options = TypeAdapter(Options).validate_python(
        {
            "valid_status_codes": [200, "301-302"],
            "headers": {"Accept-Encoding": "br;q=0.5, gzip", "X-Version": 2},
            "compression": "gzip",
            "no_follow_redirects": True,
            "proxy_url": "http://127.0.0.1:3128",
            "proxy_connect_header": {"X-Tenant": ["one", "two"]},
            "no_proxy": "10.0.0.0/8, .example.com",
            "http_headers": {"X-Key": {"secrets": ["s"], "values": ["v"]}},
            "tls_config": {"min_version": "TLS13"},
            "authorization": {"credentials": "swordfish"},
            "blocked": {"status": [403, 429], "headers": [{"header": "a", "regexp": "b"}], "body": ["c"]},
            "fail_if_json_not_matches": [{"path": "a.0", "regexp": "b"}],
            "addresses": "all",
        }
    )
    assert options.headers["X-Version"] == "2"
    assert not options.follows
    assert hash(options) == hash(options)
    assert "swordfish" not in repr(options)
    assert isinstance(options, http.Options)
