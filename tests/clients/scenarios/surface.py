"""What the newest client can do, held against the table in tests/clients/surface.py, and what the hub answers to what it
does not do."""

import inspect
from collections.abc import Callable, Iterator

import click
from click.testing import CliRunner
from huggingface_hub import HfApi, get_session
from huggingface_hub.cli._output import out
from huggingface_hub.cli.hf import app
from huggingface_hub.hf_api import LFSFileInfo

from clients.scenarios.world import World
from clients.surface import COMMANDS, DECLINED, METHODS, NOT_YET, Answer

NAME = "admin/declined"
ID = "0123456789abcdef01234567"
SLUG = f"admin/declined-{ID}"


def every_method_of_hfapi_has_a_row(world: World) -> None:
    public = {name for name, _ in inspect.getmembers(HfApi, callable) if not name.startswith("_")}
    assert differences(public, METHODS) == ""


def every_command_of_hf_has_a_row(world: World) -> None:
    assert differences({" ".join(words) for words in leaves(app)}, COMMANDS) == ""


def differences(there: set[str], table: dict) -> str:
    new, gone = sorted(there - set(table)), sorted(set(table) - there)
    return "\n".join([f"{name} is new: it needs a row" for name in new] + [f"{name} is gone: take its row away" for name in gone])


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), (*words, name))


def what_the_hub_does_not_do_it_declines_with_a_sentence(world: World) -> None:
    """Looks at what the hub answered rather than at what the client made of it: some say nothing of an error, or take it
    for something else."""
    # What goes by Xet is asked by a client of its own, which says what it was answered.
    by_xet = "501 Not Implemented"
    found = [one for one in tried(world, DECLINED) if not declines(one[1]) and by_xet not in repr(one[2])]
    wrong = [f"{name}: {answers} {error!r}"[:300] for name, answers, error in found]
    assert not wrong, "\n".join(wrong)


def what_stands_as_not_built_yet_does_not_work(world: World) -> None:
    """Its row is to be changed with the hub: to the scenario that shows it, or to DECLINED."""
    right = [name for name, answers, error in tried(world, NOT_YET) if error is None or declines(answers)]
    assert not right, f"these are there now: {right}"


Answers = list[tuple[int, str, str]]


def declines(answers: Answers) -> bool:
    return any((status, code) == (501, "NotImplemented") and " " in message for status, code, message in answers)


def tried(world: World, row: Answer) -> list[tuple[str, Answers, Exception | None]]:
    """Each method and command of that row, with the status, `X-Error-Code` and `X-Error-Message` of all that the hub
    answered, and how the call failed."""
    answers: Answers = []

    def note(response) -> None:
        code, message = (response.headers.get(f"X-Error-{what}", "") for what in ("Code", "Message"))
        answers.append((response.status_code, code, message))

    session, found = get_session(), []
    hooks = session.event_hooks
    session.event_hooks = {**hooks, "response": [*hooks["response"], note]}
    space = world.repository("declined", {"app.py": b"pass\n"}, repo_type="space", space_sdk="gradio")
    try:
        for name, call in calls(world, space, row):
            answers.clear()
            failed = None
            try:
                call()
            except Exception as error:  # Whatever a client makes of a refusal.
                failed = error
            found.append((name, list(answers), failed))
    finally:
        session.event_hooks = hooks
    return found


def calls(world: World, space: str, row: Answer) -> Iterator[tuple[str, Callable]]:
    methods, commands = of_methods(world, space), of_commands(world, space)
    for name, found in METHODS.items():
        if found is row:
            yield name, methods[name]
    for name, found in COMMANDS.items():
        if found is row:
            yield f"hf {name}", lambda words=name.split(), arguments=commands[name]: hf(words, arguments)


def hf(words: list[str], arguments: list[str]) -> None:
    out.set_mode()
    done = CliRunner().invoke(app, [*words, *arguments])
    if done.exit_code:
        raise RuntimeError(f"{done.output} {done.exception!r}")


def of_methods(world: World, space: str) -> dict[str, Callable]:
    """How each method is called; all that is listed is asked for."""
    api, here = world.api, str(world.folder({"a.txt": b"a", "a.py": b"pass\n", "picture.png": b"\x89PNG\r\n\x1a\n"}))
    purged = LFSFileInfo(fileOid=ID, filename="a.bin", oid="0" * 64, pushedAt="2026-11-21T00:00:00.000Z", size=1)
    job, scheduled = {"job_id": ID}, {"scheduled_job_id": ID}
    program = {"image": "python:3.12", "command": ["python", "-V"]}
    return {
        "add_collection_item": lambda: api.add_collection_item(SLUG, space, "space"),
        "add_space_secret": lambda: api.add_space_secret(space, "KEY", "value"),
        "add_space_variable": lambda: api.add_space_variable(space, "KEY", "value"),
        "batch_bucket_files": lambda: api.batch_bucket_files(NAME, delete=["a.txt"]),
        "bucket_info": lambda: api.bucket_info(NAME),
        "cancel_job": lambda: api.cancel_job(**job),
        "create_bucket": lambda: api.create_bucket(NAME),
        "create_collection": lambda: api.create_collection("Declined"),
        "create_scheduled_job": lambda: api.create_scheduled_job(**program, schedule="@daily"),
        "create_scheduled_uv_job": lambda: api.create_scheduled_uv_job(f"{here}/a.py", schedule="@daily"),
        "create_webhook": lambda: api.create_webhook(url="https://h/", watched=[{"type": "user", "name": world.user}]),
        "delete_bucket": lambda: api.delete_bucket(NAME),
        "delete_collection": lambda: api.delete_collection(SLUG),
        "delete_collection_item": lambda: api.delete_collection_item(SLUG, ID),
        "delete_scheduled_job": lambda: api.delete_scheduled_job(**scheduled),
        "delete_space_secret": lambda: api.delete_space_secret(space, "KEY"),
        "delete_space_variable": lambda: api.delete_space_variable(space, "KEY"),
        "delete_space_volumes": lambda: api.delete_space_volumes(space),
        "delete_webhook": lambda: api.delete_webhook(ID),
        "disable_space_dev_mode": lambda: api.disable_space_dev_mode(space),
        "disable_webhook": lambda: api.disable_webhook(ID),
        "download_bucket_files": lambda: api.download_bucket_files(NAME, [("a.txt", f"{here}/b.txt")]),
        "duplicate_repo": lambda: api.duplicate_repo(space, world.unused_name(), repo_type="space"),
        "enable_space_dev_mode": lambda: api.enable_space_dev_mode(space),
        "enable_webhook": lambda: api.enable_webhook(ID),
        "fetch_job_logs": lambda: list(api.fetch_job_logs(**job)),
        "fetch_job_metrics": lambda: list(api.fetch_job_metrics(**job)),
        "fetch_space_logs": lambda: list(api.fetch_space_logs(space)),
        "get_bucket_file_metadata": lambda: api.get_bucket_file_metadata(NAME, "a.txt"),
        "get_bucket_paths_info": lambda: list(api.get_bucket_paths_info(NAME, ["a.txt"])),
        "get_collection": lambda: api.get_collection(SLUG),
        "get_dataset_leaderboard": lambda: api.get_dataset_leaderboard(NAME),
        "get_dataset_tags": api.get_dataset_tags,
        "get_model_tags": api.get_model_tags,
        "get_sharded_safetensors_metadata": lambda: api.get_sharded_safetensors_metadata(NAME),
        "get_space_runtime": lambda: api.get_space_runtime(space),
        "get_space_secrets": lambda: api.get_space_secrets(space),
        "get_space_variables": lambda: api.get_space_variables(space),
        "get_webhook": lambda: api.get_webhook(ID),
        "inspect_job": lambda: api.inspect_job(**job),
        "inspect_scheduled_job": lambda: api.inspect_scheduled_job(**scheduled),
        "kernel_info": lambda: api.kernel_info(NAME),
        "list_bucket_tree": lambda: list(api.list_bucket_tree(NAME)),
        "list_buckets": lambda: list(api.list_buckets()),
        "list_collections": lambda: list(api.list_collections()),
        "list_jobs": lambda: list(api.list_jobs()),
        "list_jobs_hardware": api.list_jobs_hardware,
        "list_lfs_files": lambda: list(api.list_lfs_files(space, repo_type="space")),
        "list_scheduled_jobs": api.list_scheduled_jobs,
        "list_space_templates": api.list_space_templates,
        "list_spaces_hardware": api.list_spaces_hardware,
        "list_webhooks": api.list_webhooks,
        "move_bucket": lambda: api.move_bucket(NAME, f"{NAME}-too"),
        "pause_space": lambda: api.pause_space(space),
        "permanently_delete_lfs_files": lambda: api.permanently_delete_lfs_files(space, [purged], repo_type="space"),
        "request_space_hardware": lambda: api.request_space_hardware(space, "t4-medium"),
        "rerun_job": lambda: api.rerun_job(**job),
        "restart_space": lambda: api.restart_space(space),
        "resume_scheduled_job": lambda: api.resume_scheduled_job(**scheduled),
        "run_job": lambda: api.run_job(**program),
        "run_uv_job": lambda: api.run_uv_job(f"{here}/a.py"),
        "search_spaces": lambda: list(api.search_spaces("a chat")),
        "set_space_sleep_time": lambda: api.set_space_sleep_time(space, 300),
        "set_space_volumes": lambda: api.set_space_volumes(space, []),
        "suspend_scheduled_job": lambda: api.suspend_scheduled_job(**scheduled),
        "sync_bucket": lambda: api.sync_bucket(here, f"hf://buckets/{NAME}"),
        "sync_job_volume": lambda: api.sync_job_volume(here, "/data"),
        "trigger_scheduled_job": lambda: api.trigger_scheduled_job(**scheduled),
        "update_bucket_settings": lambda: api.update_bucket_settings(NAME, private=True),
        "update_collection_item": lambda: api.update_collection_item(SLUG, ID, note="a note"),
        "update_collection_metadata": lambda: api.update_collection_metadata(SLUG, title="A title"),
        "update_collection_resource_group": lambda: api.update_collection_resource_group(SLUG, ID),
        "update_job_expose": lambda: api.update_job_expose(**job, expose=[8000]),
        "update_job_labels": lambda: api.update_job_labels(**job, labels={"a": "b"}),
        "update_scheduled_job_labels": lambda: api.update_scheduled_job_labels(**scheduled, labels={"a": "b"}),
        "update_scheduled_job_schedule": lambda: api.update_scheduled_job_schedule(**scheduled, schedule="@daily"),
        "update_webhook": lambda: api.update_webhook(ID, url="https://h/"),
        "upload_attachment": lambda: api.upload_attachment(f"{here}/picture.png"),
        "wait_for_job": lambda: api.wait_for_job(ID, timeout=1),
        "wait_for_space": lambda: api.wait_for_space(space, timeout=1),
    }


def of_commands(world: World, space: str) -> dict[str, list[str]]:
    """The arguments that each command is given."""
    here = str(world.folder({"a.txt": b"a", "a.py": b"pass\n"}))
    bucket = f"hf://buckets/{NAME}"
    program = ["python:3.12", "python", "-V"]
    return {
        "buckets cp": [f"{here}/a.txt", f"{bucket}/a.txt"],
        "buckets create": [NAME],
        "buckets delete": [NAME, "--yes"],
        "buckets info": [NAME],
        "buckets list": [],
        "buckets move": [NAME, f"{NAME}-too"],
        "buckets remove": [f"{NAME}/a.txt", "--yes"],
        "buckets settings": [NAME, "--private"],
        "buckets sync": [here, bucket],
        "collections add-item": [SLUG, space, "space"],
        "collections create": ["Declined"],
        "collections delete": [SLUG],
        "collections delete-item": [SLUG, ID],
        "collections info": [SLUG],
        "collections list": [],
        "collections update": [SLUG, "--title", "A title"],
        "collections update-item": [SLUG, ID, "--note", "a note"],
        "datasets leaderboard": [NAME],
        "jobs cancel": [ID],
        "jobs expose": [ID, "8000"],
        "jobs hardware": [],
        "jobs inspect": [ID],
        "jobs labels": [ID, "--label", "a=b"],
        "jobs list": [],
        "jobs logs": [ID],
        "jobs rerun": [ID, "--detach"],
        "jobs run": ["--detach", *program],
        "jobs scheduled delete": [ID],
        "jobs scheduled inspect": [ID],
        "jobs scheduled labels": [ID, "--label", "a=b"],
        "jobs scheduled list": [],
        "jobs scheduled reschedule": [ID, "@daily"],
        "jobs scheduled resume": [ID],
        "jobs scheduled run": ["@daily", *program],
        "jobs scheduled suspend": [ID],
        "jobs scheduled trigger": [ID],
        "jobs scheduled uv run": ["@daily", f"{here}/a.py"],
        "jobs stats": [ID],
        "jobs uv run": ["--detach", f"{here}/a.py"],
        "jobs wait": [ID, "--timeout", "1s"],
        "repos duplicate": [space, world.unused_name(), "--repo-type", "space"],
        "spaces dev-mode": [space],
        "spaces hardware": [],
        "spaces logs": [space],
        "spaces pause": [space],
        "spaces restart": [space],
        "spaces search": ["a chat"],
        "spaces secrets add": [space, "--secrets", "KEY=value"],
        "spaces secrets delete": [space, "KEY", "--yes"],
        "spaces secrets list": [space],
        "spaces settings": [space, "--sleep-time", "300"],
        "spaces templates": [],
        "spaces variables add": [space, "--env", "KEY=value"],
        "spaces variables delete": [space, "KEY", "--yes"],
        "spaces variables list": [space],
        "spaces volumes delete": [space, "--yes"],
        "spaces volumes set": [space, "--volume", f"hf://models/{NAME}:/data"],
        "spaces wait": [space, "--timeout", "1s"],
        "sync": [here, bucket],
        "webhooks create": ["--watch", f"user:{world.user}", "--url", "https://h/"],
        "webhooks delete": [ID, "-y"],
        "webhooks disable": [ID],
        "webhooks enable": [ID],
        "webhooks info": [ID],
        "webhooks list": [],
        "webhooks update": [ID, "--url", "https://h/"],
    }
