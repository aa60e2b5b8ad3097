"""What people are shown of probes on demand: all that helps, and nothing that is secret or hostile."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import pytest_asyncio

from tests.blackbox.asked import LOOPBACK, Asked
from tests.servers.origin import Origin, Reply, Request
from tests.web.served import Served, authorization, hashed, write_web_config

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = {
    "password": "hunter2-password",
    "file": "hunter2-file",
    "bearer": "hunter2-bearer",
    "header": "hunter2-header",
    "sources": "hunter2-sources",
    "cookie": "hunter2-cookie",
    "odd": "hunter2/with%&signs",
}


def modules(folder: Path) -> dict[str, object]:
    file = folder / "password"
    file.write_text(f"{SECRETS['file']}\n")
    basic = {"username": "me", "password": SECRETS["password"]}
    by_file = {"username": "me", "password_file": str(file)}
    blocks: dict[str, dict[str, object]] = {
        "basic": {"basic_auth": basic},
        "file": {"basic_auth": by_file},
        "bearer": {"bearer_token": SECRETS["bearer"]},
        "header": {"headers": {"X-Api-Key": SECRETS["header"]}},
        "sources": {"http_headers": {"X-Key": {"secrets": [SECRETS["sources"]]}}},
        "odd": {"bearer_token": SECRETS["odd"]},
    }
    # What was answered is told of a probe that failed.
    failing = {
        name: {"prober": "http", "http": block | {"fail_if_body_matches_regexp": ["."]}}
        for name, block in blocks.items()
    }
    return {"http_2xx": {"prober": "http"}, "tcp": {"prober": "tcp"}, **failing}


def echo(request: Request) -> Reply:
    """What a server should not do: all that came goes back, in the body and in headers."""
    told = "\n".join(request.headers.values())
    headers = {f"X-Echo-{number}": value for number, value in enumerate(request.headers.values())}
    headers |= {"Set-Cookie": f"session={SECRETS['cookie']}", "X-Paint": "\x1b[31mred"}
    return Reply(f"{told}\n\x1b]0;title\x07<script>alert(1)</script>".encode(), headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    folder = tmp_path_factory.mktemp("asked")
    arguments = (*LOOPBACK, "--history.limit", "10")
    async with Asked(folder, modules(folder), arguments) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def origin() -> AsyncIterator[Origin]:
    async with Origin(echo) as running:
        yield running


def assert_harmless(text: str) -> None:
    for secret in SECRETS.values():
        for spelled in (secret, base64.b64encode(f"me:{secret}".encode()).decode()):
            assert spelled not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


@pytest.mark.parametrize("module", ["basic", "file", "bearer", "header", "sources", "odd"])
async def test_no_secret_of_a_module_is_shown_though_the_server_sends_it_back(
    asked: Asked, origin: Origin, module: str
) -> None:
    text = (await asked.probe(origin.url, module, debug="true")).text
    sent = " ".join(origin.requests[0].headers.values())
    assert any(part in sent for part in (*SECRETS.values(), "Basic "))
    assert "<secret>" in text.partition("Metrics that")[0]
    assert_harmless(text)
    assert_harmless(await asked.history())


@pytest.mark.parametrize(
    ("account", "secret"),
    [("bob:pw2hunter", "pw2hunter"), ("bob:pw2'hunter\\", "pw2'hunter"), ("bob:pw2 hunter", "pw2 hunter"),
     ("bob:pw2%20hunter", "pw2%20hunter"), ("ghp_token", "ghp_token"), ("bob:a", "bob:a@"),
     ("a@b:pw2hunter", "pw2hunter")],
)  # fmt: skip
async def test_no_account_of_a_target_is_shown(asked: Asked, origin: Origin, account: str, secret: str) -> None:
    rest = f"{account}@{origin.url.removeprefix('http://')}"
    # A long one is cut, and not in the middle of a secret.
    for target in (f"http://{rest}", rest, f"{'x' * 1990}://{rest}"):
        text = (await asked.probe(target, "basic", debug="true")).text
        for shown in (text, await asked.history()):
            assert secret not in shown
            assert secret.replace("'", "\\'") not in shown
            assert html.escape(secret) not in shown
            assert base64.b64encode(unquote(account).encode()).decode() not in shown


async def test_debug_tells_what_it_saw_its_metrics_and_its_module(asked: Asked, origin: Origin) -> None:
    answer = await asked.probe(origin.url, "basic", debug="true")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    log, metrics, module = answer.text.split("\n\n\n")
    assert log.startswith("Logs for the probe:\n")
    for line in (f"module basic, prober http, target '{origin.url}'", "allowed: 119.5 s", "address: 127.0.0.1"):
        assert line in log
    assert re.search(r"^connect: \d+\.\d+ ms$", log, re.MULTILINE)
    assert re.search(r"^failed after \d+\.\d+ ms: body: .*$", log, re.MULTILINE)
    assert metrics.startswith("\nMetrics that would have been returned:\n# HELP ")
    assert '\nprobe_failure_info{reason="body"} 1\n' in metrics
    assert module.startswith("\nModule configuration:\nprober: http\n")


async def test_the_history_keeps_what_debug_would_have_told(asked: Asked, origin: Origin) -> None:
    told = (await asked.probe(origin.url, "tcp", debug="true")).text
    newest = re.search(r"probe/history\?id=(\d+)", await asked.history())
    assert newest
    assert await asked.history(int(newest[1])) == told


@pytest.mark.parametrize(
    "target",
    [
        "<script>alert(1)</script>",
        "http://127.0.0.1/\"><img src=x onerror=alert(1)>",
        "'};alert(1)//",
        "{{ 7777 * 7777 }}",
        "\x1b[2J\x1b]0;title\x07",
        "http://x/\n\n\nModule configuration:\nprober: forged",
        "\N{RIGHT-TO-LEFT OVERRIDE}gro.elpmaxe",
        "http://me:hunter2-password@127.0.0.1:1/",
        "x" * 8000,
    ],
)  # fmt: skip
async def test_a_hostile_target_is_shown_and_does_nothing(asked: Asked, target: str) -> None:
    text = (await asked.probe(target, "http_2xx", debug="true", hostname="shop.example")).text
    assert text.count("\n\n\n\nModule configuration:\n") == 1
    page = await asked.history()
    for shown in (text, page):
        assert_harmless(shown)
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
        assert len(shown) < 60_000
    shown = page.partition("<main")[2]
    for harmful in ("<script", "<img", "<b>", "alert(1)>", "60481729"):
        assert harmful not in re.sub(r"id=\d+|[\d:. -]+ (UTC|ms)|127.0.0.1:\d+", "", shown)


async def test_it_is_for_those_who_run_it_and_asks_for_the_password_where_there_is_one(tmp_path: Path) -> None:
    users = write_web_config(tmp_path, f"basic_auth_users: {{me: '{hashed(b'pw')}'}}")
    async with Served(tmp_path, users, here=True) as served:
        for path in ("/probe?target=x", "/probe/history", "/probe/history?id=1"):
            assert (await served.get(path))[0] == 401
            assert (await served.get(path, headers=authorization("me", "pw")))[0] in (200, 404)
            status, told, _ = await served.get_public(path)
            assert status == 404
            assert "blackbox" not in told


async def test_a_long_history_is_shown_a_page_at_a_time(tmp_path: Path) -> None:
    async with Asked(tmp_path, modules(tmp_path), ("--history.limit", "500")) as running:
        for number in range(201):
            await running.probe(f"nonsense-{number}-", "tcp")
        first, last = await running.history(), (await running.get("/probe/history?page=9"))[1]
        assert first.count("<tr>") == 1 + 200
        assert "nonsense-0-" not in first
        assert 'href="?page=2"' in first
        assert last.count("<tr>") == 1 + 1
        assert "nonsense-0-" in last
        assert 'href="?page=1"' in last
