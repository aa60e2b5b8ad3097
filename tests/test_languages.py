"""That every language has every text, and that a text is a string which remembers what it was made of."""

from __future__ import annotations

import copy
import json
import pickle
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from exporter import languages
from exporter.languages import DEFAULT, Template, Text, codes, feature, of, text

OTHERS = [code for code in codes() if code != DEFAULT]
NUMBERS = (0, 0.5, 1, 2, 3, 5, 11, 12, 21, 22, 100, 101)


def fields(template: Template) -> set[str]:
    """The names in braces, of all forms; the number that chooses the form need not stand in each."""
    forms = (template,) if isinstance(template, str) else template
    named = {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name is not None}
    return named if isinstance(template, str) else named | {"n"}


@pytest.mark.parametrize("code", OTHERS)
def test_a_language_has_every_text_of_english_and_no_other(code: str) -> None:
    assert of(code).texts.keys() ^ of(DEFAULT).texts.keys() == set()


@pytest.mark.parametrize("code", OTHERS)
def test_a_text_has_the_fields_of_the_english_one(code: str) -> None:
    english = of(DEFAULT).texts
    wrong = {key: fields(one) ^ fields(english[key]) for key, one in of(code).texts.items()}
    # A language may do with one form where English has two, and then without the number.
    plain = {key for key, one in english.items() if isinstance(one, tuple)}
    assert {key: names for key, names in wrong.items() if names - ({"n"} if key in plain else set())} == {}


@pytest.mark.parametrize("code", codes())
def test_every_number_has_its_form(code: str) -> None:
    for key, template in of(code).texts.items():
        if isinstance(template, tuple):
            assert {of(code).plural(number) for number in NUMBERS} == set(range(len(template))), key


@pytest.mark.parametrize("code", codes())
def test_no_text_is_empty_or_begins_or_ends_with_a_line_break(code: str) -> None:
    for key, template in of(code).texts.items():
        for form in (template,) if isinstance(template, str) else template:
            assert form.strip("\n") == form != "", key


def sources() -> str:
    """All of the program that can name a text, but for the languages themselves."""
    package = Path(languages.__path__[0]).parent
    files = [*package.rglob("*.py"), *package.rglob("*.html")]
    texts = {Path(languages.__path__[0], f"{code}.py") for code in codes()}
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file not in texts)


def test_no_text_is_there_for_nobody() -> None:
    source = sources()
    # A key may be made of a word and a value: `"state." ~ answer` in a template, f"state.{answer}".
    begun = tuple(re.findall(r"""["']([a-z_.]+[.-])(?:{|["'] ~)""", source))
    unused = {key for key in of(DEFAULT).texts if f'"{key}"' not in source and f"'{key}'" not in source}
    assert {key for key in unused if not key.startswith(begun)} == set()


def test_no_text_is_asked_for_that_is_not_there() -> None:
    named = set(re.findall(r"""\b(?:say|text)\(\s*["']([^"'{}]+)["']\s*[,)]""", sources()))
    assert len(named) > 100
    assert named - of(DEFAULT).texts.keys() == set()


def test_english_comes_first_and_every_language_names_itself() -> None:
    assert (codes()[0], of("en").name, of("de").name) == ("en", "English", "Deutsch")


def test_a_language_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        of("xx")


def test_a_key_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        text("no.such.text")


def test_a_text_without_a_value_for_a_field_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        text("headline.up")


def test_a_text_is_english_and_is_told_in_another_language_with_all_that_stands_in_it() -> None:
    said = text("said.fine", n=2, features=[feature("feed"), feature("login")], regions=text("regions", n=1))
    assert said == "feed and login are fine in 1 region."
    assert of("de").tell(said) == "Feed und Anmeldung: in Ordnung in 1 Region."
    assert of("en").tell(said) is said


def test_what_somebody_wrote_stays_in_every_language() -> None:
    assert of("de").tell("Uploads fail.") == "Uploads fail."
    assert feature("duets") == of("de").feature("duets") == "duets"


def test_a_number_has_the_decimal_mark_of_its_language() -> None:
    usual = text("people.usual", n=2.5)
    assert (usual, of("de").tell(usual)) == ("2.5 are usual", "üblich sind 2,5")


@pytest.mark.parametrize(
    ("names", "said"), [((), ""), (("a",), "a"), (("a", "b"), "a und b"), (["a", "b", "c"], "a, b und c")]
)
def test_names_are_listed(names: Sequence[str], said: str) -> None:
    assert of("de").listed(names) == said


@dataclass(frozen=True)
class Kept:
    """What a sentence is kept in."""

    sentences: tuple[str, ...]


def test_a_text_is_kept_whole_when_it_is_copied_or_pickled_and_is_a_string_in_json() -> None:
    said = text("said.pending")
    copies = (copy.copy(said), copy.deepcopy(said), pickle.loads(pickle.dumps(said)))
    for kept in (*copies, *asdict(Kept((said,)))["sentences"]):
        assert isinstance(kept, Text)
        assert (kept, kept.key, kept.values) == (said, said.key, said.values)
    assert json.loads(json.dumps([said])) == ["The first probes are still under way."]


@pytest.fixture
def polish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A third language, whose file begins as a copy of English."""
    source = Path(languages.__path__[0], "en.py").read_text(encoding="utf-8")
    rule = "0 if n == 1 else 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2"
    translated = (
        source.replace('NAME = "English"', 'NAME = "polski"')
        .replace("return 0 if n == 1 else 1", f"return {rule}")
        .replace('("{n} region", "{n} regions")', '("{n} region", "{n} regiony", "{n} regionów")')
    )
    (tmp_path / "pl.py").write_text(translated, encoding="utf-8")
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    codes.cache_clear()
    yield
    codes.cache_clear()
    of.cache_clear()


@pytest.mark.usefixtures("polish")
def test_a_language_is_one_file_with_as_many_forms_as_its_numbers_have() -> None:
    assert codes() == ("en", "de", "pl")
    told = [of("pl").tell(text("regions", n=number)) for number in (1, 3, 5, 22)]
    assert told == ["1 region", "3 regiony", "5 regionów", "22 regiony"]
