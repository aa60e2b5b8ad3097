"""The web configuration: passwords, TLS and headers, taken anew while pages are served; and where they are served."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from exporter import web
from exporter.errors import ConfigError
from exporter.web.webconfig import read
from tests.servers.certificates import Authority
from tests.web.served import Served, authorization, hashed, write_web_config


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


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Bearer x", "Basic YQ==", "Basic YToAYg==", "Basic \xe9", "Basic /zo="]
)
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
    with pytest.raises(OSError, match="is not an address to listen on"):
        await web.serve(web.application(served.site), [address], None)
    served.close()


async def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{served.port}"):
            await web.serve(web.application(served.site), [f"127.0.0.1:{served.port}"], None)
