"""The remote kind: another prober's word counts, its own troubles do not."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from exporter import kinds
from exporter.client import BasicAuth
from exporter.model import Endpoint, NetworkOptions, Reason, Result
from exporter.options import Secret, TLSConfig
from exporter.probes.tcp import Step
from exporter.regions import remote
from tests.probes.http_connect import connect_proxy
from tests.probes.http_probing import page as serving
from tests.probes.http_probing import site
from tests.probing import needs, open_descriptors, probe
from tests.regions.probing import endpoint, probe_from
from tests.servers import torture
from tests.servers.certificates import Authority
from tests.servers.dns import REFUSED, SILENCE, Answer, DNSServer
from tests.servers.origin import Origin, Reply, Request
from tests.servers.ports import free_port
from tests.servers.torture import Torture

MODULES: Mapping[str, Any] = {
    "http_2xx": {"prober": "http"},
    "http_hello": {"prober": "http", "http": {"fail_if_body_not_matches_regexp": ["hello"]}},
    "http_any_certificate": {"prober": "http", "http": {"tls_config": {"insecure_skip_verify": True}}},
    "http_404": {"prober": "http", "http": {"valid_status_codes": [404]}},
    "http_4": {"prober": "http", "http": {"preferred_ip_protocol": "ip4"}},
    "tcp_connect": {"prober": "tcp"},
    "tcp_banner": {"prober": "tcp", "tcp": {"query_response": [{"expect": "^220 "}]}},
    "tcp_bytes": {"prober": "tcp", "tcp": {"query_response": [{"send": "hello"}, {"expect": "never"}]}},
    "icmp": {"prober": "icmp", "icmp": {"preferred_ip_protocol": "ip4"}},
    "dns_a": {"prober": "dns", "dns": {"query_name": "a.example", "query_type": "A"}},
    "dns_refused": {"prober": "dns", "dns": {"query_name": "refused.example", "query_type": "A"}},
    "dns_records": {
        "prober": "dns",
        "dns": {
            "query_name": "a.example",
            "query_type": "A",
            "validate_answer_rrs": {"fail_if_not_matches_regexp": ["127.0.0.9"]},
        },
    },
    "dns_silent": {"prober": "dns", "dns": {"query_name": "silent.example", "query_type": "A"}},
}


class Prober:
    """Debian's blackbox_exporter at `url`."""

    def __init__(self, folder: Path, web: Mapping[str, Any] | None = None) -> None:
        program, address = needs("prometheus-blackbox-exporter"), f"127.0.0.1:{free_port()}"
        modules, told = folder / "blackbox.yml", folder / "web.yml"
        modules.write_text(json.dumps({"modules": MODULES}))
        told.write_text(json.dumps(web or {}))
        self.url = f"{'https' if web else 'http'}://{address}/probe"
        self._process = subprocess.Popen(
            [program, f"--config.file={modules}", f"--web.config.file={told}", f"--web.listen-address={address}"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._until_it_listens(address)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _until_it_listens(self, address: str) -> None:
        ends = time.monotonic() + 10
        while True:
            assert self._process.poll() is None, "blackbox_exporter did not start"
            assert time.monotonic() < ends, "blackbox_exporter does not listen"
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", int(address.partition(":")[2]))) == 0:
                    return
            time.sleep(0.01)


@pytest.fixture(scope="module")
def prober(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running = Prober(tmp_path_factory.mktemp("prober"))
    yield running.url
    running.stop()


async def ask(url: str, probed: Endpoint, network: NetworkOptions | None = None, **options: Any) -> Result:
    return await probe_from("remote", remote.Options(url=url, **options), probed, network)


async def test_what_the_remote_sees_is_the_result(prober: str) -> None:
    async with site(serving("hello")) as url:
        result = await ask(prober, endpoint("http", url), modules={"http": "http_hello"})
    assert result.ok, result.message
    assert result.samples["probe_http_status_code"] == 200
    assert result.samples["probe_http_duration_seconds", "connect"] == result.phases["connect"] > 0
    assert result.samples["probe_http_uncompressed_body_length"] == 5
    assert (result.facts["remote"], result.facts["module"]) == (prober, "http_hello")


async def test_every_sample_is_of_a_family_that_the_page_shows(prober: str, tmp_path: Path) -> None:
    tls = Authority(tmp_path).self_signed("127.0.0.1").server_context()
    async with site(serving("hello"), tls) as url:
        result = await ask(prober, endpoint("http", url), modules={"http": "http_any_certificate"})
    names = {family.name: family.labels for family in kinds.module("probes", "http").FAMILIES}
    for key in result.samples:
        name, *labels = (key,) if isinstance(key, str) else key
        assert len(names[name]) == len(labels)
    assert "probe_success" not in result.samples
    assert "probe_ssl_earliest_cert_expiry" in result.samples


async def stops_within_the_body(client: torture.Conversation) -> None:
    await client.request()
    await client.send(torture.HEAD + b"Content-Length: 10\r\n\r\nhello")
    await client.reader.read()


@pytest.mark.parametrize(
    ("module", "behaviour", "reason", "said"),
    [
        ("http_2xx", torture.answers(status="503 No"), Reason.STATUS, "status 503"),
        ("http_2xx", torture.answers(status="403 No"), Reason.BLOCKED, "status 403 is that of a bot wall"),
        ("http_2xx", torture.short_body, Reason.PROTOCOL, "status 200, and the answer was cut short"),
        ("http_404", torture.answers(), Reason.BODY, "status 200, and something else is not as it should be"),
        ("http_hello", torture.answers(b"bye"), Reason.BODY, "a pattern does not hold"),
        ("http_2xx", torture.closes_without_answering, Reason.PROTOCOL, "the connection ended without an answer"),
        ("http_2xx", torture.never_answers, Reason.TIMEOUT, "no answer in time"),
        ("http_2xx", stops_within_the_body, Reason.TIMEOUT, "status 200, and the answer was not whole in time"),
    ],
)
async def test_the_reason_of_an_http_failure_follows_from_the_metrics(
    prober: str, module: str, behaviour: torture.Behaviour, reason: Reason, said: str
) -> None:
    async with Torture(behaviour) as server:
        result = await ask(prober, endpoint("http", server.url, within=1.5), modules={"http": module})
    assert (result.ok, result.reason) == (False, reason), result.message
    assert result.message == f"{said}, as far as the remote prober says"


@pytest.mark.parametrize(
    ("kind", "target", "options"),
    [
        ("http", "http://{nobody}/", {}),
        ("http", "http://no.such.name.invalid/", {}),
        ("tcp", "{nobody}", {}),
        ("tcp", "no.such.name.invalid:80", {}),
        ("icmp", "no.such.name.invalid", {}),
        ("dns", "{nobody}", {"query_name": "a.example"}),
    ],
)
async def test_a_failure_has_the_reason_that_our_own_probe_gives(
    prober: str, kind: str, target: str, options: dict[str, Any]
) -> None:
    target = target.format(nobody=f"127.0.0.1:{free_port()}")
    theirs = await ask(prober, endpoint(kind, target, **options), modules={"dns": "dns_a"})
    ours = await probe(kind, target, **options)
    assert (theirs.ok, theirs.reason) == (False, ours.reason), theirs.message


async def test_a_certificate_that_is_refused_looks_there_like_a_connection_that_is(prober: str, tmp_path: Path) -> None:
    tls = Authority(tmp_path).self_signed("127.0.0.1").server_context()
    async with site(serving(), tls) as url:
        result = await ask(prober, endpoint("http", url))
    assert (result.reason, result.message) == (
        Reason.CONNECT, "no connection, or no TLS, as far as the remote prober says",
    )  # fmt: skip


ZONE = {"a.example": Answer(("A 127.0.0.1",)), "refused.example": REFUSED, "silent.example": SILENCE}


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("dns_a", None),
        ("dns_refused", Reason.STATUS),
        ("dns_records", Reason.BODY),
        ("dns_silent", Reason.TIMEOUT),
    ],
)
async def test_the_reason_of_a_dns_failure_follows_from_the_metrics(
    prober: str, module: str, reason: Reason | None
) -> None:
    async with DNSServer(ZONE) as server:
        probed = endpoint("dns", f"127.0.0.1:{server.port}", within=1.5, query_name="a.example")
        result = await ask(prober, probed, modules={"dns": module})
    assert result.reason is reason, result.message


@pytest.mark.parametrize(
    ("module", "reason"), [("tcp_connect", None), ("tcp_banner", Reason.TIMEOUT), ("tcp_bytes", Reason.TIMEOUT)]
)
async def test_the_reason_of_a_tcp_failure_follows_from_the_metrics(
    prober: str, module: str, reason: Reason | None
) -> None:
    async with Torture(torture.never_answers) as server:
        # What our own options expect is not asked for there.
        probed = endpoint("tcp", f"127.0.0.1:{server.port}", within=1.0, query_response=(Step(expect="^other"),))
        result = await ask(prober, probed, modules={"tcp": module})
    assert result.reason is reason, result.message
    assert result.phases.keys() <= {"resolve", "rest"}


async def test_an_echo_is_asked_for_too(prober: str) -> None:
    result = await ask(prober, endpoint("icmp", "127.0.0.1"))
    assert result.ok, result.message
    assert result.samples["probe_icmp_reply_hop_limit"] == 64


async def test_one_endpoint_may_have_a_module_of_its_own(prober: str) -> None:
    async with site(serving("bye")) as url:
        for modules, ok in ({"tests/tested": "http_hello"}, False), ({"tests/other": "http_hello"}, True):
            assert (await ask(prober, endpoint("http", url), modules=modules)).ok is ok


async def test_it_goes_by_tls_credentials_and_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    server, client = authority.leaf("127.0.0.1"), authority.leaf("prober.example")
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    web = {
        "tls_server_config": {
            "cert_file": str(server.certificate),
            "key_file": str(server.key),
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": str(authority.file),
        },
        "basic_auth_users": {"ann": hashed},
    }
    running = Prober(tmp_path, web)
    try:
        knowing = TLSConfig(ca_file=str(authority.file), cert_file=str(client.certificate), key_file=str(client.key))
        ann = BasicAuth(username="ann", password=Secret("secret"))
        async with site(serving()) as url, connect_proxy() as proxy:
            probed = endpoint("http", url)
            assert (await ask(running.url, probed, tls_config=knowing, basic_auth=ann)).ok
            through = Secret(proxy.url)
            assert (await ask(running.url, probed, tls_config=knowing, basic_auth=ann, proxy_url=through)).ok
            assert len(proxy.heads) == 1
            for options, said in (
                (
                    {"tls_config": knowing},
                    "the remote prober answers status 401, it wants other credentials: Unauthorized",
                ),
                ({"basic_auth": ann}, "the remote prober cannot be asked: there is no TLS with it"),
            ):
                refused = await ask(running.url, probed, **options)
                assert (refused.reason, refused.message) == (Reason.VANTAGE, said)
                assert "127.0.0.1" not in refused.message
    finally:
        running.stop()


async def test_an_unknown_module_is_said_in_the_remotes_words(prober: str) -> None:
    result = await ask(prober, endpoint("http", "http://127.0.0.1/"), modules={"http": "http_9xx"})
    assert result.reason is Reason.VANTAGE
    assert result.message == 'the remote prober answers status 400: Unknown module "http_9xx"'


GOOD = b"probe_success 1\nprobe_duration_seconds 0.1\n"
PLAIN = {"Content-Type": "text/plain; version=0.0.4"}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(GOOD, status=404), "answers status 404, there is no /probe"),
        (Reply(b"off\n", status=404, headers=PLAIN), "answers status 404, there is no /probe: off"),
        (Reply(GOOD, status=429), "answers status 429, it is asked too often"),
        (Reply(b"", status=302, headers={"Location": "/probe/"}), "answers status 302, it has moved"),
        (Reply(b"<html>no</html>", status=502), "answers status 502"),
        (Reply(b"\x1b[31mred\n", status=500, headers=PLAIN), "answers status 500: \N{REPLACEMENT CHARACTER}[31mred"),
        (Reply(b"<html>\n<title>Blackbox</title>\n"), "answers something that is no page of metrics"),
        (Reply(GOOD + b"probe_x 1"), "answers something that is no page of metrics"),
        (Reply(GOOD + b"\xff 1\n"), "answers something that is no page of metrics"),
        (Reply(b"probe_duration_seconds 1\n"), "answers without probe_success"),
        (Reply(b"probe_success 1\n"), "answers without probe_duration_seconds"),
        (Reply(b"probe_success 1\nprobe_duration_seconds NaN\n"), "answers without probe_duration_seconds"),
        (Reply(b""), "answers something that is no page of metrics"),
        (Reply(b"# x\n" * (1 << 18) + GOOD), "answers more than 1 MB"),
        (Reply(GOOD + b"".join(b"a%d 1\n" % n for n in range(500))), "answers more than 500 samples"),
        (Reply(GOOD, headers={"Content-Encoding": "gzip"}), "cannot be asked: its answer is not packed as it says"),
        (Reply(GOOD, cut=10), "cannot be asked: it does not answer in HTTP, or not to the end"),
        (None, None),
    ],
)
async def test_a_remote_that_does_not_do_its_work_is_the_vantages_fault(reply: Reply | None, said: str | None) -> None:
    async with Origin(lambda request: reply) as server:
        result = await ask(
            f"{server.url}/probe", endpoint("http", "http://127.0.0.1/", within=0.3 if said is None else 5.0)
        )
    assert (result.ok, result.reason) == (False, Reason.VANTAGE)
    assert result.message == (
        f"the remote prober {said}" if said else "no answer within 0.3 s while waiting for the remote prober"
    )
    assert not result.samples


async def test_a_remote_that_is_not_there_is_the_vantages_fault() -> None:
    result = await ask(f"http://127.0.0.1:{free_port()}/probe", endpoint("http", "http://127.0.0.1/"))
    assert (result.reason, result.message) == (
        Reason.VANTAGE, "the remote prober cannot be asked: it lets nobody connect",
    )  # fmt: skip
    assert "connection refused" in result.facts["failed"]


async def test_what_is_sent_says_target_module_and_the_time_that_is_left() -> None:
    async with Origin(lambda request: Reply(GOOD)) as server:
        target = "https://www.example/?a=b&c=d#e"
        assert (await ask(f"{server.url}/probe?debug=false", endpoint("http", target, within=3.0))).ok
    [request] = server.requests
    assert request.query == {"debug": "false", "target": target, "module": "http_2xx"}
    assert 2.5 < float(request.headers["x-prometheus-scrape-timeout-seconds"]) <= 3.0


def failing(**said: float | str) -> Callable[[Request], Reply]:
    lines = [f"{name} {value}" for name, value in said.items()]
    body = "\n".join(["probe_success 0", "probe_duration_seconds 0.2", "probe_ip_protocol 4", *lines, ""])
    return lambda request: Reply(body.encode())


@pytest.mark.parametrize("reason", list(Reason))
async def test_a_reason_that_the_remote_says_is_taken(reason: Reason) -> None:
    def answer(request: Request) -> Reply:
        said = f'probe_failure_info{{reason="{reason}"}} 1\n'
        return Reply(b"probe_success 0\nprobe_duration_seconds 0.2\n" + said.encode())

    async with Origin(answer) as server:
        result = await ask(f"{server.url}/probe", endpoint("http", "http://127.0.0.1/"))
    assert (result.reason, result.message) == (reason, f"the remote prober says that it fails by {reason}")


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        # An old one whose own limits nobody knows: an echo that fails at once was never sent.
        ("icmp", {}, Reason.TIMEOUT),
        ("icmp", {"probe_dns_lookup_time_seconds": 0.19}, Reason.VANTAGE),
        ("http", {"probe_http_status_code": 500, "probe_timeout_seconds": 0.2}, Reason.TIMEOUT),
        ("http", {"probe_failed_due_to_cel": 1, "probe_http_status_code": 200}, Reason.BODY),
        ("http", {"probe_http_status_code": "NaN"}, Reason.CONNECT),
        ("http", {"probe_http_status_code": "+Inf"}, Reason.CONNECT),
        ("tcp", {"probe_failed_due_to_bytes": 1}, Reason.BODY),
        ("tcp", {'probe_tls_version_info{version="TLS 1.3"}': 1}, Reason.PROTOCOL),
        ("grpc", {"probe_grpc_status_code": 14}, Reason.CONNECT),
        ("grpc", {"probe_grpc_status_code": 4}, Reason.TIMEOUT),
        ("grpc", {"probe_grpc_status_code": 5}, Reason.STATUS),
        ("grpc", {'probe_grpc_healthcheck_response{serving_status="NOT_SERVING"}': 1}, Reason.STATUS),
    ],
)
async def test_what_follows_from_metrics_without_a_reason(
    kind: str, said: dict[str, float | str], reason: Reason
) -> None:
    async with Origin(failing(**said)) as server:
        target = {"http": "http://127.0.0.1/", "icmp": "127.0.0.1"}.get(kind, "127.0.0.1:1")
        result = await ask(f"{server.url}/probe", endpoint(kind, target))
    assert result.reason is reason, result.message


async def test_numbers_that_are_none_break_nothing() -> None:
    page = GOOD + b'probe_http_duration_seconds{phase="connect"} NaN\nprobe_http_duration_seconds{phase="tls"} -1\n'
    page += b'probe_http_status_code 200\nprobe_http_status_code{a="b"} 1\nprobe_surprise 1\n'
    async with Origin(lambda request: Reply(page)) as server:
        result = await ask(f"{server.url}/probe", endpoint("http", "http://127.0.0.1/"))
    assert result.ok
    assert result.phases == {"rest": 0.1}
    assert result.samples["probe_http_status_code"] == 200
    assert "probe_surprise" not in result.samples


async def test_a_label_that_an_older_prober_does_not_know_is_empty() -> None:
    labels = 'fingerprint_sha256="f",issuer="i",subject="s",subjectalternative="a"'
    page = GOOD + f"probe_ssl_last_chain_info{{{labels}}} 1\n".encode()
    async with Origin(lambda request: Reply(page)) as server:
        result = await ask(f"{server.url}/probe", endpoint("http", "http://127.0.0.1/"))
    assert result.samples == {("probe_ssl_last_chain_info", "f", "s", "i", "a", ""): 1.0}


async def test_nothing_is_left_open_when_the_time_is_over() -> None:
    async with Torture(torture.never_answers) as server:
        await ask(f"{server.url}probe", endpoint("http", "http://127.0.0.1/", within=0.1))
        before = open_descriptors()
        await ask(f"{server.url}probe", endpoint("http", "http://127.0.0.1/", within=0.1))
        assert len(open_descriptors()) <= len(before)
