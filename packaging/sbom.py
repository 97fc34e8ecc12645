"""The bill of materials of Debian packages, in SPDX 2.3 (JSON): what is in them, what was compiled into them, what they need to run.

Usage: sbom.py --commit HASH --moment SECONDS PACKAGE.deb...
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

NAME = "clickhouse-mtls"
# Header-only libraries, which no dependency of a package tells: they are part of its programs.
COMPILED_IN = {
    "libboost1.74-dev": "BSL-1.0",
    "libcli11-dev": "BSD-3-Clause",
    "libexpected-dev": "CC0-1.0",
}
IN_WHICH = {
    "libboost1.74-dev": ("clickhouse-mtls-gateway",),
    "libcli11-dev": ("clickhouse-mtls",),
    "libexpected-dev": ("clickhouse-mtls", "clickhouse-mtls-server", "clickhouse-mtls-gateway"),
}

Json = dict[str, Any]


def said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def identifier(kind: str, name: str) -> str:
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def field(package: Path, name: str) -> str:
    return said_by("dpkg-deb", "--field", str(package), name)


def needs(package: Path) -> list[str]:
    """Names of the packages that it depends on, the first of each alternative."""
    alternatives = [entry.split("|")[0] for entry in field(package, "Depends").split(",")]
    return sorted({match[0] for entry in alternatives if (match := re.match(r"[a-z0-9][a-z0-9+.-]+", entry.strip()))})


def entry(spdx_id: str, name: str, version: str, licence: str, **more: Any) -> Json:
    return {
        "SPDXID": spdx_id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        **more,
    }


def purl(owner: str, name: str, version: str, architecture: str) -> list[Json]:
    quoted = version.replace("+", "%2B").replace("~", "~").replace(":", "%3A")
    locator = f"pkg:deb/{owner}/{name.replace('+', '%2B')}@{quoted}?arch={architecture}"
    return [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}]


def of_debian(name: str) -> Json:
    """A package of Debian in the version that ours were built with."""
    said = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version} ${Architecture}\n", name], capture_output=True, text=True, check=False
    ).stdout.split()
    spdx_id, licence = identifier("Debian", name), COMPILED_IN.get(name, "NOASSERTION")
    if len(said) < 2:
        return entry(spdx_id, name, "NOASSERTION", licence, supplier="Organization: Debian")
    references = purl("debian", name, said[0], said[1])
    return entry(spdx_id, name, said[0], licence, supplier="Organization: Debian", externalRefs=references)


def of_ours(package: Path) -> Json:
    name, version = field(package, "Package"), field(package, "Version")
    return entry(
        identifier("Package", name),
        name,
        version,
        "Apache-2.0",
        packageFileName=package.name,
        supplier=f"Organization: {NAME}",
        checksums=[{"algorithm": "SHA256", "checksumValue": hashlib.sha256(package.read_bytes()).hexdigest()}],
        externalRefs=purl(NAME, name, version, field(package, "Architecture")),
    )


def relation(one: str, kind: str, other: str) -> Json:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def document(packages: list[Path], commit: str, moment: int) -> Json:
    ours = {field(package, "Package"): package for package in packages}
    relations, others = [], set()
    for name, package in ours.items():
        spdx_id = identifier("Package", name)
        relations.append(relation("SPDXRef-DOCUMENT", "DESCRIBES", spdx_id))
        for needed in needs(package):
            kind = "Package" if needed in ours else "Debian"
            relations.append(relation(spdx_id, "DEPENDS_ON", identifier(kind, needed)))
            others |= {needed} - ours.keys()
        for library in sorted(COMPILED_IN):
            if name in IN_WHICH[library]:
                relations.append(relation(spdx_id, "STATIC_LINK", identifier("Debian", library)))
                others.add(library)
    entries = [of_ours(package) for package in ours.values()] + [of_debian(name) for name in sorted(others)]
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{NAME} {commit}",
        "documentNamespace": f"https://clickhouse-mtls.invalid/spdx/{digest}",
        "creationInfo": {
            "created": datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {NAME}-sbom", f"Organization: {NAME}"],
        },
        "packages": entries,
        "relationships": relations,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commit", required=True)
    parser.add_argument("--moment", required=True, type=int, help="seconds since the epoch")
    parser.add_argument("packages", nargs="+", type=Path)
    arguments = parser.parse_args()
    json.dump(document(sorted(arguments.packages), arguments.commit, arguments.moment), sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
