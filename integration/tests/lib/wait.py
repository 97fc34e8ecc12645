"""Waiting on observed values."""

import threading
import time

_never = threading.Event()


def eventually(observe, within=30.0, what="the expected state"):
    """Calls `observe` until it returns something true, and returns that. An AssertionError inside counts as "not yet"."""
    deadline = time.monotonic() + within
    last = None
    while True:
        try:
            value = observe()
            if value:
                return value
            last = value
        except AssertionError as not_yet:
            last = not_yet
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what} was not reached within {within} s; last seen: {last!r}")
        _never.wait(0.02)


def stays(observe, during, what="the state"):
    """`observe` must be true each time during `during` seconds."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        assert observe(), f"{what} did not stay"
        _never.wait(0.05)
