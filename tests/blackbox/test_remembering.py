"""What is remembered of probes on demand: strangers choose what is asked, so neither size nor sameness may cost."""

from __future__ import annotations

import pytest

from exporter.errors import ProbeError
from exporter.model import Endpoint, NetworkOptions
from exporter.net import Network
from exporter.net.remembering import remembered
from exporter.probes import http
from tests.servers.ports import free_port


def test_a_short_question_is_answered_once_and_a_long_one_each_time() -> None:
    asked = []

    @remembered(longest=4)
    def answer(question: str, times: int) -> str:
        asked.append(question)
        return question * times

    for question in ("abcd", "abcde"):
        assert [answer(question, 2), answer(question, 2)] == [question * 2] * 2
    assert asked == ["abcd", "abcde", "abcde"]


class Compared(dict[str, str]):
    """Headers that count how often they are compared."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return super().__eq__(other)

    __hash__ = None


async def test_many_hostnames_for_one_target_are_not_looked_for_one_by_one() -> None:
    target, network = f"http://127.0.0.1:{free_port()}/", Network(NetworkOptions())
    for number in range(50):
        options = http.Options(headers=Compared({"Host": f"{number}.example"}))
        with pytest.raises(ProbeError):
            await http.probe(Endpoint("s", "f", "e", "http", target, options, 9, 9), options, network.attempt(9))
    assert Compared.times == 0
