"""Exit status 2 is for wrong arguments, and help is at hand."""

import pytest

SUBCOMMANDS = ["check-id", "check-bundle", "verify", "check", "explain", "pki", "status", "dns", "doctor", "help", "completion"]


def test_without_arguments_is_a_usage_error(tool):
    assert tool().status == 2


def test_help_names_every_subcommand(tool):
    done = tool("--help")
    assert done.status == 0
    for name in SUBCOMMANDS:
        assert name in done.out


NESTED = [["pki", "init"], ["pki", "issue"], ["pki", "revoke"], ["dns", "flush"], ["dns", "status"]]


@pytest.mark.parametrize("command", [[name] for name in SUBCOMMANDS] + NESTED)
def test_each_subcommand_explains_itself(tool, command):
    done = tool(*command, "--help")
    assert done.status == 0
    assert "--help" in done.out
    assert "->" not in done.out, "words are shown, not the numbers behind them"


def test_version(tool):
    assert tool("--version").out.startswith("clickhouse-mtls ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["check-bundle"],
        ["check-bundle", "file"],
        ["verify"],
        ["verify", "--chain"],
        ["verify", "--chain", "x", "--profile", "pgp"],
        ["verify", "--chain", "x", "--purpose", "both"],
        ["verify", "--chain", "x", "--revocation", "1"],
        ["verify", "--chain", "x", "--depth", "-1"],
        ["verify", "--chain", "x", "--at", "yesterday"],
        ["verify", "--chain", "x", "--no-such-option"],
        ["check"],
        ["explain", "--config", "x"],
        ["pki"],
        ["pki", "issue", "directory"],
        ["pki", "issue", "directory", "name", "--key", "dsa"],
        ["dns"],
        ["dns", "flush", "one", "two"],
        ["status", "--socket", "/a", "--config", "/b"],
    ],
    ids=" ".join,
)
def test_wrong_arguments(tool, arguments):
    done = tool(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err


def test_an_unknown_word_is_answered_with_the_known_ones(tool):
    done = tool("pki", "issue", "directory", "name", "--key", "dsa")
    assert done.status == 2
    assert "dsa not in {ed25519,p256,p384,rsa2048,rsa3072}" in done.err


@pytest.mark.skipif(not __import__("os").path.exists("/dev/full"), reason="needs /dev/full")
def test_an_answer_that_cannot_be_written_is_no_yes(tool):
    import subprocess

    with open("/dev/full", "wb") as full:
        done = subprocess.run([tool.program, "check-id", "spiffe://example.org"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
