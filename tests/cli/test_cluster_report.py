"""build/reports/cluster.html: what a reader needs first, and nothing of a test that could become markup."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "docker/tests/lib/evidence.py"


@pytest.fixture
def evidence():
    spec = importlib.util.spec_from_file_location("evidence", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.Evidence()
    for test, problem in (("d/test_1_a.py::test_one", ""), ("d/test_2_b.py::test_two", ""), ("d/test_2_b.py::test_three", "<b>broken</b>")):
        report = SimpleNamespace(failed=bool(problem), longreprtext=problem, duration=1.0)
        found.came_of(test, report, "what it shows", "the subject")
    found.note("d/test_1_a.py::test_one", "seen", "<script>x</script>")
    return found


def test_failures_first_and_the_versions_above(evidence, tmp_path):
    evidence.write(tmp_path / "cluster.html", [])
    page = (tmp_path / "cluster.html").read_text()
    assert page.index("2 of 3 properties held") < page.index("commit <code>") < page.index("<h2")
    assert page.index(" three ") < page.index(" two ")
    assert page.index(" two ") < page.index(" one ")
    assert "prefers-color-scheme:dark" in page and "id=filter" in page
    assert "<script>x" not in page and "<b>broken" not in page and "&lt;b&gt;broken" in page


def test_the_same_for_machines(evidence, tmp_path):
    evidence.write(tmp_path / "cluster.html", [])
    found = json.loads((tmp_path / "cluster.json").read_text())
    assert (found["passed"], found["failed"]) == (2, 1)
    assert [test["outcome"] for test in found["tests"]] == ["failed", "passed", "passed"]
    assert found["tests"][0]["problem"] == "<b>broken</b>" and found["tests"][1]["problem"] is None
    assert found["tests"][2]["evidence"] == [{"what": "seen", "seen": "<script>x</script>"}]
    assert found["versions"]["commit"]
