"""What a module asks for: the same request from both programs, to the byte, less how each names itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter import attempt, config
from exporter.model import Endpoint, NetworkOptions, Pair, Region
from exporter.net import Network
from exporter.regions import local
from tests.probes.blackbox import blackbox
from tests.probes.http_probing import site

SECRET = "mysecret"
MODULES: dict[str, dict[str, Any]] = {
    "get": {},
    "post": {"method": "POST"},
    "post_a_body": {"method": "POST", "body": 'é "$1" ${NAME}\n'},
    "put_nothing": {"method": "PUT", "body": ""},
    "get_with_a_body": {"body": "q"},
    "head": {"method": "HEAD"},
    "delete": {"method": "DELETE"},
    "headers": {"headers": {"Accept": "text/html", "x-number": "1.50", "X-Empty": ""}},
    "host": {"headers": {"Host": "vhost.example:99"}},
    "user_agent": {"headers": {"user-agent": "me"}},
    "no_user_agent": {"headers": {"User-Agent": ""}},
    "compression": {"compression": "gzip", "headers": {"Accept-Encoding": "gzip"}},
    "basic_auth": {"basic_auth": {"username": "me", "password": "p:é&"}},
    "basic_auth_without_a_password": {"basic_auth": {"username": "me"}},
    "basic_auth_of_nobody": {"basic_auth": {}},
    "basic_auth_and_a_header": {"basic_auth": {"username": "me"}, "headers": {"Authorization": "mine"}},
    "bearer": {"bearer_token": SECRET},
    "token": {"authorization": {"type": " Token ", "credentials": SECRET}},
    "by_files": {"basic_auth": {"username": "me", "password_file": "secret"}},
    "bearer_by_file": {"bearer_token_file": "secret"},
}


def oauth2(token_url: str) -> dict[str, dict[str, Any]]:
    client = {"client_id": "me&you", "client_secret": "p:é& +", "token_url": token_url}
    asked = {"scopes": ["read", "write:all"], "endpoint_params": {"audience": "https://a.example/?b=c", "z": "ü"}}
    return {"oauth2": {"oauth2": client}, "oauth2_in_full": {"oauth2": {**client, **asked}}}


PATHS = ("/", "", "/a%20b/?q=%C3%A9&&x=1+2#part", "/é;a", "/[]!*()'?a={}|^")

Asked = tuple[str, str, list[tuple[str, str]], bytes]


def flat(raw: tuple[tuple[bytes, bytes], ...]) -> list[tuple[str, str]]:
    """Names do not care for their letters, and the programs' own names differ."""
    fields = [(name.decode().lower(), value.decode()) for name, value in raw]
    return sorted(
        (
            name,
            ""
            if name == "user-agent" and "xporter" in value
            else value.rpartition(":")[0]
            if name == "host"
            else value,
        )
        for name, value in fields
    )


async def test_a_module_makes_the_same_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text(f" {SECRET} \n")
    asked: list[Asked] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.method, request.raw_path, flat(request.raw_headers), await request.read()))
        token = {"access_token": "abc", "token_type": "bearer"}
        return web.json_response(token) if request.path == "/token" else web.Response()

    async with site(handler) as url:
        modules = {
            name: {"prober": "http", "http": {**http, "preferred_ip_protocol": "ip4"}}
            for name, http in (MODULES | oauth2(f"{url}/token")).items()
        }
        async with blackbox(tmp_path, modules) as theirs:
            ours = config.load_modules(tmp_path / "blackbox.yml")
            network = Network(NetworkOptions())
            for name in modules:
                for path in PATHS if name == "get" else PATHS[:1]:
                    asked.clear()
                    await theirs(name, url + path)
                    half = len(asked)
                    endpoint = Endpoint("a", "b", "c", "http", url + path, ours[name].options, 60.0, 5.0)
                    await attempt.run(Pair(endpoint, Region("here", "local", local.Options())), network)
                    assert half == (2 if name.startswith("oauth2") else 1)
                    assert asked[half:] == asked[:half], json.dumps((name, path))
