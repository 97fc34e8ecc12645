"""The examples for containers: what they refer to is there, nothing is left open, and the configurations in them are in order."""

import shutil
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="needs python3-yaml")
EXAMPLES = Path(__file__).resolve().parents[2] / "docker" / "examples"
MANIFESTS = sorted((EXAMPLES / "kubernetes").glob("*.yaml"))
# What is mounted, and the file of the test's authority that takes its place.
PLACES = {
    "/pki/tls/tls.crt": "server.pem",
    "/pki/tls/tls.key": "server.key",
    "/pki/tls/ca.crt": "ca.pem",
    "/pki/crl": "lists",
    "/svid/svid.pem": "svid.pem",
    "/svid/svid.key": "svid.key",
    "/svid/bundle.pem": "ca.pem",
    "/passwords/passwords": "passwords",
    "/var/lib/clickhouse/mtls.sock": "mtls.sock",
}


def load(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def of_kind(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def containers(pod):
    return pod["containers"] + pod.get("initContainers", [])


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_what_a_manifest_refers_to_is_there(path):
    documents = load(path)
    known = {"ConfigMap": "v1", "Service": "v1", "StatefulSet": "apps/v1"}
    assert all(known[document["kind"]] == document["apiVersion"] for document in documents)
    services, maps = of_kind(documents, "Service"), of_kind(documents, "ConfigMap")
    for each in of_kind(documents, "StatefulSet").values():
        spec, labels, pod = each["spec"], each["spec"]["template"]["metadata"]["labels"], each["spec"]["template"]["spec"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        service = services[spec["serviceName"]]["spec"]
        assert service["selector"].items() <= labels.items()
        ports = {port["containerPort"]: port["name"] for container in containers(pod) for port in container.get("ports", [])}
        assert {port["port"]: port["name"] for port in service["ports"]} == ports
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        claims = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
        mounted = {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]}
        assert mounted == volumes.keys() | claims
        for volume in volumes.values():
            assert len(volume) == 2, "a name and one source"
            if "configMap" in volume and volume["configMap"]["name"] in maps:
                keys = maps[volume["configMap"]["name"]]["data"].keys()
                assert {item["key"] for item in volume["configMap"].get("items", [])} <= keys


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_leaves_nothing_open(path):
    for each in of_kind(load(path), "StatefulSet").values():
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        for container in containers(pod):
            confined = container["securityContext"]
            assert confined["allowPrivilegeEscalation"] is False and confined["capabilities"] == {"drop": ["ALL"]}, container["name"]
            assert not any("subPath" in mount for mount in container["volumeMounts"]), "a renewed file is never seen there"
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] & 0o007 == 0, "others read nothing"


@pytest.fixture(scope="module")
def pki(make_pki):
    pki = make_pki("--trust-domain", "cluster.example")
    pki.issue("server", "--server", "--dns", "clickhouse")
    pki.issue("svid", "--spiffe-id", "spiffe://cluster.example/clickhouse")
    pki.tool.must("pki", "revoke", pki.path)
    (pki.path / "lists").mkdir()
    shutil.copy(pki.crl, pki.path / "lists")
    (pki.path / "passwords").write_text("alice a-long-random-password\n")
    (pki.path / "passwords").chmod(0o600)
    return pki


@pytest.mark.parametrize("path, file", [("server", "config.xml"), ("gateway", "gateway.xml")])
def test_the_configuration_in_a_manifest_is_in_order(tool, pki, tmp_path, path, file):
    for config_map in of_kind(load(EXAMPLES / "kubernetes" / f"{path}.yaml"), "ConfigMap").values():
        for name, text in config_map["data"].items():
            for place, own in PLACES.items():
                text = text.replace(f">{place}<", f">{pki.path / own}<")
            (tmp_path / name).write_text(text)
    done = tool("check", "--config", tmp_path / file, "--json")
    assert done.object()["findings"] == [], done.out
    (tmp_path / file).write_text((tmp_path / file).read_text().replace("server.key", "other.key").replace("svid.key", "other.key"))
    assert tool("check", "--config", tmp_path / file, "--json").object()["findings"] != []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_compose_file_is_one(path):
    [document] = load(path)
    assert document.keys() == {"services", "volumes"}
    for name, service in document["services"].items():
        sources = {volume.split(":")[0] for volume in service["volumes"]}
        assert {source for source in sources if not source.startswith("./")} <= document["volumes"].keys(), name
        assert service.get("network_mode", "service:clickhouse").removeprefix("service:") in document["services"]
        if service["image"].startswith("clickhouse-mtls"):
            assert service["read_only"] and service["cap_drop"] == ["ALL"], name
            assert service["ulimits"]["core"] == 0, "keys are in it"
