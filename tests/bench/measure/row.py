"""One row of the results: values of ours, of peers and of a limit, a goal, and whether it is met."""

from dataclasses import asdict, dataclass, field
from statistics import median


@dataclass
class Goal:
    """`of_limit`: at least this share of the limit, or of the best peer `of_peer`, where that is given. `at_most`,
    `at_least`: of our own value."""

    kind: str
    bound: float
    of_peer: float | None = None

    @staticmethod
    def of_limit(share: float, or_of_peer: float | None = None) -> "Goal":
        return Goal("of_limit", share, or_of_peer)

    @staticmethod
    def at_most(value: float) -> "Goal":
        return Goal("at_most", value)

    @staticmethod
    def at_least(value: float) -> "Goal":
        return Goal("at_least", value)


@dataclass
class Row:
    """All values are in `unit`. `higher` says whether more is better. Among several limits the best counts (nginx with
    sendfile or copying), unless `slowest_limit`: then what is slower of two things that both have to happen."""

    name: str
    unit: str
    ours: list[float]
    goal: Goal | None = None
    peers: dict[str, list[float]] = field(default_factory=dict)
    limits: dict[str, list[float]] = field(default_factory=dict)
    higher: bool = True
    slowest_limit: bool = False
    facts: list[str] = field(default_factory=list)

    def value(self) -> float:
        return median(self.ours)

    def limit(self) -> tuple[str, float] | None:
        """The limit that counts: its name and median."""
        medians = [(median(values), name) for name, values in self.limits.items()]
        if not medians:
            return None
        best = max if self.higher != self.slowest_limit else min
        value, name = best(medians)
        return name, value

    def peer(self) -> tuple[str, float] | None:
        """The best one: its name and median."""
        medians = [(median(values), name) for name, values in self.peers.items()]
        if not medians:
            return None
        value, name = (max if self.higher else min)(medians)
        return name, value

    def share_of(self, other: float) -> float:
        """How near we come: 1 is as fast as the other, 2 twice as fast."""
        return self.value() / other if self.higher else other / self.value()

    def met(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        if self.goal.kind == "of_limit":
            limit, peer = self.limit(), self.peer()
            if limit and self.share_of(limit[1]) >= self.goal.bound:
                return True
            return bool(peer and self.goal.of_peer and self.share_of(peer[1]) >= self.goal.of_peer)
        return self.value() <= self.goal.bound if self.goal.kind == "at_most" else self.value() >= self.goal.bound

    def to_json(self) -> dict:
        return asdict(self)

    @staticmethod
    def from_json(stored: dict) -> "Row":
        goal = stored.pop("goal")
        return Row(goal=Goal(**goal) if goal else None, **stored)


def spread(values: list[float]) -> float:
    """Half the way from the smallest to the largest, as a share of the median."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0
