"""Side-by-side benchmarks, run by hand: `make bench`. Everything runs on loopback and is bounded in time."""
