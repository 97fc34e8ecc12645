#!/usr/bin/python3
"""A DNS server that says what it was told, until its standard input is closed; then says as JSON which names it was asked for.

  names.py [--delay SECONDS] NAME=ADDRESS...

What it was not told does not exist. Each answer is good for one second.
"""

import argparse
import collections
import json
import socket
import struct
import sys
import threading
import time

A = 1


def answer(query, table):
    """(name, bytes) for a query with one question."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    name = ".".join(labels).lower()
    (kind,) = struct.unpack_from(">H", query, at + 1)
    address = table.get(name)
    found = address is not None and kind == A
    code = 3 if address is None else 0
    reply = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, int(found), 0, 0) + query[12 : at + 5]
    if found:
        reply += b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 1, 4) + socket.inet_aton(address)
    return name, reply


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("told", nargs="+", metavar="NAME=ADDRESS")
    arguments = parser.parse_args()
    table = dict(each.split("=", 1) for each in arguments.told)
    asked = collections.Counter()
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind(("0.0.0.0", 53))

    def reply_to(query, client):
        name, reply = answer(query, table)
        asked[name] += 1
        time.sleep(arguments.delay)
        served.sendto(reply, client)

    def serve():
        while True:
            query, client = served.recvfrom(1500)
            threading.Thread(target=reply_to, args=(query, client), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    print("started", flush=True)
    sys.stdin.read()
    print(json.dumps(asked))


main()
