"""Kinds of other evidence, one file each: crowd reports, chatter, statements, upstreams, censorship.

A file holds its docstring (what it says, the source of its format), its `Options`, its `INTERVAL` in seconds, and one
of two coroutines:

- `read(signal, services, fetch, bookmark) -> Reading`, called every `signal.interval` seconds; or
- `follow(signal, services, fetch, bookmark)`, an endless async iterator of readings for what comes as a stream.

`services` are the `model.Service`s that the signal is about; `bookmark` is that of the last reading that was kept,
empty at first. Both raise SignalError for whatever goes wrong.

A file may also say `ALONE = False` (it only corroborates others), `NEEDS_SERVICES = True` (the configuration must name
the services that it is about), `NEEDS_COMPLAINTS = True` (those must have patterns of complaints), `NOTICES = True`
(it reads an official page, so that a reading without notices says that none is open) and `ONLY_ONE = True` (there can
be no second signal of the kind).
"""
