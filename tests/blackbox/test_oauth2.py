"""Tokens by OAuth 2.0: fetched on a probe's way, kept, shown in its phases; and whose fault it is that none comes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.client import OAuth2
from exporter.model import Reason, Result
from exporter.options import Secret
from tests.probes.http_probing import Handler, phase, run, site
from tests.servers.torture import Torture, never_answers

SECRET = Secret("hunter 2/&é")


@dataclass
class Issuer:
    """A token server: each answer is the next of `answers`, the last one again and again."""

    answers: list[Any]
    takes_headers: bool = True
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.headers.get("Authorization", ""), form))
        if not self.takes_headers and "Authorization" in request.headers:
            return web.json_response({"error": "invalid_client"}, status=401)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, dict):
            return web.json_response(answer)
        return web.Response(status=answer[0], text=answer[1], content_type=answer[2])


def token(value: str, **more: Any) -> dict[str, Any]:
    return {"access_token": value, "token_type": "bearer", **more}


def guarded(*headers: str) -> tuple[Handler, list[str]]:
    """A page for those who bring one of these headers, and what everybody brought."""
    brought: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        brought.append(request.headers.get("Authorization", ""))
        return web.Response(status=200 if brought[-1] in headers else 401)

    return handler, brought


def credentials(header: str) -> str:
    return base64.b64decode(header.removeprefix("Basic ")).decode()


@asynccontextmanager
async def issued(*answers: Any, **more: Any) -> AsyncIterator[tuple[Issuer, OAuth2]]:
    issuer = Issuer(list(answers))
    async with site(issuer.answer) as url:
        yield issuer, OAuth2(client_id="me", client_secret=SECRET, token_url=f"{url}/token", **more)


async def probes(config: OAuth2, count: int, *headers: str) -> tuple[list[Result], list[str]]:
    handler, brought = guarded(*headers)
    async with site(handler) as url:
        return [await run(url, oauth2=config) for _ in range(count)], brought


async def test_a_token_is_asked_for_by_the_clients_credentials_and_brought() -> None:
    more: dict[str, Any] = {
        "scopes": ("read", "write"),
        "endpoint_params": {"audience": Secret("https://api.example/")},
    }
    async with issued(token("abc"), **more) as (issuer, config):
        [result], brought = await probes(config, 1, "Bearer abc")
    assert result.ok
    assert brought == ["Bearer abc"]
    [(header, form)] = issuer.asked
    assert credentials(header) == "me:hunter+2%2F%26%C3%A9"  # RFC 6749, 2.3.1
    assert form == {"grant_type": "client_credentials", "scope": "read write", "audience": "https://api.example/"}


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    async with issued(token("long", expires_in=3600)) as (issuer, config):
        results, brought = await probes(config, 3, "Bearer long")
        assert [result.ok for result in results] == [True] * 3
        assert (len(issuer.asked), len(brought)) == (1, 3)
        assert results[0].facts["oauth2"] == "a token fetched from 127.0.0.1"
        assert results[2].facts["oauth2"].startswith("a token kept for 35")


@pytest.mark.parametrize(
    "more", [{}, {"expires_in": 9}, {"expires_in": "9"}, {"expires_in": 0}, {"expires_in": "soon"}]
)
async def test_a_token_that_ends_soon_or_does_not_say_when_is_used_once(more: dict[str, Any]) -> None:
    async with issued(token("a", **more), token("b", **more)) as (_, config):
        _, brought = await probes(config, 2, "Bearer a", "Bearer b")
    assert brought == ["Bearer a", "Bearer b"]


async def test_a_token_that_is_refused_is_not_brought_again() -> None:
    async with issued(token("old", expires_in=3600), token("new", expires_in=3600)) as (issuer, config):
        results, brought = await probes(config, 3, "Bearer new")
    assert brought == ["Bearer old", "Bearer new", "Bearer new"]
    assert [result.reason for result in results] == [Reason.STATUS, None, None]
    assert len(issuer.asked) == 2


async def test_probes_at_the_same_time_share_a_token() -> None:
    handler, brought = guarded("Bearer one")
    async with issued(token("one", expires_in=3600)) as (issuer, config), site(handler) as url:
        results = await asyncio.gather(*(run(url, oauth2=config) for _ in range(8)))
    assert all(result.ok for result in results)
    assert (len(issuer.asked), len(brought)) == (1, 8)


async def test_credentials_go_as_parameters_where_a_header_is_refused() -> None:
    async with issued(token("abc")) as (issuer, config):
        issuer.takes_headers = False
        results, _ = await probes(config, 2, "Bearer abc")
    assert all(result.ok for result in results)
    known = {"client_id": "me", "client_secret": SECRET}
    assert [(bool(header), form.items() >= known.items()) for header, form in issuer.asked] == [
        (True, False),
        (False, True),
        (False, True),  # remembered
    ]


@pytest.mark.parametrize(
    ("answer", "header"),
    [
        (token("a"), "Bearer a"),
        ({"access_token": "a"}, "Bearer a"),
        ({"access_token": "a", "token_type": "MAC"}, "MAC a"),
        ({"access_token": "a", "token_type": "Token"}, "Token a"),
        ((200, "access_token=a&token_type=bearer", "application/x-www-form-urlencoded"), "Bearer a"),
        ((200, '{"access_token": "a"}', "application/octet-stream"), "Bearer a"),
    ],
)
async def test_an_answer_makes_this_header(answer: Any, header: str) -> None:
    async with issued(answer) as (_, config):
        _, brought = await probes(config, 1)
    assert brought == [header]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((401, '{"error": "invalid_client"}', "application/json"), "status 401, invalid_client"),
        ((400, '{"error": "x", "error_description": "no\\n  such client"}', "text/json"), "status 400, no such client"),
        ((200, '{"error": "invalid_scope"}', "application/json"), "status 200, invalid_scope"),
        ((503, "<html>", "text/html"), "status 503, no reason is given"),
        ((200, "[" * 9999, "application/json"), "status 200, and no access_token in the answer"),
        ({"token_type": "bearer"}, "status 200, and no access_token in the answer"),
        ({"access_token": 1}, "status 200, and no access_token in the answer"),
        (token("a\r\nX: y"), "the token cannot stand in a header"),
    ],
)
async def test_without_a_token_nothing_is_probed_and_it_is_not_the_services_fault(answer: Any, told: str) -> None:
    async with issued(answer) as (_, config):
        [result], brought = await probes(config, 1)
    assert brought == []
    assert (result.reason, result.message) == (Reason.INTERNAL, f"no token from 127.0.0.1: {told}")
    assert "hunter" not in repr(result)


async def test_a_token_server_that_is_not_there_is_told() -> None:
    async with issued(token("a")) as (_, config):
        pass
    [result], brought = await probes(config, 1)
    assert (result.reason, brought) == (Reason.INTERNAL, [])
    assert result.message.startswith("no token from 127.0.0.1: ")


async def test_a_token_server_that_says_nothing_takes_the_time_of_the_probe() -> None:
    async with Torture(never_answers) as server:
        config = OAuth2(client_id="me", token_url=server.url)
        result = await run("http://127.0.0.1:1/", oauth2=config, timeout=0.3)
    assert result.reason is Reason.INTERNAL
    assert result.message == "no answer within 0.3 s while waiting for a token of 127.0.0.1"
    assert phase(result, "oauth2") == pytest.approx(result.duration - phase(result, "resolve"))


async def test_the_time_that_a_token_takes_is_a_phase() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.json_response(token("abc", expires_in=3600))

    async with site(slow) as url:
        first, second = (await probes(OAuth2(client_id="me", token_url=url), 2, "Bearer abc"))[0]
    assert first.phases["oauth2"] > 0.2 > second.phases["oauth2"]
    assert phase(first, "oauth2") == first.phases["oauth2"]
    assert sum(
        value for key, value in first.samples.items() if key[0] == "probe_http_duration_seconds"
    ) == pytest.approx(first.duration)


async def test_a_token_stays_with_the_host_that_was_configured() -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{request.url.port}/there" if request.path == "/" else "/")

    handler, brought = guarded()

    async def answer(request: web.Request) -> web.StreamResponse:
        await handler(request)
        return await elsewhere(request) if request.path == "/" else web.Response()

    async with issued(token("abc")) as (_, config), site(answer) as url:
        assert (await run(url, oauth2=config, preferred_ip_protocol="ip4")).ok
    assert brought == ["Bearer abc", ""]


async def test_a_secret_that_is_changed_in_its_file_gets_another_token(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one\n")
    async with issued(token("a", expires_in=3600), token("b", expires_in=3600)) as (issuer, config):
        config = OAuth2(client_id="me", client_secret_file=str(file), token_url=config.token_url)
        handler, brought = guarded("Bearer a", "Bearer b")
        async with site(handler) as url:
            await run(url, oauth2=config)
            await run(url, oauth2=config)
            file.write_text("two\n")
            await run(url, oauth2=config)
            file.unlink()
            missing = await run(url, oauth2=config)
    assert brought == ["Bearer a", "Bearer a", "Bearer b"]
    assert [credentials(header) for header, _ in issuer.asked] == ["me:one", "me:two"]
    assert missing.reason is Reason.INTERNAL
    assert missing.message.startswith("cannot read ")


async def test_a_token_that_is_sent_back_is_not_shown() -> None:
    async def echo(request: web.Request) -> web.Response:
        told = request.headers["Authorization"]
        return web.Response(text=f'{{"Authorization": "{told}"}}', headers={"X-You-Said": told})

    async with issued(token("hunter3")) as (_, config), site(echo) as url:
        result = await run(url, oauth2=config, fail_if_body_matches_regexp=("Bearer",))
    assert result.reason is Reason.BODY
    assert "hunter" not in repr(result)
    assert result.facts["body"] == '{"Authorization": "Bearer <secret>"}'
