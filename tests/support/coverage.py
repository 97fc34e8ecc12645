"""Reads gcovr's JSON: prints lines and branches per folder of plugin/, and lists what did not run. Ends with 1 below the least percentage.

usage: coverage.py COVERAGE.json UNCOVERED.txt LEAST-PERCENT-OF-LINES
"""

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Count:
    run: int = 0
    all: int = 0

    def add(self, run):
        self.run += 1 if run else 0
        self.all += 1

    def percent(self):
        return 100 * self.run / self.all if self.all else 100.0

    def __str__(self):
        return f"{self.percent():6.1f} % {self.run:6}/{self.all:<6}"


class Report:
    """Lines and branches by folder, and the lines that did not run as (file, number)."""

    def __init__(self, files):
        self.lines, self.branches = defaultdict(Count), defaultdict(Count)
        self.uncovered = []
        for each in sorted(files, key=lambda file: file["file"]):
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

    def table(self):
        yield f"{'':20} {'lines':>8} {'':13} {'branches':>8}"
        for folder in sorted(self.lines, key=lambda name: (name == "total", name)):
            yield f"{folder:20} {self.lines[folder]} {self.branches[folder]}".rstrip()


@cache
def lines_of(file):
    return (ROOT / file).read_text().splitlines()


def main(source, uncovered, least):
    report = Report(json.loads(Path(source).read_text())["files"])
    if not report.lines:
        print("coverage.py: nothing was counted", file=sys.stderr)
        return 1
    listed = (f"{file}:{number}: {lines_of(file)[number - 1].strip()}\n" for file, number in report.uncovered)
    Path(uncovered).write_text("".join(listed))
    print("\n".join(report.table()))
    percent = report.lines["total"].percent()
    if percent < float(least):
        print(f"coverage.py: {percent:.1f} % of the lines ran, {least} % are the least", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
