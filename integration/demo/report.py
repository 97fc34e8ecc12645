"""What the demo shows: each promise with what was seen, and the table at the end."""

import shlex
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    chapter: str
    promise: str
    seen: str
    kept: bool


class Report:
    def __init__(self):
        self.lines = []
        self.chapter_name = ""

    def chapter(self, name):
        self.chapter_name = name
        print(f"\n=== {name}", flush=True)

    def say(self, text):
        print(f"  # {text}", flush=True)

    def command(self, arguments):
        """Shows a command as it could be typed."""
        print("  $ " + shlex.join(str(argument) for argument in arguments), flush=True)

    def expect(self, promise, seen, kept):
        """One line of the table."""
        seen = " ".join(str(seen).split())
        self.lines.append(Line(self.chapter_name, promise, seen, bool(kept)))
        print(f"  {'as promised' if kept else 'NOT AS PROMISED'}: {promise}\n      seen: {shorten(seen, 300)}", flush=True)

    def table(self):
        print("\n" + "=" * 132)
        chapter = ""
        for line in self.lines:
            if line.chapter != chapter:
                chapter = line.chapter
                print(chapter)
            print(f"  {'yes' if line.kept else 'NO ':3}  {shorten(line.promise, 62):62}  {shorten(line.seen, 60)}")
        print("=" * 132)
        kept = sum(line.kept for line in self.lines)
        print(f"{kept} of {len(self.lines)} promises kept")
        sys.stdout.flush()

    def all_kept(self):
        return bool(self.lines) and all(line.kept for line in self.lines)


def shorten(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"
