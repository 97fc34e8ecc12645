"""One cluster for all tests, in the order of their files. CHMTLS_PROJECT is its name: whoever started the suite removes what is left."""

import os
import signal
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib.cluster import NODES, Cluster  # noqa: E402
from lib.evidence import Evidence  # noqa: E402
from lib.misled import Misled  # noqa: E402

REPORTS = HERE.parents[1] / "build" / "reports"
collected = Evidence()

# As by Ctrl-C: the logs are saved, and the cluster is taken down.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    test = str(Path(item.location[0]).name) + "::" + item.name
    what = " ".join((item.function.__doc__ or "").split())
    if report.skipped:
        # What was not shown does not hold.
        report.outcome = "failed"
    if report.when == "call" or report.failed:
        collected.came_of(test, report, what, " ".join((item.module.__doc__ or "").split()))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    made = Cluster(os.environ.get("CHMTLS_PROJECT", f"chmtls{os.getpid()}"), tmp_path_factory.mktemp("cluster"))
    made.logs_directory = REPORTS / "cluster-logs"
    try:
        made.up()
        made.create_tables()
        yield made
    finally:
        made.save_logs()
        if "CHMTLS_KEEP" not in os.environ:
            made.down()
        collected.write(REPORTS / "cluster.html", sorted(made.logs_directory.glob("*.log")))


@pytest.fixture
def load(cluster):
    """load(base): starts tools/load.py with row numbers from `base` on; ended in any case."""
    running = []

    def begin(base, hosts=NODES):
        running.append(cluster.begin("client", "python3", "/tools/load.py", "--base", str(base), *hosts))
        return running[-1]

    yield begin
    for each in running:
        each.__exit__()


@pytest.fixture
def evidence(request):
    """note(what, value) for the page."""
    test = str(Path(request.node.location[0]).name) + "::" + request.node.name
    return lambda what, value: collected.note(test, what, value)


@pytest.fixture
def misled(cluster):
    """misled(victim, name...) leads a host to the attacker when it asks for these names."""
    made = Misled(cluster)
    yield made
    made.heal()
