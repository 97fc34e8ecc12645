"""Proxies in front of the gateway that end TLS themselves: nginx, HAProxy, and senders of the other formats, byte by byte."""

import base64
import contextlib
import socket
import struct
import subprocess
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lib.pki import write
from lib.server import free_ports
from lib.wait import eventually

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def der_of(pair):
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).public_bytes(Encoding.DER)


def pem_of(pair):
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).public_bytes(Encoding.PEM).decode()


def client_cert(pair):
    """RFC 9440."""
    return f"Client-Cert: :{base64.b64encode(der_of(pair)).decode()}:\r\n"


def xfcc_element(pair, chain=()):
    """As Envoy writes it with set_current_client_cert_details of everything."""
    value = f'By=spiffe://example.org/edge;Hash={"0" * 64};Cert="{quote(pem_of(pair), safe="")}"'
    if chain:
        value += f';Chain="{quote("".join(pem_of(each) for each in chain), safe="")}"'
    return value + ';Subject="CN=\\"alice\\", O=x";URI=spiffe://example.org/alice'


def proxy_v2(certificate=None, source=("192.0.2.7", 50000), verify=0, flags=0x07, command=1):
    """PROXY protocol, version 2, with the client's certificate as TLV 0x28."""
    body = socket.inet_aton(source[0]) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", source[1], 9440)
    if certificate is not None:
        inner = struct.pack(">BH", 0x28, len(certificate)) + certificate
        tls = struct.pack(">BI", flags, verify) + inner
        body += struct.pack(">BH", 0x20, len(tls)) + tls
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack(">H", len(body)) + body


class Process:
    """A proxy of the system, on a port of 127.0.0.1."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        (port,) = free_ports(1)
        self.ports = {"https_port": port, "tcp_port_secure": port}
        self.port = port
        self.process = None

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        with open(self.directory / "output", "wb") as output:
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, stdin=subprocess.DEVNULL)

        def listens():
            assert self.process.poll() is None, (self.directory / "output").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return True
            return False

        eventually(listens, what="a proxy that listens")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)


class Nginx(Process):
    """Ends mutual TLS and hands the client's certificate on to `behind`, over mutual TLS with `edge`."""

    def __init__(self, directory, behind, ca, server, edge):
        super().__init__(directory)
        self.behind, self.ca, self.server, self.edge = behind, ca, server, edge

    def command(self):
        here = self.directory
        paths = "".join(
            f"{kind}_temp_path {here}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        write(
            here / "nginx.conf",
            f"""daemon off; master_process off; pid {here}/pid; error_log stderr warn;
events {{}}
http {{
  access_log off; {paths}
  server {{
    listen 127.0.0.1:{self.port} ssl;
    ssl_certificate {self.server.certificate}; ssl_certificate_key {self.server.key};
    ssl_client_certificate {self.ca}; ssl_verify_client optional;
    location / {{
      proxy_pass https://127.0.0.1:{self.behind}; proxy_http_version 1.1;
      proxy_ssl_certificate {self.edge.certificate}; proxy_ssl_certificate_key {self.edge.key};
      proxy_ssl_trusted_certificate {self.ca}; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_protocols TLSv1.3;
      proxy_set_header Host localhost;
      proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
      proxy_set_header X-SSL-Client-Verify $ssl_client_verify;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
""".encode(),
        )
        return ["/usr/sbin/nginx", "-p", str(here), "-c", str(here / "nginx.conf"), "-e", "stderr"]


class HaProxy(Process):
    """Likewise. `tcp`: passes a connection on as it is, with this header of the PROXY protocol."""

    def __init__(self, directory, behind, ca, server, edge, tcp=None):
        super().__init__(directory)
        self.behind, self.ca, self.server, self.edge, self.tcp = behind, ca, server, edge, tcp

    def command(self):
        here = self.directory
        both = {}
        for name, pair in (("server", self.server), ("edge", self.edge)):
            both[name] = write(here / f"{name}.pem", pair.certificate.read_bytes() + pair.key.read_bytes())
        hand_on = """
  http-request set-header X-SSL-Client-DER %[ssl_c_der,base64]
  http-request set-header X-SSL-Client-Chain-DER %[ssl_c_chain_der,base64]
  http-request set-header X-SSL-Client-Used %[ssl_c_used]
  http-request set-header X-SSL-Client-Verify %[ssl_c_verify]
  http-request set-header X-Forwarded-For %[src]"""
        write(
            here / "haproxy.cfg",
            f"""global
  maxconn 100
defaults
  mode {"tcp" if self.tcp else "http"}
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:{self.port} ssl crt {both["server"]} ca-file {self.ca} verify optional{"" if self.tcp else hand_on}
  default_backend gateway
backend gateway
  server gateway 127.0.0.1:{self.behind} {self.tcp or ""} ssl crt {both["edge"]} ca-file {self.ca} verify required verifyhost localhost
""".encode(),
        )
        return ["/usr/sbin/haproxy", "-db", "-f", str(here / "haproxy.cfg")]
