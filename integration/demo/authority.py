"""The demo's certificates, made by `clickhouse-mtls pki`."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Tool:
    """The command line tool; shows what it runs."""

    def __init__(self, program, directory, report):
        self.program = Path(program)
        self.directory = Path(directory)
        self.report = report

    def run(self, *arguments):
        self.report.command(["clickhouse-mtls", *arguments])
        done = subprocess.run(
            [self.program, *map(str, arguments)], cwd=self.directory, capture_output=True, text=True, check=False, timeout=60
        )
        return done

    def must(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"clickhouse-mtls {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


class Authority:
    """One CA in its own directory below the demo's."""

    def __init__(self, tool, name, *options):
        self.tool = tool
        self.name = name
        self.path = tool.directory / name
        tool.must("pki", "init", name, "--name", f"demo {name}", *options)

    @property
    def certificate(self):
        return self.path / "ca.pem"

    @property
    def bundle(self):
        return self.path / "bundle.json"

    @property
    def crl(self):
        return self.path / "crl.pem"

    def issue(self, name, *options):
        self.tool.must("pki", "issue", self.name, name, *options)
        return Pair(self.path / f"{name}.pem", self.path / f"{name}.key")

    def revoke(self, *names):
        self.tool.must("pki", "revoke", self.name, *names)


def replace(target, *sources):
    """Puts the joined content of the sources in the place of target in one step, as careful tools do."""
    temporary = target.with_name(target.name + ".next")
    with open(temporary, "wb") as out:
        for source in sources:
            out.write(source if isinstance(source, bytes) else Path(source).read_bytes())
    temporary.chmod(0o600 if target.suffix == ".key" else 0o644)
    temporary.rename(target)


def copy_pair(pair, certificate, key):
    shutil.copyfile(pair.certificate, certificate)
    key.touch(mode=0o600)
    shutil.copyfile(pair.key, key)
