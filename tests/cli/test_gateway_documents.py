"""Each test that docs/gateway.md names as holding off a fault of others is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs/gateway.md").read_text().split("## What others have got wrong")[1].split("\n## ")[0]


def sources(*patterns: str) -> str:
    return "".join(path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern)))


def test_each_fault_has_a_test_or_a_decision() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", SECTION, re.MULTILINE)
    numbers = [int(name) for name, _ in rows if name.isdigit()]
    assert numbers == list(range(1, 31))
    assert len(rows) == 30 + 14 + 2  # and what stands above the columns
    python = set(re.findall(r"^def (test_\w+)", sources("integration/tests/test_*.py"), re.MULTILINE))
    cases = re.findall(r"^TEST(?:_[FP])?\((\w+), (\w+)\)", sources("tests/**/*.cpp"), re.MULTILINE)
    for name, by in rows:
        named = re.findall(r"`([^`]+)`", by)
        assert named or by.strip() in ("decision", "by"), f"{name}: neither a test nor a decision"
        for test in named:
            known = (
                test in python
                or any(test in (suite, f"{suite}.{case}") for suite, case in cases)
                or (ROOT / test).is_dir()
                or (ROOT / "integration/tests" / test).is_file()
                or (ROOT / f"tests/fuzz/{test}.cpp").is_file()
            )
            assert known, f"{name}: there is no {test}"
