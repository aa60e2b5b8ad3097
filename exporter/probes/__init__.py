"""What can be probed: one file a kind, with its `Options`, its `FAMILIES` and its `probe` coroutine."""
