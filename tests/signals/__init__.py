"""Every kind of signal against a local server that speaks its format, well and badly: `python -m tests.signals`."""
