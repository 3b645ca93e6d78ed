"""The scores of a metadata table as a histogram, with the edges of its buckets."""

from typing import TYPE_CHECKING

from thresher.metadata.buckets import Buckets
from thresher.names import visible
from thresher.units import format_number

if TYPE_CHECKING:
    import altair as alt

MOST_LABELS = 20
"""More bucket names than this would overlap."""


def histogram_figure(made: Buckets) -> "alt.LayerChart | alt.FacetChart":
    """How many samples have which score, and where one bucket ends and the next begins.

    Args:
        made: Buckets with their histogram.
    """
    import altair as alt

    lowest, highest = made.histogram[0][0], made.histogram[-1][1]
    step = (highest - lowest) / len(made.histogram)
    bars = [  # steps differ a little in width, so a bar's area is its number of samples
        {"from": low, "to": high, "rows": rows, "samples": rows * step / (high - low) if high > low else rows}
        for low, high, rows in made.histogram
    ]
    edges = [{"edge": edge} for edge in made.edges[1:-1]]
    names = [{"name": visible(b.name), "middle": (b.low + b.high) / 2} for b in made.buckets]
    x = alt.X("from:Q", title=visible(made.score), scale=alt.Scale(zero=False))
    y = alt.Y(
        "samples:Q", title=f"samples in a step of {format_number(step)}", axis=alt.Axis(format="~s"), scale=alt.Scale(zero=True)
    )  # fmt: skip
    histogram = alt.Chart(alt.InlineData(values=bars)).mark_bar(color="#3b6fb6").encode(
        x=x, x2="to:Q", y=y, y2=alt.datum(0), tooltip=["from:Q", "to:Q", "rows:Q"]
    )  # fmt: skip
    layers = [
        histogram,
        alt.Chart(alt.InlineData(values=edges)).mark_rule(strokeDash=[3, 3]).encode(x="edge:Q"),
    ]
    if len(names) <= MOST_LABELS:
        layers.append(
            alt.Chart(alt.InlineData(values=names)).mark_text(baseline="bottom", dy=-2).encode(
                x="middle:Q", y=alt.value(0), text="name:N"
            )
        )  # fmt: skip
    title = f"{made.rows:,} rows, {made.missing:,} without a score"
    return alt.layer(*layers).properties(width=640, height=300, title=title)
