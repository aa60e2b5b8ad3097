"""The same module and the same target give the same samples as blackbox_exporter, times aside."""

from __future__ import annotations

import asyncio
import re
import shutil
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from gzip import compress
from pathlib import Path
from typing import Any

import brotli
import pytest
import pytest_asyncio
import yaml
from aiohttp import ClientSession, web
from pydantic import TypeAdapter

from exporter import attempt, kinds
from exporter.model import Endpoint, NetworkOptions, Pair, Region
from exporter.net import Network
from exporter.probes.http import Options
from tests.probes.http_probing import site
from tests.servers.torture import (
    Torture,
    answers,
    closes_without_answering,
    invalid_chunked,
    not_http,
    resets_mid_body,
    short_body,
)

PROGRAM = "prometheus-blackbox-exporter"
SAME = (
    "probe_success",
    "probe_http_status_code",
    "probe_http_content_length",
    "probe_http_uncompressed_body_length",
    "probe_http_redirects",
    "probe_http_ssl",
    "probe_http_version",
    "probe_failed_due_to_regex",
    "probe_http_last_modified_timestamp_seconds",
    "probe_ip_protocol",
    "probe_ip_addr_hash",
)
OPTIONS = TypeAdapter(Options)
MATCH = {"header": "X-A", "regexp": "b"}
MODULES: dict[str, dict[str, Any]] = {
    "plain": {},
    "not followed": {"follow_redirects": False},
    "not followed, valid": {"follow_redirects": False, "valid_status_codes": [302]},
    "not followed, matched": {
        "no_follow_redirects": True,
        "valid_status_codes": [302],
        "fail_if_body_not_matches_regexp": ["moved"],
    },
    "statuses": {"valid_status_codes": [404, 500, 302]},
    "body": {"fail_if_body_matches_regexp": ["hello"]},
    "not body": {"fail_if_body_not_matches_regexp": ["hello"]},
    "header": {"fail_if_header_matches": [MATCH]},
    "not header": {"fail_if_header_not_matches": [MATCH]},
    "not header, if there": {"fail_if_header_not_matches": [{**MATCH, "allow_missing": True}]},
    "head": {"method": "HEAD"},
    "post": {"method": "POST", "body": "abc"},
    "gzip": {"compression": "gzip", "headers": {"Accept-Encoding": "gzip"}},
    "gzip body": {"compression": "gzip", "fail_if_body_not_matches_regexp": ["hello"]},
    "deflate": {"compression": "deflate"},
    "limit": {"body_size_limit": "5B"},
    "short limit": {"body_size_limit": "4B"},
    "short limit, body": {"body_size_limit": "4B", "fail_if_body_not_matches_regexp": ["hello"]},
    "no tls": {"fail_if_ssl": True},
    "tls": {"fail_if_not_ssl": True},
    "version": {"valid_http_versions": ["HTTP/2.0"]},
}


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PAGES: dict[str, dict[str, Any]] = {
    "ok": {"text": "hello", "headers": {"X-A": "b", "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}},
    "empty": {},
    "204": {"status": 204},
    "304": {"status": 304},
    "404": {"status": 404, "text": "hello"},
    "500": {"status": 500, "text": "hello", "headers": {"X-A": "c"}},
    "302": {"status": 302, "text": "moved", "headers": {"Location": "/ok"}},
    "307": {"status": 307, "text": "moved", "headers": {"Location": "/ok"}},
    "nowhere": {"status": 302, "text": "moved"},
    "loop": {"status": 302, "headers": {"Location": "/loop"}},
    "ftp": {"status": 302, "headers": {"Location": "ftp://a.example/"}},
    "gzip": {"body": compress(b"hello")},
    "half a gzip": {"body": compress(b"hello")[:-4]},
    "br": {"body": brotli.compress(b"hello")},
    "deflate": {"body": raw_deflate(b"hello")},
}
BROKEN = (
    closes_without_answering,
    short_body,
    resets_mid_body,
    invalid_chunked,
    not_http,
    answers(b"hello\r\n", headers=b"Transfer-Encoding: chunked\r\n"),
)


async def handler(request: web.Request) -> web.Response:
    return web.Response(**PAGES[request.path[1:]])


@pytest_asyncio.fixture
async def blackbox(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a running blackbox_exporter that has MODULES."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not installed")
    modules = {name: {"prober": "http", "timeout": "3s", "http": block} for name, block in MODULES.items()}
    file = tmp_path / "blackbox.yml"
    file.write_text(yaml.safe_dump({"modules": modules}))
    process = await asyncio.create_subprocess_exec(
        PROGRAM, f"--config.file={file}", "--web.listen-address=127.0.0.1:0", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    address = ""
    while not address:
        line = (await process.stderr.readline()).decode()
        assert line, "blackbox_exporter did not start"
        found = re.search(r"Listening on\W+address=(\S+)", line)
        address = found[1] if found else ""
    yield f"http://{address}/probe"
    process.terminate()
    await process.communicate()


async def theirs(blackbox: str, client: ClientSession, module: str, url: str) -> dict[str, float | None]:
    async with client.get(blackbox, params={"module": module, "target": url}) as response:
        found = dict(re.findall(r"^(\w+) (\S+)$", await response.text(), re.MULTILINE))
    return {name: float(found[name]) if name in found else None for name in SAME}


async def ours(network: Network, module: str, url: str) -> dict[str, float | None]:
    options = OPTIONS.validate_python(MODULES[module])
    here = Region("here", "local", kinds.module("regions", "local").Options())
    result = await attempt.run(Pair(Endpoint("box", "web", "page", "http", url, options, 60.0, 3.0), here), network)
    return {name: float(result.ok) if name == "probe_success" else result.samples.get(name) for name in SAME}


async def differences(blackbox: str, client: ClientSession, network: Network, module: str, url: str) -> list[Any]:
    expected, found = await asyncio.gather(theirs(blackbox, client, module, url), ours(network, module, url))
    return [(url, module, name, expected[name], found[name]) for name in SAME if expected[name] != found[name]]


async def test_every_module_gives_the_same_samples_for_every_answer(blackbox: str) -> None:
    network = Network(NetworkOptions())
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(site(handler))
        broken = [await stack.enter_async_context(Torture(behaviour)) for behaviour in BROKEN]
        client = await stack.enter_async_context(ClientSession())
        urls = [*(f"{base}/{name}" for name in PAGES), *(server.url for server in broken)]
        different = [
            difference
            for url in urls
            for module in MODULES
            for difference in await differences(blackbox, client, network, module, url)
        ]
    assert different == []
