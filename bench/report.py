#!/usr/bin/python3
"""Turns the JSON files of `./run bench` into the table of bench/README.md and into plots.

    report.py [--plots DIRECTORY] [--table FILE] RESULT.json...
    report.py --table FILE --servers SERVERS.jsonl

Every figure is the median of the repetitions of one run, and every ratio is between two benchmarks of that same run: ours and the
baseline that it is named against. More than 1 is better than the baseline.
"""

import argparse
import json
import os
import re
import statistics
import time
from collections import defaultdict
from pathlib import Path

MARKS = ("<!-- results: written by report.py -->", "<!-- end of results -->")
SERVER_MARKS = ("<!-- servers: written by report.py -->", "<!-- end of servers -->")
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}

# (pattern of ours, its baseline, the goal for baseline / ours)
BASELINES = [
    (r"verify/seen/(\d+)/(\d+)", r"verify/openssl/\1/\2", 50),
    (r"verify/new/(\d+)/(\d+)", r"verify/openssl/\1/\2", 1 / 1.10),
    (r"verify/domains_seen/(\d+)", r"verify/domains_openssl/\1", 50),
    (r"verify/domains_new/(\d+)", r"verify/domains_openssl/\1", 1 / 1.10),
    (r"verify/crl_seen/(\d+)", r"verify/crl_openssl/\1", 50),
    (r"verify/crl_new/(\d+)", r"verify/crl_openssl/\1", 1 / 1.10),
    (r"(known_client|new_client|resumption)/(tls1[23])_binding", r"\1/\2_plain", None),
    (r"publishing/(tls1[23])_binding/threads:(\d+)", r"publishing/\1_plain/threads:\2", None),
    (r"(mixed|regex)/(\d+)", r"linear_re2/\1/\2", None),
]
GOALS = {"known_client": 1.05}
# What is to stay below a time whatever the size: (pattern, nanoseconds).
BOUNDED = [(r"(exact|wildcard|rest|partial|capture|mixed|mixed_asked|clickhouse_users)/\d+", 300)]
BOUNDED_COUNTERS = {"p99_ms": 300}
# Of ./run bench-servers: the first word of a figure -> stock / patched.
SERVER_GOALS = {"new": 1.00, "kept": 0.99, "between": 0.98}
COUNTERS = {"p50_ms": "ms", "p99_ms": "ms", "bytes_per_generation": "bytes", "bytes_left_behind": "bytes"}


def medians(files):
    """Median nanoseconds by name, counters by name, what it ran on; benchmarks that failed are left out."""
    times = defaultdict(list)
    counters = {}
    context = {}
    for file in files:
        text = Path(file).read_text()
        if not text:  # the filter left nothing of this program
            continue
        document = json.loads(text)
        context = document["context"]
        for run in document["benchmarks"]:
            if run.get("run_type") == "iteration" and not run.get("error_occurred"):
                which = "real_time" if re.search("real_time|manual_time", run["run_name"]) else "cpu_time"
                times[run["run_name"]].append(run[which] * NANOSECONDS[run["time_unit"]])
                counted = {key: run[key] for key in COUNTERS if key in run}
                if counted:
                    counters[clean(run["run_name"])] = counted
    return {clean(name): statistics.median(values) for name, values in times.items()}, counters, context


def clean(name):
    """Without what Google Benchmark adds for the settings of a run."""
    return re.sub(r"/(repeats|min_time|iterations):[^/]*|/(real|manual)_time", "", name)


def by_numbers(name):
    """Sorts 2 before 16."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def compared(times):
    """(ours, baseline, ratio, goal) of all benchmarks that have both."""
    rows = []
    for name in times:
        for pattern, baseline, goal in BASELINES:
            match = re.fullmatch(pattern, name)
            other = match and match.expand(baseline)
            if other in times:
                goal = GOALS.get(match.group(1), goal)
                rows.append((name, other, times[other] / times[name], goal))
    return sorted(rows, key=lambda row: by_numbers(row[0]))


def shown(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def table(times, counters, context):
    lines = [
        f"{context.get('num_cpus', '?')} processors of {context.get('mhz_per_cpu', '?')} MHz, load "
        f"{context.get('load_avg', ['?'])[0]}, {context.get('date', '')[:10]}.",
        "",
        "| benchmark | median | baseline | median | baseline / ours | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for ours, baseline, ratio, goal in compared(times):
        wanted = f"{goal:.2f}" if goal else ""
        met = "" if not goal else "met" if ratio >= goal else "missed"
        lines.append(
            f"| `{ours}` | {shown(times[ours])} | `{baseline}` | {shown(times[baseline])} | {ratio:.2f} | {wanted} | {met} |"
        )
    lines += ["", "| benchmark | value | goal | |", "|---|---|---|---|"]
    for name in sorted(times, key=by_numbers):
        for pattern, most in BOUNDED:
            if re.fullmatch(pattern, name):
                lines.append(f"| `{name}` | {shown(times[name])} | {shown(most)} | {'met' if times[name] <= most else 'missed'} |")
    for name, counted in sorted(counters.items()):
        for key, value in counted.items():
            most = BOUNDED_COUNTERS.get(key)
            met = "" if most is None else "met" if value <= most else "missed"
            lines.append(f"| `{name}` {key} | {value:,.0f} {COUNTERS[key]} | {f'{most} {COUNTERS[key]}' if most else ''} | {met} |")
    return "\n".join(lines)


def servers_table(file):
    """Of the lines that server_bench.py and cluster_bench.py print."""
    lines = [
        f"Load {os.getloadavg()[2]:.1f} over the 15 minutes before the end, {time.strftime('%Y-%m-%d')}.",
        "",
        "| figure | stock / patched | by the servers' processor time | goal | |",
        "|---|---|---|---|---|",
    ]
    for line in file.read_text().splitlines():
        one = json.loads(line)
        goal = SERVER_GOALS[re.match(r"\w+", one["figure"]).group()]
        by_cpu = f"{one['server_ratio']:.3f}"
        met = "met" if one["ratio"] >= goal else "missed"
        lines.append(f"| {one['figure']} | {one['ratio']:.3f} | {by_cpu} | {goal:.2f} | {met} |")
    return "\n".join(lines)


def write_table(file, text, marks):
    begin, end = marks
    content = file.read_text()
    if begin not in content or end not in content:
        raise SystemExit(f"{file}: the marks for the results are missing")
    before, rest = content.split(begin, 1)
    after = rest.split(end, 1)[1]
    file.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def growing(times):
    """Series of benchmarks whose name ends in a number that grows."""
    series = defaultdict(list)
    for name, value in times.items():
        match = re.fullmatch(r"(.+?)[/:](\d+)", name)
        if match:
            series[match.group(1)].append((int(match.group(2)), value))
    return {name: sorted(points) for name, points in series.items() if len(points) > 2}


def plot(times, directory):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "clickhouse-mtls"  # the same input gives the same file
    from matplotlib import pyplot

    directory.mkdir(parents=True, exist_ok=True)
    groups = defaultdict(dict)
    for name, points in growing(times).items():
        group = name.split("/")[0]
        groups["authorize" if "/" not in name or group == "linear_re2" else group][name] = points
    for group, series in groups.items():
        figure, axes = pyplot.subplots(figsize=(8, 5))
        for name, points in sorted(series.items()):
            axes.plot(*zip(*points), marker="o", label=name)
        axes.set_yscale("log")
        if max(x for points in series.values() for x, _ in points) > 100:
            axes.set_xscale("symlog", linthresh=1)
        axes.set_xlabel("size")
        axes.set_ylabel("ns (median)")
        axes.set_title(group)
        axes.grid(True, which="both", alpha=0.3)
        axes.legend(fontsize="small")
        figure.tight_layout()
        figure.savefig(directory / f"{group}.svg", metadata={"Date": None})
        pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*")
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--servers", type=Path)
    arguments = parser.parse_args()
    if arguments.servers:
        write_table(arguments.table, servers_table(arguments.servers), SERVER_MARKS)
        return
    times, counters, context = medians(arguments.results)
    text = table(times, counters, context)
    print(text)
    if arguments.table:
        write_table(arguments.table, text, MARKS)
    if arguments.plots:
        plot(times, arguments.plots)


if __name__ == "__main__":
    main()
