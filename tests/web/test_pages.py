"""The pages, asked over real HTTP and TLS on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from exporter import web
from exporter.errors import ConfigError
from exporter.history import History
from exporter.metrics import Own
from exporter.web.webconfig import read
from tests.configurations import Running, config, failed, ok
from tests.servers.certificates import Authority


class Served:
    """The application on a port of its own."""

    def __init__(self, folder: Path, web_config: Path | None = None) -> None:
        self.running = Running(config("home", "page"))
        self.mistakes: list[str] = []
        self.ready = True
        self._history = History(folder / "data")
        self._web_config = web_config
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    async def __aenter__(self) -> Served:
        site = web.Site(self.running.store, self.running.page, Own(), self._history, self._reload, lambda: self.ready)
        self.server = await web.serve(web.application(site), [f"127.0.0.1:{self.port}"], self._web_config)
        scheme = "https" if self._web_config and "tls_server" in self._web_config.read_text() else "http"
        self.session = aiohttp.ClientSession(f"{scheme}://localhost:{self.port}", auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.server.close()
        self._history.close()

    async def _reload(self) -> list[str]:
        return self.mistakes

    async def get(self, path: str, **more: object) -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
        async with self.session.get(path, **more) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.text(), answer.headers


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as running:
        running.running.take("gstatic", ok(), "controls")
        running.running.take("home", ok(address="192.0.2.1"))
        running.running.take("page", failed(message="<script>alert(1)</script>"))
        yield running


async def test_the_front_page_says_the_verdict_in_words_and_runs_no_script(served: Served) -> None:
    status, text, headers = await served.get("/")
    assert status == 200
    assert "TikTok" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "<script" not in text


async def test_what_a_server_said_is_escaped(served: Served) -> None:
    for path in ("/probes", "/probes/tiktok/page/here"):
        _, text, _ = await served.get(path)
        assert "&lt;script&gt;" in text
        assert "<script" not in text


async def test_the_probes_page_filters_what_fails(served: Served) -> None:
    _, text, _ = await served.get("/probes?failing")
    assert "tiktok / page" in text
    assert "tiktok / home" not in text


async def test_a_pair_that_is_not_configured_is_said_so(served: Served) -> None:
    status, text, _ = await served.get("/probes/tiktok/nothing/here")
    assert (status, text) == (404, "404: no such pair is configured; see /probes.\n")


@pytest.mark.parametrize("page", ["0", "99", "-1", "x", "9" * 400])
async def test_a_page_number_from_anywhere_is_no_error(served: Served, page: str) -> None:
    status, _, _ = await served.get(f"/probes?page={page}")
    assert status == 200


async def test_status_is_json_with_the_verdict_and_the_regions(served: Served) -> None:
    _, text, _ = await served.get("/api/v1/status")
    said = json.loads(text)
    assert said["services"][0]["service"] == "tiktok"
    assert said["regions"] == [{"region": "here", "seeing": True, "sentence": ""}]


async def test_metrics_are_negotiated_and_compressed_when_asked(served: Served) -> None:
    _, text, headers = await served.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    async with served.session.get("/metrics", headers=accept) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert gzip.decompress(await answer.read()).endswith(b"# EOF\n")
    assert "probe_success" in text


async def test_ready_waits_for_the_first_result_and_healthy_does_not(served: Served) -> None:
    served.ready = False
    assert (await served.get("/-/ready"))[0] == 503
    assert (await served.get("/-/healthy"))[0] == 200


async def test_reload_answers_with_the_mistakes_and_takes_no_get(served: Served) -> None:
    served.mistakes = ["outage.yaml:3: regions: wrong"]
    async with served.session.post("/-/reload") as answer:
        assert answer.status == 400
        assert await answer.text() == "outage.yaml:3: regions: wrong\n1 mistake; nothing was applied.\n"
    served.mistakes = []
    async with served.session.post("/-/reload") as answer:
        assert answer.status == 200
    status, _, headers = await served.get("/-/reload")
    assert (status, headers["Allow"]) == (405, "POST")


async def test_a_reload_from_another_sites_page_is_refused(served: Served) -> None:
    async with served.session.post("/-/reload", headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403


async def test_a_fault_of_ours_is_a_sentence_and_no_traceback(served: Served) -> None:
    served.running.store.verdicts = None  # type: ignore[assignment]
    status, text, _ = await served.get("/")
    assert status == 500
    assert "Traceback" not in text
    served.running.store.verdicts = {}


def authorization(user: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(user, password)}


def write_web_config(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path


def hashed(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


async def test_with_users_a_password_is_asked_for(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, f"basic_auth_users: {{ann: '{hashed(b'secret')}'}}")
    async with Served(tmp_path, path) as served:
        assert (await served.get("/"))[0] == 401
        for user, password, status in (
            ("ann", "secret", 200),
            ("ann", "secret", 200),
            ("ann", "x", 401),
            ("bob", "secret", 401),
        ):
            assert (await served.get("/", headers=authorization(user, password)))[0] == status


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer x", "Basic YQ==", "Basic YToAYg=="])
async def test_a_broken_authorization_is_refused_politely(tmp_path: Path, header: str) -> None:
    path = write_web_config(tmp_path, f"basic_auth_users: {{ann: '{hashed(b'secret')}'}}")
    async with Served(tmp_path, path) as served:
        assert (await served.get("/", headers={"Authorization": header}))[0] == 401


async def test_a_changed_password_is_taken_without_a_restart_and_a_broken_file_is_not(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, f"basic_auth_users: {{ann: '{hashed(b'old')}'}}")
    async with Served(tmp_path, path) as served:

        async def until(password: str, status: int) -> None:
            async with asyncio.timeout(10):
                while (await served.get("/", headers=authorization("ann", password)))[0] != status:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

        await until("old", 200)
        write_web_config(tmp_path, f"basic_auth_users: {{ann: '{hashed(b'new')}'}}")
        await until("new", 200)
        assert (await served.get("/", headers=authorization("ann", "old")))[0] == 401
        write_web_config(tmp_path, "basic_auth_users: {ann: plain}")
        await asyncio.sleep(1.2)  # the file is looked at once a second: two looks must not take it
        assert (await served.get("/", headers=authorization("ann", "new")))[0] == 200


async def test_tls_asks_for_a_client_certificate_of_the_right_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    server, client = authority.leaf("localhost"), authority.leaf("client.test")
    path = write_web_config(
        tmp_path,
        f"tls_server_config:\n  cert_file: {server.certificate}\n  key_file: {server.key}\n"
        f"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {authority.file}\n",
    )
    async with Served(tmp_path, path) as served:
        trusting = ssl.create_default_context(cafile=str(authority.file))
        with pytest.raises(aiohttp.ClientError):
            await served.get("/-/healthy", ssl=trusting)
        known = ssl.create_default_context(cafile=str(authority.file))
        known.load_cert_chain(client.certificate, client.key)
        assert (await served.get("/-/healthy", ssl=known))[0] == 200


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("basic_auth_user: {}", "basic_auth_user: unknown key; allowed are tls_server_config"),
        ("basic_auth_users: {ann: plain}", "basic_auth_users.ann: must be a bcrypt hash"),
        ("tls_server_config: {cert_file: a}", "tls_server_config: key_file is missing"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS9}", "'TLS9' is not one of TLS10"),
        ("tls_server_config: {cert_file: a, key_file: b}", "cert_file: cannot use"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequestClientCert}", "is not supported"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
            "client_ca_file is missing",
        ),
    ],
)
def test_a_mistake_in_the_web_configuration_is_named(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake.replace("(", "\\(")):
        read(write_web_config(tmp_path, text))


def test_promtool_takes_the_same_file(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, f"basic_auth_users: {{ann: '{hashed(b'secret')}'}}")
    assert read(path).users
    subprocess.run(["promtool", "check", "web-config", str(path)], check=True, capture_output=True)


@pytest.mark.parametrize("address", ["19720", "localhost:99999", "localhost:http", ""])
async def test_an_address_that_is_none_is_said_so(tmp_path: Path, address: str) -> None:
    served = Served(tmp_path)
    site = web.Site(served.running.store, served.running.page, Own(), served._history, served._reload, lambda: True)
    with pytest.raises(OSError, match="is not an address to listen on"):
        await web.serve(web.application(site), [address], None)
    served._history.close()


async def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:
        site = web.Site(served.running.store, served.running.page, Own(), served._history, served._reload, lambda: True)
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{served.port}"):
            await web.serve(web.application(site), [f"127.0.0.1:{served.port}"], None)
