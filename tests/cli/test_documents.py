"""Every code that a refusal may have, and every figure of the status, is explained to who reads it; and what the pages say of the sources is
so."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# RFC 8446 section 6, by the names that plugin/base/reason.cpp has for them where they differ.
ALERTS = {"none": "–", "unknown_authority": "unknown_ca", "needs_certificate": "certificate_required"}


def test_each_reason_is_in_the_table_of_the_log():
    rows = re.findall(r'Row\{Reason::\w+, "([A-Z-]+)", (\w+)\}', (ROOT / "plugin/base/reason.cpp").read_text())
    known = {code: ALERTS.get(alert, alert) for code, alert in rows}
    assert len(known) > 50
    table = (ROOT / "docs/log.md").read_text().split("## Reasons")[1].split("## Codes")[0]
    explained = {}
    for codes, alert in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", table, re.MULTILINE):
        for code in re.findall(r"`([^`]*)`", codes):
            assert code not in explained, f"{code} stands there twice"
            explained[code] = alert
    assert explained == known


CODE = r"(?:X5C|[A-Z]+(?:-[A-Z]+)*)"
# Words in capitals in the sources that are no codes of findings.
WORDS = set("BEGIN COMMAND DER DHX DIR EMAIL FILE HOST NAME OKP RSA RSA-PSS SHELL UID VALUE CERTIFICATE DNS URI".split())


def explained_codes() -> set[str]:
    """Of the tables of log.md, and of the list of check-id."""
    tables = re.findall(r"^\| ((?:`[A-Z0-9-]+`(?:, )?)+) \|", (ROOT / "docs/log.md").read_text(), re.MULTILINE)
    ids = re.search(r"^Errors: `([^`]+)`", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)
    assert ids
    return set(re.findall(CODE, " ".join(tables))) | set(ids.group(1).split())


def test_each_code_that_a_message_prints_is_explained_and_the_other_way_round():
    sources = [path.read_text() for path in (ROOT / "plugin").rglob("*.cpp")]
    printed = {code for text in sources for code in re.findall(rf'"({CODE})"', text) if len(code) > 2} - WORDS
    explained = explained_codes()
    assert len(explained) > 80
    assert not printed - explained, sorted(printed - explained)
    assert not explained - printed, sorted(explained - printed)


def test_the_other_pages_name_no_code_that_there_is_not():
    named = set()
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        for quoted in re.findall(r"`([^`]+)`", page.read_text()):
            if re.fullmatch(rf"{CODE}(?:\s+{CODE})*", quoted):
                named |= set(quoted.split())
    hyphened = {code for code in named if "-" in code}
    assert len(hyphened) > 30
    assert not hyphened - explained_codes(), sorted(hyphened - explained_codes())


def test_each_figure_of_the_status_is_explained():
    keys = set()
    for source in ("plugin/instance/status.cpp", "plugin/instance/dns_status.cpp"):
        keys |= set(re.findall(r'\.set\("(\w+)"', (ROOT / source).read_text()))
    assert len(keys) > 50
    explained = set(re.findall(r"`(\w+)`", (ROOT / "docs/operations.md").read_text()))
    assert keys <= explained, sorted(keys - explained)


ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


def test_each_question_of_a_newcomer_is_answered_where_the_page_says() -> None:
    rows = re.findall(r"^\| [^|]+\? \| `([^`]+)` \| `([^`]+)` \|$", ARCHITECTURE, re.MULTILINE)
    assert len(rows) >= 20
    for file, name in rows:
        assert (ROOT / file).is_file(), file
        assert name in (ROOT / file).read_text(), f"{file} does not hold {name}"


def test_each_file_and_folder_that_the_architecture_names_is_there() -> None:
    named = set(re.findall(r"`((?:plugin|integration|include|tests|bench)/[\w./-]+)`", ARCHITECTURE))
    assert len(named) > 30
    missing = sorted(name for name in named if not (ROOT / name).exists() and not list(ROOT.glob(f"{name}.*")))
    assert not missing, missing
    folders = {path.name for path in (ROOT / "plugin").iterdir() if path.is_dir()}
    table = ARCHITECTURE.split("| folder | what it is |")[1].split("\n\n")[0]
    unnamed = sorted(folder for folder in folders - {"base", "config", "openssl"} if f"`{folder}`" not in table)
    assert not unnamed, unnamed
