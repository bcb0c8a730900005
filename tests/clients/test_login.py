"""`hf auth login` by its user's browser, and a client that is told to wait."""

import http.client
import json
import re
import subprocess
import time
import urllib.parse

import pytest

from harness.environments import client_variables, environment, python_of, run
from harness.hub import Hub

ENVIRONMENT = "hub-2.4"
HF = environment(ENVIRONMENT) / "bin" / "hf"
LIMIT = 60
PASSWORD = "correct horse"
# Lists until it was told to wait once; says what the client logged, and what its own reader makes of the headers.
LISTS = """
import json, logging
from huggingface_hub import HfApi, get_session
from huggingface_hub.utils import logging as client_logging, parse_ratelimit_headers

told = []
class Keep(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())

client_logging.get_logger("huggingface_hub.utils._http").addHandler(Keep())
api = HfApi()
for lists in range(1, 20):
    found = [model.id for model in api.list_models()]
    if any("Rate limited" in line for line in told):
        break
info = parse_ratelimit_headers(get_session().get(api.endpoint + "/api/models", headers=api._build_hf_headers()).headers)
print(json.dumps({"lists": lists, "found": found, "told": told, "info": vars(info)}))
"""


class Browser:
    """Somebody with an account, in a browser."""

    def __init__(self, hub: Hub, name: str):
        self.host = urllib.parse.urlparse(hub.endpoint).netloc
        self.cookie = ""
        form = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        self.send("POST", "/api/auth/register", json.dumps(form), "application/json")
        self.submit("/login", username=name, password=PASSWORD)

    def submit(self, target: str, **fields: str) -> str:
        return self.send("POST", target, urllib.parse.urlencode(fields), "application/x-www-form-urlencoded")

    def open(self, url: str) -> str:
        parts = urllib.parse.urlparse(url)
        assert parts.netloc == self.host
        return self.send("GET", f"{parts.path}?{parts.query}", None, "text/html")

    def send(self, method: str, target: str, body: str | None, media: str) -> str:
        connection = http.client.HTTPConnection(self.host, timeout=LIMIT)
        headers = {"Cookie": self.cookie, "Origin": f"http://{self.host}", "Content-Type": media}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 400, f"{method} {target}: {answer.status} {text}"
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).split(";")[0]
        connection.close()
        return text


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub where everybody may register."""
    hub = Hub(tmp_path_factory.mktemp("login") / "data", {"accounts.registration": "open"})
    yield hub
    hub.stop()


@pytest.fixture
def somebody(hub, tmp_path) -> dict[str, str]:
    """A machine on which nobody is logged in."""
    variables = client_variables(hub.endpoint, "", tmp_path / "home")
    del variables["HF_TOKEN"]
    return variables


def test_hf_auth_login_lets_its_user_in_by_the_browser(hub, somebody):
    browser = Browser(hub, "ada")
    command = [HF, "auth", "login"]
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    login = subprocess.Popen([str(part) for part in command], env=somebody, **options)
    try:
        printed, address = "", None
        while address is None:
            line = login.stdout.readline()
            assert line, f"hf auth login ended:\n{printed}"
            printed += line
            address = re.search(r"http://\S+/device\?user_code=([A-Z]{4}-[A-Z]{4})", printed)
        page = browser.open(address.group())
        assert address.group(1) in page and "logged in as ada" in page
        assert "go on there" in browser.submit("/device", user_code=address.group(1), answer="allow")
        rest, _ = login.communicate(timeout=LIMIT)
        assert login.returncode == 0 and "Login successful" in rest, printed + rest
    finally:
        login.kill()
        login.wait(LIMIT)

    assert "ada" in run([HF, "auth", "whoami"], somebody, LIMIT)
    assert "oauth-ada" in run([HF, "auth", "list"], somebody, LIMIT)
    run([HF, "repos", "create", "from-the-device"], somebody, LIMIT)

    # The client renews its token by itself where less than a day is left.
    stored = f"{somebody['HF_HOME']}/stored_tokens"
    before = open(stored).read()
    expires = re.search(r"expires_at = (\d+)", before)
    assert int(expires.group(1)) - time.time() > 29 * 86_400
    with open(stored, "w") as file:
        file.write(before.replace(expires.group(), f"expires_at = {int(time.time()) + 3600}"))
    assert "ada" in run([HF, "auth", "whoami"], somebody, LIMIT)
    after = open(stored).read()
    for key in ["hf_token", "refresh_token", "expires_at"]:
        values = [re.search(rf"{key} = (\S+)", text).group(1) for text in (before, after)]
        assert values[0] != values[1] or key == "expires_at", key
    assert "ada" in run([HF, "auth", "whoami"], somebody, LIMIT)

    run([HF, "auth", "logout"], somebody, LIMIT)
    out = subprocess.run([str(HF), "auth", "whoami"], env=somebody, capture_output=True, text=True, timeout=LIMIT)
    assert "ada" not in out.stdout and "ogged in" in out.stdout + out.stderr


def test_hf_auth_login_says_that_its_user_refused(hub, somebody):
    browser = Browser(hub, "bob")
    program = """
from huggingface_hub.utils._oauth_device import request_device_code, poll_device_token
from huggingface_hub.errors import DeviceCodeError
info = request_device_code()
print(info["user_code"], flush=True)
input()
try:
    poll_device_token(info)
except DeviceCodeError as error:
    print(error)
"""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    asking = subprocess.Popen([str(python_of(ENVIRONMENT)), "-c", program], env=somebody, **options)
    code = asking.stdout.readline().strip()
    browser.submit("/device", user_code=code, answer="deny")
    printed, _ = asking.communicate("\n", timeout=LIMIT)
    assert "denied" in printed


def test_a_client_that_asks_too_much_waits_and_goes_on(tmp_path):
    settings = {"rate_limits.enabled": "true", "rate_limits.api": 5, "rate_limits.window_seconds": 2}
    hub = Hub(tmp_path / "data", settings)
    try:
        variables = client_variables(hub.endpoint, hub.token, tmp_path / "home")
        told = json.loads(run([python_of(ENVIRONMENT), "-c", LISTS], variables, LIMIT).splitlines()[-1])
    finally:
        hub.stop()
    # The sixth list of a window was refused, and there all the same.
    assert 1 < told["lists"] < 19 and told["found"] == [], told
    assert any("HTTP Error 429" in line for line in told["told"]), told
    assert any(re.search(r"Rate limited. Waiting [23].0s", line) for line in told["told"]), told
    info = told["info"]
    assert (info["resource_type"], info["limit"], info["window_seconds"]) == ("api", 5, 2), info
