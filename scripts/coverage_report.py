"""Reads gcovr's JSON: prints lines and branches per folder of plugin/, and lists what did not run. Ends with 1 below the least percentage.

usage: coverage_report.py COVERAGE.json UNCOVERED.txt LEAST-PERCENT-OF-LINES
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Count:
    run: int = 0
    all: int = 0

    def add(self, run: bool) -> None:
        self.run += 1 if run else 0
        self.all += 1

    def percent(self) -> float:
        return 100 * self.run / self.all if self.all else 100.0

    def __str__(self) -> str:
        return f"{self.percent():6.1f} % {self.run:6}/{self.all:<6}"


class Report:
    """Lines and branches by folder, and the lines that did not run as (file, number)."""

    def __init__(self, files: list[dict[str, Any]]) -> None:
        self.lines: defaultdict[str, Count] = defaultdict(Count)
        self.branches: defaultdict[str, Count] = defaultdict(Count)
        self.uncovered: list[tuple[str, int]] = []
        for each in sorted(files, key=lambda file: str(file["file"])):
            folder = "/".join(each["file"].split("/")[:2])
            for line in each["lines"]:
                if line.get("gcovr/noncode"):
                    continue
                ran = line["count"] > 0
                if not ran:
                    self.uncovered.append((each["file"], line["line_number"]))
                for where in (folder, "total"):
                    self.lines[where].add(ran)
                    for branch in line["branches"]:
                        self.branches[where].add(branch["count"] > 0)

    def table(self) -> Iterator[str]:
        yield f"{'':20} {'lines':>8} {'':13} {'branches':>8}"
        for folder in sorted(self.lines, key=lambda name: (name == "total", name)):
            yield f"{folder:20} {self.lines[folder]} {self.branches[folder]}".rstrip()


@cache
def lines_of(file: str) -> list[str]:
    return (ROOT / file).read_text().splitlines()


def main(source: str, uncovered: str, least: str) -> int:
    report = Report(json.loads(Path(source).read_text())["files"])
    if not report.lines:
        print("coverage: nothing was counted", file=sys.stderr)
        return 1
    listed = (f"{file}:{number}: {lines_of(file)[number - 1].strip()}\n" for file, number in report.uncovered)
    Path(uncovered).write_text("".join(listed))
    print("\n".join(report.table()))
    percent = report.lines["total"].percent()
    if percent < float(least):
        print(f"coverage: {percent:.1f} % of the lines ran, {least} % are the least", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
