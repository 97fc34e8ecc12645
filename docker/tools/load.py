#!/usr/bin/python3
"""Inserts and reads through every node in turn, from several threads, until its standard input is closed; then says as JSON what came of
it.

A query that fails is counted, with its error, and tried again through the next node: the insert with the same rows, which
ReplicatedMergeTree takes once.
"""

import argparse
import json
import os
import ssl
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")
from clickhouse_driver import Client  # noqa: E402

ROWS = 10
stop = threading.Event()
lock = threading.Lock()
summary = {"inserts": 0, "reads": 0, "slow_reads": 0, "rows": 0, "failures": [], "given_up": []}


def connect(host):
    return Client(
        host,
        port=9440,
        user="alice",
        secure=True,
        verify=True,
        ca_certs="/pki/ca.pem",
        certfile="/pki/alice.pem",
        keyfile="/pki/alice.key",
        ssl_version=ssl.PROTOCOL_TLS,
        connect_timeout=5,
        send_receive_timeout=20,
    )


class Worker(threading.Thread):
    """One client: its connections, and the numbers of its rows."""

    def __init__(self, number, hosts, base):
        super().__init__(name=f"worker{number}")
        self.number, self.hosts, self.base = number, hosts, base
        self.clients = {}
        self.shown = None
        self.turn = number

    def renew(self):
        """As a client must: what was opened with a former certificate is closed once there is a new one."""
        certificate = os.stat("/pki/alice.pem").st_mtime_ns
        if certificate != self.shown:
            for client in self.clients.values():
                if client is not None:
                    client.disconnect()
            self.clients.clear()
            self.shown = certificate

    def attempt(self, what, query, rows=None):
        until = time.monotonic() + 90
        while True:
            host = self.hosts[self.turn % len(self.hosts)]
            self.turn += 1
            try:
                self.renew()
                client = self.clients.setdefault(host, None) or connect(host)
                self.clients[host] = client
                return client.execute(query, rows) if rows is not None else client.execute(query)
            except Exception as error:  # whatever a driver may throw is a failed query
                client = self.clients.pop(host, None)
                if client is not None:
                    client.disconnect()
                failure = {"at": time.time(), "what": what, "host": host, "error": f"{type(error).__name__}: {error}"[:400]}
                with lock:
                    summary["failures"].append(failure)
                if time.monotonic() > until:
                    with lock:
                        summary["given_up"].append(failure)
                    return None
                stop.wait(0.2)
                if stop.is_set():
                    time.sleep(0.2)

    def run(self):
        sequence = 0
        while not stop.is_set():
            first = self.base + self.number * 10_000_000 + sequence * ROWS
            rows = [(first + offset, f"row {first + offset}") for offset in range(ROWS)]
            if self.attempt("insert", "INSERT INTO all_events (id, text) VALUES", rows) is not None:
                with lock:
                    summary["inserts"] += 1
                    summary["rows"] += ROWS
            if self.attempt("read", "SELECT count() FROM all_events") is not None:
                with lock:
                    summary["reads"] += 1
            sequence += 1
            stop.wait(0.05)


class SlowReader(Worker):
    """Queries that run for a second on every shard: whatever happens, one is under way."""

    def run(self):
        while not stop.is_set():
            if self.attempt("slow read", "SELECT sum(sleep(1)) FROM all_ones") is not None:
                with lock:
                    summary["slow_reads"] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--base", type=int, required=True, help="the first number of this run's rows")
    parser.add_argument("hosts", nargs="+")
    arguments = parser.parse_args()
    workers = [Worker(number, arguments.hosts, arguments.base) for number in range(arguments.threads)]
    workers.append(SlowReader(arguments.threads, arguments.hosts, arguments.base))
    for worker in workers:
        worker.start()
    print("started", flush=True)
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
    print(json.dumps(summary))


main()
