#!/usr/bin/python3
"""A host in the middle: takes connections for another one, until its standard input is closed; then says as JSON what it saw.

  terminate  ends TLS here with the given certificate, and counts the first application bytes that it is given to read
  record     passes bytes on unread, keeps those of the first connection's client for `replay`, and counts those of its server
  replay     sends the bytes that `record` has kept, and counts what the server answers
"""

import argparse
import json
import socket
import ssl
import sys
import threading

seen = {"connections": 0, "handshakes": 0, "bytes": 0, "answered": 0, "refusals": []}
lock = threading.Lock()


def note(**more):
    with lock:
        for key, value in more.items():
            seen[key] = seen[key] + (value if key != "refusals" else [value])


def terminate(connection, arguments):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.certificate, arguments.key)
    try:
        # Under TLS 1.3 the handshake is over here before the other side has judged: what counts is what it then sends.
        with context.wrap_socket(connection, server_side=True) as tls:
            note(handshakes=1)
            note(bytes=len(tls.recv(65536)))
    except (ssl.SSLError, OSError) as error:
        note(refusals=f"{type(error).__name__}: {error}")


def pump(source, target, passed):
    try:
        while data := source.recv(65536):
            passed(data)
            target.sendall(data)
    except OSError:
        pass
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def record(connection, arguments):
    with lock:
        first = seen["connections"] == 1
    with connection, socket.create_connection((arguments.host, arguments.port)) as server:
        with open("/tmp/recorded" if first else "/dev/null", "wb", buffering=0) as kept:

            def keep(data):
                kept.write(data)
                if first:
                    note(bytes=len(data))

            def count(data):
                if first:
                    note(answered=len(data))

            back = threading.Thread(target=pump, args=(server, connection, count), daemon=True)
            back.start()
            pump(connection, server, keep)
            back.join(10)


def replay(arguments):
    with open("/tmp/recorded", "rb") as kept:
        recorded = kept.read()
    try:
        with socket.create_connection((arguments.host, arguments.port), timeout=10) as server:
            server.sendall(recorded)
            while data := server.recv(65536):
                note(answered=len(data))
    except OSError as error:
        seen["refusals"].append(f"{type(error).__name__}: {error}")
    print(json.dumps({**seen, "bytes": len(recorded)}))


def serve(arguments, handle):
    with socket.create_server(("0.0.0.0", arguments.listen)) as listener:
        print("started", flush=True)

        def accept():
            while True:
                connection, _ = listener.accept()
                note(connections=1)
                threading.Thread(target=handle, args=(connection, arguments), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()
        with lock:
            print(json.dumps(seen), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("terminate", "record", "replay"))
    parser.add_argument("--listen", type=int)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    if arguments.what == "replay":
        replay(arguments)
    else:
        serve(arguments, {"terminate": terminate, "record": record}[arguments.what])


main()
