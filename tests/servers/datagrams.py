"""A UDP server that answers as it is told, to each datagram by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def datagrams(answer: Callable[[bytes], list[bytes]]) -> AsyncIterator[int]:
    """A server that sends `answer(query)`, datagram by datagram; its port."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
            for wire in answer(data):
                self.transport.sendto(wire, sender)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)
