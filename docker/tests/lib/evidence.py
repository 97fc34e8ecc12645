"""What each property was seen by, and the page that shows it."""

import html
import time
from pathlib import Path

TOPOLOGY = """
 client ──TLS──►  ch1 ═══ replica ═══ ch2      shard 1        every line: mutual TLS
                   ║ ╲               ╱ ║                       nodes:  spiffe://cluster.example/node/…
                   ║  distributed, fetch  ║                       users:  spiffe://cluster.example/user/…
                   ║   ╲           ╱   ║                       ZooKeeper: an authority of its own
 attacker ──?──►   ╚═══►   ch3   ◄═══╝         shard 2
                            ║
              zk1 ═══ zk2 ═══ zk3              ensemble
"""

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#1b1f24}
pre{background:#f4f6f8;padding:.7em;overflow-x:auto;font-size:13px}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #d8dee4;padding:.4em .6em;text-align:left;vertical-align:top}code{font-size:13px;overflow-wrap:anywhere}
.passed{color:#116329}.failed{color:#a40e26;font-weight:bold}.skipped{color:#7a5c00}"""


def said(line):
    """A log line without its time, thread and level."""
    return line.split("> ", 1)[-1].removeprefix("clickhouse-mtls: ").removeprefix("audit ")[:600]


class Evidence:
    """Filled by the tests, written as one static page."""

    def __init__(self):
        self.rows = {}  # test -> [(what, value)]
        self.outcomes = {}  # test -> (outcome, seconds, docstring)
        self.begin = time.time()

    def note(self, test, what, value):
        self.rows.setdefault(test, []).append((what, str(value)))

    def write(self, path, logs):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        escape = html.escape
        body = []
        module = None
        for test, (outcome, seconds, what) in self.outcomes.items():
            file, _, name = test.partition("::")
            if file != module:
                module = file
                title = Path(file).stem.removeprefix("test_").replace("_", " ").capitalize()
                body.append(f"<h2>{escape(title)}</h2>")
            body.append(
                f"<h3><span class={outcome}>{outcome}</span> {escape(name.removeprefix('test_').replace('_', ' '))} "
                f"<small>{seconds:.1f} s</small></h3><p>{escape(what)}</p>"
            )
            rows = "".join(
                f"<tr><td>{escape(label)}</td><td><code>{escape(value)}</code></td></tr>" for label, value in self.rows.get(test, ())
            )
            if rows:
                body.append(f"<table>{rows}</table>")
        links = "".join(f'<li><a href="{escape(str(log.relative_to(path.parent)))}">{escape(log.name)}</a>' for log in logs)
        passed = sum(outcome == "passed" for outcome, _, _ in self.outcomes.values())
        path.write_text(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>The cluster under attack and change</title><style>{STYLE}</style>"
            f"<h1>The cluster under attack and change</h1><p>{passed} of {len(self.outcomes)} properties held, in "
            f"{time.time() - self.begin:.0f} s, {time.strftime('%Y-%m-%d %H:%M')} UTC.</p><pre>{escape(TOPOLOGY)}</pre>"
            f"{''.join(body)}<h2>Logs</h2><ul>{links}</ul></html>\n",
            encoding="utf-8",
        )
