"""Runs the built tool. CHMTLS_BUILD names the build directory; default: build/."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Done:
    """How the tool ended."""

    def __init__(self, completed):
        self.status = completed.returncode
        self.out = completed.stdout.decode()
        self.err = completed.stderr.decode(errors="replace")

    def objects(self):
        """Every line of the output as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]  # also at U+2028 and the like: none may be in there

    def object(self):
        found = self.objects()
        assert len(found) == 1, f"not one line: {self.out!r} {self.err!r}"
        return found[0]


class Tool:
    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments, stdin=b"", cwd=None):
        words = [argument if isinstance(argument, bytes) else str(argument) for argument in arguments]
        return Done(subprocess.run([self.program, *words], input=stdin, capture_output=True, cwd=cwd, check=False, timeout=60))

    def must(self, *arguments):
        done = self(*arguments)
        assert done.status == 0, done.err
        return done


@pytest.fixture(scope="session")
def tool():
    program = Path(os.environ.get("CHMTLS_BUILD", ROOT / "build")).resolve() / "clickhouse-mtls"
    if not program.is_file():
        pytest.fail(f"{program} is not there: ./run build makes it")
    return Tool(str(program))


class Pki:
    """A CA made by the tool, shared by the tests of one module: they only read."""

    def __init__(self, tool, path, *options):
        self.tool, self.path = tool, path
        tool.must("pki", "init", path, *options)
        self.ca = path / "ca.pem"
        self.key = path / "ca.key"
        self.bundle = path / "bundle.json"
        self.crl = path / "crl.pem"

    def issue(self, name, *options):
        self.tool.must("pki", "issue", self.path, name, *options)
        return self.path / f"{name}.pem"


@pytest.fixture(scope="module")
def make_pki(tool, tmp_path_factory):
    def make(*options):
        return Pki(tool, tmp_path_factory.mktemp("pki") / "ca", *options)

    return make
