"""Stand-ins on a port: a proxy that records what passes, and servers that behave badly."""

import socket
import threading

from lib.server import free_ports


class _Listener:
    """Accepts on `port` (None: a free one) until the block ends; each connection is served on a thread of its own."""

    def __init__(self, port=None):
        self.port = port or free_ports(1)[0]
        self.socket = socket.create_server(("127.0.0.1", self.port))
        self.accepted = 0
        self.open = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self._keep(client)
            self.accepted += 1
            threading.Thread(target=self._guarded, args=(client,), daemon=True).start()

    def _guarded(self, client):
        try:
            self.serve(client)
        except OSError:
            pass

    def _keep(self, one):
        with self.lock:
            self.open.append(one)

    def serve(self, client):
        raise NotImplementedError

    def drop_connections(self):
        with self.lock:
            dropped, self.open = self.open, []
        for one in dropped:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.drop_connections()


class Recorder(_Listener):
    """Passes everything on to `target` and keeps all bytes of both directions."""

    def __init__(self, target):
        self.target = target
        self.sent = bytearray()  # by those who connect
        self.answered = bytearray()
        super().__init__()

    def serve(self, client):
        far = socket.create_connection(("127.0.0.1", self.target))
        self._keep(far)
        back = threading.Thread(target=self._guarded_pump, args=(far, client, self.answered), daemon=True)
        back.start()
        self._pump(client, far, self.sent)

    def _guarded_pump(self, *arguments):
        try:
            self._pump(*arguments)
        except OSError:
            pass

    @staticmethod
    def _pump(source, sink, record):
        while data := source.recv(65536):
            record += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    @property
    def seen(self):
        return bytes(self.sent) + bytes(self.answered)


class Silent(_Listener):
    """Takes connections and what they send, and never says a word."""

    def __init__(self, port=None):
        self.received = bytearray()
        super().__init__(port)

    def serve(self, client):
        while data := client.recv(65536):
            self.received += data


class Gibberish(_Listener):
    """Answers whatever comes with something that is not TLS."""

    def serve(self, client):
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        client.close()
