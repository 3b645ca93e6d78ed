"""The laboratory's runs trained by open_clip: shards, its own trainer as a child process, its own logs."""

from thresher.lab.open_clip.trainer import OpenClipTrainer

__all__ = ["OpenClipTrainer"]
