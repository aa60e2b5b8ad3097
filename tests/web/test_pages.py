"""The pages, asked over real HTTP and TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from exporter import web
from exporter.errors import ConfigError
from exporter.history import History
from exporter.metrics import Own
from exporter.model import Reason, Signal
from exporter.readings import Fault, Heard, Notice, Reading
from exporter.web import connections
from exporter.web.webconfig import read
from tests.configurations import NOW, Running, config, failed, ok
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


async def test_the_front_page_says_alternatives_last(served: Served) -> None:
    loaded = config("home", "page")
    served.running.apply(replace(loaded, services=tuple(reversed(loaded.services))))
    _, text, _ = await served.get("/")
    titles = [line for line in text.splitlines() if line.startswith("<caption>")]
    assert titles == [f"<caption>{title} by feature and region</caption>" for title in ("TikTok", "YouTube Shorts")]


async def test_what_a_server_said_is_escaped(served: Served) -> None:
    for path in ("/probes", "/probes/tiktok/page/here"):
        _, text, _ = await served.get(path)
        assert "&lt;script&gt;" in text
        assert "<script" not in text


async def test_a_pairs_page_shows_every_hop_for_a_person_to_read(served: Served) -> None:
    hops = [{"url": "http://a.example/", "status": 301}, {"url": "https://b.example/", "phases": {"tls": 0.02}}]
    served.running.take("home", replace(ok(), facts={"hops": hops}))
    _, text, _ = await served.get("/probes/tiktok/home/here")
    assert "https://b.example/" in text
    assert "0.02" in text
    assert "&#39;url&#39;" not in text


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


def with_signals(served: Served, *notices: Notice) -> None:
    """TikTok's page says these, and another signal nothing."""
    page = Signal("tiktok_business", "feed", None, 300.0, ("tiktok",))
    silent = Signal("ioda", "ioda", None, 900.0)
    served.running.apply(replace(served.running.store.config, signals=(page, silent)))
    heard = {
        "tiktok_business": Heard("tiktok_business", "feed", Reading(NOW, notices=notices), NOW, fresh=True),
        "ioda": Heard("ioda", "ioda", failure="<b>html</b> for JSON", failed_at=NOW, errors={Fault.FORMAT: 3}),
    }
    served.running.store.hear(heard, ())
    served.running.store.judge()


NOTICE = Notice("Uploads fail", "https://status.example/1", "major", NOW, quote="Uploads <b>fail</b>.")


async def test_status_says_cause_confidence_evidence_and_every_signal(served: Served) -> None:
    for number in (1, 2):
        served.running.take("gstatic", ok(NOW + number), "controls")
        served.running.take("page", failed(Reason.STATUS, NOW + number, message="status 500"))
    with_signals(served, NOTICE)
    said = json.loads((await served.get("/api/v1/status"))[1])
    tiktok = said["services"][0]
    assert (tiktok["answer"], tiktok["cause"], tiktok["by_probes"]) == ("degraded", "technical", "degraded")
    assert tiktok["because"] == "1 of 1 failing probes (here) get wrong answers, mostly a wrong status: status 500."
    assert tiktok["confidence"] == "high"
    assert tiktok["first_evidence"] == NOW
    assert tiktok["evidence"]["statements"][0]["notice"]["url"] == "https://status.example/1"
    assert tiktok["evidence"]["silent"] == ["ioda has not spoken yet: <b>html</b> for JSON."]
    assert [(one["signal"], one["fresh"], one["errors"]) for one in said["signals"]] == [
        ("tiktok_business", True, {}),
        ("ioda", False, {"format": 3}),
    ]
    assert said["signals"][1]["succeeded_at"] is None


async def test_the_front_page_quotes_officials_once_links_them_and_names_who_is_silent(served: Served) -> None:
    with_signals(served, NOTICE)
    _, text, _ = await served.get("/")
    assert text.count("Uploads &lt;b&gt;fail&lt;/b&gt;.") == 1
    assert '<a href="https://status.example/1"' in text
    assert "<small>ioda has not spoken yet: &lt;b&gt;html&lt;/b&gt; for JSON." in text
    assert "Confidence: <strong>" in text


async def test_the_front_page_links_no_address_that_is_a_command(served: Served) -> None:
    with_signals(served, replace(NOTICE, url="javascript:alert(1)"))
    _, text, _ = await served.get("/")
    assert "Uploads" in text
    assert "javascript" not in text


async def test_metrics_are_negotiated_and_compressed_when_asked(served: Served) -> None:
    _, text, headers = await served.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    async with served.session.get("/metrics", headers=accept) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert gzip.decompress(await answer.read()).endswith(b"# EOF\n")
    assert "probe_success" in text


@pytest.mark.parametrize(
    ("header", "packed"), [("gzip;q=0", False), ("br, gzip;q=0.1", True), ("GZIP", True), ("", False)]
)
async def test_gzip_is_sent_only_to_who_takes_it(served: Served, header: str, packed: bool) -> None:
    async with served.session.get("/metrics", headers={"Accept-Encoding": header}) as answer:
        assert (answer.headers.get("Content-Encoding") == "gzip") is packed
        assert (await answer.read()).startswith(b"\x1f\x8b") is packed


@pytest.mark.parametrize("path", ["/", "/metrics", "/probes", "/config", "/-/healthy", "/api/v1/status"])
async def test_head_says_what_get_would_and_every_page_has_security_headers(served: Served, path: str) -> None:
    async with served.session.head(path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with served.session.get(path) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_connection_that_never_asks_is_closed_and_one_that_asks_is_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SILENT_FOR", 0.5)
    asking, answers = await asyncio.open_connection("127.0.0.1", served.port)
    answers.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await asking.readuntil(b"\r\n")
    silent, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET / HTTP/1.1\r\nHo")
    async with asyncio.timeout(10):
        assert await silent.read() == b""
    answers.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"HTTP/1.1 200 OK" in await asking.readuntil(b"HTTP/1.1 200 OK")
    for one in (writer, answers):
        one.close()


async def test_a_header_without_end_is_refused(served: Served) -> None:
    status, _, _ = await served.get("/", headers={"X-Long": "x" * 100_000})
    assert status == 431


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
            ("ann", "x" * 100, 401),
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


async def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    old, new = authority.leaf("localhost"), authority.leaf("localhost")
    path = write_web_config(tmp_path, f"tls_server_config: {{cert_file: {old.certificate}, key_file: {old.key}}}")
    trusting = ssl.create_default_context(cafile=str(authority.file))

    async with Served(tmp_path, path) as served:

        async def presented() -> bytes:
            _, writer = await asyncio.open_connection("localhost", served.port, ssl=trusting)
            certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            return certificate

        before = await presented()
        old.key.write_bytes(new.key.read_bytes())
        old.certificate.write_bytes(new.certificate.read_bytes())
        async with asyncio.timeout(10):
            while await presented() == before:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert await presented() == ssl.PEM_cert_to_DER_cert(new.certificate.read_text())


async def test_the_headers_that_the_web_configuration_names_replace_ours(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, "http_server_config: {headers: {X-Frame-Options: deny}, http2: false}")
    async with Served(tmp_path, path) as served:
        for page in ("/", "/metrics"):
            async with served.session.get(page) as answer:
                assert answer.headers["X-Frame-Options"] == "deny"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("basic_auth_user: {}", "basic_auth_user: unknown key; allowed are tls_server_config"),
        ("basic_auth_users: {ann: plain}", "basic_auth_users.ann: must be a bcrypt hash"),
        ("basic_auth_users: {ann: $2y$10$short}", "basic_auth_users.ann: must be a bcrypt hash"),
        ("http_server_config: {headers: {Set-Cookie: a}}", "headers.Set-Cookie: cannot be set"),
        ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}', "X-Frame-Options: must be one line"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: [1]}", "is not one of TLS10"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [RC4]}", "'RC4' is not a cipher suite"),
        ("tls_server_config: {cert_file: a, key_file: b, curve_preferences: [X25519]}", "not supported here"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}", "lower than min"),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "client_auth_type is missing"),
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
    authority = Authority(tmp_path / "ca")
    leaf = authority.leaf("localhost")
    path = write_web_config(
        tmp_path,
        f"""
tls_server_config:
  cert_file: {leaf.certificate}
  key_file: {leaf.key}
  client_auth_type: VerifyClientCertIfGiven
  client_ca_file: ca/ca.pem
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]
  prefer_server_cipher_suites: true
http_server_config:
  http2: false
  headers: {{X-Frame-Options: deny, X-Content-Type-Options: nosniff}}
basic_auth_users: {{ann: "{hashed(b"secret")}"}}
""",
    )
    found = read(path)
    assert found.users
    assert found.context is not None
    offered = {cipher["name"] for cipher in found.context.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert offered == {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"}
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
