"""What each property was seen by, and the page that shows it."""

import html
import json
import subprocess
import time
from pathlib import Path

# Host: its place in the picture (left, top) and what it is.
PLACES = {
    "client": (20, 60, "alice"),
    "attacker": (20, 230, "not to be trusted"),
    "ch1": (300, 20, "shard 1"),
    "ch2": (300, 145, "shard 1"),
    "ch3": (300, 270, "shard 2"),
    "zk1": (620, 20, "ZooKeeper"),
    "zk2": (620, 145, "ZooKeeper"),
    "zk3": (620, 270, "ZooKeeper"),
}
BOX = (150, 50)


def picture():
    """The hosts and who connects to whom, as SVG."""
    width, height = BOX
    middle = {host: (left + width // 2, top + height // 2) for host, (left, top, _) in PLACES.items()}
    nodes, members = ("ch1", "ch2", "ch3"), ("zk1", "zk2", "zk3")
    lines = [("client", node, "user") for node in nodes] + [("attacker", node, "bad") for node in nodes]
    lines += [(node, member, "keeper") for node in nodes for member in members] + [("ch1", "ch2", "node"), ("ch2", "ch3", "node")]
    lines += [("zk1", "zk2", "keeper"), ("zk2", "zk3", "keeper")]
    parts = [
        f'<line class={kind} x1="{middle[one][0]}" y1="{middle[one][1]}" x2="{middle[two][0]}" y2="{middle[two][1]}"/>'
        for one, two, kind in lines
    ]
    for host, (left, top, what) in PLACES.items():
        parts.append(
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>'
            f'<text x="{left + 12}" y="{top + 21}" font-weight="bold">{host}</text><text x="{left + 12}" y="{top + 39}">{what}</text>'
        )
    return f'<svg viewBox="0 0 790 340" role="img" aria-label="The hosts and their connections">{"".join(parts)}</svg>'


LEGEND = """<p><span class=user>━</span> users, <code>spiffe://cluster.example/user/…</code>, native and HTTPS &nbsp;
<span class=node>━</span> nodes, <code>spiffe://cluster.example/node/…</code>, distributed queries and parts &nbsp;
<span class=keeper>━</span> ZooKeeper, an authority of its own &nbsp; <span class=bad>┅</span> what must get nowhere.
All is mutual TLS.</p>"""

STYLE = """:root{color-scheme:light dark;--text:#1b1f24;--page:#fff;--shade:#f4f6f8;--line:#d8dee4;--edge:#57606a;
--good:#116329;--bad:#a40e26;--blue:#0550ae;--gold:#b08800}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--page:#0d1117;--shade:#161b22;--line:#30363d;--edge:#8b949e;
--good:#56d364;--bad:#ff7b72;--blue:#79c0ff;--gold:#e3b341}}
body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:var(--text);background:var(--page)}
#filter{font:inherit;width:20em;padding:.3em .5em}
pre{background:var(--shade);padding:.7em;overflow-x:auto;font-size:13px}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.4em .6em;text-align:left;vertical-align:top}code{font-size:13px;overflow-wrap:anywhere}
td:first-child{width:30%}
.passed{color:var(--good)}.failed{color:var(--bad);font-weight:bold}summary{cursor:pointer}
svg{max-width:50em;font-size:13px}svg text{fill:var(--text)}svg rect{fill:var(--page);stroke:var(--edge)}svg line{stroke-width:2}
line.user{stroke:var(--good)}line.node{stroke:var(--blue);stroke-width:4}line.keeper{stroke:var(--gold);stroke-width:1}
line.bad{stroke:var(--bad);stroke-dasharray:5 5}
span.user{color:var(--good)}span.node{color:var(--blue)}span.keeper{color:var(--gold)}span.bad{color:var(--bad)}"""

# Without it the page shows everything.
FILTER = """<p><input id=filter type=search placeholder="show only what has these words" aria-label="Filter">
<label><input id=failures type=checkbox> failures only</label></p><script>
const words=document.getElementById("filter"),failures=document.getElementById("failures");
function show(){const wanted=words.value.toLowerCase().split(/\\s+/);
for(const each of document.querySelectorAll("section.test")){const text=each.textContent.toLowerCase();
each.hidden=(failures.checked&&each.dataset.outcome!=="failed")||!wanted.every(word=>text.includes(word));}
for(const each of document.querySelectorAll("section.subject"))each.hidden=!each.querySelector("section.test:not([hidden])");}
words.addEventListener("input",show);failures.addEventListener("change",show);</script>"""

ROOT = Path(__file__).resolve().parents[3]


def of(*command):
    """What a command says, or nothing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout.strip()
    except FileNotFoundError:
        return ""


def versions():
    """What was tested: the commit, and the versions of what met in the cluster."""
    commit = of("git", "rev-parse", "HEAD")
    changed = " with changes" if commit and of("git", "status", "--porcelain", "--untracked-files=no") else ""
    found = {"commit": commit + changed, "clickhouse-mtls": of(ROOT / "build/clickhouse-mtls", "--version").rpartition(" ")[2]}
    for package in ("clickhouse-server", "libssl3", "docker.io"):
        found[package] = of("dpkg-query", "--show", "--showformat=${Version}", package)
    found["kernel"] = of("uname", "--kernel-release")
    return {what: version for what, version in found.items() if version}


def said(line):
    """A log line without its time, thread and level."""
    return line.split("> ", 1)[-1].removeprefix("clickhouse-mtls: ").removeprefix("audit ")[:600]


def name_of(test):
    return test.partition("::")[2].removeprefix("test_").replace("_", " ")


def title_of(file):
    return Path(file).stem.removeprefix("test_").lstrip("0123456789_").replace("_", " ").capitalize()


class Evidence:
    """Filled by the tests, written as one static page."""

    def __init__(self):
        self.rows = {}  # test -> [(what, value)]
        self.outcomes = {}  # test -> (outcome, seconds, what the test says of itself, what went wrong)
        self.subjects = {}  # file -> what it says of itself
        self.begin = time.time()

    def note(self, test, what, value):
        self.rows.setdefault(test, []).append((what, str(value)))

    def came_of(self, test, report, what, subject):
        """What became of a test; a teardown that fails is added to it."""
        _, seconds, _, problem = self.outcomes.get(test, ("", 0.0, "", ""))
        if report.failed:
            problem += report.longreprtext
        self.outcomes[test] = ("failed" if problem else "passed", seconds + report.duration, what, problem)
        self.subjects[test.partition("::")[0]] = subject

    def section(self, test):
        escape = html.escape
        outcome, seconds, what, problem = self.outcomes[test]
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td><code>{escape(value)}</code></td></tr>" for label, value in self.rows.get(test, ())
        )
        return (
            f"<section class=test data-outcome={outcome}><h3><span class={outcome}>{outcome}</span> {escape(name_of(test))} "
            f"<small>{seconds:.1f} s</small></h3><p>{escape(what)}</p>"
            + (f"<table>{rows}</table>" if rows else "")
            + (f"<details open><summary>what went wrong</summary><pre>{escape(problem)}</pre></details>" if problem else "")
            + "</section>"
        )

    def tests_of(self, file):
        """Failures first."""
        tests = [test for test in self.outcomes if test.partition("::")[0] == file]
        return sorted(tests, key=self.held)

    def held(self, test):
        return self.outcomes[test][0] == "passed"

    def files(self):
        """Those with failures first."""
        return sorted(self.subjects, key=lambda file: all(map(self.held, self.tests_of(file))))

    def subject(self, file):
        """Its row in the table at the top, and its part of the page."""
        escape, tests, title = html.escape, self.tests_of(file), title_of(file)
        held, seconds = sum(map(self.held, tests)), sum(self.outcomes[test][1] for test in tests)
        row = (
            f'<tr><td><a href="#{escape(file)}">{escape(title)}</a></td><td>{escape(self.subjects[file])}</td>'
            f"<td class={'passed' if held == len(tests) else 'failed'}>{held} of {len(tests)}</td><td>{seconds:.0f} s</td></tr>"
        )
        head = f'<section class=subject><h2 id="{escape(file)}">{escape(title)}</h2><p>{escape(self.subjects[file])}</p>'
        return row, head + "".join(map(self.section, tests)) + "</section>"

    def page(self, found, links):
        escape = html.escape
        rows, parts = zip(*map(self.subject, self.files())) if self.subjects else ((), ())
        passed = sum(map(self.held, self.outcomes))
        now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        of_what = ", ".join(f"{escape(what)} <code>{escape(version)}</code>" for what, version in found.items())
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>The cluster under attack and change</title><style>{STYLE}</style>"
            f"<h1>The cluster under attack and change</h1><p class={'passed' if passed == len(self.outcomes) else 'failed'}>{passed} of "
            f"{len(self.outcomes)} properties held, in {time.time() - self.begin:.0f} s, until {now} UTC.</p><p>{of_what}</p>"
            f"<table><tr><th>subject<th>what is shown<th>held<th>took</tr>{''.join(rows)}</table>{FILTER}{''.join(parts)}"
            f"<h2>The cluster</h2>{picture()}{LEGEND}<h2>Logs of all hosts</h2><ul>{links}</ul></html>\n"
        )

    def for_machines(self, found):
        tests = [
            {
                "test": test,
                "outcome": self.outcomes[test][0],
                "seconds": round(self.outcomes[test][1], 3),
                "what": self.outcomes[test][2],
                "problem": self.outcomes[test][3] or None,
                "evidence": [{"what": what, "seen": value} for what, value in self.rows.get(test, ())],
            }
            for file in self.files()
            for test in self.tests_of(file)
        ]
        passed = sum(map(self.held, self.outcomes))
        return {"versions": found, "passed": passed, "failed": len(tests) - passed, "tests": tests}

    def write(self, path, logs):
        """The page, and the same for machines beside it: NAME.json."""
        path, found = Path(path), versions()
        path.parent.mkdir(parents=True, exist_ok=True)
        links = "".join(
            f'<li><a href="{html.escape(str(log.relative_to(path.parent)))}">{html.escape(log.name)}</a>' for log in logs
        )
        path.write_text(self.page(found, links), encoding="utf-8")
        path.with_suffix(".json").write_text(json.dumps(self.for_machines(found), indent=1) + "\n", encoding="utf-8")
