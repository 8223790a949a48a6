"""The plot in the README: how long a plan takes by how many tasks there are, ours and others', in one run."""

import html
import json
import math
import os
from collections.abc import Iterator, Mapping

from measure import PLOTTED

PLOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "growth.svg")
_WIDTH, _HEIGHT = 800, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 250, 24, 48
_COLOURS = ("#0b7285", "#1098ad", "#c92a2a", "#e8590c", "#5f3dc4", "#868e96", "#2b8a3e")
_SECONDS = (0.1, 100.0)


_TO_THE_NAME = ' stroke-dasharray="2 4" stroke-opacity="0.6"'


def draw() -> None:
    """Write the plot of what was measured last."""
    with open(PLOTTED, encoding="utf-8") as file:
        measured = json.load(file)
    series = {
        name: {int(size): seconds for size, seconds in points.items()} for name, points in measured.items()
    }
    with open(PLOT, "w", encoding="utf-8") as file:
        file.write(svg(series))


def svg(series: Mapping[str, Mapping[int, float]]) -> str:
    """Both axes are logarithmic: what grows in proportion is a line of the slope of the frame's dashes."""
    sizes = sorted({size for points in series.values() for size in points})
    first, last = math.floor(math.log10(sizes[0])), math.ceil(math.log10(sizes[-1]))

    def x(size: float) -> float:
        return _LEFT + (math.log10(size) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    low, high = map(math.log10, _SECONDS)

    def y(seconds: float) -> float:
        return _HEIGHT - _BOTTOM - (math.log10(seconds) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    def grid() -> Iterator[str]:
        for power in range(first, last + 1):
            yield _line(x(10**power), y(_SECONDS[0]), x(10**power), y(_SECONDS[1]))
            yield _text(x(10**power), _HEIGHT - _BOTTOM + 18, f"{10**power:,}", "middle")
        for power in range(int(low), int(high) + 1):
            yield _line(x(10**first), y(10**power), x(10**last), y(10**power))
            yield _text(_LEFT - 8, y(10**power) + 4, f"{10**power:g} s", "end")
        yield _text(x(10 ** ((first + last) / 2)), _HEIGHT - 8, "tasks", "middle")

    def lines() -> Iterator[str]:
        ends = [(max(points), points[max(points)]) for points in series.values()]
        places = _apart([y(seconds) for _, seconds in ends])
        for (name, points), colour, place in zip(series.items(), _COLOURS, places, strict=False):
            path = " ".join(f"{x(size):.1f},{y(points[size]):.1f}" for size in sorted(points))
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            yield from (
                f'<circle cx="{x(size):.1f}" cy="{y(seconds):.1f}" r="3" fill="{colour}"/>'
                for size, seconds in points.items()
            )
            end = max(points)
            yield _line(x(end) + 5, y(points[end]), _WIDTH - _RIGHT + 12, place, colour, _TO_THE_NAME)
            yield _text(_WIDTH - _RIGHT + 16, place + 4, name, "start", colour)

    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">'
    )
    return "\n".join(
        [
            head,
            "<title>Seconds that a plan takes, by the number of tasks</title>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *grid(),
            *lines(),
            "</svg>\n",
        ]
    )


def _apart(places: list[float]) -> list[float]:
    """Where the names stand: each beside the end of its line, and none over another."""
    found = dict[int, float]()
    before = 0.0
    for index in sorted(range(len(places)), key=places.__getitem__):
        before = found[index] = max(places[index], before + 16)
    return [found[index] for index in range(len(places))]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "#dee2e6", more: str = "") -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="1"{more}/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#495057") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(text)}</text>'
