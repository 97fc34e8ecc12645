"""ZooKeeper of the Debian package, as a process of the test's own: TLS with client certificates, or plaintext as a control."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lib.pki import write
from lib.server import free_ports
from lib.wait import eventually

JARS = Path("/usr/share/java")
CLASSES = ["zookeeper.jar", "zookeeper-jute.jar", "slf4j-api.jar", "slf4j-simple.jar"]
JAVA = (
    "java -Xmx96m -Xss512k -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Djava.security.egd=file:/dev/urandom "
    "-Dzookeeper.admin.enableServer=false -Dzookeeper.fsync.warningthresholdms=60000 -Dzookeeper.forceSync=no"
).split()


def class_path():
    netty = sorted(path for path in JARS.glob("netty-*.jar") if not path.stem[-1].isdigit() and "Final" not in path.name)
    return ":".join(str(path) for path in [JARS / name for name in CLASSES] + netty)


@dataclass
class ZooKeeper:
    """One server, alone or of an ensemble. `pair` None: plaintext."""

    directory: Path
    pair: object = None
    trusted: bytes = b""  # PEM
    peers: list = field(default_factory=list)  # the whole ensemble, itself included
    number: int = 1
    host: str = "127.0.0.1"
    port: int = None
    protocols: str = "TLSv1.3,TLSv1.2"  # left alone it speaks 1.2 only, and has no cipher for 1.3

    def __post_init__(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        port, self.quorum_port, self.election_port = free_ports(3)
        self.port = self.port or port
        self.process = None
        self.former_log = 0

    @property
    def log_file(self):
        return self.directory / "zookeeper.log"

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def write_config(self):
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        lines = ["tickTime=500", "initLimit=20", "syncLimit=10", f"dataDir={data}", "maxClientCnxns=0"]
        lines += ["minSessionTimeout=1000", "maxSessionTimeout=60000", "4lw.commands.whitelist=*"]
        if self.pair is None:
            lines += [f"clientPort={self.port}", f"clientPortAddress={self.host}"]
        else:
            write(self.directory / "keys.pem", self.pair.certificate.read_bytes() + self.pair.key.read_bytes())
            write(self.directory / "trust.pem", self.trusted)
            lines += [
                f"secureClientPort={self.port}",
                f"secureClientPortAddress={self.host}",
                "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
                f"ssl.keyStore.location={self.directory}/keys.pem",
                f"ssl.trustStore.location={self.directory}/trust.pem",
                f"ssl.protocol={self.protocols.split(',', maxsplit=1)[0]}",
                f"ssl.enabledProtocols={self.protocols}",
                "ssl.ciphersuites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "ssl.clientAuth=need",
                "ssl.hostnameVerification=false",
            ]
        if len(self.peers) > 1:
            lines += [f"server.{p.number}={p.host}:{p.quorum_port}:{p.election_port}" for p in self.peers]
            (data / "myid").write_text(f"{self.number}\n")
        (self.directory / "zoo.cfg").write_text("\n".join(lines) + "\n")

    def launch(self):
        self.write_config()
        self.former_log = len(self.log())
        with open(self.log_file, "ab") as output:
            self.process = subprocess.Popen(
                [*JAVA, "-cp", class_path(), "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.directory / "zoo.cfg")],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )

    def wait(self):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"ZooKeeper ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            # It listens before it serves. One of an ensemble serves when there is a leader: that shows with its first answer.
            serves = len(self.peers) > 1 or "checkIntervalMs" in self.log()[self.former_log :]
            return serves and listens(self.host, self.port)

        eventually(ready, within=60, what="a ZooKeeper that serves")
        return self

    def start(self):
        self.launch()
        return self.wait()

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGKILL)  # it keeps nothing that matters
        process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def listens(host, port):
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
