"""The cluster of compose.yaml, brought up under a name of its own, and what the tests do to it."""

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lib.wait import eventually

DOCKER = Path(__file__).resolve().parents[2]
NODES = ("ch1", "ch2", "ch3")
MEMBERS = ("zk1", "zk2", "zk3")
HOSTS = ("setup", *MEMBERS, *NODES, "client", "attacker")


class Failed(Exception):
    """A command ended with another status than 0; the message is what it said."""


def command(*argv, content=None, check=True, within=120, env=None):
    done = subprocess.run(
        [str(each) for each in argv],
        input=content,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=None if content is not None else subprocess.DEVNULL,
        text=not isinstance(content, bytes),
        timeout=within,
        check=False,
        env=env,
    )
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: status {done.returncode}: {done.stderr[-3000:]}{done.stdout[-1000:]}")
    return done


def compose_command():
    """Debian 12 has docker-compose; others have the plug-in."""
    return ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


class Cluster:
    def __init__(self, project, directory):
        self.project = project
        self.config = directory / "config"
        self.logs_directory = directory / "logs"
        shutil.copytree(DOCKER / "config", self.config)
        # A busy machine takes its time to remove what was much written to.
        patience = {"COMPOSE_HTTP_TIMEOUT": "280"}
        self.env = {**os.environ, **patience, "COMPOSE_PROJECT_NAME": project, "CHMTLS_CONFIG": str(self.config)}
        self.ids = {}
        # The authorities that issue now; tests replace them.
        self.authorities = {"cluster": "/authority/cluster", "coordination": "/authority/coordination"}

    def compose(self, *arguments, file="compose.yaml", more_files=(), more_env=None, within=300):
        files = [part for name in (file, *more_files) for part in ("--file", DOCKER / name)]
        return command(*compose_command(), *files, *arguments, within=within, env={**self.env, **(more_env or {})})

    def make_anew(self, host, more_files=(), more_env=None):
        """Another container for a host, by compose.yaml and `more_files`; its volumes stay."""
        self.compose(
            "up", "--detach", "--no-build", "--no-deps", "--force-recreate", "--timeout", "10", host,
            more_files=more_files, more_env=more_env,
        )  # fmt: skip
        self.ids.pop(host, None)

    def up(self):
        self.compose("up", "--detach", "--no-build")
        for node in NODES:
            self.healthy(node)

    def down(self):
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "2")

    def id(self, host):
        """The container of a host; a host keeps it until it is made anew."""
        if host not in self.ids:
            found = self.compose("ps", "--quiet", host).stdout.split()
            assert len(found) == 1, f"{host} has {len(found)} containers"
            self.ids[host] = found[0]
        return self.ids[host]

    def inspect(self, host, form):
        return command("docker", "inspect", "--format", form, self.id(host)).stdout.strip()

    def address(self, host):
        return self.inspect(host, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")

    @property
    def network(self):
        return f"{self.project}_cluster"

    @property
    def bridge(self):
        return "br-" + command("docker", "network", "inspect", "--format", "{{.Id}}", self.network).stdout[:12]

    def healthy(self, host, within=180):
        def serves():
            state, health = self.inspect(host, "{{.State.Status}} {{.State.Health.Status}}").split()
            if state == "exited":
                raise RuntimeError(f"{host} has ended:\n{self.log(host)[-3000:]}")
            return health == "healthy"

        eventually(serves, within, f"a healthy {host}", pause=0.3)

    # What runs inside.

    def run(self, host, *argv, content=None, check=True, user=None, within=120):
        options = (["--interactive"] if content is not None else []) + (["--user", user] if user else [])
        return command("docker", "exec", *options, self.id(host), *argv, content=content, check=check, within=within)

    def begin(self, host, *argv):
        """A tool that works until finish()."""
        return Tool(["docker", "exec", "--interactive", self.id(host), *argv])

    def log(self, host, since=None):
        done = command("docker", "logs", *(["--since", since] if since else []), self.id(host))
        return done.stdout + done.stderr

    @staticmethod
    def now():
        """A moment for log(since)."""
        return f"{time.time():.6f}"

    def log_line(self, host, since, *parts, within=60):
        """The first line since then that has all these parts."""
        return eventually(lambda: self.found(host, since, *parts), within, f"a line of {host} with {parts}", pause=0.2)

    def found(self, host, since, *parts):
        """The first line since then that has all these parts, if there is one by now."""
        return next((line for line in self.log(host, since).splitlines() if all(part in line for part in parts)), None)

    # Queries.

    def client(self, sql, host="ch1", source="client", pair="alice", user="alice", more=(), check=True, within=120):
        """clickhouse-client on the host `source`."""
        config = "/etc/clickhouse-client/config.xml"
        if pair != "alice":
            ours = f"/tmp/{pair}.xml"
            self.run(source, "sh", "-c", f"sed s/alice/{pair}/ {config} >{ours}")
            config = ours
        return self.run(
            source, "clickhouse-client", f"--config-file={config}", "--secure", f"--host={host}", f"--user={user}", *more, f"--query={sql}",
            check=check, within=within,
        )  # fmt: skip

    def query(self, sql, host="ch1", **more):
        return self.client(sql, host, **more).stdout.strip()

    def https(self, source, host, sql, pair="alice", user="alice", port=8443, path="/", check=False, ca="ca.pem"):
        """curl from the host `source` with one of its certificates (None: without)."""
        with_pair = ["--cert", f"/pki/{pair}.pem", "--key", f"/pki/{pair}.key"] if pair else []
        login = ["--header", f"X-ClickHouse-User: {user}", "--header", "X-ClickHouse-SSL-Certificate-Auth: on"] if user else []
        return self.run(
            source, "curl", "--silent", "--show-error", "--max-time", "15", "--cacert", f"/pki/{ca}", *with_pair, *login,
            "--write-out", "\n%{http_code}", *(["--data-binary", sql] if sql is not None else []), f"https://{host}:{port}{path}",
            check=check,
        )  # fmt: skip

    # Certificates.

    def setup(self, script, check=True):
        """A shell script on the host that has the authorities, after the functions of cluster-pki."""
        now = "\n".join(f"{kind}={path}" for kind, path in self.authorities.items())
        return self.run("setup", "sh", "-euc", f". /usr/local/bin/cluster-pki-functions\n{now}\n{script}", check=check)

    # What the module says, and is told.

    def status(self, node):
        return json.loads(self.run(node, "clickhouse-mtls", "status", "--json", check=False).stdout)

    def recovered(self, node):
        """What was refused last is in order again."""
        eventually(lambda: self.status(node)["reload"]["last_error"] is None, 60, f"{node} without an error", pause=0.2)

    @contextmanager
    def configured(self, change, file="config.xml"):
        """All nodes with a changed configuration, from when it is in force: `change` maps the text of the file to another one. (Of
        users.xml the module says so only where a change is about certificates.)"""
        path = self.config / file
        before = path.read_text(encoding="utf-8")

        def put(text):
            assert text != path.read_text(encoding="utf-8"), "the configuration is as it was"
            since = self.now()
            path.write_text(text, encoding="utf-8")
            for node in NODES if file == "config.xml" else ():
                self.log_line(node, since, "clickhouse-mtls: generation", "is in force")

        try:
            put(change(before))
            yield
        finally:
            put(before)

    # Tables.

    def create_tables(self):
        self.query(
            "CREATE TABLE IF NOT EXISTS events ON CLUSTER cluster (id UInt64, text String) "
            "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/events', '{replica}') ORDER BY id"
        )
        self.query(
            "CREATE TABLE IF NOT EXISTS all_events ON CLUSTER cluster (id UInt64, text String) "
            "ENGINE = Distributed(cluster, default, events, id)"
        )
        self.query("CREATE TABLE IF NOT EXISTS all_ones ON CLUSTER cluster (dummy UInt8) ENGINE = Distributed(cluster, system, one)")

    def replicas_agree(self, base=0, within=60):
        """Both replicas of the first shard hold the same rows of those that are numbered from `base` on; not while such rows arrive.
        (Where an insert was cut off from ZooKeeper, they may have to wait five minutes until they do.)"""
        content = f"SELECT count(), sum(id), uniqExact(id) FROM events WHERE id >= {base} AND id < {base} + 100000000"

        def same():
            return self.query(content, "ch1") == self.query(content, "ch2")

        eventually(same, within, "the same rows on ch1 and ch2", pause=0.3)

    def writable(self, within=60):
        def all_writable():
            closed = "SELECT sum(is_readonly) + sum(is_session_expired) FROM system.replicas"
            return all(self.query(closed, node) == "0" for node in NODES)

        eventually(all_writable, within, "replicas that can write", pause=0.3)

    def save_logs(self):
        self.logs_directory.mkdir(parents=True, exist_ok=True)
        for host in HOSTS:
            try:
                (self.logs_directory / f"{host}.log").write_text(self.log(host), encoding="utf-8")
            except (Failed, AssertionError, subprocess.TimeoutExpired) as problem:
                (self.logs_directory / f"{host}.log").write_text(f"no log: {problem}\n", encoding="utf-8")


class Tool:
    """A program that says "started", works until its input ends, and then says as JSON what it has seen."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        if first.strip() != "started":
            self.process.kill()
            raise Failed(f"{argv}: {first}{self.process.stderr.read()}")

    def finish(self, within=150):
        out, err = self.process.communicate("", timeout=within)
        assert self.process.returncode == 0, err
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
