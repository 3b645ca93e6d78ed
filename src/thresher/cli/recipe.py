"""`thresher recipe`: what to paste into the trainer, and what its sampler will then do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from thresher.cli.output import Json, Quiet, print_report, print_text, say
from thresher.errors import InputError

if TYPE_CHECKING:
    from thresher.recipes.sources import Source

TRAINERS = ("open_clip", "datacomp", "mosaicml", "yaml")


def recipe(
    plan: Annotated[Path, typer.Argument(help="PLAN file, made by `thresher plan -o`.", show_default=False)],
    trainer: Annotated[
        str, typer.Option("--for", help="open_clip, datacomp, mosaicml or yaml.", show_default=False)
    ],
    budget: Annotated[
        str | None, typer.Option(help="Which plan, in samples; needed where there are several.")
    ] = None,
    choice: Annotated[str, typer.Option(help="best or mixture.")] = "best",
    shards: Annotated[
        list[str] | None,
        typer.Option(help="name=count:path or name=count@samples:path, one a pool; repeatable."),
    ] = None,
    shards_json: Annotated[Path | None, typer.Option(help="The same for many pools, as JSON.")] = None,
    batch_size: Annotated[str, typer.Option(help="Samples of one step, over all GPUs.")] = "4096",
    gpus: Annotated[int, typer.Option(help="GPUs of the training.")] = 1,
    workers: Annotated[int, typer.Option(help="Data workers of each GPU.")] = 4,
    checkpoints: Annotated[int, typer.Option(help="Checkpoints to keep; reading starts anew at each.")] = 5,
    model: Annotated[
        str | None, typer.Option(help="Model, as open_clip names it.  [default for datacomp: ViT-B-32]")
    ] = None,
    metadata: Annotated[str, typer.Option(help="DataComp: metadata of the pool.")] = "metadata",
    buckets: Annotated[str, typer.Option(help="DataComp: buckets.json of it.")] = "buckets.json",
    data: Annotated[str, typer.Option(help="DataComp: folder of the pool's shards.")] = "shards",
    resharded: Annotated[str, typer.Option(help="DataComp: folder of shards to write.")] = "resharded",
    exposure: Annotated[
        str | None,
        typer.Option(
            help="What the law assumed, epochs or resampled, if the plan does not say.  [default: epochs]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the simulated sampler.")] = 0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the recipe alone.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write what makes a trainer sample as the plan says, and simulate it first.

    Example: thresher recipe plan.json --budget 640M --for open_clip --shards "b0=500:b0/{000..499}.tar"
    """
    from thresher.cli.exposures import exposure_table
    from thresher.files import write_text
    from thresher.plans.saved import read_choice
    from thresher.recipes import Loader
    from thresher.recipes.datacomp import Folders, datacomp_recipe, default_passes
    from thresher.recipes.mosaicml import mosaicml_recipe
    from thresher.recipes.open_clip import open_clip_recipe
    from thresher.recipes.rehearsal import assumed_exposure, rehearse
    from thresher.recipes.sources import sources_of
    from thresher.recipes.yaml import yaml_recipe
    from thresher.reports.recipes import recipe as recipe_document
    from thresher.units import parse_samples

    if trainer not in TRAINERS:
        raise InputError(f"--for is {trainer!r}; give {', '.join(TRAINERS[:-1])} or {TRAINERS[-1]}.")
    chosen = read_choice(plan, parse_samples(budget, "--budget") if budget else None, choice)
    batch = round(parse_samples(batch_size, "--batch-size"))
    # MosaicML resumes within an epoch and passes through each stream; the others start drawing anew
    loader = (
        Loader(replacement=False, batch_size=batch, gpus=gpus)
        if trainer == "mosaicml"
        else Loader(batch_size=batch, gpus=gpus, workers=workers, checkpoints=checkpoints)
    )
    sources: tuple[Source, ...] = ()
    if trainer in ("open_clip", "mosaicml"):
        sources = sources_of(chosen, _known(shards, shards_json, trainer))
    if trainer == "open_clip":
        made = open_clip_recipe(chosen, sources, loader, model=model)
    elif trainer == "mosaicml":
        made = mosaicml_recipe(chosen, sources, loader)
    elif trainer == "datacomp":
        folders = Folders(str(plan), metadata, buckets, data, resharded=resharded)
        made = datacomp_recipe(chosen, loader, folders, model=model)
    else:
        made = yaml_recipe(chosen)
    found = rehearse(
        made,
        chosen,
        loader,
        sources=sources,
        passes=default_passes(chosen),
        exposure=exposure,
        seed=seed,
    )
    if output is not None:
        write_text(output, made.text)

    def show(console: Console) -> None:
        if output is None:
            print_text(console, made.text)
        if found:
            exposure_table(console, found, chosen, loader.batch_size, assumed_exposure(chosen, exposure))

    print_report(as_json, lambda: recipe_document(made, chosen, found), show)
    if not quiet:
        for note in made.notes:
            say(f"Note: {note}")
        if output is not None:
            say(f"Wrote {output}.")


def _known(shards: list[str] | None, shards_json: Path | None, trainer: str) -> "dict[str, Source]":
    """Shards by pool, from the one of two flags that is given."""
    from thresher.recipes.sources import parse_shards, read_shards

    if (shards is None) == (shards_json is None):
        raise InputError(
            f"--for {trainer} needs to know the shards of each pool: give either --shards name=count:path or --shards-json FILE."
        )
    return read_shards(shards_json) if shards_json is not None else parse_shards(shards or [])
