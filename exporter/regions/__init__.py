"""Where a probe can run or leave the network: one file a kind, with its `Options` and its `run` coroutine."""
