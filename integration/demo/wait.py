"""Waiting for something to become true, never for time to pass."""

import time

INTERVAL = 0.02


def until(condition, seconds):
    """The first true value of condition(), or its last value when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(INTERVAL)


def seconds_until(condition, limit):
    """How long it took until condition() was true; None when it did not become true."""
    start = time.monotonic()
    return time.monotonic() - start if until(condition, limit) else None
