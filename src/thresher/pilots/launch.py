"""Launch files: shell scripts that train, keep and evaluate every planned checkpoint of pilot runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd

from thresher.pilots.design import PilotRun
from thresher.quoting import option, shell_command, shell_word

LEARNING_RATE = 5e-4
WARMUP = 500
"""DataComp's settings of its small, medium and large scales, and of open_clip's examples."""


@dataclass(frozen=True)
class Trainer:
    """How the pilots are trained; the same as the target run, but for its length.

    Attributes:
        model: open_clip's name of the model.
        batch_size: Samples of a batch over all devices.
        gpus: Devices of one run.
        exposure: `epochs`, or `resampled` for drawing with replacement, as DataComp's trainer does.
        metric: What is measured, for the run table.
    """

    model: str = "ViT-B-32"
    batch_size: int = 4096
    gpus: int = 8
    exposure: str = "resampled"
    metric: str = "imagenet1k"


def every(run: PilotRun) -> int:
    """Checkpoints are kept every so many epochs: the coarsest step that meets all planned ones."""
    return reduce(gcd, run.epochs)


def train_arguments(run: PilotRun, trainer: Trainer) -> list[str]:
    """Arguments of open_clip's trainer; an epoch is one pass over the run's samples."""
    decay = "const" if run.schedule == "constant" else "cosine"
    arguments = [
        "--dataset-type webdataset",
        f"--train-num-samples {run.unique_samples}",
        f"--epochs {run.epochs[-1]}",
        f"--lr-scheduler {decay}",
        f"--lr {LEARNING_RATE:g}",
        f"--warmup {WARMUP}",
        shell_command(option("--model", trainer.model)),
        f"--batch-size {trainer.batch_size // trainer.gpus}",
        f"--seed {run.seed}",
        "--precision amp",
        "--workers 4",
        "--local-loss",
        "--gather-with-grad",
        "--grad-checkpointing",
        f"--save-frequency {every(run)}",
        '--logs "$LOGS"',
        shell_command(option("--name", run.name)),
        "--resume latest",  # without it the trainer refuses a run that is begun, and its exit status is 0
    ]
    return [*arguments, "--dataset-resampled"] if trainer.exposure == "resampled" else arguments


def shards(run: PilotRun) -> str:
    """The line that finds the run's shards, in the notation of open_clip; the script ends if there are none."""
    return f"data=$(shards {shell_command(run.pools)})"


HEAD = """\
#!/usr/bin/env bash
# Written by thresher. Runs are named as arguments; without one, all are done.
set -euo pipefail
: "${SHARDS:?set SHARDS to the folder that holds one folder of tar files for each pool}"
LOGS=${LOGS:-logs}
GPUS=${GPUS:-%d}

shards() { # the tar files of each pool as first..last, joined by ::
  local pool folder files first last all=
  for pool in "$@"; do
    folder=$SHARDS/$pool
    files=("$folder"/*.tar)
    files=("${files[@]##*/}")
    first=$(printf '%%s\\n' "${files[@]%%.tar}" | sort -n | head -n 1)
    last=$(printf '%%s\\n' "${files[@]%%.tar}" | sort -n | tail -n 1)
    if [[ ! $first =~ ^[0-9]+$ || ! $last =~ ^[0-9]+$ ]] || ((10#$last - 10#$first + 1 != ${#files[@]})); then
      echo "$folder must hold tar files with numbers for names, none left out" >&2
      return 2
    fi
    folder=$(sed 's/[\\{},:]/\\\\&/g' <<<"$folder") # what open_clip would expand
    all+=${all:+::}$folder/{$first..$last}.tar
  done
  printf '%%s\\n' "$all"
}
"""


def _case(run: PilotRun, command: Sequence[str], *more: Sequence[str]) -> str:
    """A branch of `case` that trains one run, and does more afterwards."""
    lines = [shards(run), " \\\n        ".join(command), *map(shell_command, more)]
    return f"    {shell_word(run.name)})\n      " + "\n      ".join(lines) + " ;;\n"


def _script(
    trainer: Trainer, needs: str, cases: Sequence[str], runs: Sequence[PilotRun], body: str = ""
) -> str:
    names = shell_command(run.name for run in runs)
    return (
        f'{HEAD % trainer.gpus}{needs}{body}\nrun() {{\n  case "$1" in\n'
        + "".join(cases)
        + '    *) echo "there is no run $1" >&2; exit 2 ;;\n  esac\n}\n\n'
        + f'[ $# -gt 0 ] || set -- {names}\nfor name in "$@"; do run "$name"; done\n'
    )


def open_clip_script(runs: Sequence[PilotRun], trainer: Trainer) -> str:
    """Command lines (torchrun) of open_clip's own trainer, which evaluates ImageNet at every kept checkpoint."""
    cases = []
    for run in runs:
        lines = [
            'torchrun --nproc_per_node "$GPUS" -m open_clip_train.main',
            '--train-data "$data"',
            *train_arguments(run, trainer),
            f"--zeroshot-frequency {every(run)}",
            '--imagenet-val "$IMAGENET"',
        ]
        cases.append(_case(run, lines))
    return _script(
        trainer, ': "${IMAGENET:?set IMAGENET to the folder of its validation images}"\n', cases, runs
    )


def datacomp_script(runs: Sequence[PilotRun], trainer: Trainer) -> str:
    """What DataComp's train.py and evaluate.py do, at the pilots' lengths.

    train.py fixes the number of samples by scale and evaluates the last checkpoint only. This calls the same trainer
    with the same settings, and then evaluate.py on every planned checkpoint, in a folder named after it.
    """
    body = f"""\
DATACOMP=${{DATACOMP:-.}} # a clone of DataComp's repository
EVALS=${{EVALS:-evals}}
MODEL={shell_word(trainer.model)}

evaluate() {{ # run, then its epochs
  local name=$1 epoch out
  shift
  for epoch in "$@"; do
    out="$EVALS/$name/epoch_$epoch"
    mkdir -p "$out"
    (python "$DATACOMP/evaluate.py" --train_output_dir "$out" --output_dir "$out" \\
      --use_model "$MODEL $LOGS/$name/checkpoints/epoch_$epoch.pt" ${{EVALSETS:+--data_dir "$EVALSETS"}})
  done
}}

if [ "${{1:-}}" = evaluate ]; then
  shift
  evaluate "$@"
  exit
fi
"""
    cases = []
    for run in runs:
        lines = [
            'torchrun --nproc_per_node "$GPUS" -m open_clip_train.main',
            '--train-data "$data"',
            *train_arguments(run, trainer),
            "--ddp-static-graph",
        ]
        cases.append(_case(run, lines, ["evaluate", run.name, *map(str, run.epochs)]))
    return _script(trainer, "", cases, runs, body)


def slurm_script(runs: Sequence[PilotRun], trainer: Trainer) -> str:
    """A SLURM array with one job a run."""
    names = "\n  ".join(shell_word(run.name) for run in runs)
    return (
        f"#!/usr/bin/env bash\n#SBATCH --job-name=pilots\n#SBATCH --array=0-{len(runs) - 1}\n#SBATCH --nodes=1\n"
        f"#SBATCH --ntasks=1\n#SBATCH --gres=gpu:{trainer.gpus}\n#SBATCH --output=slurm-%A_%a.out\n"
        "# Written by thresher. Set SHARDS, and IMAGENET for open_clip.sh, before sbatch; SCRIPT chooses the launch file.\n"
        f"set -euo pipefail\nruns=(\n  {names}\n)\n"
        'cd "${SLURM_SUBMIT_DIR:-.}"\nexec bash "${SCRIPT:-open_clip.sh}" "${runs[$SLURM_ARRAY_TASK_ID]}"\n'
    )


def reshard_script(pools: Sequence[str]) -> str:
    """DataComp's resharder for each pool: shards of exactly the samples in its subset file."""
    lines = "".join(
        f'python "$DATACOMP/resharder.py" -i "$POOL" -o "$SHARDS"/{shell_word(name)} '
        f'-s "$HERE"/uids/{shell_word(f"{name}.npy")}\n'
        for name in pools
    )
    return (
        "#!/usr/bin/env bash\n# Written by thresher. POOL is the folder of downloaded shards; SHARDS receives a folder a pool.\n"
        'set -euo pipefail\n: "${POOL:?}" "${SHARDS:?}"\nDATACOMP=${DATACOMP:-.}\nHERE=$(cd "$(dirname "$0")" && pwd)\n'
        + lines
    )
