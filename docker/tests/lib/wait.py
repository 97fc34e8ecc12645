"""Waiting on observed values."""

import threading
import time

_never = threading.Event()


def eventually(observe, within, what, pause=0.05):
    """Calls `observe` until it returns something true, and returns that. A failed assertion or command inside counts as "not yet"."""
    from lib.cluster import Failed

    deadline = time.monotonic() + within
    while True:
        try:
            last = observe()
            if last:
                return last
        except (AssertionError, Failed) as not_yet:
            last = not_yet
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what} was not reached within {within} s; last seen: {last!r}")
        _never.wait(pause)
