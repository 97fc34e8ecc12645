"""The memory of a process, as root sees it."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    begin: int
    end: int
    name: str
    dumped: bool  # does it go into a core

    def read(self, pid):
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(self.begin)
            pieces = []
            left = self.end - self.begin
            while left > 0:
                try:
                    piece = memory.read(min(left, 1 << 20))
                except OSError:  # a guard page, or gone
                    break
                if not piece:
                    break
                pieces.append(piece)
                left -= len(piece)
            return b"".join(pieces)


def regions(pid):
    """What can be written to, and so may hold what was computed or read."""
    made = []
    current = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s*(.*)", line)
            if head:
                current = (int(head[1], 16), int(head[2], 16), head[3], head[4])
            elif line.startswith("VmFlags:") and current and current[2].startswith("rw"):
                made.append(Region(current[0], current[1], current[3], " dd" not in line))
    return made


def places(pid, secret):
    """Where these bytes are: (name of the region, is it dumped), once for each occurrence."""
    found = []
    for region in regions(pid):
        content = region.read(pid)
        at = content.find(secret)
        while at >= 0:
            found.append((region.name or "anonymous", region.dumped))
            at = content.find(secret, at + 1)
    return found


def resident(pid):
    """Bytes that the process holds in memory."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
