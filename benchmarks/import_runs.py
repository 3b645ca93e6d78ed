"""Import 10,000 checkpoints of DataComp's evaluation, and as many of open_clip's logs; CPU seconds of each.

python benchmarks/import_runs.py
"""

import json
import tempfile
import time
from pathlib import Path

from thresher.runs.importing import ImportOptions, import_runs
from thresher.runs.labels import RunLabel
from thresher.runs.tasks import DATACOMP_TASKS
from thresher.runs.writing import write_runs

RUNS = 500
EPOCHS = 20
LIMIT_SECONDS = 10.0


def main() -> None:
    """Write the logs, import them, print the seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        datacomp, open_clip = folder / "datacomp", folder / "open_clip"
        _write(datacomp, open_clip)
        labels = [RunLabel(f"run{i}", f"b{i % 10}", 1e6, rank=i % 10 + 1) for i in range(RUNS)]
        for kind, path, metrics in (
            ("DataComp", datacomp, ("imagenet1k", "average38", "paper18")),
            ("open_clip", open_clip, ("imagenet1k",)),
        ):
            start = time.process_time()
            found = import_runs([path], labels, ImportOptions(metrics, samples_per_epoch=1e6))
            write_runs(found.table, folder / "runs.csv")
            seconds = time.process_time() - start
            print(
                f"{kind}: {found.checkpoints:,} checkpoints, {len(found.table):,} rows, {seconds:.1f} CPU s "
                f"(limit {LIMIT_SECONDS:g} s): {'met' if seconds <= LIMIT_SECONDS else 'MISSED'}"
            )


def _write(datacomp: Path, open_clip: Path) -> None:
    for number in range(RUNS):
        evaluations = datacomp / f"run{number}"
        evaluations.mkdir(parents=True)
        checkpoints = open_clip / f"run{number}" / "checkpoints"
        checkpoints.mkdir(parents=True)
        (checkpoints.parent / "params.txt").write_text(
            f"epochs: {EPOCHS}\nlr_scheduler: const\nmodel: ViT-B-32\nseed: 0\ntrain_num_samples: 1000000\n"
        )
        results, log = [], []
        for epoch in range(1, EPOCHS + 1):
            value = 0.6 * (1 - 1 / (1 + epoch + number % 7))
            lines = [
                json.dumps({"key": key, "dataset": key, "metrics": {
                    "acc1": value, "acc5": value, "mean_per_class_recall": value, "main_metric": value}})
                for key in DATACOMP_TASKS
            ]  # fmt: skip
            (evaluations / f"eval_results_epoch_{epoch}_step_-1.jsonl").write_text("\n".join(lines) + "\n")
            metrics = {
                "imagenet-zeroshot-val-top1": value,
                "imagenet-zeroshot-val-top5": min(1.0, 1.5 * value),
            }
            results.append(json.dumps(metrics))
            printed = "\t".join(f"{name}: {round(number, 4):.4f}" for name, number in metrics.items())
            log.append(f"2024-05-20,10:00:00 | INFO | Eval Epoch: {epoch} {printed}")
        (checkpoints / "results.jsonl").write_text("\n".join(results) + "\n")
        (checkpoints.parent / "out.log").write_text("\n".join(log) + "\n")


if __name__ == "__main__":
    main()
