"""HTTP without TLS: statuses, what an answer must hold, codings, redirects, broken servers, credentials, proxies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.blackbox.cell import LONG, SHORT, Cell, Module, crossed, module
from tests.blackbox.raw import WEB
from tests.blackbox.targets import HTTP_BROKEN, Targets
from tests.blackbox.web import PAGES

_X_A = {"header": "X-A", "regexp": "b"}

JUDGING: dict[str, dict[str, Any]] = {
    "plain": {},
    "not followed": {"follow_redirects": False},
    "not followed, valid": {"follow_redirects": False, "valid_status_codes": [302]},
    "no_follow_redirects": {"no_follow_redirects": True, "valid_status_codes": [302]},
    "not followed, matched": {
        "follow_redirects": False, "valid_status_codes": [302], "fail_if_body_not_matches_regexp": ["moved"],
    },
    "statuses": {"valid_status_codes": [200, 404, 500, 302, 999]},
    "body": {"fail_if_body_matches_regexp": ["hello"]},
    "not body": {"fail_if_body_not_matches_regexp": ["hello"]},
    "bodies": {"fail_if_body_matches_regexp": ["never", "hel{2}o$"], "fail_if_body_not_matches_regexp": ["(?i)HELLO"]},
    "not bytes": {"fail_if_body_not_matches_regexp": ["^gr.+e", "hello"]},
    "header": {"fail_if_header_matches": [_X_A]},
    "header, if there": {"fail_if_header_matches": [{**_X_A, "allow_missing": True}]},
    "not header": {"fail_if_header_not_matches": [_X_A]},
    "not header, if there": {"fail_if_header_not_matches": [{**_X_A, "allow_missing": True}]},
    "header and body": {"fail_if_header_matches": [_X_A], "fail_if_body_not_matches_regexp": ["hello"]},
    "head": {"method": "HEAD"},
    "post": {"method": "POST", "body": "abc", "headers": {"Content-Type": "text/plain"}},
    "limit": {"body_size_limit": "5B"},
    "short limit": {"body_size_limit": "4B"},
    "short limit, body": {"body_size_limit": "4B", "fail_if_body_not_matches_regexp": ["hello"]},
    "upgrade": {
        "headers": {"Connection": "Upgrade", "Upgrade": "odd"}, "valid_status_codes": [101, 200],
    },
    "fail_if_ssl": {"fail_if_ssl": True},
    "fail_if_not_ssl": {"fail_if_not_ssl": True},
    "1.1": {"valid_http_versions": ["HTTP/1.1"]},
    "1.0 or 2.0": {"valid_http_versions": ["HTTP/1.0", "HTTP/2.0"]},
}  # fmt: skip
CODINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accepts gzip": {"headers": {"Accept-Encoding": "gzip"}},
    **{f"compression {coding}": {"compression": coding} for coding in ("gzip", "br", "deflate", "identity")},
    **{
        f"compression {coding}, body": {"compression": coding, "fail_if_body_not_matches_regexp": ["hello"]}
        for coding in ("gzip", "br", "deflate")
    },
    "compression gzip, limit": {"compression": "gzip", "body_size_limit": "4B"},
    "compression gzip, accepted": {"compression": "gzip", "headers": {"Accept-Encoding": "gzip, br;q=0.5"}},
}
ASKING: dict[str, dict[str, Any]] = {
    "GET": {"fail_if_body_not_matches_regexp": ["^GET  - - - $"]},
    "POST": {"method": "POST", "body": "abc", "fail_if_body_not_matches_regexp": ["^POST abc - 3 - $"]},
    "POST, typed": {
        "method": "POST", "body": "{}", "headers": {"content-type": "application/json"},
        "fail_if_body_not_matches_regexp": ["^POST {} application/json 2 - $"],
    },
    "POST, empty": {"method": "POST", "fail_if_body_not_matches_regexp": ["^POST  - 0 "]},
    "PUT": {"method": "PUT", "body": "ü", "fail_if_body_not_matches_regexp": ["^PUT ü - 2 "]},
    "DELETE": {"method": "DELETE", "fail_if_body_not_matches_regexp": ["^DELETE  - "]},
    "OPTIONS": {"method": "OPTIONS", "fail_if_body_not_matches_regexp": ["^OPTIONS "]},
    "GET with a body": {"body": "abc", "fail_if_body_not_matches_regexp": ["^GET abc - 3 "]},
    "header of ours": {"headers": {"x-a": "b"}, "fail_if_body_not_matches_regexp": [" b $"]},
    "host of ours": {"headers": {"Host": "a.example"}, "fail_if_body_not_matches_regexp": ["^a.example "]},
    "gone after": {"method": "POST", "body": "abc", "fail_if_body_not_matches_regexp": ["^GET  - "]},
    "kept": {"method": "POST", "body": "abc", "fail_if_body_not_matches_regexp": ["^POST abc - 3 - $"]},
}  # fmt: skip
CREDENTIALS: dict[str, dict[str, Any]] = {
    "plain": {},
    "basic_auth": {"basic_auth": {"username": "box", "password": "s3cret"}},
    "basic_auth, wrong": {"basic_auth": {"username": "box", "password": "secret"}},
    "bearer_token": {"bearer_token": "t0ken"},
    "authorization": {"authorization": {"credentials": "t0ken"}},
    "authorization, typed": {"authorization": {"type": "Basic2", "credentials": "t0ken"}},
    "header of credentials": {"headers": {"Authorization": "Bearer t0ken"}},
    "basic_auth, not followed": {"basic_auth": {"username": "box", "password": "s3cret"}, "follow_redirects": False},
}


def modules(targets: Targets) -> dict[str, Module]:
    """Each once; those in more than one table are the same."""
    secret = targets.folder / "password"
    secret.write_text("s3cret\n")
    in_file = {"basic_auth": {"username": "box", "password_file": str(secret)}}
    token_url = f"http://{targets.at['web']}/token"
    oauth2 = {
        "oauth2": {"client_id": "box", "client_secret": "s3cret", "token_url": token_url, "scopes": ["a", "b"]},
        "oauth2, wrong secret": {"client_id": "box", "client_secret": "secret", "token_url": token_url},
        "oauth2, no token": {"client_id": "box", "client_secret": "s3cret", "token_url": f"{token_url}/none"},
    }
    every = {**JUDGING, **CODINGS, **ASKING, **CREDENTIALS, "password_file": in_file, **_proxied(targets)}
    return {
        **{name: module("http", LONG, **block) for name, block in every.items()},
        **{name: module("http", LONG, oauth2=block) for name, block in oauth2.items()},
        **{
            f"short, {name}": module("http", SHORT, **JUDGING[name])
            for name in ("plain", "body", "not body", "header", "limit", "head", "not followed", "upgrade")
        },
        "http without a block": {"prober": "http"},
        "http of 300 ms": {"prober": "http", "timeout": "300ms"},
        "http_2xx": {"prober": "http", "timeout": LONG},
    }


def _proxied(targets: Targets) -> dict[str, dict[str, Any]]:
    at = targets.at
    tls = {"tls_config": {"ca_file": str(targets.authority.file)}}
    return {
        "proxy": {**tls, "proxy_url": f"http://{at['tinyproxy']}"},
        "proxy, unresolved": {
            **tls, "proxy_url": f"http://{at['tinyproxy']}", "skip_resolve_phase_with_proxy": True,
        },
        "proxy with a header": {
            **tls, "proxy_url": f"http://{at['tinyproxy']}", "proxy_connect_header": {"X-A": ["b"]},
        },
        "proxy with an account": {**tls, "proxy_url": f"http://box:s3cret@{at['tinyproxy with account']}"},
        "proxy without its account": {**tls, "proxy_url": f"http://{at['tinyproxy with account']}"},
        "proxy that refuses": {**tls, "proxy_url": f"http://{at['refuses']}"},
        "socks5": {**tls, "proxy_url": f"socks5://{at['microsocks']}"},
    }  # fmt: skip


def _pages(targets: Targets, *prefixes: str) -> dict[str, str]:
    base = f"http://{targets.at['web']}"
    return {f"/{name}": f"{base}/{name}" for name in PAGES if name.startswith(prefixes or ("",))}


def cells(targets: Targets) -> Iterator[Cell]:
    """All of HTTP without TLS."""
    web = f"http://{targets.at['web']}"
    statuses = {f"/status/{status}": f"{web}/status/{status}" for status in range(200, 600)}
    yield from crossed("statuses", ("plain",), statuses)
    some = {f"/status/{status}": f"{web}/status/{status}" for status in (200, 204, 206, 302, 403, 404, 429, 500, 503)}
    yield from crossed("statuses", ("statuses", "not followed", "head", "body", "not body"), some)
    plain = {name: url for name, url in _pages(targets).items() if not name.startswith(("/to", "/chain", "/gzip/"))}
    plain |= {"/chunked": f"{web}/chunked", "no path": web, "no scheme": f"{targets.at['web']}/ok"}
    yield from crossed("answers", JUDGING, plain)
    yield from crossed("answers", ("plain", "not bytes", "limit", "header"), {"/huge": f"{web}/huge"})
    yield from crossed("codings", CODINGS, _pages(targets, "ok", "gzip", "br", "deflate", "large"))
    yield from _redirects(targets, web)
    raw = {name: f"http://{targets.at[f'raw {name}']}/" for name in (*HTTP_BROKEN, *WEB)}
    few = (
        "short, plain",
        "short, upgrade",
        "not body",
        "header",
        "head",
        "short limit, body",
        "compression gzip",
        "1.1",
        "not followed",
    )
    yield from crossed("broken servers", few, raw)
    yield from _asking(targets, web)
    yield from _nothing_comes(targets, web)
    yield from _through_proxies(targets)


def _redirects(targets: Targets, web: str) -> Iterator[Cell]:
    places = _pages(targets, "to/", "chain/")
    yield from crossed("redirects", ("plain", "not body", "not followed", "head", "fail_if_ssl"), places)
    over = {f"/elsewhere/{name}": f"{web}/elsewhere/{name}" for name in ("plain", "by name", "by ip6", "host")}
    yield from crossed("redirects", ("plain", "host of ours", "header", "not followed, valid"), over)
    yield from crossed("redirects", ("plain", "not followed"), {"/cookie/set": f"{web}/cookie/set"})
    answered = {f"/to/{status}": f"{web}/to/{status}" for status in (301, 302, 303, 307, 308)}
    yield from crossed("redirects", ("gone after", "kept", "POST, typed", "PUT", "DELETE"), answered)
    across = {
        f"/elsewhere/method {status}": f"{web}/elsewhere/method?status={status}" for status in (301, 302, 303, 307, 308)
    }
    yield from crossed("redirects", ("gone after", "kept", "header of ours"), across)


def _asking(targets: Targets, web: str) -> Iterator[Cell]:
    yield from crossed("requests", ASKING, {"/method": f"{web}/method", "/host": f"{web}/host"})
    places = {f"/{path}": f"{web}/{path}" for path in ("basic", "bearer", "elsewhere/basic", "elsewhere/basic%20here")}
    places |= {
        "/basic by box:s3cret@": f"http://box:s3cret@{targets.at['web']}/basic",
        "/basic by b%6fx:s3cret@": f"b%6fx:s3cret@{targets.at['web']}/basic",
        "/basic by others": f"http://a:b@{targets.at['web']}/basic",
        "/to/basic by box:s3cret@": f"http://box:s3cret@{targets.at['web']}/to/basic",
        "/elsewhere/basic by box:s3cret@": f"http://box:s3cret@{targets.at['web']}/elsewhere/basic",
    }
    yield from crossed("credentials", (*CREDENTIALS, "password_file"), places)
    tokens = ("oauth2", "oauth2, wrong secret", "oauth2, no token")
    yield from crossed("credentials", tokens, {name: f"{web}{name}" for name in ("/bearer", "/basic", "/ok")})


def _nothing_comes(targets: Targets, web: str) -> Iterator[Cell]:
    at = targets.at
    places: Mapping[str, str] = {
        "/never": f"{web}/never",
        "/never/ends": f"{web}/never/ends",
        "silence": f"http://{at['says silence']}/",
        "swallowed": f"http://{at['swallows']}/",
        "silence for TLS": f"https://{at['says silence']}/",
        "no such name": "http://none.invalid/",
    }
    short = tuple(f"short, {name}" for name in ("plain", "body", "not body", "header", "limit", "head", "not followed"))
    yield from crossed("timeouts", short, places)
    refused = {"refused": f"http://{at['refuses']}/", "refused by ip6": "http://[::1]:1/"}
    yield from crossed("timeouts", ("plain", "not body", "head"), refused)


def _through_proxies(targets: Targets) -> Iterator[Cell]:
    at = targets.at
    places = {
        "/ok": f"http://{at['web']}/ok",
        "/ok by name": f"http://{at['web by name']}/ok",
        "/404": f"http://{at['web']}/404",
        "/to/here": f"http://{at['web']}/to/here",
        "/elsewhere/secure": f"http://{at['web']}/elsewhere/secure",
        "/basic": f"http://{at['web']}/basic",
        "https /ok": f"https://{at['secure']}/ok",
        "https /ok by name": f"https://{at['secure by name']}/ok",
        "https expired": f"https://{at['tls expired']}/",
        "https wrong name": f"https://{at['tls wrong name']}/",
        "http2 /file": f"https://{at['http2']}/file",
        "refused": f"http://{at['refuses']}/",
        "https refused": f"https://{at['refuses']}/",
    }
    yield from crossed("proxies", _proxied(targets), places)
