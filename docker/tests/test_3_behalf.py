"""A user of one node is nobody else on another: what she writes has the node show its certificate to nobody."""

from lib.evidence import said


def test_a_host_that_a_statement_names_sees_no_node(cluster, evidence):
    """remote() of a host gets no further than a client without a certificate; the configured cluster is asked as ever."""
    since = cluster.now()
    refused = cluster.client("SELECT * FROM remote('ch2:9440', system, one)", check=False)
    assert refused.returncode != 0, refused.stdout
    evidence("ch2's log", said(cluster.log_line("ch2", since, "peer did not return a certificate")))
    asked = cluster.query("SELECT count() FROM cluster(cluster, system, one)")
    assert asked == "2"
    evidence("the configured cluster", f"{asked} shards answer")


def test_a_uri_is_one_request(cluster, evidence):
    """url() of a text that would end the request line is not sent."""
    url = "https://ch2:8443/?query=SELECT%201 HTTP/1.1\\r\\nX-ClickHouse-User: default\\r\\nX-Pad: "
    refused = cluster.client(f"SELECT * FROM url('{url}', TSV, 'x String')", check=False)
    assert refused.returncode != 0 and "control character" in refused.stderr, refused.stderr
    evidence("url()", refused.stderr.strip().splitlines()[-1][:300])
