"""Throwaway servers on loopback addresses, for tests and for `make demo`. They never leave this machine."""
