"""A Debian of its own in namespaces: bare, with our packages installed by apt, and booted with systemd."""

import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMESPACES = ["--mount", "--pid", "--uts", "--ipc", "--cgroup"]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}


def until(what, seconds, seen):
    """Waits for `seen` to return something true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = seen()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


class Done:
    def __init__(self, status, out):
        self.status, self.out = status, out


def completed(command, **more):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace", check=False, **more
    )
    return Done(done.returncode, done.stdout)


def in_root(root, script):
    """A shell script in a root that is not booted, with the network of this machine, for apt."""
    setup = 'mount --bind "$1" "$1"; mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; exec chroot "$1" sh -euc "$2"'
    return completed(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", setup, "sh", root, script], env=ENVIRONMENT, timeout=900
    )


class Machine:
    """`with Machine(root, scratch) as machine`: changes stay in memory and are gone afterwards."""

    def __init__(self, root, scratch):
        self.root, self.scratch = root, scratch
        self.process = None
        self.first = None

    def __enter__(self):
        self.scratch.mkdir()
        self.process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--net", "--fork", "--kill-child", HERE / "boot", self.root, self.scratch],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.first = until("the first process", 60, lambda: children.read_text().strip())
        until("the root", 60, lambda: Path(f"/proc/{self.first}/comm").read_text().strip() == "systemd")
        until("systemd", 120, lambda: self("systemctl is-system-running").out.strip() in ("running", "degraded"))
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def __call__(self, script):
        enter = ["nsenter", "--target", self.first, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        return completed([*enter, "sh", "-euc", script], env=ENVIRONMENT, timeout=300)

    def must(self, script):
        done = self(script)
        assert done.status == 0, f"{script}\n{done.out[-4000:]}"
        return done.out

    def write(self, path, text):
        """Into the root, as root's."""
        place = Path(f"/proc/{self.first}/root") / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def give(self, files, directory):
        """Copies files of this machine into that one."""
        place = Path(f"/proc/{self.first}/root") / directory.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            (place / file.name).write_bytes(file.read_bytes())

    def journal(self, unit):
        return self(f"journalctl --no-pager --unit {unit}").out

    def running(self, unit):
        """The program that is the unit's main process, or nothing."""
        return self(f'pid=$(systemctl show --property MainPID --value {unit}); [ "$pid" != 0 ] && readlink /proc/$pid/exe').out.strip()
