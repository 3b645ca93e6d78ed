"""Writes what open_clip's trainer writes, in its order, without training: out.log, params.txt, results, checkpoints."""

import json
import math
import sys
import time
import zipfile
from pathlib import Path


def main(orders, given):
    option = dict(zip(given[::2], given[1::2], strict=True))
    folder = Path(option["--logs"], option["--name"])
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    log = (folder / "out.log").open("a", buffering=1)
    log.write("2026-11-27,18:00:00 | INFO | Running with a single process. Device cpu.\n")
    saved = sorted(int(path.stem.split("_")[1]) for path in checkpoints.glob("epoch_*.pt"))
    start = saved[-1] if saved else 0
    if saved:
        latest = checkpoints / f"epoch_{start}.pt"
        zipfile.ZipFile(latest).close()  # fails for one that is half-written
        log.write(f"2026-11-27,18:00:00 | INFO | => resuming checkpoint './{latest}' (epoch {start})\n")
    else:
        log.write(f"2026-11-27,18:00:00 | INFO | No latest resume checkpoint found in ./{checkpoints}.\n")
    facts = {"dataset_resampled": False, "skip_scheduler": False, "train_data": option["--train-data"]}
    for name in ("model", "seed", "epochs", "lr_scheduler", "train_num_samples", "imagenet_val"):
        facts[name] = option["--" + name.replace("_", "-")]
    (folder / "params.txt").write_text("".join(f"{name}: {facts[name]}\n" for name in sorted(facts)))
    batch, epochs = int(option["--batch-size"]), int(option["--epochs"])
    samples = math.ceil(int(option["--train-num-samples"]) / batch) * batch
    for epoch in range(start, epochs):
        for seen in range(batch, samples + 1, batch):
            log.write(
                f"2026-11-27,18:00:00 | INFO | Train Epoch: {epoch} [{seen:>5}/{samples} (0%)] Data (t): 0.1\n"
            )
        done = epoch + 1
        if f"hang={done}" in orders:
            time.sleep(60)
        if done % int(option["--zeroshot-frequency"]) == 0 or done == epochs:
            found = {"imagenet-zeroshot-val-top1": done / 40, "imagenet-zeroshot-val-top5": done / 20}
            log.write(
                f"2026-11-27,18:00:00 | INFO | Eval Epoch: {done} "
                + "\t".join(f"{k}: {v:.4f}" for k, v in found.items())
                + "\n"
            )
            with (checkpoints / "results.jsonl").open("a") as results:
                results.write(json.dumps(found) + "\n")
        if f"fail={done}" in orders:
            (checkpoints / f"epoch_{done}.pt").write_bytes(b"PK half")
            print("Traceback\n  somewhere\nOSError: [Errno 28] No space left on device", file=sys.stderr)
            sys.exit(1)
        with zipfile.ZipFile(checkpoints / f"epoch_{done}.pt", "w") as checkpoint:
            checkpoint.writestr("weights", "0")


if __name__ == "__main__":
    end = sys.argv.index("--")
    main(sys.argv[1:end], sys.argv[end + 1 :])
