"""Names for one server alone: a DNS server on a loopback address, and a launcher that gives a process its own /etc/resolv.conf."""

import socket
import struct
import threading
from pathlib import Path

A, PTR, AAAA = 1, 12, 28


class NameServer:
    """Answers A queries from `records`, name -> (address, TTL), and PTR queries from `reverse`, address -> name. What is not there does
    not exist; names in `silent` get no answer."""

    def __init__(self, address=None, port=53):
        self.records = {}
        self.reverse = {}
        self.silent = set()
        self.asked = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = self.listen(address, port)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def listen(self, address, port):
        """On that address, or on the first of 127.0.54.0/24 whose port is free: several runs at once do not meet."""
        for candidate in [address] if address else [f"127.0.54.{last}" for last in range(1, 255)]:
            try:
                self.socket.bind((candidate, port))
                return candidate
            except OSError:
                if address:
                    raise
        raise OSError(f"port {port} is taken on all of 127.0.54.0/24")

    def run(self):
        while True:
            try:
                query, client = self.socket.recvfrom(1500)
            except OSError:
                return
            if not query:
                return
            answer = self.answer(query)
            if answer:
                self.socket.sendto(answer, client)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels).lower()
        (kind,) = struct.unpack_from(">H", query, at + 1)
        self.asked[name] = self.asked.get(name, 0) + 1
        if name in self.silent:
            return None
        question = query[12 : at + 5]
        if kind == PTR:
            return self.answer_name(query[:2], question, name)
        record = self.records.get(name)
        found = record is not None and kind == A
        code = 0 if record is not None else 3
        header = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if found else 0, 0, 0)
        if not found:
            return header + question
        address, ttl = record
        return header + question + b"\xc0\x0c" + struct.pack(">HHIH", A, 1, ttl, 4) + socket.inet_aton(address)

    def answer_name(self, number, question, asked):
        address = ".".join(reversed(asked.removesuffix(".in-addr.arpa").split(".")))
        name = self.reverse.get(address)
        code = 0 if name is not None else 3
        header = number + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if name else 0, 0, 0)
        if not name:
            return header + question
        data = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        return header + question + b"\xc0\x0c" + struct.pack(">HHIH", PTR, 1, 1, len(data)) + data

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (self.address, self.port))
        self.thread.join()
        self.socket.close()

    def launcher(self, binary, directory):
        """A program that is `binary`, for which this is the only resolver."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        configuration = directory / "resolv.conf"
        configuration.write_text(f"nameserver {self.address}\noptions timeout:1 attempts:1\n")
        program = directory / "launcher"
        program.write_text(
            "#!/bin/sh\n"
            "exec unshare --mount --propagation private sh -c "
            "'mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"' "
            f"{configuration} {binary} \"$@\"\n"
        )
        program.chmod(0o755)
        return program


class Forwarder:
    """Passes connections to one address on to a port of 127.0.0.1, and counts them."""

    def __init__(self, address, port, target):
        self.target = target
        self.accepted = 0
        self.open = 0
        self.ends = []
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, port))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.open += 1
                self.ends += [near, far]
            threading.Thread(target=self.serve, args=(near, far), daemon=True).start()

    def serve(self, near, far):
        back = threading.Thread(target=self.copy, args=(far, near), daemon=True)
        back.start()
        self.copy(near, far)
        back.join()
        near.close()
        far.close()
        with self.lock:
            self.open -= 1

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def drop(self):
        """Ends the connections that are open now."""
        with self.lock:
            ends, self.ends = self.ends, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # over already
                pass

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:  # closed already
            return
        self.listener.close()
