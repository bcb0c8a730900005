"""A fresh database on the PostgreSQL server that tests/run started."""

import os
import secrets
import subprocess
from urllib.parse import urlsplit, urlunsplit

LIMIT = 60


def new_database() -> str:
    """Makes an empty database and answers its URL. Nothing drops it: it goes with the server."""
    maintenance = os.environ["BALLAST_TEST_POSTGRES"]
    name = f"clients_{secrets.token_hex(6)}"
    subprocess.run(
        ["psql", "--quiet", "--no-psqlrc", f"--dbname={maintenance}", f"--command=CREATE DATABASE {name}"],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=LIMIT,
    )
    return urlunsplit(urlsplit(maintenance)._replace(path=f"/{name}"))
