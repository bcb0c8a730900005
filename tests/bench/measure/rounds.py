"""Contestants one after the other, again and again: what the machine does meanwhile happens to all of them."""

from collections.abc import Callable

Take = Callable[[int], float]


def alternate(rounds: int, contestants: dict[str, Take], warm: bool = True) -> dict[str, list[float]]:
    """Each contestant's values in each round. The order turns, so that none always follows the same one; `warm` gives
    everybody a first take that does not count, with the round -1."""
    names = list(contestants)
    if warm:
        for name in names:
            contestants[name](-1)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(contestants[name](number))
    return taken
