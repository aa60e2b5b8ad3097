"""What is for everybody, and what is not: on an address of its own, or beside pages that ask for a password."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from exporter import web
from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.servers.program import COMMAND, Exporter, until
from tests.web.served import Served, authorization, hashed, write_web_config

OPEN = ("/", "/api/v1/status", "/api/v1/incidents", "/-/healthy", "/-/ready", "/robots.txt", "/static/style.css")
CLOSED = ("/probes", "/probes/tiktok/home/here", "/config", "/metrics")


def users(folder: Path) -> Path:
    return write_web_config(folder, f"basic_auth_users: {{ann: '{hashed(b'secret')}'}}")


async def test_the_public_address_asks_nobody_for_a_password(tmp_path: Path) -> None:
    async with Served(tmp_path, users(tmp_path)) as served:
        for path in OPEN:
            assert (await served.get_public(path))[0] == 200, path
            assert (await served.get(path))[0] == 401, path


@pytest.mark.parametrize("closed", [True, False])
async def test_what_operators_see_is_not_there_on_the_public_address(tmp_path: Path, closed: bool) -> None:
    async with Served(tmp_path, users(tmp_path) if closed else None) as served:
        for path in CLOSED:
            status, text, _ = await served.get_public(path, headers=authorization("ann", "secret"))
            assert (status, text[:4]) == (404, "404:"), path
            assert (await served.get(path, headers=authorization("ann", "secret")))[0] == 200, path
        async with served.public.post("/-/reload") as answer:
            assert answer.status == 404


async def test_public_pages_stand_open_beside_closed_ones_when_that_is_wanted(tmp_path: Path) -> None:
    async with Served(tmp_path, users(tmp_path), here=True) as served:
        for path in OPEN:
            assert (await served.get(path))[0] == 200, path
        for path in CLOSED:
            assert (await served.get(path))[0] == 401, path
            assert (await served.get(path, headers=authorization("ann", "secret")))[0] == 200, path
        async with served.session.post("/-/reload") as answer:
            assert answer.status == 401


async def test_without_users_all_is_open_on_the_main_address(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:
        for path in (*OPEN, *CLOSED):
            assert (await served.get(path))[0] == 200, path


async def test_a_password_is_never_asked_for_what_is_not_there(tmp_path: Path) -> None:
    async with Served(tmp_path, users(tmp_path), here=True) as served:
        assert (await served.get("/a/b/c/d/e"))[0] == 404


async def test_users_that_are_named_later_close_the_operators_pages_and_nothing_else(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, "http_server_config: {headers: {X-Frame-Options: deny}}")
    async with Served(tmp_path, path, here=True) as served:

        async def asked() -> int:
            return (await served.get("/config"))[0]

        assert await asked() == 200
        users(tmp_path)
        await until(asked, lambda status: status == 401)
        assert (await served.get("/"))[0] == 200
        assert (await served.get_public("/"))[0] == 200


async def test_both_addresses_have_the_headers_that_the_web_configuration_names(tmp_path: Path) -> None:
    path = write_web_config(tmp_path, "http_server_config: {headers: {X-Frame-Options: deny}}")
    async with Served(tmp_path, path) as served:
        for ask in (served.get, served.get_public):
            assert (await ask("/"))[2]["X-Frame-Options"] == "deny"


async def test_the_public_address_has_the_same_tls_and_asks_for_no_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    leaf = authority.leaf("localhost")
    path = write_web_config(
        tmp_path,
        f"tls_server_config:\n  cert_file: {leaf.certificate}\n  key_file: {leaf.key}\n"
        f"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {authority.file}\n",
    )
    trusting = ssl.create_default_context(cafile=str(authority.file))
    async with Served(tmp_path, path) as served:
        assert (await served.get_public("/-/healthy", ssl=trusting))[0] == 200
        with pytest.raises(aiohttp.ClientError):
            await served.get("/-/healthy", ssl=trusting)


async def test_a_renewed_certificate_is_served_on_the_public_address_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    old, new = authority.leaf("localhost"), authority.leaf("localhost")
    path = write_web_config(tmp_path, f"tls_server_config: {{cert_file: {old.certificate}, key_file: {old.key}}}")
    async with Served(tmp_path, path) as served:

        async def presented() -> str:
            address = ("localhost", served.public_port)
            return await asyncio.to_thread(ssl.get_server_certificate, address, timeout=10.0)

        assert await presented() == old.certificate.read_text()
        for file, renewed in ((old.key, new.key), (old.certificate, new.certificate)):
            file.write_bytes(renewed.read_bytes())
        await until(presented, lambda found: found == new.certificate.read_text())


async def test_a_page_is_made_once_for_both_addresses(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:
        tags = {(await ask("/static/style.css"))[2]["ETag"] for ask in (served.get, served.get_public)}
        assert len(tags) == 1


@pytest.mark.parametrize("address", ["19720", "localhost:99999", "localhost:http", ""])
async def test_a_public_address_that_is_none_is_said_so_and_nothing_listens(tmp_path: Path, address: str) -> None:
    served, port = Served(tmp_path), free_port()
    public = web.Public(web.public_application(served.site), (address,))
    with pytest.raises(OSError, match="is not an address to listen on"):
        await web.serve(web.application(served.site), [f"127.0.0.1:{port}"], None, public)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    served.close()


async def test_one_address_for_both_is_a_mistake(tmp_path: Path) -> None:
    served, address = Served(tmp_path), f"127.0.0.1:{free_port()}"
    public = web.Public(web.public_application(served.site), (address,))
    with pytest.raises(OSError, match=f"cannot listen on {address}: Address already in use"):
        await web.serve(web.application(served.site), [address], None, public)
    served.close()


async def test_a_slash_too_many_leads_to_the_page_and_to_no_other_site(tmp_path: Path) -> None:
    async with Served(tmp_path) as served:
        for path, there in (("/robots.txt/", "/robots.txt"), ("//robots.txt/", "/robots.txt")):
            async with served.public.get(f"http://localhost:{served.public_port}{path}", allow_redirects=False) as one:
                assert (one.status, one.headers["Location"]) == (308, there)


NOTHING = """
regions: {here: {kind: local}}
controls: {control: {kind: tcp, target: "127.0.0.1:9"}}
services: {shop: {features: {buy: {core: true, endpoints: {page: {kind: tcp, target: "127.0.0.1:9"}}}}}}
"""


async def test_the_program_serves_both_by_its_flags(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(NOTHING, encoding="utf-8")
    port = free_port()
    flags = (f"--web.config.file={users(tmp_path)}", "--web.public", f"--web.public-address=127.0.0.1:{port}")
    async with Exporter(tmp_path, tmp_path / "shop.yaml", arguments=flags) as exporter, aiohttp.ClientSession() as any_:
        found = {}
        for address in (exporter.url, f"http://127.0.0.1:{port}"):
            for path in ("/shop", "/config"):
                async with any_.get(address + path) as answer:
                    found[path, address == exporter.url] = answer.status
    assert found == {("/shop", True): 200, ("/config", True): 401, ("/shop", False): 200, ("/config", False): 404}
    assert f" public_addresses=127.0.0.1:{port} " in exporter.log


async def test_a_public_address_that_is_taken_ends_the_program_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(NOTHING, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = (COMMAND, "run", "--config.file", tmp_path / "shop.yaml", "--data.dir", tmp_path / "data")
        addresses = (f"--web.listen-address=127.0.0.1:{free_port()}", f"--web.public-address={address}")
        process = await asyncio.create_subprocess_exec(*command, *addresses, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().splitlines()[-1] == f"outage-exporter: cannot listen on {address}: Address already in use"
    assert "Traceback" not in said.decode()


async def test_a_flag_that_changes_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(NOTHING, encoding="utf-8")
    async with Exporter(tmp_path, tmp_path / "shop.yaml", arguments=("--web.public",)) as exporter:
        assert "--web.public changes nothing without --web.config.file" in exporter.log
