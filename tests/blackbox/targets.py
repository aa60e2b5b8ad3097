"""The servers of the matrix, all on this machine, and where each is."""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp import web as aiohttp_web

from tests.blackbox import certificates, raw, zone
from tests.blackbox.nginx import nginx
from tests.blackbox.programs import running
from tests.blackbox.web import site
from tests.probing import needs, unanswering_port
from tests.servers.certificates import Authority, Leaf
from tests.servers.datagrams import datagrams
from tests.servers.dns import DNSServer
from tests.servers.grpc import Behaviour as GRPCBehaviour
from tests.servers.grpc import GRPCServer, message, refuses, response, serves
from tests.servers.grpc import answers as answers_call
from tests.servers.ports import free_port
from tests.servers.torture import (
    Behaviour,
    Torture,
    answers,
    closes_at_once,
    closes_without_answering,
    garbage,
    invalid_chunked,
    not_http,
    redirect_loop,
    resets_at_once,
    resets_before_tls,
    resets_mid_body,
    short_body,
    smtp,
)

_SILENT = logging.getLogger("targets")
_SILENT.disabled = True
SERVING = message(response("SERVING"))
GRPC: dict[str, GRPCBehaviour] = {
    "serving": serves("SERVING"),
    "not serving": serves("NOT_SERVING"),
    "unknown": serves("UNKNOWN"),
    "service unknown": serves("SERVICE_UNKNOWN"),
    "not found": refuses(5, "unknown%20service"),
    "unimplemented": refuses(12),
    "unavailable": refuses(14, only_trailers=False),
    "refused behind a message": answers_call(SERVING, ("grpc-status", "7")),
    "no status": answers_call(SERVING, ("x-other", "1")),
    "a page": answers_call(b"<html>", head=[(":status", "200"), ("content-type", "text/html")]),
    "HTTP status 503": answers_call(b"", head=[(":status", "503"), ("content-type", "text/html")]),
    "cut short": answers_call(message(b"\x08\x01", 0, 9)),
    "no protobuf": answers_call(message(b"\xff")),
    "no message": refuses(0),
    "two messages": answers_call(SERVING * 2),
}
NAMES = ("localhost", "127.0.0.1", "::1")
HTTP_BROKEN: dict[str, Behaviour] = {
    behaviour.__name__.replace("_", " "): behaviour
    for behaviour in (
        closes_at_once,
        closes_without_answering,
        resets_at_once,
        resets_mid_body,
        short_body,
        invalid_chunked,
        not_http,
        redirect_loop,
    )
}


@dataclass
class Targets:
    """`at` holds `host:port` of each server by its name; the rest is files for the modules."""

    folder: Path
    authority: Authority
    client: Leaf
    roots: Path
    at: dict[str, str] = field(default_factory=dict)


def contexts(authority: Authority, stranger: Authority) -> dict[str, ssl.SSLContext]:
    """What TLS servers present, by what is special about it."""
    leaf = authority.leaf(*NAMES)
    return {
        "good": leaf.server_context(),
        "chain": authority.leaf(*NAMES, chain=True).server_context(),
        "soon": authority.leaf(*NAMES, ends=timedelta(hours=1), chain=True).server_context(),
        "many names": authority.leaf(*NAMES, *(f"{n}.example" for n in range(30))).server_context(),
        "name alone": authority.leaf("localhost").server_context(),
        "self-signed": authority.self_signed(*NAMES).server_context(),
        "stranger": stranger.leaf(*NAMES, chain=True).server_context(),
        "expired": authority.expired(*NAMES).server_context(),
        "not yet": authority.not_yet_valid(*NAMES).server_context(),
        "wrong name": authority.wrong_host().server_context(),
        "1.1": bounded(leaf, ssl.TLSVersion.TLSv1_1),
        "1.2": bounded(leaf, ssl.TLSVersion.TLSv1_2),
        "1.3": bounded(leaf, ssl.TLSVersion.TLSv1_3),
        "wants a certificate": wanting(bounded(leaf, ssl.TLSVersion.TLSv1_3), authority),
        "wants a certificate, 1.2": wanting(bounded(leaf, ssl.TLSVersion.TLSv1_2), authority),
    }


def bounded(leaf: Leaf, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Speaks this version and no other."""
    context = leaf.server_context()
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the old ones are what is tested
        context.minimum_version = context.maximum_version = version
    return context


def wanting(context: ssl.SSLContext, authority: Authority) -> ssl.SSLContext:
    """Lets in only who shows a certificate of `authority`."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    return context


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Targets]:
    """All of them."""
    authority, stranger = Authority(folder / "ca"), Authority(folder / "stranger", "Stranger CA")
    roots, chained = certificates.contexts(folder)
    targets = Targets(folder, authority, authority.leaf("client"), roots)
    async with AsyncExitStack() as stack:
        tls = {**contexts(authority, stranger), **chained}
        for name, behaviour, context in _torture(tls):
            server = await stack.enter_async_context(Torture(behaviour, tls=context))
            targets.at[name] = f"127.0.0.1:{server.port}"
        await _open_dns(stack, targets, tls)
        await _open_grpc(stack, targets)
        await _open_programs(stack, targets)
        await _open_web(stack, targets)
        targets.at["swallows"] = f"127.0.0.1:{stack.enter_context(unanswering_port())}"
        targets.at["refuses"] = f"127.0.0.1:{free_port()}"
        yield targets


def _torture(tls: dict[str, ssl.SSLContext]) -> list[tuple[str, Behaviour, ssl.SSLContext | None]]:
    good = tls["good"]
    return [
        *((f"raw {name}", behaviour, None) for name, behaviour in {**HTTP_BROKEN, **raw.WEB}.items()),
        *((f"says {name}", behaviour, None) for name, behaviour in raw.DIALOGUES.items()),
        *((f"tls {name}", answers(), context) for name, context in tls.items()),
        *((f"tls says {name}", raw.DIALOGUES[name], good) for name in ("banner", "echo", "nothing")),
        ("tls resets", resets_before_tls, good),
        ("garbage", garbage(), None),
        ("smtp", smtp(good), None),
        ("smtp, expired", smtp(tls["expired"]), None),
        ("starts tls", raw.tls_dialogue(good), None),
    ]


async def _open_dns(stack: AsyncExitStack, targets: Targets, tls: dict[str, ssl.SSLContext]) -> None:
    server = await stack.enter_async_context(DNSServer(zone.ZONE))
    targets.at["dns"] = f"127.0.0.1:{server.port}"
    for name in ("good", "expired", "self-signed", "1.2", "1.3"):
        over_tls = await stack.enter_async_context(DNSServer(zone.ZONE, tls=tls[name]))
        targets.at[f"dns tls {name}"] = f"127.0.0.1:{over_tls.port}"
    for name, answer in zone.BAD.items():
        targets.at[f"dns bad {name}"] = f"127.0.0.1:{await stack.enter_async_context(datagrams(answer))}"


async def _open_grpc(stack: AsyncExitStack, targets: Targets) -> None:
    context = targets.authority.leaf(*NAMES).server_context(alpn=("h2",))
    servers = {f"grpc {name}": GRPCServer(behaviour) for name, behaviour in GRPC.items()}
    servers["grpc tls"] = GRPCServer(serves("SERVING"), tls=context)
    servers["grpc tls not serving"] = GRPCServer(serves("NOT_SERVING"), tls=context)
    for name, server in servers.items():
        targets.at[name] = f"127.0.0.1:{(await stack.enter_async_context(server)).port}"


async def _open_programs(stack: AsyncExitStack, targets: Targets) -> None:
    leaf = targets.authority.leaf(*NAMES)
    targets.at["http2"] = await stack.enter_async_context(nginx(targets.folder / "nginx", leaf))
    for name, account in (("tinyproxy", ""), ("tinyproxy with account", "BasicAuth box s3cret\n")):
        port = free_port()
        file = targets.folder / f"{name}.conf"
        file.write_text(f"Port {port}\nListen 127.0.0.1\nLogLevel Critical\n{account}")
        await stack.enter_async_context(running(port, needs("tinyproxy"), "-d", "-c", file))
        targets.at[name] = f"127.0.0.1:{port}"
    port = free_port()
    await stack.enter_async_context(running(port, needs("microsocks"), "-i", "127.0.0.1", "-p", str(port)))
    targets.at["microsocks"] = f"127.0.0.1:{port}"


async def _open_web(stack: AsyncExitStack, targets: Targets) -> None:
    """Plain and with TLS, on both loopback addresses, each redirecting to the other."""
    plain, secure = free_port(), free_port()
    elsewhere = {
        "plain": f"http://127.0.0.1:{plain}/ok",
        "secure": f"https://127.0.0.1:{secure}/ok",
        "by name": f"http://localhost:{plain}/ok",
        "secure by name": f"https://localhost:{secure}/ok",
        "by ip6": f"http://[::1]:{plain}/ok",
        "host": f"http://localhost:{plain}/host",
        "basic": f"http://localhost:{plain}/basic",
        "basic here": f"http://127.0.0.1:{plain}/basic",
        "method": f"http://localhost:{plain}/method",
        "expired": f"https://{targets.at['tls expired']}/",
        "http2": f"https://{targets.at['http2']}/file",
    }
    runner = aiohttp_web.AppRunner(
        site(elsewhere), access_log=None, logger=_SILENT, shutdown_timeout=0.1, handler_cancellation=True
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context = targets.authority.leaf(*NAMES).server_context()
    for host in ("127.0.0.1", "::1"):
        await aiohttp_web.TCPSite(runner, host, plain).start()
        await aiohttp_web.TCPSite(runner, host, secure, ssl_context=context).start()
    targets.at |= {
        "web": f"127.0.0.1:{plain}",
        "web by ip6": f"[::1]:{plain}",
        "web by name": f"localhost:{plain}",
        "secure": f"127.0.0.1:{secure}",
        "secure by ip6": f"[::1]:{secure}",
        "secure by name": f"localhost:{secure}",
    }
