"""A history such as people have, made from a seed by `git fast-import`: merges, tags, symlinks, executable bits,
submodule entries, renames, reverts, deleted folders, and names that are not ASCII."""

import random
import subprocess
from pathlib import Path

NAMES = ["README.md", "config.json", "modèle.py", "数据.txt", "space in name", "data.csv", "a.b", "a-b", "a0", "Z"]
FOLDERS = ["src", "src/deep/er", "data/train", "données", "a", "tests", "data"]
SUBMODULE = "0123456789abcdef0123456789abcdef01234567"


class History:
    """The stream of one history. Marks of commits are their numbers."""

    def __init__(self, commits: int, seed: int, flat: int = 0):
        self._random = random.Random(seed)
        self._parts: list[bytes] = []
        # Of each commit: path to (mode, content).
        self._trees: dict[int, dict[str, tuple[str, bytes]]] = {}
        self._heads = {"main": 0}
        for number in range(1, commits + 1):
            self._commit(number, flat if number == 1 else 0)
        for name, mark in self._heads.items():
            self._say(f"reset refs/heads/{name}\nfrom :{mark}\n\n")
        self._say(f"reset refs/tags/light\nfrom :{max(1, commits // 2)}\n\n")
        for number in range(1, commits + 1, max(1, commits // 20)):
            self._tag(f"v{number}", f":{number}", b"a version\nwith a second line\n")
        self._say("done\n")

    def stream(self) -> bytes:
        return b"".join(self._parts)

    def _say(self, text: str) -> None:
        self._parts.append(text.encode())

    def _data(self, content: bytes) -> None:
        self._parts.append(b"data %d\n" % len(content) + content + b"\n")

    def _tag(self, name: str, of: str, message: bytes) -> None:
        self._say(f"tag {name}\nfrom {of}\ntagger Tagger Ünal <t@example.org> 1700000000 +0530\n")
        self._data(message)

    def _path(self) -> str:
        chosen = self._random
        name = chosen.choice(NAMES) if chosen.random() < 0.5 else f"file-{chosen.randrange(400)}.txt"
        return name if chosen.random() < 0.3 else f"{chosen.choice(FOLDERS)}/{name}"

    def _content(self) -> bytes:
        lines = [f"line {n} of {self._random.randrange(10**9)}" for n in range(self._random.randrange(1, 60))]
        return "\n".join(lines).encode()

    def _commit(self, number: int, flat: int) -> None:
        chosen = self._random
        branch = chosen.choice(list(self._heads)) if chosen.random() < 0.3 else "main"
        if chosen.random() < 0.01 and number > 2:
            branch = f"feature/{number}"
            self._heads[branch] = self._heads["main"]
        parent = self._heads[branch]
        others = [mark for name, mark in self._heads.items() if name != branch and mark]
        merged = chosen.choice(others) if others and chosen.random() < 0.08 else 0
        tree = dict(self._trees.get(parent, {}))
        changes: list[str | tuple[str, str, bytes]] = []
        for at in range(flat):
            changes.append(("100644", f"flat/{at:07}.txt", b"%d" % at))
        for _ in range(chosen.randrange(1, 6)):
            changes.append(self._change(tree))
        moment = 1_600_000_000 + number * 60 - chosen.randrange(0, 7200)
        self._say(f"commit refs/heads/{branch}\nmark :{number}\n")
        self._say(f"author Ada Lövelace <ada@example.org> {moment} -0330\n")
        self._say(f"committer Someone Else <se@example.org> {moment + 5} +0200\n")
        self._data(f"commit {number}\n\nÜber {chosen.random()}\n".encode())
        if parent:
            self._say(f"from :{parent}\n")
        if merged and merged != parent:
            self._say(f"merge :{merged}\n")
        for change in changes:
            self._apply(tree, change)
        self._say("\n")
        self._trees[number] = tree
        self._heads[branch] = number

    def _change(self, tree: dict[str, tuple[str, bytes]]):
        chosen = self._random
        sort = chosen.random()
        if tree and sort < 0.12:
            return f"D {chosen.choice(list(tree))}"
        if tree and sort < 0.18:
            return f"R {chosen.choice(list(tree))}"
        if sort < 0.22:
            return ("120000", f"{self._path()}.link", b"../where/it/leads")
        if sort < 0.24:
            return ("160000", f"modules/{chosen.randrange(5)}", SUBMODULE.encode())
        if sort < 0.30:
            return ("100755", f"bin/{chosen.randrange(30)}.sh", self._content())
        return ("100644", self._path(), self._content())

    def _apply(self, tree, change) -> None:
        match change:
            case str(text) if text.startswith("D "):
                path = text[2:]
                if tree.pop(path, None):
                    self._say(f'D "{path}"\n')
            case str(text):
                path = text[2:]
                if path in tree:
                    to = f"moved/{len(self._trees)}"
                    tree[to] = tree.pop(path)
                    self._say(f'R "{path}" "{to}"\n')
            case (mode, path, content):
                self._make_way(tree, path)
                tree[path] = (mode, content)
                if mode == "160000":
                    self._say(f'M {mode} {content.decode()} "{path}"\n')
                else:
                    self._say(f'M {mode} inline "{path}"\n')
                    self._data(content)

    @staticmethod
    def _make_way(tree, path: str) -> None:
        """fast-import puts a file in the place of a folder, and a folder in that of a file."""
        parts = path.split("/")
        for end in range(1, len(parts)):
            tree.pop("/".join(parts[:end]), None)
        for below in [other for other in tree if other.startswith(path + "/")]:
            tree.pop(below)


def make(folder: Path, commits: int, seed: int = 1, flat: int = 0) -> None:
    """A bare repository with such a history."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True, timeout=60)
    history = History(commits, seed, flat).stream()
    subprocess.run(["git", "fast-import", "--quiet", "--done"], cwd=folder, input=history, check=True, timeout=600)
