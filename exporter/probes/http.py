"""HTTP: one request and its redirects, over HTTP/1.1, HTTP/2 or HTTP/3, and everything that the answer must hold.

Options, metrics and their meaning are blackbox_exporter's http prober's. Ours besides: ranges of
statuses, assertions on JSON, `addresses`, and `blocked`, what a bot wall looks like: it is looked
for before the status and the body are judged and gives reason `blocked`, which never counts against
the service. Without a `blocked` block, 403 and 429 are taken for a bot wall unless
`valid_status_codes` lists them.

A wrong status is `status`; what headers and body lack is `body`; a wrong scheme is `tls`; an answer
that is no HTTP, is cut short or never comes before the connection closes is `protocol`. One request
a hop, never repeated. Each hop is resolved, guarded and timed; phases are sums over the hops. With
`enable_http3` every hop goes by QUIC and an http URL is taken for https: the handshake is phase
`tls`, `connect` is next to nothing, and who does not answer by QUIC at all is `connect`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal

from exporter import net as network
from exporter.client import BasicAuth, choose_route
from exporter.client.tokens import authorize, forget, hide
from exporter.errors import ProbeError
from exporter.model import Endpoint, Family, Reason, Result, SampleKey
from exporter.net import Attempt, Stream, http1, http2
from exporter.net.body import EXCERPT, Body
from exporter.net.cookies import Jar
from exporter.net.hops import Hops
from exporter.net.message import Answer, Conversation, Request
from exporter.net.remembering import remembered
from exporter.net.target import Target, join_target, parse_target, split_account
from exporter.options import IPProtocol, Secret
from exporter.request import changes, identity, make_request
from exporter.request.answer import AnswerConfig, Judgement

PHASES = ("resolve", "connect", "tls", "processing", "transfer")

FAMILIES = (
    Family("probe_http_duration_seconds", "Each phase of the latest scheduled run, all hops, seconds.", ("phase",)),
    Family("probe_http_status_code", "The last status of the latest scheduled run, 0 when there was none."),
    Family("probe_http_content_length", "Content-Length of the latest scheduled run's answer, -1 when unsaid."),
    Family("probe_http_uncompressed_body_length", "Bytes of the latest scheduled run's body, decompressed."),
    Family("probe_http_redirects", "The latest scheduled run's redirects."),
    Family("probe_http_ssl", "Whether the latest scheduled run's last hop used TLS."),
    Family("probe_http_version", "The latest scheduled run's HTTP version."),
    Family("probe_failed_due_to_regex", "Whether a pattern on headers or body failed the latest scheduled run."),
    Family("probe_failed_due_to_cel", "Whether an expression on the JSON body failed the latest scheduled run."),
    Family("probe_http_last_modified_timestamp_seconds", "Last-Modified of the latest scheduled run, unix seconds."),
    *network.FAMILIES,
    *network.TLS_FAMILIES,
)

_REDIRECT_LIMIT = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_FACT_LIMIT = 4096  # characters of headers kept for a person
_IP_SAMPLES = ("probe_ip_protocol", "probe_ip_addr_hash")
_TLS_NAMES = frozenset(family.name for family in network.TLS_FAMILIES)
_TOKEN_KEY: SampleKey = ("probe_http_duration_seconds", "oauth2")
_PHASE_KEYS: tuple[tuple[SampleKey, str], ...] = tuple((("probe_http_duration_seconds", name), name) for name in PHASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(AnswerConfig):
    """The `http:` block."""

    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True
    skip_resolve_phase_with_proxy: bool = False
    no_follow_redirects: bool | None = None
    enable_http3: bool = False
    addresses: Literal["one", "any", "all"] = "one"

    def __post_init__(self) -> None:
        AnswerConfig.__post_init__(self)
        if self.enable_http3:
            self._check_http3()
        for version in self.valid_http_versions:
            if self.enable_http3 != (version == "HTTP/3.0"):
                wanted = "cannot come with" if self.enable_http3 else "needs"
                raise ValueError(f"{version} in valid_http_versions {wanted} enable_http3")

    def _check_http3(self) -> None:
        if self.enable_http2:
            raise ValueError("enable_http3 needs enable_http2: false, because it is HTTP/3 and nothing else")
        if find_spec("aioquic") is None:
            raise ValueError("enable_http3 needs the extra http3: pip install 'outage-exporter[http3]'")
        if self.proxy_url or self.proxy_from_environment:
            raise ValueError("enable_http3 cannot come with a proxy: it goes by UDP, which no proxy here carries")
        if self.tls_config.max_version not in (None, "TLS13"):
            raise ValueError("enable_http3 needs TLS13, which tls_config.max_version forbids")

    @property
    def follows(self) -> bool:
        """Whether redirects are followed; the older key wins where both are given, as in blackbox_exporter."""
        return self.follow_redirects if self.no_follow_redirects is None else not self.no_follow_redirects


def check_target(url: str) -> None:
    """Return when `url` can be probed; ValueError says why not."""
    parse_target(split_account(url)[0])


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """One request to `endpoint.target` and its redirects; ProbeError carries the reason it failed for."""
    walk = _Walk(endpoint.target, options, net)
    try:
        await walk.go()
    except ProbeError as error:
        walk.note_answer()
        raise ProbeError(error.reason, hide(str(error), walk.authorization)) from error
    finally:
        net.end(walk.ended_at)
        walk.report()
    return net.result()


class _Walk:
    """One probe on its way: where it is, and what it has seen."""

    def __init__(self, url: str, options: Options, net: Attempt) -> None:
        url, account = split_account(url)
        self.options = options = _with_account(options, *account) if account else options
        self.net = net
        self.first, self.request = _plan(url, options, tuple(options.headers.items()))
        self.method = options.method
        self.hops = Hops(net)
        self.answer: Answer | None = None
        self.body: Body | None = None
        self.jar: Jar | None = None
        self.via = ""
        self.first_ip: dict[SampleKey, float] = {}
        self.ended_at: float | None = None
        self.redirects = 0
        self.ssl = False
        self.judgement = Judgement(options)
        self.authorization: str | None = None
        self.chooses = net.route is None  # else the region has chosen

    async def go(self) -> None:
        """Probe every address that is asked for."""
        net, options, first = self.net, self.options, self.first
        self._choose_route(first)
        if net.route is not None and (options.skip_resolve_phase_with_proxy or not self.chooses):
            await self._authorize(())
            await self._visit(())
            return
        addresses = await net.resolve(first.host, options.preferred_ip_protocol, options.ip_protocol_fallback)
        await self._authorize(addresses)
        if net.route is not None:
            # As blackbox_exporter does: the proxy is given an address, unless told to skip this.
            net.note_address(addresses[0])
            self.via = addresses[0]
        if options.addresses != "all":
            await self._visit(addresses[:1] if options.addresses == "one" else addresses)
            return
        for address in addresses:
            await self._visit_one(address)

    async def _authorize(self, addresses: Sequence[str]) -> None:
        """Ask for a token; not for one to be taken where nobody may go."""
        if self.options.oauth2 is not None:
            if addresses:
                self.net.note_address(addresses[0])
            self.authorization = await authorize(self.net, self.options.oauth2)

    def _choose_route(self, target: Target) -> None:
        if self.chooses:
            self.net.route = choose_route(self.options, target.scheme, target.host, target.port)

    async def _visit_one(self, address: str) -> None:
        try:
            await self._visit([address])
        except ProbeError as error:
            raise ProbeError(error.reason, f"{address}: {error}") from error

    async def _visit(self, addresses: Sequence[str]) -> None:
        """The target, by one of `addresses`, and where it redirects to."""
        self.method, self.redirects, self.jar = self.options.method, 0, None
        target = self.first
        while True:
            location = await self._hop(target, addresses)
            if location is None:
                return
            target = self._turn(target, location)
            self._choose_route(target)
            addresses = () if self.net.route else await self._resolve(target.host)

    async def _resolve(self, host: str) -> list[str]:
        options = self.options
        found = await self.net.resolve(host, options.preferred_ip_protocol, options.ip_protocol_fallback)
        return found if options.addresses == "any" else found[:1]

    async def _hop(self, target: Target, addresses: Sequence[str]) -> str | None:
        """One request; the location to go to next, or None when the answer was the last and has been judged."""
        net, route = self.net, self.net.route
        forward = route is not None and route.protocol == "http" and target.scheme == "http"
        self.hops.enter(target.url)
        if self.options.enable_http3:
            return await self._hop_by_quic(target, addresses)
        stream = await net.dial(self.via or target.host, target.port, addresses, forward=forward)
        try:
            return await self._exchange(await self._converse(stream, target), target, forward)
        finally:
            net.note_stream(stream)
            stream.close()

    async def _hop_by_quic(self, target: Target, addresses: Sequence[str]) -> str | None:
        from exporter.net import http3  # lazily, because the library is an extra

        if target.scheme != "https":
            raise ProbeError(Reason.PROTOCOL, f"{target.url[:200]} is not https, and HTTP/3 is nothing else")
        self.ssl = True
        config, host = identity(self.options, target.host, self._is_first(target))
        async with http3.connected(self.net, config, host, addresses, target.port) as conversation:
            return await self._exchange(conversation, target, forward=False)

    async def _exchange(self, conversation: Conversation, target: Target, forward: bool) -> str | None:
        answer = await conversation.ask(self._request(target, forward))
        self._take(answer, target, forward)
        location = answer.first(b"location") if answer.status in _REDIRECTS else None
        if location:
            self.redirects += 1
            if self.options.follows and self.redirects <= _REDIRECT_LIMIT:
                return location
        await self._judge(conversation, answer, readable=not location)
        return None

    async def _converse(self, stream: Stream, target: Target) -> Conversation:
        options = self.options
        self.ssl = target.scheme == "https"
        if self.ssl:
            config, host = identity(options, target.host, self._is_first(target))
            await self.net.secure(stream, config, host, ("h2", "http/1.1") if options.enable_http2 else ())
            if stream.tls and stream.tls.selected_alpn_protocol() == "h2":
                return http2.Conversation(stream, self.net)
        return http1.Conversation(stream, self.net)

    def _is_first(self, target: Target) -> bool:
        """Whether it is the server that was asked first, to which alone a name for TLS was given."""
        return (target.host, target.port) == (self.first.host, self.first.port)

    def _request(self, target: Target, forward: bool) -> Request:
        if target is self.first and not forward and self.request is not None and not self.jar:
            return self.request
        asked = target.path
        extra: list[tuple[str, str]] = []
        if forward and self.net.route is not None:
            asked = f"http://{target.authority_at(self.via)}{target.path}"
            extra += self.net.route.authorization.items()
        cookies = self.jar.header(target.host, target.path, target.scheme == "https") if self.jar else ""
        if cookies:
            extra.append(("Cookie", cookies))
        home = target.host == self.first.host and (self.first.scheme, target.scheme) != ("https", "http")
        if self.authorization and home:
            extra.append(("Authorization", self.authorization))
        return make_request(target, self.options, self.method, asked, home, extra)

    def _take(self, answer: Answer, target: Target, forward: bool) -> None:
        self.answer = answer
        self.hops.answered(answer.status)
        if answer.status == 401 and self.options.oauth2 is not None:
            forget(self.options.oauth2)
        for value in answer.every(b"set-cookie"):
            self.jar = self.jar or Jar()
            self.jar.take(value, target.host, target.path, self.net.clock.time())
        if forward and answer.status == 407:
            raise ProbeError(Reason.VANTAGE, f"{self.net.route} asks for other credentials (status 407)")

    async def _judge(self, conversation: Conversation, answer: Answer, readable: bool) -> None:
        options = self.options
        self.body = body = Body(options.compression, options.body_size_limit, whole=options.judges_body)
        broken: ProbeError | None = None
        try:
            self.ended_at = await conversation.read(body) if readable else None
        except ProbeError as error:
            broken = error
        except asyncio.CancelledError:
            # Out of time: what has come is judged, because it says whether headers or patterns failed.
            late = ProbeError(Reason.TIMEOUT, "no end of the body in time")
            self.judgement.fault(answer, bytes(body.kept), late, readable, self.ssl)
            raise
        self.net.enter(None, "judging the answer", at=self.ended_at)
        fault = self.judgement.fault(answer, bytes(body.kept), broken, readable, self.ssl)
        if fault is not None:
            raise fault

    def _turn(self, base: Target, location: str) -> Target:
        """Follow a redirect: the next target, and what the last one leaves behind."""
        net = self.net
        net.enter(None, "following a redirect")
        assert self.answer is not None
        if self.answer.status not in _KEEP_METHOD and self.method not in ("GET", "HEAD"):
            self.method = "GET"
        self.answer = None  # what the next hop says counts, and nothing if it says nothing
        try:
            target = join_target(base, location)
        except ValueError as error:
            raise ProbeError(Reason.PROTOCOL, f"{base.host} redirects to {location[:200]!r}: {error}") from error
        self.first_ip = self.first_ip or {name: net.samples[name] for name in _IP_SAMPLES if name in net.samples}
        for key in [key for key in net.samples if key in _TLS_NAMES or key[0] in _TLS_NAMES]:
            del net.samples[key]
        self.via = ""
        self.hops.leave()
        return target

    def note_answer(self) -> None:
        """Keep the beginning of what was answered, for a person."""
        if self.answer is not None:
            lines = (
                f"{name.decode('latin-1')}: {value.decode('utf-8', 'replace')}" for name, value in self.answer.headers
            )
            self.net.facts["headers"] = hide("\n".join(lines)[:_FACT_LIMIT], self.authorization)
        if self.body is not None:
            self.net.facts["body"] = hide(
                bytes(self.body.kept[:EXCERPT]).decode("utf-8", "replace"), self.authorization
            )

    def report(self) -> None:
        """Make samples of what was seen; all of them, also when little was."""
        samples, phases, answer = self.net.samples, self.net.phases, self.answer
        self.hops.leave()
        samples.update(self.first_ip)
        for key, phase in _PHASE_KEYS:
            samples[key] = phases.get(phase, 0.0)
        if self.options.oauth2 is not None:
            samples[_TOKEN_KEY] = phases.get("oauth2", 0.0)
        if self.options.has_cel:
            samples["probe_failed_due_to_cel"] = float(self.judgement.failed_cel)
        samples["probe_http_redirects"] = float(self.redirects)
        samples["probe_http_uncompressed_body_length"] = float(self.body.size if self.body else 0)
        samples["probe_failed_due_to_regex"] = float(self.judgement.failed_regex)
        samples["probe_http_ssl"] = float(self.ssl and answer is not None)
        samples["probe_http_status_code"] = float(answer.status if answer else 0)
        samples["probe_http_version"] = float(answer.version[5:] if answer else 0)
        samples["probe_http_content_length"] = float(answer.content_length if answer else 0)
        modified = answer.last_modified() if answer else None
        if modified is not None:
            samples["probe_http_last_modified_timestamp_seconds"] = modified


def _with_account(options: Options, user: str, password: str) -> Options:
    """What a URL says of who asks wins over the module, as in Go; a header of the module still wins over that."""
    account = BasicAuth(username=user, password=Secret(password))
    return replace(
        options, basic_auth=account, authorization=None, bearer_token=None, bearer_token_file=None, oauth2=None
    )


@remembered(longest=1024)
def _plan(url: str, options: Options, headers: tuple[tuple[str, str], ...]) -> tuple[Target, Request | None]:
    """The target, and the request to it when it is the same each time.

    `headers` are those of the options, whose hash leaves them out: a stranger may ask for any Host, and what has one
    hash is looked for one by one.
    """
    target = parse_target(url)
    if options.enable_http3 and target.scheme == "http":
        target = parse_target(f"https{target.url[4:]}")
    if changes(options):
        return target, None
    return target, make_request(target, options, options.method, target.path)
