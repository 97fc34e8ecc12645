"""Includes may only go along the arrows of plugin/arrows.txt, and each arrow is there because an include needs it.

Every include of plugin/, integration/ and include/ is read, in quotation marks or angle brackets. It leads to a file of a folder that has
arrows, to a file beside it, to a header that the build makes, or to a library that is named here.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARROWS = ROOT / "plugin/arrows.txt"

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".h", ".hpp", ".c", ".cpp"}
GENERATED = {"symbols_table.h"}
# The first part of the name of a header of the system or of a library (third_party/README.md). Names without a folder are the
# standard library's, POSIX's, or those of libraries that have one header.
LIBRARIES = {
    "CLI", "Poco", "arpa", "boost", "fmt", "net", "netinet", "openssl", "re2", "sodium", "sys", "tl",
}
# Others include it from C, with nothing else at hand.
BOUNDARY = "include/clickhouse_mtls/plugin.h"
BOUNDARY_HEADERS = {"stddef.h", "stdint.h"}

Arrows = dict[str, set[str]]


def read_arrows() -> Arrows:
    arrows: Arrows = {}
    for line in ARROWS.read_text().splitlines():
        if line and not line.startswith("#"):
            folder, targets = line.split(":")
            arrows[folder] = set(targets.split())
    return arrows


def reachable(arrows: Arrows, folder: str) -> set[str]:
    """A folder that the arrows lead back to is in the answer itself."""
    seen: set[str] = set()
    waiting = list(arrows[folder])
    while waiting:
        target = waiting.pop()
        if target not in seen:
            seen.add(target)
            waiting.extend(arrows[target])
    return seen


def folder_of(path: Path) -> str:
    """plugin/openssl/x.h: openssl. integration/debian/names/x.h: integration/debian. include/...: include."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "integration":
        return "/".join(parts[:2])
    return parts[1] if parts[0] == "plugin" else parts[0]


def target_of(path: Path, name: str) -> Path | None:
    """The file of ours that an include of `name` in `path` leads to."""
    own = [path.parent]
    if path.is_relative_to(ROOT / "integration"):
        own.append(ROOT.joinpath(*path.relative_to(ROOT).parts[:2]))
    for directory in (*own, ROOT / "plugin", ROOT / "integration", ROOT / "include", ROOT / "tests", ROOT):
        if (directory / name).is_file():
            return (directory / name).resolve()
    return None


def sources() -> Iterator[Path]:
    for folder in ("include", "integration", "plugin"):
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)


def include_findings(arrows: Arrows) -> Iterator[str]:
    used: Arrows = {folder: set() for folder in arrows}
    for path in sources():
        place, folder = path.relative_to(ROOT), folder_of(path)
        if folder not in arrows:
            yield f"{place}: folder {folder} has no arrows in {ARROWS.relative_to(ROOT)}"
            continue
        for mark, name in INCLUDE.findall(path.read_text()):
            target = target_of(path, name)
            if target is None:
                known = name in GENERATED or mark == "<" and ("/" not in name or name.split("/")[0] in LIBRARIES)
                if not known:
                    yield f"{place}: {name} is no file of ours and of no library that {Path(__file__).name} names"
                continue
            other = folder_of(target)
            used[folder].add(other)
            if other != folder and other not in reachable(arrows, folder):
                yield f"{place}: {folder} must not include {target.relative_to(ROOT)}"
    for folder, targets in used.items():
        if targets:  # include/ is there for everybody
            for unused in sorted(arrows[folder] - targets - {"include"}):
                yield f"{ARROWS.relative_to(ROOT)}: no include needs the arrow from {folder} to {unused}"


def circle_findings(arrows: Arrows) -> Iterator[str]:
    for folder in arrows:
        if folder in reachable(arrows, folder):
            yield f"{ARROWS.relative_to(ROOT)}: the arrows of {folder} lead back to it"


def boundary_findings() -> Iterator[str]:
    for _, name in INCLUDE.findall((ROOT / BOUNDARY).read_text()):
        if name not in BOUNDARY_HEADERS:
            yield f"{BOUNDARY}: must not include {name}"


def main() -> int:
    arrows = read_arrows()
    unknown = sorted({target for targets in arrows.values() for target in targets} - arrows.keys())
    if unknown:
        print(f"{ARROWS.relative_to(ROOT)}: arrows lead to folders without a line: {', '.join(unknown)}")
        return 1
    findings = [*circle_findings(arrows), *include_findings(arrows), *boundary_findings()]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
