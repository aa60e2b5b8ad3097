"""The only room where sockets open: resolve, guard, dial, pass a proxy, TLS, streams and datagrams, clocks."""

from exporter.net import tls
from exporter.net.attempt import FAMILIES, Attempt, Network
from exporter.net.clock import Clock
from exporter.net.datagram import Arrived, Datagram
from exporter.net.guard import Reach, check_reach
from exporter.net.proxy import Route, parse_route
from exporter.net.stream import Stream

TLS_FAMILIES = tls.FAMILIES

__all__ = [
    "FAMILIES",
    "TLS_FAMILIES",
    "Arrived",
    "Attempt",
    "Clock",
    "Datagram",
    "Network",
    "Reach",
    "Route",
    "Stream",
    "check_reach",
    "parse_route",
]
