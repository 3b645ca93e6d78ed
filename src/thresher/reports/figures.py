"""Figures, each defined once in Altair: PNG, SVG and offline HTML come from the same definition."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.files import written_whole
from thresher.names import visible
from thresher.plans.frontier import Frontier
from thresher.runs import Measurement
from thresher.units import format_count, format_percent

if TYPE_CHECKING:
    import altair as alt

FORMATS = (".png", ".svg", ".html", ".json")
MOST_CURVE_POINTS = 120
COLOURS = ("#3b6fb6", "#d1742c", "#3f8f5b", "#8a5a9e", "#b3433f", "#6b6b6b", "#b59a2a", "#2f8f93")
"""Colours that stay apart in print and for most colour-blind readers."""


def frontier_figure(
    frontier: Frontier, measured: Sequence[Measurement] = (), *, unit: str = "fraction", title: str = ""
) -> "alt.LayerChart | alt.FacetChart":
    """Predicted error of each candidate against budget, measured points, and where the best choice changes.

    Args:
        frontier: Predictions to draw.
        measured: Runs to draw as points, matched to candidates by their pools.
        unit: Unit of the error, for the axis.
        title: Line above the figure.
    """
    import altair as alt

    labels = [_legend(candidate.mixture.names, candidate.keep) for candidate in frontier.candidates]
    by_pools = {
        frozenset(candidate.mixture.names): label
        for candidate, label in zip(frontier.candidates, labels, strict=True)
    }
    every = max(1, len(frontier.samples_seen) // MOST_CURVE_POINTS)
    curves = [
        {"samples seen": float(n), "error": round(float(error), 6), "trained on": label}
        for label, row in zip(labels, frontier.errors, strict=True)
        for n, error in list(zip(frontier.samples_seen, row, strict=True))[::every]
    ]
    points = [
        {"samples seen": row.samples_seen, "error": row.error, "trained on": by_pools[frozenset(row.pools)]}
        for row in measured
        if frozenset(row.pools) in by_pools
    ]
    colour = alt.Color(
        "trained on:N",
        scale=alt.Scale(
            domain=labels,
            range=list(COLOURS[: len(labels)]) if len(labels) <= len(COLOURS) else alt.Undefined,
        ),
        legend=alt.Legend(title="trained on", labelLimit=320, orient="right"),
    )
    x = alt.X(
        "samples seen:Q",
        scale=alt.Scale(type="log", nice=False),
        title="budget (samples seen)",
        axis=alt.Axis(
            values=_ticks(frontier.samples_seen),
            labelExpr="replace(format(datum.value, '~s'), 'G', 'B')",
            grid=False,
        ),
    )
    y = alt.Y("error:Q", scale=alt.Scale(zero=False), title="loss" if unit == "loss" else "error (fraction)")
    layers: list[Any] = []
    if frontier.crossovers:
        rules = [
            {
                "samples seen": crossover.samples_seen,
                "label": f"{format_count(crossover.samples_seen)}: "
                f"{_short(crossover.before.mixture.names, crossover.before.keep)} to "
                f"{_short(crossover.after.mixture.names, crossover.after.keep)}",
            }
            for crossover in frontier.crossovers
        ]
        base = alt.Chart(alt.InlineData(values=rules))
        layers.append(base.mark_rule(strokeDash=[4, 4], color="#888").encode(x=x))
        layers.append(
            base.mark_text(angle=270, align="right", dy=-6, color="#555", fontSize=10).encode(
                x=x, y=alt.value(6), text="label:N"
            )
        )
    layers.append(
        alt.Chart(alt.InlineData(values=curves)).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    )
    if points:
        layers.append(
            alt.Chart(alt.InlineData(values=points))
            .mark_point(size=70, filled=True, opacity=0.9)
            .encode(x=x, y=y, color=colour)
        )
    return alt.layer(*layers).properties(width=640, height=400, title=visible(title))


def check_chart(path: Path) -> None:
    """Refuse, before any work, a path that no chart can be written to.

    Raises:
        InputError: Another suffix than those of charts, or no folder to write in.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a chart is written as {', '.join(FORMATS)}; give a name that ends so.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent}: no such folder. Make it first, or write elsewhere with {argument('path')}."
        )


class _Script(json.JSONEncoder):
    """JSON inside a page: a name that would end the script is written with escapes."""

    def encode(self, o: Any) -> str:  # noqa: ANN401 - as in the standard library
        return super().encode(o).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def save_figure(figure: "alt.LayerChart | alt.FacetChart", path: Path) -> None:
    """Write a figure, whole or not at all; the suffix chooses the format. HTML needs no network.

    Raises:
        InputError: Another suffix, or a path that cannot be written.
    """
    check_chart(path)
    with written_whole(path) as temporary:
        if path.suffix.lower() == ".html":
            figure.save(temporary, format="html", inline=True, json_kwds={"cls": _Script})
        elif path.suffix.lower() == ".png":
            figure.save(temporary, format="png", ppi=144)
        elif path.suffix.lower() == ".svg":
            figure.save(temporary, format="svg")
        else:
            figure.save(temporary, format="json")


def _legend(names: Sequence[str], keep: float | None) -> str:
    shown = [visible(name) for name in names]
    together = " + ".join(shown) if len(shown) < 3 else f"{shown[0]} + .. + {shown[-1]}"
    return f"top {format_percent(keep)}: {together}" if keep is not None else together


def _short(names: Sequence[str], keep: float | None) -> str:
    return f"top {format_percent(keep)}" if keep is not None else f"{len(names)} pools"


def _ticks(samples_seen: np.ndarray) -> list[float]:
    low, high = np.log2(samples_seen[0]), np.log2(samples_seen[-1])
    step = max(1.0, np.ceil((high - low) / 7))
    unit = 10.0 ** np.floor(np.log10(samples_seen[0]))
    first = unit * 2.0 ** np.ceil(np.log2(samples_seen[0] / unit))
    ticks = first * 2.0 ** (step * np.arange(12))
    return [float(tick) for tick in ticks if tick <= samples_seen[-1]]
