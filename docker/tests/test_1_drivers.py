"""Each client logs in by certificate, and is refused with one that is not good for it."""

import pytest

from lib.evidence import said

WHO = "SELECT user FROM system.processes WHERE query LIKE '%system.processes%'"

PYTHON_DRIVER = """
import ssl, sys, warnings
warnings.simplefilter("ignore")
from clickhouse_driver import Client
name, user = sys.argv[1:]
client = Client("ch1", port=9440, user=user, secure=True, verify=True, ca_certs="/pki/ca.pem", certfile=f"/pki/{name}.pem",
                keyfile=f"/pki/{name}.key", ssl_version=ssl.PROTOCOL_TLS)
print(client.execute("%s")[0][0])
"""

PYTHON_SSL = """
import http.client, ssl, sys
name, user = sys.argv[1:]
context = ssl.create_default_context(cafile="/pki/ca.pem")
context.load_cert_chain(f"/pki/{name}.pem", f"/pki/{name}.key")
connection = http.client.HTTPSConnection("ch1", 8443, context=context, timeout=15)
connection.request("POST", "/", "%s", {"X-ClickHouse-User": user, "X-ClickHouse-SSL-Certificate-Auth": "on"})
answer = connection.getresponse()
text = answer.read().decode()
print(text)
sys.exit(answer.status != 200)
"""

S_CLIENT = r"""
query="%s"
printf 'POST / HTTP/1.0\r\nX-ClickHouse-User: %%s\r\nX-ClickHouse-SSL-Certificate-Auth: on\r\nContent-Length: %%d\r\n\r\n%%s' \
    "$2" ${#query} "$query" | timeout 15 openssl s_client -quiet -connect ch1:8443 -cert "/pki/$1.pem" -key "/pki/$1.key" \
    -CAfile /pki/ca.pem -verify_hostname ch1 -verify_return_error 2>&1
"""


def clickhouse_client(cluster, pair, user):
    return cluster.client(WHO, source="attacker", pair=pair, user=user, check=False)


def curl(cluster, pair, user):
    done = cluster.https("attacker", "ch1", WHO, pair=pair, user=user)
    answer, _, code = done.stdout.rpartition("\n")
    done.returncode = done.returncode or (0 if code == "200" else 22)
    done.stdout = answer
    return done


def python_driver(cluster, pair, user):
    return cluster.run("attacker", "python3", "-c", PYTHON_DRIVER % WHO, pair, user, check=False)


def python_ssl(cluster, pair, user):
    return cluster.run("attacker", "python3", "-c", PYTHON_SSL % WHO, pair, user, check=False)


def s_client(cluster, pair, user):
    done = cluster.run("attacker", "sh", "-c", S_CLIENT % WHO, "sh", pair, user, check=False)
    done.returncode = 0 if "HTTP/1.0 200 OK" in done.stdout else 1
    done.stdout = done.stdout.rpartition("\n\n")[2]
    return done


@pytest.mark.parametrize("driver", [clickhouse_client, curl, python_driver, python_ssl, s_client], ids=lambda each: each.__name__)
def test_login_by_certificate(cluster, evidence, driver):
    """A user's certificate gets in as that user, without a password. One that no rule knows, one of another authority, and the user's
    own under another name are refused, and the node's log says why."""
    granted = driver(cluster, "alice", "alice")
    assert granted.returncode == 0, granted.stderr
    assert granted.stdout.strip() == "alice"
    evidence("alice's certificate", f"logged in as {granted.stdout.strip()}")
    for pair, user, reason in (
        ("printer", "alice", "may not log in as 'alice': no rule matches"),
        ("foreign", "alice", "reason=UNKNOWN-CA"),
        ("alice", "bob", "may not log in as 'bob': rule 'people' yields 'alice'"),
    ):
        since = cluster.now()
        refused = driver(cluster, pair, user)
        assert refused.returncode != 0, refused.stdout
        line = cluster.log_line("ch1", since, reason)
        evidence(f"{pair}'s certificate as {user}", said(line))
