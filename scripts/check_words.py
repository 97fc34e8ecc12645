"""Words that no file of the project may hold: unfinished work, paths of one machine, keys, functions that we do without."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = {"build", ".git", "__pycache__", ".pytest_cache", ".mypy_cache"}

# Each is written so that this file does not hold the word itself.
EVERYWHERE = {
    "unfinished work": r"\b(?:TO[D]O|FIX[M]E|XX[X])\b",
    "a path of one machine": r"(?<![\w.])/(?:home|wor[k]|Users)/\w|/tm[p]/w\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY----[-]\n[A-Za-z0-9+/=]{16}",
    "a certificate": r"-----BEGIN CERTIFICATE----[-]\n[A-Za-z0-9+/=]{16}",
    "a package host": r"https?://[\w.-]*(?:deb\.debian|security\.debian|pypi|artifactor[y]|nexu[s])\b",
}
IN_SOURCES = {
    "std::regex": r"std::(?:basic_)?rege[x]\b|#include <rege[x]>",
    "an unbounded C string function": r"(?<![\w:>.])(?:strcp[y]|strca[t]|sprint[f]|get[s])\s*\(",
    "a shell": r"(?<![\w:>.])(?:syste[m]|pope[n])\s*\(",
}
IN_PAGES = {
    '"is no X" (docs/style.md)': r"(?<!there )(?<!There )\b(?:is|are) no (?!longer\b|more\b)\w+",
    "a verb before its subject (docs/style.md)": r"\b(?:[Nn]either|[Nn]or|[Oo]nly then) (?:does|do|is|are|has|have|can|may|will) \w+",
}
# The page that shows them, and two whose words are older than the check.
NOT_PAGES = {"docs/style.md", "docs/architecture.md", "docs/gateway.md"}
SOURCE_SUFFIXES = {".h", ".hpp", ".c", ".cpp"}


def files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and not SKIPPED.intersection(path.relative_to(ROOT).parts):
            yield path


def is_page(path: Path) -> bool:
    place = path.relative_to(ROOT).as_posix()
    return path.suffix == ".md" and path.parent in (ROOT, ROOT / "docs") and place not in NOT_PAGES


def findings(path: Path) -> Iterator[str]:
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        yield "not a text file"
        return
    rules = {**EVERYWHERE, **(IN_SOURCES if path.suffix in SOURCE_SUFFIXES else {}), **(IN_PAGES if is_page(path) else {})}
    for what, pattern in rules.items():
        for match in re.finditer(pattern, text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{line}: {what}: {match.group(0).splitlines()[0]}"


def main() -> int:
    found = [f"{path.relative_to(ROOT)}:{finding}" for path in files() for finding in findings(path)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
