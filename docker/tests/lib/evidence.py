"""What each property was seen by, and the page that shows it."""

import html
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

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#1b1f24}
pre{background:#f4f6f8;padding:.7em;overflow-x:auto;font-size:13px}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #d8dee4;padding:.4em .6em;text-align:left;vertical-align:top}code{font-size:13px;overflow-wrap:anywhere}
td:first-child{width:30%}
.passed{color:#116329}.failed{color:#a40e26;font-weight:bold}summary{cursor:pointer}
svg{max-width:50em;font-size:13px}svg rect{fill:#fff;stroke:#57606a}svg line{stroke-width:2}
line.user{stroke:#116329}line.node{stroke:#0550ae;stroke-width:4}line.keeper{stroke:#b08800;stroke-width:1}
line.bad{stroke:#a40e26;stroke-dasharray:5 5}
span.user{color:#116329}span.node{color:#0550ae}span.keeper{color:#b08800}span.bad{color:#a40e26}"""


def said(line):
    """A log line without its time, thread and level."""
    return line.split("> ", 1)[-1].removeprefix("clickhouse-mtls: ").removeprefix("audit ")[:600]


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
        name = test.partition("::")[2].removeprefix("test_").replace("_", " ")
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td><code>{escape(value)}</code></td></tr>" for label, value in self.rows.get(test, ())
        )
        return (
            f"<h3><span class={outcome}>{outcome}</span> {escape(name)} <small>{seconds:.1f} s</small></h3><p>{escape(what)}</p>"
            + (f"<table>{rows}</table>" if rows else "")
            + (f"<details open><summary>what went wrong</summary><pre>{escape(problem)}</pre></details>" if problem else "")
        )

    def write(self, path, logs):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        escape = html.escape
        body, index = [], []
        for file, subject in self.subjects.items():
            tests = [test for test in self.outcomes if test.partition("::")[0] == file]
            title = Path(file).stem.removeprefix("test_").lstrip("0123456789_").replace("_", " ").capitalize()
            held = sum(self.outcomes[test][0] == "passed" for test in tests)
            seconds = sum(self.outcomes[test][1] for test in tests)
            outcome = "passed" if held == len(tests) else "failed"
            index.append(
                f"<tr><td><a href=\"#{escape(file)}\">{escape(title)}</a></td><td>{escape(subject)}</td>"
                f"<td class={outcome}>{held} of {len(tests)}</td><td>{seconds:.0f} s</td></tr>"
            )
            body.append(f"<h2 id=\"{escape(file)}\">{escape(title)}</h2><p>{escape(subject)}</p>")
            body += [self.section(test) for test in tests]
        links = "".join(f'<li><a href="{escape(str(log.relative_to(path.parent)))}">{escape(log.name)}</a>' for log in logs)
        passed = sum(outcome == "passed" for outcome, *_ in self.outcomes.values())
        now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        path.write_text(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>The cluster under attack and change</title><style>{STYLE}</style>"
            f"<h1>The cluster under attack and change</h1><p class={'passed' if passed == len(self.outcomes) else 'failed'}>{passed} of "
            f"{len(self.outcomes)} properties held, in {time.time() - self.begin:.0f} s, until {now} UTC.</p>"
            f"{picture()}{LEGEND}<table><tr><th>subject<th>what is shown<th>held<th>took</tr>{''.join(index)}</table>"
            f"{''.join(body)}<h2>Logs of all hosts</h2><ul>{links}</ul></html>\n",
            encoding="utf-8",
        )
