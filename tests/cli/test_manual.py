"""The tool's man pages and its completion come from its commands, so they know all of them."""

import shutil
import subprocess

import pytest


def commands(tool):
    return tool.must("help", "--list").out.splitlines()


def test_help_lists_every_command(tool):
    found = commands(tool)
    assert {"check", "explain", "pki", "pki issue", "dns flush", "help", "completion"} <= set(found)
    for name in found:
        assert tool.must(*name.split(), "--help").out == tool.must("help", *name.split()).out


def test_an_unknown_topic_is_answered_with_the_way_to_the_known_ones(tool):
    done = tool("help", "pki", "isue")
    assert done.status == 2
    assert done.out == ""
    assert '"pki isue"' in done.err and "help --list" in done.err


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man-db")
def test_each_man_page_is_one_that_man_can_show_without_a_warning(tool):
    for name in ["", *commands(tool)]:
        page = tool.must("help", "--man", *name.split()).out
        title = "-".join(["clickhouse-mtls", *name.split()])
        assert page.startswith(f".TH {title.upper()} 1 ".replace("-", "\\-"))
        shown = subprocess.run(
            ["man", "--warnings", "--local-file", "-"],
            input=page.encode(),
            capture_output=True,
            check=True,
            env={"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        assert shown.stderr == b""
        text = shown.stdout.decode()
        for section in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS"):
            assert section in text
        assert "--help" in text


def test_every_option_of_a_command_is_in_its_man_page(tool):
    page = tool.must("help", "--man", "pki", "issue").out
    for line in tool.must("pki", "issue", "--help").out.splitlines():
        word = line.strip().split(" ")[0].split(",")[-1]
        if word.startswith("--"):
            assert word.replace("-", "\\-") in page


def completed(tool, *words):
    """What bash offers for the last of these words."""
    script = tool.must("completion", "bash").out + "\n_clickhouse_mtls\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    line = ["clickhouse-mtls", *words]
    variables = f"COMP_CWORD={len(line) - 1}\nCOMP_WORDS=({' '.join(repr(word) for word in line)})\n"
    done = subprocess.run(["bash", "-c", variables + script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    "words, offered, not_offered",
    [
        ([""], {"check", "pki", "help"}, {"issue"}),
        (["pk"], {"pki"}, {"check"}),
        (["pki", ""], {"init", "issue"}, {"check"}),
        (["pki", "issue", "--d"], {"--dns", "--days"}, {"--key"}),
        (["pki", "issue", "--key", ""], {"p256", "ed25519"}, {"--dns"}),
        (["pki", "issue", ""], set(), {"--dns", "init"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_completion(tool, words, offered, not_offered):
    found = set(completed(tool, *words))
    assert offered <= found
    assert not not_offered & found
