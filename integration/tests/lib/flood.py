"""Peers that begin a TLS handshake and let it drip."""

import contextlib
import itertools
import resource
import selectors
import socket
import threading
import time

# The beginning of a ClientHello that is longer than anybody will wait for.
BEGINNING = bytes.fromhex("160301020001 0001fc0303".replace(" ", "")) + bytes(200)


class Drip:
    """Keeps `count` connections from `addresses` to a port, each of which sends a byte now and then. A thread of its own."""

    def __init__(self, port, count, addresses, between=0.5, reconnects_per_second=300):
        self.port = port
        self.count = count
        self.addresses = itertools.cycle(addresses)
        self.between = between
        self.reconnects_per_second = reconnects_per_second
        self.opened = 0
        self.ended = 0
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < count + 500:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 500), hard))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        assert self.failure is None, self.failure

    def _run(self):
        try:
            with selectors.DefaultSelector() as selector, contextlib.ExitStack() as held:
                self._keep_up(selector, held)
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def _open(self, selector, held):
        connection = held.enter_context(socket.socket())
        connection.setblocking(False)
        connection.bind((next(self.addresses), 0))
        connection.connect_ex(("127.0.0.1", self.port))
        selector.register(connection, selectors.EVENT_READ, [0])
        self.opened += 1

    def _keep_up(self, selector, held):
        tick = 0.1
        turn = 0
        while not self.stopping.is_set():
            begun = time.monotonic()
            for _ in range(min(self.count - len(selector.get_map()), int(self.reconnects_per_second * tick))):
                self._open(selector, held)
            for key, _ in selector.select(timeout=0):
                selector.unregister(key.fileobj)
                key.fileobj.close()
                self.ended += 1
            turns = max(1, int(self.between / tick))
            for key in [key for key in list(selector.get_map().values()) if key.fd % turns == turn % turns]:
                sent = key.data
                with contextlib.suppress(OSError):
                    key.fileobj.send(BEGINNING[sent[0] : sent[0] + 1])
                    sent[0] = min(sent[0] + 1, len(BEGINNING) - 1)
            turn += 1
            self.stopping.wait(max(0.0, tick - (time.monotonic() - begun)))
