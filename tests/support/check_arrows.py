"""Includes may only go along the arrows between the folders of plugin/, and integration/ sees include/ alone."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Folder -> folders whose headers it may include.
LOW = {"base"}
FOUNDATION = LOW | {"openssl", "config", "observe"}
MIDDLE = FOUNDATION | {"credentials", "trust", "spiffe", "mapping", "signature"}
ALLOWED = {
    "base": set(),
    "openssl": LOW,
    "config": LOW,
    "observe": LOW,
    "signature": LOW,
    "pki": LOW | {"openssl"},
    "trust": LOW | {"openssl"},
    "spiffe": LOW | {"openssl", "trust"},
    "mapping": LOW | {"openssl"},
    "credentials": LOW | {"openssl", "config"},
    "generation": MIDDLE,
    "policy": MIDDLE | {"generation"},
    "session": MIDDLE | {"generation", "policy"},
    "dns": LOW | {"config", "observe"},
    "admin": LOW,
    "abi": MIDDLE | {"generation", "policy", "session", "dns", "admin"},
    "cli": MIDDLE | {"generation", "policy", "pki", "admin"},
}

QUOTED = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
ANY = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".h", ".hpp", ".c", ".cpp"}
BOUNDARY_HEADERS = {"stddef.h", "stdint.h"}


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)


def plugin_findings():
    for path in sources("plugin"):
        folder = path.relative_to(ROOT / "plugin").parts[0]
        if folder not in ALLOWED:
            yield f"{path.relative_to(ROOT)}: folder {folder} has no arrows in {Path(__file__).name}"
            continue
        for include in QUOTED.findall(path.read_text()):
            target = include.split("/")[0]
            if target in ALLOWED and target != folder and target not in ALLOWED[folder]:
                yield f"{path.relative_to(ROOT)}: {folder} must not include {include}"


def integration_findings():
    for path in sources("integration"):
        for include in QUOTED.findall(path.read_text()):
            own = (path.parent / include).exists() or (ROOT / "integration" / include).exists()
            if not own and (ROOT / "plugin" / include).exists():
                yield f"{path.relative_to(ROOT)}: integration must not include plugin/{include}"


def boundary_findings():
    header = ROOT / "include/clickhouse_mtls/plugin.h"
    for include in ANY.findall(header.read_text()):
        if include not in BOUNDARY_HEADERS:
            yield f"{header.relative_to(ROOT)}: must not include {include}"


def main():
    findings = [*plugin_findings(), *integration_findings(), *boundary_findings()]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
