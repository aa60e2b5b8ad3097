"""`healthcheck`: ask a running exporter whether it is healthy. Containers do all day, so it imports next to nothing."""

from __future__ import annotations

import argparse
import ssl
import urllib.error
import urllib.request

from exporter.cli import PORT

_TIMEOUT = 3.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default=f"http://127.0.0.1:{PORT}/-/healthy", help="what to ask (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    # Our own server on our own machine: its certificate names another host, so no authority's is read either.
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(options.url, timeout=_TIMEOUT, context=trusting) as answer:  # noqa: S310
            print(f"healthy: {answer.status}")
            return 0
    except urllib.error.HTTPError as error:
        # Asking for a password is an answer of a healthy server.
        print(f"answered {error.code}")
        return 0 if error.code == 401 else 1
    except (OSError, ValueError) as error:
        print(f"not healthy: {getattr(error, 'reason', error)}")
        return 1
