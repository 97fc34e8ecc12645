"""Inserts and reads while something happens, and what must have become of the rows."""

import itertools

from lib.wait import eventually

_bases = itertools.count(1)


def load_numbers():
    """The first of a hundred million row numbers that no other load has."""
    return next(_bases) * 100_000_000


def check_rows(cluster, evidence, base, rows):
    """Exactly the rows that the load says it has inserted: on the distributed table and on both replicas."""
    cluster.replicas_agree(base, within=120)
    where = f"FROM all_events WHERE id >= {base} AND id < {base} + 100000000"
    counts = cluster.query(f"SELECT count(), uniqExact(id) {where}").split("\t")
    evidence("rows acknowledged, found, different", f"{rows}, {counts[0]}, {counts[1]}")
    assert counts == [str(rows), str(rows)]


def check_none_lost(cluster, evidence, base, done):
    """Each acknowledged row is there. Of an insert during which the connection to ZooKeeper broke, ClickHouse does not know whether it
    was done (error 319, "client must retry"), and keeps its rows for some minutes besides those of the retry: as many may be double."""
    where = f"FROM all_events WHERE id >= {base} AND id < {base} + 100000000"
    unknown = sum("Code: 319" in failure["error"] or "Unknown status" in failure["error"] for failure in done["failures"])

    def all_there():
        return cluster.query(f"SELECT uniqExact(id) {where}") == str(done["rows"])

    eventually(all_there, 60, f"{done['rows']} rows", pause=0.5)
    double = int(cluster.query(f"SELECT count() - uniqExact(id) {where}"))
    evidence("rows acknowledged and found", done["rows"])
    evidence("inserts of unknown outcome, rows that are double for now", f"{unknown}, {double}")
