"""The Helm chart, linted and rendered by Helm itself (its Go library, by PyPI's helm-python-sdk), and its manifests held
against the schemas of Kubernetes."""

import json
import os
import subprocess
import tomllib

import helm_python as helm
import kubernetes_validate
import pytest
import yaml

from harness.environments import ROOT
from proxies import DEPLOY

CHART = DEPLOY / "helm" / "ballast"
LIMIT = 60
# The oldest that the chart allows, and the newest that the schemas know.
VERSIONS = ["1.30", "1.34"]
BALLAST = os.environ.get("BALLAST_BIN", ROOT / "target" / "debug" / "ballast")

SINGLE: dict = {}
CLUSTER = {
    "mode": "cluster",
    "database": {"existingSecret": "hub-database"},
    "s3": {"bucket": "models", "existingSecret": "hub-s3", "endpoint": "https://s3.example.org"},
}
EVERYTHING = CLUSTER | {
    "replicas": 5,
    "image": {"repository": "registry.example.org/ballast", "digest": "sha256:" + "a1" * 32},
    "imagePullSecrets": [{"name": "registry"}],
    "publicUrl": "https://hub.example.org",
    "config": '[mail]\ntransport = "smtp"\nurl = { file = "/run/secrets/ballast/mail/url" }\n\n[lfs]\nthreshold = 1000000\n',
    "administrator": {"existingSecret": "hub-administrator", "passwordKey": "password"},
    "secrets": [{"name": "mail", "secretName": "hub-mail"}],
    "env": [{"name": "BALLAST_SERVER__SITE_NAME", "value": "The hub"}],
    "ingress": {"enabled": True, "className": "nginx", "tls": {"secretName": "hub-tls"}},
    "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}},
    "podDisruptionBudget": {"maxUnavailable": "25%"},
    "drainSeconds": 120,
    "serviceAccount": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "models"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "models", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"a": "b"}}}
    ],
}
SINGLE_WITH_INGRESS = {
    "publicUrl": "http://hub.example.org:8080/",
    "ingress": {"enabled": True},
    "persistence": {"size": "1Ti", "storageClass": "fast", "annotations": {"a": "b"}},
}
VALUES = {"single": SINGLE, "single-ingress": SINGLE_WITH_INGRESS, "cluster": CLUSTER, "everything": EVERYTHING}


def render(values: dict, release: str = "hub") -> dict[str, list[dict]]:
    """The manifests by their kind; the notes as text under `notes`."""
    with helm.Chart.load(CHART) as chart:
        rendered = chart.render(values, name=release, namespace="models")
    manifests: dict = {"notes": rendered.pop("ballast/templates/NOTES.txt")}
    for text in rendered.values():
        for manifest in filter(None, yaml.safe_load_all(text)):
            manifests.setdefault(manifest["kind"], []).append(manifest)
    return manifests


@pytest.fixture(params=VALUES, ids=str)
def values(request) -> dict:
    return VALUES[request.param]


@pytest.fixture
def manifests(values) -> dict:
    return render(values)


def workload(manifests: dict) -> dict:
    (found,) = manifests.get("Deployment", []) + manifests.get("StatefulSet", [])
    return found


def pod(manifests: dict) -> dict:
    return workload(manifests)["spec"]["template"]["spec"]


def container(manifests: dict) -> dict:
    (found,) = pod(manifests)["containers"]
    return found


def environment(manifests: dict) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(manifests)["env"]}


def the_hub_takes(manifests: dict, folder) -> str:
    """What `ballast check` says of the config and the environment that a pod has."""
    config = folder / "ballast.toml"
    config.write_text(manifests["ConfigMap"][0]["data"]["ballast.toml"])
    done = subprocess.run(
        [BALLAST, "check", "--config", config],
        env={"PATH": os.environ["PATH"]} | environment(manifests),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_helm_finds_nothing_to_complain_about(values, version):
    report = helm.lint(CHART, values, strict=True, kube_version=f"v{version}.0")
    assert report["total_charts_linted"] == 1
    found = [message for message in report["messages"] if message["severity"] > 1]
    assert (found, report["errors"]) == ([], [])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_one_that_kubernetes_knows(manifests, version):
    kinds = {kind: found for kind, found in manifests.items() if kind != "notes"}
    assert {"ConfigMap", "Service", "ServiceAccount"} <= set(kinds)
    for manifest in (manifest for found in kinds.values() for manifest in found):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_pod_has_no_rights_that_it_does_not_need(manifests):
    whole, only = pod(manifests)["securityContext"], container(manifests)["securityContext"]
    assert whole["runAsNonRoot"] and whole["runAsUser"] == whole["runAsGroup"] == whole["fsGroup"] == 65532
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert pod(manifests)["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(manifests))
    (account,) = manifests["ServiceAccount"]
    assert pod(manifests)["serviceAccountName"] == account["metadata"]["name"]


def test_what_a_pod_writes_to_is_a_volume_and_the_rest_is_read_only(manifests):
    mounts = {mount["mountPath"]: mount for mount in container(manifests)["volumeMounts"]}
    writable = {path for path, mount in mounts.items() if not mount.get("readOnly")}
    assert writable == {"/var/lib/ballast", "/tmp"}
    assert environment(manifests)["BALLAST_DATA_DIR"] == "/var/lib/ballast"


def test_probes_ask_the_documented_routes(manifests):
    documented = json.loads((ROOT / "openapi" / "openapi.json").read_text())["paths"]
    probes = {name: container(manifests)[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    # Life does not hang on the database or on the bucket; whether requests should come does.
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert {probe["path"] for probe in probes.values()} <= set(documented)
    (port,) = container(manifests)["ports"]
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert environment(manifests)["BALLAST_SERVER__LISTEN"] == f"0.0.0.0:{port['containerPort']}"


def test_requests_under_way_may_end_before_a_pod_is_killed(manifests):
    drain = int(environment(manifests)["BALLAST_SERVER__DRAIN_SECONDS"])
    wait = container(manifests)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod(manifests)["terminationGracePeriodSeconds"] > drain + wait


def test_the_service_the_budget_and_the_workload_mean_the_same_pods(manifests):
    labels = workload(manifests)["spec"]["template"]["metadata"]["labels"]
    (service,) = manifests["Service"]
    selectors = [service["spec"]["selector"], workload(manifests)["spec"]["selector"]["matchLabels"]]
    selectors += [budget["spec"]["selector"]["matchLabels"] for budget in manifests.get("PodDisruptionBudget", [])]
    for selector in selectors:
        assert selector and selector.items() <= labels.items()
    # A selector never changes: what changes with a release is not in it.
    assert set(selectors[0]) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


def test_the_hub_takes_what_a_pod_gives_it(manifests, tmp_path):
    said = the_hub_takes(manifests, tmp_path)
    assert "the configuration is valid" in said
    # A secret of the pod is a file that is not here, below a mount of the pod, and nothing else is unreadable.
    mounted = {mount["mountPath"] for mount in container(manifests)["volumeMounts"] if mount["name"].startswith("secret-")}
    files = {path for path in said.replace(":", " ").split() if path.startswith("/run/secrets/")}
    assert {path.rpartition("/")[0] for path in files} == mounted


def test_no_secret_is_in_a_manifest(manifests, values):
    (config,) = manifests["ConfigMap"]
    assert set(config["data"]) == {"ballast.toml"}
    assert config["data"]["ballast.toml"].strip() == values.get("config", "").strip()
    # The chart has no secret that it could put anywhere: it takes the names of Secrets that somebody else made.
    assert "Secret" not in manifests
    for name, value in environment(manifests).items():
        secret = name.endswith(("DATABASE__URL", "PASSWORD", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "TOKEN"))
        assert not secret and "@" not in value, name


@pytest.mark.parametrize(
    "line",
    [
        '[database]\nurl = "postgres://hub:hunter2@db/hub"',
        '[storage.main.config]\nsecret_access_key = "hunter2"',
        "[storage.main.config]\n'access_key_id' = 'hunter2'",
        '[storage.main]\nconfig = { scheme = "s3", session_token = """hunter2""" }',
        '[mail]\nurl = "smtps://hub:hunter2@mail.example.org"',
        '[[bootstrap.users]]\nname = "a"\npassword = "hunter2"',
        '[[bootstrap.users]]\nname = "a"\ntokens = [{ name = "t", role = "read", value = "hunter2" }]',
    ],
)
def test_a_secret_in_the_config_is_refused_and_not_repeated(line):
    tomllib.loads(line)
    with pytest.raises(helm.HelmError) as refused:
        render({"config": line})
    assert "a secret stands in it" in str(refused.value) or "a password stands in it" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_what_only_looks_like_a_secret_is_no_mistake():
    reference = (ROOT / "config" / "ballast.toml").read_text()
    for config in (reference, '[mail]\nurl = { env = "MAIL" }\npassword_note = 1', '[server]\npublic_url = "https://a:1/@b"'):
        assert render({"config": config})["ConfigMap"]


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ({"mode": "many"}, "mode"),
        ({"replica": 3}, "replica"),
        ({"mode": "cluster"}, "existingSecret"),
        (CLUSTER | {"database": {}}, "existingSecret"),
        (CLUSTER | {"s3": {"existingSecret": "a"}}, "bucket"),
        ({"publicUrl": "hub.example.org"}, "publicUrl"),
        ({"publicUrl": "https://hub.example.org/path"}, "publicUrl"),
        ({"ingress": {"enabled": True}}, "publicUrl"),
        ({"s3": {"presign": "sometimes"}}, "presign"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"secrets": [{"name": "s3", "secretName": "mine"}]}, "secrets"),
        ({"secrets": [{"name": "../x", "secretName": "mine"}]}, "secrets"),
        ({"persistence": {"size": "much"}}, "size"),
    ],
)
def test_a_mistake_in_the_values_is_refused_by_name(mistake, says):
    with pytest.raises(helm.HelmError) as refused:
        render(mistake)
    assert says in str(refused.value)


def test_every_value_is_in_the_schema_and_has_its_default():
    def names(schema: dict, at: str = "") -> set[str]:
        inner = schema.get("properties", {})
        return {at + name for name in inner} | {deep for name in inner for deep in names(inner[name], f"{at}{name}.")}

    def written(values: dict, at: str = "") -> set[str]:
        return {at + name for name in values} | {
            deep for name, value in values.items() if isinstance(value, dict) for deep in written(value, f"{at}{name}.")
        }

    with helm.Chart.load(CHART) as chart:
        schema, defaults = chart.schema, chart.values
    free = ("resources.", "ingress.annotations.", "affinity.", "nodeSelector.")
    assert names(schema) - {"global"} == {name for name in written(defaults) if not name.startswith(free)}


def test_one_node_keeps_its_data_in_a_volume_that_outlives_the_release():
    manifests = render(SINGLE_WITH_INGRESS)
    (found,) = manifests["StatefulSet"]
    assert found["spec"]["replicas"] == 1
    assert found["spec"]["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = found["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Ti"
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["metadata"]["name"] in {mount["name"] for mount in container(manifests)["volumeMounts"]}
    assert not {"Deployment", "PodDisruptionBudget"} & set(manifests)
    assert not [name for name in environment(manifests) if name.startswith(("BALLAST_DATABASE", "BALLAST_STORAGE"))]


def test_many_nodes_keep_nothing_and_stay_while_machines_are_emptied():
    manifests = render(EVERYTHING)
    (found,) = manifests["Deployment"]
    assert found["spec"]["replicas"] == 5
    assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    kinds = {next(iter(set(volume) - {"name"})) for volume in pod(manifests)["volumes"]}
    assert kinds == {"emptyDir", "configMap", "secret"}
    (budget,) = manifests["PodDisruptionBudget"]
    assert budget["spec"]["maxUnavailable"] == "25%"
    assert container(manifests)["image"] == "registry.example.org/ballast@sha256:" + "a1" * 32
    assert "StatefulSet" not in manifests


def test_the_ingress_has_the_public_url_and_lets_bodies_through():
    (ingress,) = render(EVERYTHING)["Ingress"]
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "hub.example.org"
    assert ingress["spec"]["tls"] == [{"hosts": ["hub.example.org"], "secretName": "hub-tls"}]
    annotations = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    assert (annotations["proxy-body-size"], annotations["proxy-request-buffering"]) == ("0", "off")
    (plain,) = render(SINGLE_WITH_INGRESS)["Ingress"]
    assert "tls" not in plain["spec"] and plain["spec"]["rules"][0]["host"] == "hub.example.org"


def test_a_change_of_the_config_starts_the_pods_anew():
    before, after = (render({"config": text}) for text in ("", "[log]\nformat = \"json\"\n"))
    annotation = lambda manifests: workload(manifests)["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
    assert annotation(before) != annotation(after)


def test_notes_say_how_to_get_in(manifests, values):
    notes = manifests["notes"]
    assert "HF_ENDPOINT=http" in notes and workload(manifests)["metadata"]["name"] in notes
    assert ("token create admin" in notes) == ("administrator" not in values)


def test_a_long_release_name_gives_names_that_kubernetes_takes():
    for found in render(CLUSTER, release="r" * 53).values():
        for manifest in found if isinstance(found, list) else []:
            assert len(manifest["metadata"]["name"]) <= 63


def test_a_packaged_chart_is_the_same_chart(tmp_path):
    archive = helm.package(CHART, destination=tmp_path)
    with helm.Chart.load(archive) as packaged, helm.Chart.load(CHART) as chart:
        assert packaged.metadata == chart.metadata
        assert packaged.render(CLUSTER, name="hub") == chart.render(CLUSTER, name="hub")
        version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
        assert chart.metadata["appVersion"] == version
