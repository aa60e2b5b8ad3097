"""What the shipped patterns take for a complaint that TikTok is down, and what they leave alone."""

# ruff: noqa: RUF001 - people write in many scripts

from __future__ import annotations

from functools import cache

import pytest

from exporter import config
from exporter.options import compiled

COMPLAINTS = """\
TikTok is down
tiktok is down again 😭
omg tiktok is down for everyone
Tik Tok's down, what do we do now
is tiktok down?
Is TikTok down for anyone else or is it just me
is tiktok down right now or
TikTok down? Anyone?
my tiktok down rn
Breaking: TikTok down worldwide, thousands report problems
why is tiktok down...
tiktok seems to be down in the UK
TikTok servers are down
tiktok isn't working
tiktok not working for me
TikTok won’t load videos
tiktok stopped working
tiktok wont open :(
is tiktok broken?
is tiktok acting up for anyone
is tiktok not working for anyone else?
tiktok keeps crashing every time i scroll
TikTok app keeps freezing
can't log into tiktok
i cant even open tiktok rn
unable to upload to TikTok today
TikTok is experiencing issues right now
TikTok outage: what we know
tik tok outage??
#TikTokDown is trending
#tiktokdown
se cayó TikTok
¿Se cayó tiktok otra vez?
TikTok se cayó!!
tiktok no funciona
tiktok no me carga nada
a alguien más no le sirve? no me abre tiktok
TikTok está caído
o tiktok caiu?
tiktok não está funcionando
TikTok fora do ar
tiktok est en panne ?
TikTok ne marche plus
tiktok bug ou c'est moi ?
panne mondiale de TikTok
TikTok ist schon wieder down
tiktok geht nicht
TikTok funktioniert bei mir nicht mehr
Störung bei TikTok
tiktok è down?
TikTok non funziona oggi
tiktok doet het niet
ligt tiktok eruit?
tiktok çöktü mü
tiktok açılmıyor
tiktok error ya?
tiktok ga bisa dibuka
TikTok落ちてる？
tiktokまた開かない
ティックトック繋がらない""".splitlines()

OTHERS = """\
I love TikTok
TikTok is down bad for this song
tiktok has gone down the drain
TikTok is down 5% in the US
TikTok shares down: 3% lower
they should shut TikTok down
Congress wants to take TikTok down!
I need to put TikTok down.
can you put tiktok down?
TikTok downloads hit a record
tiktok is not down
TikTok downplays the risk
the TikTok ban is not working
TikTok isn't working with that agency anymore, they said
tiktok is not playing around
how is tiktok working for your brand?
TikTok won't open its algorithm
can't open tiktok without seeing this
i can't access tiktok shop data in excel
I can't get into tiktok tbh
going down a tiktok rabbit hole
TikTok has issues with the EU
TikTok issues new rules
tiktok down to earth creators
tiktok slow dance
follow me on tiktok, I'm down
the power is down so I watched tiktok
YouTube is down
Instagram not working, moved to tiktok
download TikTok
El TikTok no funciona como red social
se cayó mientras grababa un TikTok
TikTok no sirve para vender libros
o tiktok caiu no meu gosto
TikTok ne marche pas sur les pieds de Meta
tiktok geht nicht gegen Fakes vor
TikTok non va demonizzato
TikTokで落ちた恋
TikTokで見た動画
a bug on my arm, tiktok said
TikTok error codes explained
""".splitlines()


@cache
def patterns() -> tuple[str, ...]:
    (tiktok,) = (service for service in config.load([config.shipped()], {}).services if service.name == "tiktok")
    return tiktok.complaints


def matching(text: str) -> list[str]:
    return [pattern for pattern in patterns() if compiled(pattern).search(text)]


@pytest.mark.parametrize("text", COMPLAINTS)
def test_it_is_taken_for_a_complaint(text: str) -> None:
    assert matching(text)


@pytest.mark.parametrize("text", OTHERS)
def test_it_is_not_taken_for_a_complaint(text: str) -> None:
    assert not matching(text)
