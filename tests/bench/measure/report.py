"""Rows as a table that reads the same in a terminal and in Markdown."""

from statistics import median

from measure.row import Row, spread

HEAD = ["workload", "ours", "peer", "limit", "of the limit", "goal", ""]


def table(rows: list[Row]) -> str:
    """A Markdown table; the facts follow as a list."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    facts = [f"- {row.name}: {'; '.join(row.facts)}" for row in rows if row.facts]
    return "\n".join([*lines, "", *facts])


def _cells(row: Row) -> list[str]:
    limit = row.limit()
    return [
        row.name,
        f"{_figure(row.ours)} {row.unit}",
        ", ".join(f"{_figure(values)} {name}" for name, values in row.peers.items()) or "—",
        ", ".join(f"{_figure(values)} {name}" for name, values in row.limits.items()) or "—",
        f"{row.share_of(limit[1]):.2f}" if limit else "—",
        _goal(row),
        {True: "met", False: "MISSED", None: ""}[row.met()],
    ]


def _figure(values: list[float]) -> str:
    """The median, and how far the values lie apart."""
    shown = number(median(values))
    return f"{shown} ±{spread(values) * 100:.0f}%" if len(values) > 1 else shown


def number(value: float) -> str:
    """Three figures."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.3g}"


def _goal(row: Row) -> str:
    if row.goal is None:
        return "—"
    bound = number(row.goal.bound)
    peer = f" or {number(row.goal.of_peer)} of the peer" if row.goal.of_peer else ""
    said = {"of_limit": f"≥ {bound} of it{peer}", "at_most": f"≤ {bound}", "at_least": f"≥ {bound}"}
    return said[row.goal.kind]
