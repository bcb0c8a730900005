"""The Dockerfile by hadolint, its health check against real hubs, and the compose files by Docker Compose itself. No
image is built or pulled: where the tests run, there is no Docker."""

import fnmatch
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import threading
import tomllib
from pathlib import Path

import pytest

from harness.environments import ROOT, environment
from proxies import DEPLOY, free_ports

LIMIT = 60
DOCKER = DEPLOY / "docker"
COMPOSE = DEPLOY / "compose"
BALLAST = os.environ.get("BALLAST_BIN", ROOT / "target" / "debug" / "ballast")
FILES = ["single-node.yaml", "postgres-s3.yaml", "lakefs.yaml"]


def tool(name: str) -> Path:
    return environment("deploy") / "bin" / name


def run(command: list, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, **options
    )


# --- The image ---


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, of all stages."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (DOCKER / "Dockerfile").read_text()))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    all_of_them = instructions()
    last = max(number for number, (word, _) in enumerate(all_of_them) if word == "FROM")
    return all_of_them[last:]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for word, rest in final_stage() if word == "ENV" for pair in rest.split())


def test_hadolint_finds_no_mistake_in_the_dockerfile():
    done = run([tool("hadolint"), "--failure-threshold", "style", DOCKER / "Dockerfile"])
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_a_user_without_rights_whose_number_the_chart_has_too():
    users = [rest for word, rest in final_stage() if word == "USER"]
    assert users == ["65532:65532"]
    assert "runAsUser: 65532" in (DEPLOY / "helm/ballast/templates/_helpers.tpl").read_text()


def test_the_image_has_the_compiler_that_the_workspace_asks_for():
    wanted = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    (compiler, _) = (rest for word, rest in instructions() if word == "FROM")
    assert compiler.startswith(f"rust:{wanted}-")


def ignored(path: str) -> bool:
    """Whether the context of a build lacks a path, by the rules of a .dockerignore: the last that fits decides."""
    verdict = False
    for rule in (DOCKER / "Dockerfile.dockerignore").read_text().split("\n"):
        rule = rule.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern, keeps = rule.removeprefix("!").removeprefix("**/"), rule.startswith("!")
        parts = path.split("/")
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch.fnmatchcase(name, pattern) for name in (parts if "**/" in rule else above)):
            verdict = not keeps
    return verdict


def test_what_is_sent_to_the_builder_is_a_whole_workspace_and_nothing_private(tmp_path):
    tracked = run(["git", "ls-files"], cwd=ROOT).stdout.splitlines()
    sent = [path for path in tracked if not ignored(path)]
    assert len(sent) > 300
    for path in ("target/debug/ballast", ".git/config", "ballast-data/admin-token", "deploy/compose/secrets/database-url"):
        assert ignored(path), path
    for path in sent:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)

    # What the stages copy out of the context is there.
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            source = [part for part in rest.split() if not part.startswith("--")][0]
            assert (tmp_path / source).is_file(), source
    # Cargo sees every member, needs no other lock file, and every file that a source includes came along.
    metadata = run(["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version=1"], cwd=tmp_path)
    assert metadata.returncode == 0, metadata.stderr
    members = {package["name"] for package in json.loads(metadata.stdout)["packages"]}
    assert "ballast-server" in members
    included = 0
    for source in [*tmp_path.glob("kernel/**/*.rs"), *tmp_path.glob("plugins/**/*.rs")]:
        for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
            included += 1
            assert (source.parent / name).is_file(), f"{source.relative_to(tmp_path)} includes {name}"
    assert included
    # So did what `ballast plugins new` includes of the examples.
    new = (tmp_path / "kernel/server/src/commands/plugins/new.rs").read_text()
    examples = re.findall(r'files!\("([^"]+)":\s+((?:"[^"]+"\s*)+)\)', new)
    assert len(examples) == new.count("files: files!")
    for folder, files in examples:
        for name in re.findall(r'"([^"]+)"', files):
            assert (tmp_path / "examples/plugin" / folder / name).is_file(), f"{folder}/{name} is not sent"


def health(listen: str, **options) -> int:
    (check,) = (rest for word, rest in final_stage() if word == "HEALTHCHECK")
    (command,) = json.loads(check.partition(" CMD ")[2])
    (copied,) = (rest for word, rest in final_stage() if word == "COPY" and f"/{command}" in rest)
    script = ROOT / copied.split()[-2]
    return run([script], env={"PATH": "/usr/bin:/bin", "BALLAST_SERVER__LISTEN": listen}, **options).returncode


def test_the_health_check_says_yes_to_a_hub_that_is_ready(hub):
    assert health(hub.endpoint.removeprefix("http://")) == 0
    # As in the image: all addresses of the container.
    assert health("0.0.0.0:" + hub.endpoint.rpartition(":")[2]) == 0


def test_the_health_check_says_no_where_no_hub_listens():
    (port,) = free_ports(1)
    assert health(f"127.0.0.1:{port}") == 1


def test_the_health_check_says_no_to_a_hub_that_is_not_ready():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.settimeout(LIMIT)
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(4096)
                connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert health(f"127.0.0.1:{server.getsockname()[1]}") == 1
        thread.join(LIMIT)


# --- Compose ---


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout with secrets made in it."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(DEPLOY, project / "deploy", ignore=shutil.ignore_patterns("secrets", "secrets.new"))
    shutil.copytree(ROOT / "config", project / "config")
    done = run([project / "deploy/compose/make-secrets"])
    assert done.returncode == 0, done.stderr
    return project


def compose(project: Path, name: str, **variables: str) -> subprocess.CompletedProcess:
    """What Docker Compose makes of a file. `config` needs no daemon."""
    # The script of the package around it loses the exit status.
    (binary,) = environment("deploy").glob("lib/python*/site-packages/compose/docker-compose")
    command = [binary, "--file", project / "deploy" / "compose" / name, "config", "--format", "json"]
    return run(command, env={"PATH": os.environ["PATH"], "HOME": str(project)} | variables)


@pytest.fixture(params=FILES, ids=str)
def composed(request, project) -> dict:
    done = compose(project, request.param, BALLAST_SITE="hub.example.org")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_every_compose_file_is_checked():
    assert sorted(path.name for path in COMPOSE.glob("*.yaml")) == sorted(FILES)


def test_compose_takes_the_file_and_finds_every_file_that_it_names(composed):
    named = [one["file"] for kind in ("configs", "secrets") for one in composed.get(kind, {}).values()]
    assert named
    for file in named:
        assert Path(file).is_file(), file
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert composed["services"]["hub"]["image"] == f"ballast:{version}"
    build = composed["services"]["hub"]["build"]
    assert (Path(build["context"]) / build["dockerfile"]).is_file()


def test_a_hub_in_compose_has_no_rights_that_it_does_not_need(composed):
    hub = composed["services"]["hub"]
    assert hub["read_only"] and hub["cap_drop"] == ["ALL"] and hub["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in hub and "privileged" not in hub
    # What it writes to is a volume or memory, whose owner is the image's user.
    mounted = {volume["target"] for volume in hub.get("volumes", [])} | {entry.split(":")[0] for entry in hub["tmpfs"]}
    assert mounted == {"/var/lib/ballast", "/tmp"}
    for entry in hub["tmpfs"]:
        assert not entry.startswith("/var/lib/ballast") or "uid=65532" in entry


def test_no_secret_of_a_hub_is_in_its_environment_or_config(composed, project):
    secrets = {path.read_text().strip() for path in (project / "deploy/compose/secrets").iterdir() if path.suffix != ".env"}
    assert len(secrets) == 6
    hub = json.dumps(composed["services"]["hub"])
    assert not [secret for secret in secrets if secret in hub]


def test_the_hub_takes_the_config_that_compose_mounts(composed, project, tmp_path):
    hub = composed["services"]["hub"]
    (mounted,) = hub["configs"]
    assert mounted["target"] == "/etc/ballast/ballast.toml"
    config = Path(composed["configs"][mounted["source"]]["file"]).read_text()
    for secret in hub.get("secrets", []):
        config = config.replace(secret["target"], composed["secrets"][secret["source"]]["file"])
    (tmp_path / "ballast.toml").write_text(config)
    variables = {"PATH": os.environ["PATH"]} | image_environment() | hub["environment"]
    done = run([BALLAST, "check", "--config", tmp_path / "ballast.toml"], env=variables)
    # Nothing is on the other stream: every secret that the config names is mounted.
    assert (done.returncode, done.stderr) == (0, "")
    shown = run([BALLAST, "config", "show", "--config", tmp_path / "ballast.toml"], env=variables).stdout
    assert re.search(r'server.listen = "0.0.0.0:28080"', shown), shown


def test_compose_gives_a_hub_longer_to_end_than_the_hub_gives_its_requests(composed):
    reference = (ROOT / "config" / "ballast.toml").read_text()
    drain = int(re.search(r"# drain_seconds = (\d+)", reference)[1])
    assert int(composed["services"]["hub"]["stop_grace_period"].removesuffix("s")) > drain


def test_only_the_proxy_or_this_machine_reach_a_hub(composed):
    for name, service in composed["services"].items():
        for port in service.get("ports", []):
            assert name == "caddy" or port["host_ip"] == "127.0.0.1", (name, port)
    for name in {"postgres", "garage", "lakefs"} & set(composed["services"]):
        assert list(composed["services"][name]["networks"]) == ["back"]
        assert composed["networks"]["back"]["internal"]


def test_the_cluster_needs_a_name(project):
    done = compose(project, "postgres-s3.yaml")
    assert done.returncode != 0 and "BALLAST_SITE" in done.stderr


def test_the_secrets_fit_together_and_are_made_once(project):
    folder = project / "deploy/compose/secrets"
    read = lambda name: (folder / name).read_text().strip()
    assert read("database-url") == f"postgres://ballast:{read('database-password')}@postgres/ballast"
    garage = dict(line.split("=") for line in read("garage.env").splitlines())
    assert garage["GARAGE_DEFAULT_ACCESS_KEY"] == read("s3-access-key-id")
    assert garage["GARAGE_DEFAULT_SECRET_KEY"] == read("s3-secret-access-key")
    lakefs = dict(line.split("=") for line in read("lakefs.env").splitlines())
    assert lakefs["LAKEFS_INSTALLATION_ACCESS_KEY_ID"] == read("lakefs-access-key-id")
    assert lakefs["LAKEFS_INSTALLATION_SECRET_ACCESS_KEY"] == read("lakefs-secret-access-key")
    # As Garage wants them.
    assert re.fullmatch("GK[0-9a-f]{24}", read("s3-access-key-id")) and re.fullmatch("[0-9a-f]{64}", garage["GARAGE_RPC_SECRET"])
    config = tomllib.loads((project / "config/profiles/cluster.toml").read_text())["storage"]["main"]["config"]
    assert config["bucket"] == garage["GARAGE_DEFAULT_BUCKET"]
    assert config["region"] == tomllib.loads((project / "deploy/compose/garage.toml").read_text())["s3_api"]["s3_region"]

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = read("database-password")
    assert run([project / "deploy/compose/make-secrets"]).returncode == 1
    assert read("database-password") == before
