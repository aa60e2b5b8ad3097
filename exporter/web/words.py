"""Times, durations and numbers as they are written in a language. Times are UTC: the script makes them local."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.languages import Language
from exporter.model import Answer
from exporter.web.api import iso
from exporter.web.charts import Run

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SIZES = (3, 4, 7, 10)  # letters
_IN_DAYS_FROM = 2 * _DAY  # seconds: a shorter time is told in hours


@dataclass(frozen=True, slots=True)
class Words:
    """`now` is in unix seconds: what is of today has no date, what is of this year no year."""

    language: Language
    now: float

    def iso(self, at: float) -> str:
        """For machines."""
        return iso(at)

    def clock(self, at: float) -> str:
        """`13:24`."""
        return datetime.fromtimestamp(at, UTC).strftime("%H:%M")

    def day(self, at: float) -> str:
        """`3 Mar`, with the year when it is another."""
        then = datetime.fromtimestamp(at, UTC)
        key = "date.day" if then.year == datetime.fromtimestamp(self.now, UTC).year else "date.year"
        month = self.language.say(f"month.{then.month}")
        return self.language.say(key, day=then.day, month=month, year=then.year)

    def moment(self, at: float) -> str:
        """`13:24 UTC`, of another day `3 Mar, 13:24 UTC`."""
        time = f"{self.clock(at)} UTC"
        return time if at // _DAY == self.now // _DAY else f"{self.day(at)}, {time}"

    def span(self, seconds: float) -> str:
        """`43 min`, `2 h 5 min`, `3 days`; never `0 min`."""
        minutes = round(seconds / _MINUTE)
        if minutes < 1:
            return self.language.say("span.short")
        if seconds < _IN_DAYS_FROM:
            return _joined((minutes // 60, "h"), (minutes % 60, "min"))
        days, hours = divmod(round(seconds / _HOUR), 24)
        return " ".join(filter(None, (self.language.say("span.days", n=days), _joined((hours, "h")))))

    def share(self, ratio: float) -> str:
        """`99.95%`: 100 and 0 only when it is all or nothing."""
        percent = 100 * ratio
        rounded = min(percent, 99.99) if ratio < 1 else 100.0
        return self.language.say("percent", n=self.number(max(rounded, 0.01) if ratio > 0 else 0.0, 2))

    def number(self, value: float, digits: int = 1) -> str:
        """With at most so many digits behind the point, which is a comma in many languages."""
        found = f"{value:.{digits}f}"
        short = found.rstrip("0").rstrip(".") if "." in found else found
        return short.replace(".", self.language.decimal)

    def seconds(self, value: float) -> str:
        """`140 ms`, `2.1 s`."""
        return f"{round(value * 1000)} ms" if value < 1 else f"{self.number(value)} s"

    def size(self, word: str) -> str:
        """A class for how large a word can be written in the width of a phone, by its letters: `letters-4`."""
        return f"letters-{next((most for most in _SIZES if len(word) <= most), _SIZES[-1])}"

    def features(self, names: Sequence[str]) -> str:
        """`Feed, Videos and Login`."""
        return self.language.listed([self.language.feature(name) for name in names])

    def lasted(self, seconds: Mapping[Answer, float]) -> str:
        """`up for 23 h and down for 43 min`, the worst last; seconds of what is well or unknown are left out."""
        told = [
            self.language.say(f"lasted.{answer}", span=self.span(seconds[answer]))
            for answer in Answer
            if seconds.get(answer, 0.0) >= (_MINUTE / 2 if answer in (Answer.UP, Answer.UNKNOWN) else 1.0)
        ]
        return self.language.listed(told) or self.language.say("span.short")

    def run(self, run: Run) -> str:
        """`3 Mar, 13:15 - 13:30: down for 12 min`, of days `1 Mar - 3 Mar: up for 3 days`."""
        if run.slot >= _DAY:
            first, last = self.day(run.start), self.day(run.end - 1)
        else:
            first, last = self.clock(run.start), self.clock(run.end)
        return f"{first}{f' - {last}' if last != first else ''}: {self.lasted(run.seconds)}"


def _joined(*parts: tuple[int, str]) -> str:
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
