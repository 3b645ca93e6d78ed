"""Log files in the formats of real tools, small: what DataComp, open_clip and CLIP_benchmark write."""

import json

from thresher.runs.tasks import DATACOMP_TASKS, WITHOUT_MAIN_METRIC

PARAMS = """\
accum_freq: 1
batch_size: {batch_size}
beta1: 0.9
dataset_resampled: {resampled}
dataset_type: webdataset
distributed: True
epochs: {epochs}
epochs_cooldown: None
imagenet_val: {imagenet}
imagenet_v2: None
log_path: /mnt/old/logs/{name}/out.log
lr: 0.0005
lr_scheduler: {scheduler}
model: {model}
name: {name}
seed: {seed}
skip_scheduler: False
train_data: /mnt/old/shards/{{00000000..00000127}}.tar
train_num_samples: {samples}
val_data: None
warmup: 500
world_size: 8
zeroshot_frequency: 1
"""


def write_datacomp(path, imagenet=0.2, *, leave_out=(), extra=()):
    """An eval_results.jsonl with all 40 tasks; each has the given ImageNet accuracy plus a little."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for at, key in enumerate((*DATACOMP_TASKS, *extra)):
        if key in leave_out:
            continue
        value = imagenet if key == "imagenet1k" else imagenet + 0.01 * (at % 5)
        metrics = {
            "acc1": value,
            "acc5": min(1.0, 2 * value),
            "mean_per_class_recall": value,
            "main_metric": value,
        }
        lines.append({"key": key, "dataset": key.title(), "metrics": metrics})
    for key in WITHOUT_MAIN_METRIC:
        lines.append(
            {"key": key, "dataset": key.title(), "metrics": {"acc_race_avg": 0.5, "main_metric": None}}
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_open_clip(
    folder, accuracies, *, epochs=None, with_epoch=False, model="ViT-B-32", seed=0, scheduler="const", samples=1_280_000,
    resampled=False, imagenet="/mnt/old/imagenet/val", log=True,
):  # fmt: skip
    """A run folder: accuracy by epoch in results.jsonl, as `open_clip_train` writes it, and its out.log."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    text = PARAMS.format(
        name=folder.name, batch_size=512, resampled=resampled, epochs=epochs or max(accuracies), imagenet=imagenet,
        scheduler=scheduler, model=model, seed=seed, samples=samples,
    )  # fmt: skip
    (folder / "params.txt").write_text(text)
    results, out = [], []
    for number, (epoch, value) in enumerate(accuracies.items()):
        metrics = {"imagenet-zeroshot-val-top1": value, "imagenet-zeroshot-val-top5": min(1.0, 2 * value)}
        if with_epoch:
            metrics |= {"clip_val_loss": 3.0 - value, "epoch": epoch, "num_samples": 1000}
        results.append(json.dumps(metrics))
        clock = f"2024-05-{20 - number:02d},10:00:00 | INFO |"  # a clock that runs backwards
        out += [
            f"{clock} Start epoch {epoch - 1}",
            f"{clock} Train Epoch: {epoch - 1} [   4096/{samples} (0%)] Data (t): 0.1 Batch (t): 0.2 LR: 0.000500",
            f"{clock} Eval Epoch: {epoch} [512 / 1000]\tClip Loss: 3.1\t",
            f"{clock} Eval Epoch: {epoch} "
            + "\t".join(f"{k}: {round(v, 4):.4f}" for k, v in metrics.items()),
        ]
    (folder / "checkpoints" / "results.jsonl").write_text("".join(f"{line}\n" for line in results))
    if log:
        (folder / "out.log").write_text("\n".join(out) + "\n")
    return folder


def write_clip_benchmark(path, run, epoch, dataset="imagenet1k", model="ViT-B-32", acc1=0.3):
    """One CLIP_benchmark result of a checkpoint of a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "dataset": f"wds/{dataset}", "model": model, "pretrained": f"/mnt/old/logs/{run}/checkpoints/epoch_{epoch}.pt",
        "task": "zeroshot_classification", "language": "en",
        "metrics": {"acc1": acc1, "acc5": min(1.0, 2 * acc1), "mean_per_class_recall": acc1 + 0.01},
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path
