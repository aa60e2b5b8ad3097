"""Documented outages and a quiet year through states, verdict and shipped rules, in simulated time.

`python -m tests.replays` prints the tables that results.md holds.
"""
