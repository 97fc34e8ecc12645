"""Against a ClickHouse of today, which comes from npm. Where it is not there, these tests are skipped and say so; scripts/modern brings it."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "integration/tests"), str(ROOT / "integration/modern")]

from lib_modern import LIBRARY  # noqa: E402


def pytest_collection_modifyitems(items):
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    reason = None
    if not LIBRARY.exists():
        reason = f"{LIBRARY} is not there: scripts/modern install"
    elif "avx2" not in flags:
        reason = "the processor has no AVX2, which the library needs"
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def build():
    return Path(os.environ.get("CHMTLS_BUILD", ROOT / "build")).resolve()
