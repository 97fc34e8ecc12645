"""check-id: one JSON object per ID, byte for byte."""

import json

import pytest

LONGEST_DOMAIN = "a" * 255
LONGEST_ID = "spiffe://example.org/" + "a" * (2048 - len("spiffe://example.org/"))

GOOD = {
    "spiffe://example.org": ("example.org", ""),
    "spiffe://example.org/service": ("example.org", "/service"),
    "spiffe://example.org/a/B/0/._-": ("example.org", "/a/B/0/._-"),
    "spiffe://127.0.0.1/x": ("127.0.0.1", "/x"),
    "spiffe://under_score-dash.dot/...": ("under_score-dash.dot", "/..."),
    f"spiffe://{LONGEST_DOMAIN}/x": (LONGEST_DOMAIN, "/x"),
    LONGEST_ID: ("example.org", LONGEST_ID.removeprefix("spiffe://example.org")),
}

BAD = {
    b"": "EMPTY",
    b"verify": "SCHEME",
    b"spiffe:/example.org": "SCHEME",
    b"SPIFFE://example.org": "SCHEME",
    b"https://example.org/x": "SCHEME",
    b" spiffe://example.org": "SCHEME",
    b"spiffe://": "TD-EMPTY",
    b"spiffe:///x": "TD-EMPTY",
    b"spiffe://user@example.org/x": "TD-USERINFO",
    b"spiffe://example.org:443/x": "TD-PORT",
    b"spiffe://Example.org/x": "TD-CASE",
    b"spiffe://ex%61mple.org/x": "TD-PERCENT",
    "spiffe://bücher.example/x".encode(): "TD-NONASCII",
    b"spiffe://ex ample.org/x": "TD-CHARS",
    b"spiffe://" + b"a" * 256 + b"/x": "TD-LENGTH",
    b"spiffe://example.org/%61": "PATH-PERCENT",
    "spiffe://example.org/ünder".encode(): "PATH-NONASCII",
    b"spiffe://example.org/\xff": "PATH-NONASCII",
    b"spiffe://example.org/a~b": "PATH-CHARS",
    b"spiffe://example.org/x\r": "PATH-CHARS",
    b"spiffe://example.org/x ": "PATH-CHARS",
    b"spiffe://example.org//x": "EMPTY-SEGMENT",
    b"spiffe://example.org/./x": "DOT-SEGMENT",
    b"spiffe://example.org/x/..": "DOT-SEGMENT",
    b"spiffe://example.org/": "TRAILING-SLASH",
    b"spiffe://example.org/x/": "TRAILING-SLASH",
    b"spiffe://example.org/x?": "QUERY",
    b"spiffe://example.org/x#": "FRAGMENT",
    LONGEST_ID.encode() + b"a": "ID-LENGTH",
}


def by_argument(tool, identity):
    return tool("check-id", "--", identity)


def by_line(tool, identity):
    return tool("check-id", stdin=identity + b"\n")


def by_hex(tool, identity):
    return tool("check-id", "--hex", stdin=identity.hex().encode() + b"\n")


WAYS = pytest.mark.parametrize("ask", [by_argument, by_line, by_hex])


@WAYS
@pytest.mark.parametrize("identity", GOOD, ids=lambda text: text[:40])
def test_valid(tool, ask, identity):
    domain, path = GOOD[identity]
    done = ask(tool, identity.encode())
    assert done.status == 0
    assert done.object() == {"id": identity, "valid": True, "trust_domain": domain, "path": path}


@WAYS
@pytest.mark.parametrize("identity", BAD, ids=lambda raw: ascii(raw[:40]))
def test_invalid(tool, ask, identity):
    done = ask(tool, identity)
    assert done.status == 1
    answer = done.object()
    assert set(answer) == {"id", "valid", "error", "message"}
    assert answer["valid"] is False
    assert answer["error"] == BAD[identity]
    assert answer["message"]


def test_one_bad_id_among_good_ones_is_a_no_and_order_is_kept(tool):
    done = tool("check-id", stdin=b"spiffe://a/x\nnonsense\nspiffe://b/x\n")
    assert done.status == 1
    assert [answer["valid"] for answer in done.objects()] == [True, False, True]
    assert tool("check-id", "spiffe://a/x", "spiffe://b/x").status == 0


@pytest.mark.parametrize(
    "stdin, ids",
    [
        (b"", []),
        (b"\n", [""]),
        (b"spiffe://a", ["spiffe://a"]),
        (b"spiffe://a\n", ["spiffe://a"]),
        (b"spiffe://a\n\n", ["spiffe://a", ""]),
        (b"\nspiffe://a", ["", "spiffe://a"]),
        (b"spiffe://a\r\n", ["spiffe://a\r"]),
    ],
    ids=ascii,
)
def test_only_the_newline_ends_a_line(tool, stdin, ids):
    assert [answer["id"] for answer in tool("check-id", stdin=stdin).objects()] == ids


def test_nul_is_part_of_the_id(tool):
    raw = b"spiffe://example.org/x\0y"
    for done in (tool("check-id", stdin=raw), tool("check-id", "--hex", raw.hex())):
        assert done.status == 1
        assert done.object()["id"] == raw.decode()
        assert done.object()["error"] in ("NUL", "PATH-CHARS")
    assert tool("check-id", "--hex", b"spiffe://example.org/xy".hex()).status == 0


ALLOWED_IN_DOMAIN = set(b"abcdefghijklmnopqrstuvwxyz0123456789.-_")
ALLOWED_IN_PATH = ALLOWED_IN_DOMAIN | set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize(
    "frame, allowed",
    [((b"spiffe://a", b"b/x"), ALLOWED_IN_DOMAIN | set(b"/")), ((b"spiffe://a/x", b"y"), ALLOWED_IN_PATH | set(b"/"))],
    ids=["trust domain", "path"],
)
def test_all_256_bytes(tool, frame, allowed):
    lines = b"".join((frame[0] + bytes([byte]) + frame[1]).hex().encode() + b"\n" for byte in range(256))
    answers = tool("check-id", "--hex", stdin=lines).objects()
    assert {byte for byte, answer in enumerate(answers) if answer["valid"]} == allowed


def test_output_is_json_for_every_byte_and_broken_utf8(tool):
    raws = [bytes([byte]) for byte in range(256)]
    raws += [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", "€\U0001f600\u2028".encode()]
    done = tool("check-id", "--hex", *(raw.hex() for raw in raws))
    answers = done.objects()
    assert len(answers) == len(raws)
    for raw, answer in zip(raws, answers):
        try:
            assert answer["id"] == raw.decode()
        except UnicodeDecodeError:
            assert set(answer["id"]) == {"\ufffd"}
    json.dumps(answers).encode()


@pytest.mark.parametrize("text", ["6", "zz", "0x61", "61 62"])
def test_what_is_not_hex_is_unreadable_input(tool, text):
    done = tool("check-id", "--hex", text)
    assert done.status == 2
    assert "hex" in done.err
    assert tool("check-id", "--hex", "7370696666653a2f2f61").status == 0


@pytest.mark.parametrize("text", ["a,b", "[a,b]", '"a"', "{a}", "verify", "--"])
def test_arguments_are_taken_as_they_are(tool, text):
    assert [answer["id"] for answer in tool("check-id", "--", text).objects()] == [text]
    assert [answer["id"] for answer in tool("check-id", "x", "--", text, "y").objects()] == ["x", text, "y"]


def test_an_unknown_option_is_no_id(tool):
    for arguments in (["--nonsense"], ["spiffe://a", "--nonsense"], ["-x"]):
        assert tool("check-id", *arguments).status == 2
    assert tool("check-id", "--", "--nonsense").status == 1
    assert tool("check-id", "spiffe://a", "--json").status == 0


def test_a_long_input_is_judged_and_not_cut(tool):
    raw = b"spiffe://example.org/" + b"a" * 5_000_000
    answer = tool("check-id", stdin=raw).object()
    assert answer["error"] == "ID-LENGTH"
    assert len(answer["id"]) == len(raw)
