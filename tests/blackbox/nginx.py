"""Debian's nginx as a server of HTTP/2: pages, redirects, and what HTTP/2 has of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.blackbox.programs import running
from tests.probing import needs
from tests.servers.certificates import Leaf
from tests.servers.ports import free_port

PATHS = ("file", "return", "404", "500", "204", "to/file", "to/308", "gzip", "large", "basic")
_CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain; root {folder}/root;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  scgi_temp_path {folder}/d; uwsgi_temp_path {folder}/e;
  gzip on; gzip_min_length 1;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    add_header X-A b;
    location = /return {{ return 200 "hello"; }}
    location = /404 {{ return 404 "hello"; }}
    location = /500 {{ return 500 "hello"; }}
    location = /204 {{ return 204; }}
    location = /to/file {{ return 302 /file; }}
    location = /to/308 {{ return 308 /file; }}
    location = /gzip {{ alias {folder}/root/large; gzip_types text/plain; }}
    location = /basic {{ auth_basic box; auth_basic_user_file {folder}/users; alias {folder}/root/file; }}
  }}
}}
"""
_USER = "box:{PLAIN}s3cret\n"


@asynccontextmanager
async def nginx(folder: Path, leaf: Leaf) -> AsyncIterator[str]:
    """`host:port` where it listens with TLS."""
    port = free_port()
    root = folder / "root"
    root.mkdir(parents=True)
    (root / "file").write_text("hello")
    (root / "large").write_bytes(b"0123456789abcdef" * 16384)
    (folder / "users").write_text(_USER)
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, port=port, certificate=leaf.certificate, key=leaf.key))
    async with running(port, needs("nginx"), "-e", folder / "error.log", "-c", file):
        yield f"127.0.0.1:{port}"
