"""ClickHouse's native protocol as far as its first packet, byte by byte: what drivers do not send."""

import socket
import ssl
import struct


def _number(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return _number(len(raw)) + raw


def hello(user="", password="", client="test", database=""):
    """The Hello of a client of 18.16."""
    return _number(0) + _text(client) + _number(18) + _number(16) + _number(54412) + _text(database) + _text(user) + _text(password)


def _answer(connection):
    """What the server says to it: ("hello", None), ("exception", its text) or ("closed", None)."""
    try:
        answer = connection.recv(65536)
        while answer[:1] == b"\x02":
            more = connection.recv(65536)
            if not more:
                break
            answer += more
    except (ssl.SSLError, ConnectionError):
        return "closed", None
    if answer[:1] == b"\x00":
        return "hello", None
    if answer[:1] == b"\x02":
        return "exception", f"{struct.unpack_from('<i', answer, 1)[0]} {answer[5:].decode(errors='replace')}"
    return "closed", None


def say_hello(address, port, context=None, **names):
    """Connects and says it. `context`: TLS by this."""
    with socket.create_connection((address, port), timeout=30) as plain:
        if context is None:
            plain.sendall(hello(**names))
            return _answer(plain)
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(hello(**names))
            return _answer(secure)
