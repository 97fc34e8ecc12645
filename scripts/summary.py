"""Adds up JUnit files: one line per layer, then "N passed, N failed". Ends with 1 when something failed. A layer in which nothing
passed has failed: what was skipped, or could not be run, proves nothing.

usage: summary.py DIRECTORY LAYER=STATUS...   (DIRECTORY/LAYER.xml: its results; STATUS: how its command ended, or left-out)
"""

import sys
import xml.etree.ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element


LEFT_OUT = "left-out"


@dataclass
class Count:
    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


def outcome(case: Element) -> str:
    """What became of one <testcase>: "passed", "skipped" or "failed"."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    # ctest says "notrun" both of a program that could not be started and of a test that has skipped itself.
    if case.get("status") == "notrun" and (skipped is None or skipped.get("message") != "SKIP_REGULAR_EXPRESSION_MATCHED"):
        return "failed"
    if skipped is not None or case.get("status") == "disabled":
        return "skipped"
    return "passed"


def count_file(path: Path) -> Count:
    count = Count()
    try:
        cases = list(xml.etree.ElementTree.parse(path).getroot().iter("testcase"))
    except xml.etree.ElementTree.ParseError as error:
        count.failures.append(f"{path.name} cannot be read: {error}")
        return count
    if not cases:
        count.failures.append(f"{path.name} holds no test")
    for case in cases:
        what = outcome(case)
        if what == "passed":
            count.passed += 1
        elif what == "skipped":
            count.skipped += 1
        else:
            count.failures.append(case.get("name", "?"))
    return count


def count_layer(directory: str, layer: str, status: str) -> Count:
    path = Path(directory) / f"{layer}.xml"
    count = count_file(path) if path.exists() else Count(failures=["it did not build or start, or left no results"])
    if status != "0" and not count.failures:
        count.failures.append(f"its command ended with status {status}")
    if not count.passed and not count.failures:
        count.failures.append("nothing in it passed")
    return count


def main(directory: str, *layers: str) -> int:
    counts: dict[str, Count] = {}
    for each in layers:
        layer, _, status = each.partition("=")
        if status == LEFT_OUT:
            print(f"{layer:12} left out: there was not enough time for it")
            continue
        counts[layer] = count_layer(directory, layer, status)

    print()
    for layer, count in counts.items():
        skipped = f", {count.skipped} skipped" if count.skipped else ""
        print(f"{layer:12} {count.passed:6} passed, {len(count.failures):3} failed{skipped}")
        for name in count.failures:
            print(f"{'':12} failed: {name}")
    passed = sum(count.passed for count in counts.values())
    failed = sum(len(count.failures) for count in counts.values())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
