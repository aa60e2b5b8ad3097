"""The box, seen by clients that are not ours (aiohttp, dnspython, curl): what it breaks is broken there and alone."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import dns.asyncresolver
import dns.resolver
import pytest
import yaml
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.servers.box import HERE, SHIPPED, Box
from tests.servers.faults import CONTROLS
from tests.servers.proxies import Microsocks, MissingProgramError, Tinyproxy

WWW = "https://www.tiktok.com/"
OEMBED = "https://www.tiktok.com/oembed?url=x"
UPLOAD = "open-upload.tiktokapis.com"
YOUTUBE = "www.youtube.com"
GSTATIC = "http://connectivitycheck.gstatic.com/generate_204"


class BoxResolver(AbstractResolver):
    """dnspython, pointed at the nameserver of the box's configuration."""

    def __init__(self, box: Box) -> None:
        server = yaml.safe_load(box.network_yaml)["network"]["nameservers"][0]
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [server.rpartition(":")[0]]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._resolver.resolve(host, "A")
        except dns.resolver.NXDOMAIN as error:
            raise OSError(None, f"{host} does not exist") from error
        address = found[0].to_text()
        return [ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None: ...


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box() as box:
        yield box


@pytest.fixture
async def client(box: Box) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(
        resolver=BoxResolver(box), ssl=box.authority.client_context(), force_close=True, use_dns_cache=False
    )
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def fetch(client: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with client.get(url, allow_redirects=False) as response:
        return response.status, await response.read()


async def handshake(box: Box, host: str) -> None:
    _, writer = await asyncio.open_connection(
        box.sites[host].address, 443, ssl=box.authority.client_context(), server_hostname=host
    )
    writer.close()
    await writer.wait_closed()


async def curl(box: Box, proxy: str, url: str) -> str:
    """The status, or `curl` and its exit status."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--proxytunnel", "-x", proxy,
        "--cacert", str(box.authority.file), url, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return f"curl {process.returncode}" if process.returncode else output.decode()


async def test_every_host_of_the_shipped_configuration_has_an_address_and_a_certificate(box: Box) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert len(box.sites) >= 25
    assert len({site.address for site in box.sites.values()}) == len(box.sites)
    for host in box.sites:
        assert host in text or host in box.publishers.hosts
        assert (await BoxResolver(box).resolve(host))[0]["host"] == box.sites[host].address
        await handshake(box, host)


async def test_any_path_of_the_web_is_answered_with_the_shell(client: aiohttp.ClientSession) -> None:
    for path in ("", "no/such/page"):
        status, body = await fetch(client, WWW + path)
        assert (status, len(body)) == (200, 32 << 10)
        assert b"<title>TikTok" in body


async def test_oembed_describes_a_video(client: aiohttp.ClientSession) -> None:
    status, body = await fetch(client, OEMBED)
    assert status == 200
    assert {"version": "1.0", "type": "video"}.items() <= json.loads(body).items()


async def test_the_api_refuses_without_a_token(client: aiohttp.ClientSession) -> None:
    status, body = await fetch(client, "https://open.tiktokapis.com/v2/user/info/?fields=open_id")
    assert status == 401
    assert json.loads(body)["error"]["code"] == "access_token_invalid"


async def test_the_business_api_answers_200_with_a_code(client: aiohttp.ClientSession) -> None:
    status, body = await fetch(client, "https://business-api.tiktok.com/open_api/v1.3/advertiser/info/")
    assert status == 200
    assert json.loads(body)["code"] == 40104


async def test_a_short_link_redirects_to_the_web(client: aiohttp.ClientSession) -> None:
    async with client.get("https://vm.tiktok.com/", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, WWW)


async def test_the_controls_answer_as_their_owners_do(client: aiohttp.ClientSession) -> None:
    assert await fetch(client, GSTATIC) == (204, b"")
    assert b"<TITLE>Success</TITLE>" in (await fetch(client, "http://captive.apple.com/hotspot-detect.html"))[1]
    assert (await fetch(client, "http://detectportal.firefox.com/success.txt"))[1] == b"success\n"


async def test_what_a_browser_may_ask_is_answered(client: aiohttp.ClientSession) -> None:
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for url in (*shipped["browser_controls"], *shipped["services"]["tiktok"]["browser_checks"]):
        assert (await fetch(client, url))[0] in (200, 204, 404)


async def test_the_alternatives_serve_rules_for_robots(client: aiohttp.ClientSession) -> None:
    status, body = await fetch(client, f"https://{YOUTUBE}/robots.txt")
    assert status == 200
    assert b"\nUser-agent: *\n" in body


async def test_a_name_outside_the_box_does_not_exist(box: Box) -> None:
    with pytest.raises(OSError, match="does not exist"):
        await BoxResolver(box).resolve("www.example.com")


async def test_every_request_is_on_record(box: Box, client: aiohttp.ClientSession) -> None:
    await fetch(client, OEMBED)
    (seen,) = box.requests
    assert (seen.region, seen.host, seen.path) == (HERE, "www.tiktok.com", "/oembed")


@pytest.mark.parametrize(("mode", "status"), [("status 500", 500), ("status 503", 503), ("blocked", 403)])
async def test_a_status_breaks_only_the_paths_of_its_feature(
    box: Box, client: aiohttp.ClientSession, mode: str, status: int
) -> None:
    box.break_(feature="feed", mode=mode)
    assert (await fetch(client, WWW))[0] == status
    assert (await fetch(client, OEMBED))[0] == 200
    box.mend(feature="feed")
    assert (await fetch(client, WWW))[0] == 200


async def test_a_wrong_body_comes_with_the_right_status(box: Box, client: aiohttp.ClientSession) -> None:
    box.break_(host="www.tiktok.com", mode="wrong body")
    for url in (WWW, OEMBED):
        status, body = await fetch(client, url)
        assert status == 200
        assert b"tiktok" not in body.lower()


async def test_a_refused_connection_is_refused_until_mended(box: Box, client: aiohttp.ClientSession) -> None:
    box.break_(host=UPLOAD, mode="refuse")
    with pytest.raises(ConnectionRefusedError):
        await handshake(box, UPLOAD)
    assert (await fetch(client, WWW))[0] == 200
    box.mend(host=UPLOAD)
    await handshake(box, UPLOAD)


async def test_a_reset_comes_after_the_connection(box: Box) -> None:
    box.break_(feature="upload", mode="reset")
    with pytest.raises(ConnectionResetError):
        await handshake(box, UPLOAD)


async def test_silence_accepts_and_never_speaks(box: Box) -> None:
    box.break_(feature="upload", mode="silence")
    reader, writer = await asyncio.open_connection(box.sites[UPLOAD].address, 443)
    writer.write(b"hello")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    writer.close()
    await writer.wait_closed()


async def test_slow_delays_the_answer_and_the_handshake(box: Box, client: aiohttp.ClientSession) -> None:
    box.break_(mode="slow", delay=0.2)
    for attempt in (fetch(client, WWW), handshake(box, UPLOAD)):
        began = time.monotonic()
        await attempt
        assert 0.2 <= time.monotonic() - began < 2


async def test_a_bad_certificate_has_expired(box: Box) -> None:
    box.break_(host=UPLOAD, mode="bad certificate")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        await handshake(box, UPLOAD)


async def test_a_broken_name_does_not_exist_until_mended(box: Box) -> None:
    box.break_(host=UPLOAD, mode="nxdomain")
    with pytest.raises(OSError, match="does not exist"):
        await BoxResolver(box).resolve(UPLOAD)
    box.mend()
    assert await BoxResolver(box).resolve(UPLOAD)


async def test_breaking_everything_leaves_the_controls_and_they_break_by_name(
    box: Box, client: aiohttp.ClientSession
) -> None:
    box.break_(mode="refuse")
    assert (await fetch(client, GSTATIC))[0] == 204
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetch(client, WWW)
    box.break_(feature=CONTROLS, mode="refuse")
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetch(client, GSTATIC)


async def test_an_outage_of_the_first_service_leaves_its_alternatives_and_they_break_by_name(box: Box) -> None:
    assert box.services == ("tiktok", "youtube_shorts", "instagram_reels", "snapchat_spotlight")
    box.break_(mode="refuse")
    await handshake(box, YOUTUBE)
    box.mend()
    box.break_(service="youtube_shorts", mode="refuse")
    with pytest.raises(ConnectionRefusedError):
        await handshake(box, YOUTUBE)
    await handshake(box, UPLOAD)
    await handshake(box, "i.instagram.com")
    box.mend(service="youtube_shorts")
    await handshake(box, YOUTUBE)


async def test_a_feature_of_one_service_is_not_the_same_feature_of_another(box: Box) -> None:
    box.break_(service="instagram_reels", feature="watch", mode="reset")
    await handshake(box, YOUTUBE)
    with pytest.raises(ConnectionResetError):
        await handshake(box, "i.instagram.com")


async def test_mending_a_feature_leaves_the_others_broken(box: Box) -> None:
    box.break_(mode="refuse")
    box.mend(feature="upload")
    await handshake(box, UPLOAD)
    with pytest.raises(ConnectionRefusedError):
        await handshake(box, "webcast.tiktok.com")


@pytest.mark.parametrize(
    ("host", "feature", "region", "mode", "complaint"),
    [
        ("nowhere.example", None, None, "refuse", "nowhere.example"),
        (None, "upload", None, "status 503", "never sent a request"),
        (None, "upload", "mars", "refuse", "no region 'mars'"),
        (None, "upload", None, "explode", "explode"),
    ],
)
def test_a_fault_that_fits_nothing_is_refused(
    host: str | None, feature: str | None, region: str | None, mode: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Box().break_(host=host, feature=feature, region=region, mode=mode)


async def test_two_boxes_stand_side_by_side(box: Box) -> None:
    async with Box() as other:
        await handshake(other, UPLOAD)
        assert other.sites[UPLOAD].address != box.sites[UPLOAD].address


@pytest.mark.parametrize("kind", [Microsocks, Tinyproxy])
async def test_a_proxy_is_a_region_of_its_own(box: Box, kind: type[Microsocks | Tinyproxy], tmp_path: Path) -> None:
    async with kind(box, "eu-west", user="box", password="secret") as proxy:
        assert await curl(box, proxy.url, WWW) == "200"
        assert await curl(box, proxy.url, GSTATIC) == "204"
        assert {seen.region for seen in box.requests} == {"eu-west"}
        assert (await curl(box, proxy.url.replace("secret", "guess"), WWW)).startswith("curl")
        written = yaml.safe_load(box.write_config(tmp_path, [proxy]).read_text(encoding="utf-8"))
        assert written["regions"]["eu-west"] == {"kind": "proxy", "url": proxy.url}


@pytest.mark.parametrize("mode", ["status 503", "nxdomain", "refuse", "reset", "bad certificate"])
async def test_a_fault_of_one_region_is_seen_there_alone(box: Box, client: aiohttp.ClientSession, mode: str) -> None:
    async with Microsocks(box, "eu-west") as broken, Tinyproxy(box, "us-east") as whole:
        box.break_(host="www.tiktok.com", mode=mode, region="eu-west")
        assert await curl(box, broken.url, WWW) != "200"
        assert await curl(box, whole.url, WWW) == "200"
        assert (await fetch(client, WWW))[0] == 200
        box.mend(region="eu-west")
        assert await curl(box, broken.url, WWW) == "200"


async def test_a_stopped_proxy_refuses_and_comes_back(box: Box) -> None:
    async with Microsocks(box, "eu-west") as proxy:
        await proxy.stop()
        assert await curl(box, proxy.url, WWW) == "curl 7"
        await proxy.start()
        assert await curl(box, proxy.url, WWW) == "200"


async def test_a_missing_program_is_named(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingProgramError, match="apt-get install microsocks"):
        async with Microsocks(box, "eu-west"):
            pass
