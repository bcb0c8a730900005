"""Users and organisations, as clients ask for them, and the command line's way in."""

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

from clients.scenarios.world import Skip, World, refusal, status_of


def ask(world: World, method: str, path: str, body: dict) -> dict:
    """What no client does, but a browser or a script."""
    headers = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(world.endpoint + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def organization(world: World) -> str:
    """A new organisation of the user."""
    name = f"lab-{secrets.token_hex(4)}"
    ask(world, "POST", "/org/create", {"name": name, "description": "A lab"})
    return name


def command(world: World, *arguments: str, **environment: str) -> str:
    """What `hf` prints."""
    program = Path(sys.executable).with_name("hf")
    if not program.exists():
        raise Skip("this client has no hf")
    settings = {**os.environ, "HF_HOME": str(world.workdir / f"home-{secrets.token_hex(4)}"), **environment}
    ran = subprocess.run([program, *arguments], env=settings, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def a_user_is_shown_with_what_they_have(world: World) -> None:
    world.need("get_user_overview")
    world.repository("shown")
    name = organization(world)
    shown = world.api.get_user_overview(world.user)
    assert shown.username == world.user and shown.fullname, shown
    assert shown.avatar_url.startswith(world.endpoint), shown
    assert shown.num_models is None or shown.num_models >= 1, shown
    orgs = getattr(shown, "orgs", None)
    assert orgs is None or name in [org.name for org in orgs], shown
    absent = refusal(Exception, world.api.get_user_overview, "nobody-of-this-name")
    assert status_of(absent) == 404, absent


def an_organisation_is_shown_with_its_members(world: World) -> None:
    world.need("list_organization_members")
    name = organization(world)
    members = list(world.api.list_organization_members(name))
    assert [member.username for member in members] == [world.user], members
    world.need("get_organization_overview")
    world.api.create_repo(f"{name}/model", private=True)
    shown = world.api.get_organization_overview(name)
    assert (shown.name, shown.num_users, shown.num_models) == (name, 1, 1), shown


def nobody_follows_anybody(world: World) -> None:
    world.need("list_user_followers")
    assert list(world.api.list_user_followers(world.user)) == []
    assert list(world.api.list_user_following(world.user)) == []


def an_organisation_of_ones_own_takes_repositories(world: World) -> None:
    name = organization(world)
    repo_id = f"{name}/model"
    world.api.create_repo(repo_id)
    world.api.upload_file(path_or_fileobj=b"hello", path_in_repo="a.txt", repo_id=repo_id)
    assert world.download(repo_id, "a.txt") == b"hello"
    assert name in [org["name"] for org in world.api.whoami()["orgs"]]


def the_command_line_says_who_one_is(world: World) -> None:
    assert world.user in command(world, "auth", "whoami")


def the_command_line_logs_in_with_a_token(world: World) -> None:
    made = ask(world, "POST", "/api/auth/tokens/create", {"name": f"cli-{secrets.token_hex(4)}", "role": "read"})
    home = str(world.workdir / f"home-{secrets.token_hex(4)}")
    without = {"HF_HOME": home, "HF_TOKEN": "", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0"}
    command(world, "auth", "login", "--token", made["token"], **without)
    assert world.user in command(world, "auth", "whoami", **without)
