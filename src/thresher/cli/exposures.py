"""What a sampler will do to each pool, as a table for a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from thresher.plans.saved import SavedChoice
from thresher.recipes.dry_run import Exposure
from thresher.units import format_number, format_percent

ASSUMED = {"epochs": "whole epochs", "resampled": "Poisson views"}


def exposure_table(
    console: Console, found: Sequence[Exposure], choice: SavedChoice, batch_size: int, exposure: str
) -> None:
    """Shares, passes, unseen samples, repeats and duplicates of every pool, beside the plan and the law."""
    table = Table(
        title="Simulated sampler; in brackets the plan, and the law", title_justify="left", box=None,
        pad_edge=False, header_style="bold",
    )  # fmt: skip
    for column in ("pool", "share", "passes", "never seen", "views of a sample (90 %)", "twice in a batch"):
        table.add_column(column, overflow="fold")
    for one, weight, epochs in zip(found, choice.weights, choice.epochs, strict=True):
        law = one.assumed
        table.add_row(
            one.name,
            f"{one.share:.4f} ({weight:.4f})",
            f"{format_number(one.passes)} ({format_number(epochs)})",
            f"{format_percent(one.unseen, 2)} ({format_percent(law.unseen, 2)})",
            f"{one.low} to {one.high} ({law.low} to {law.high})",
            format_number(one.duplicate),
        )
    console.print(table)
    console.print(
        f"The law assumed {ASSUMED[exposure]}. 'Twice in a batch' is the probability that a batch of {batch_size:,} holds some "
        "sample of the pool twice, at most."
    )
