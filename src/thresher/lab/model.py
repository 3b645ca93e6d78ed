"""A small CLIP: patches and a convolution for images, the mean of hashed words for captions, one space for both."""

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 128
"""Dimensions of the common space."""
CHANNELS = (64, 128)
"""Of 6 x 6 places, patches of 6 pixels every 4, and of 3 x 3 places. Three convolutions from the full image learn no better
and train 0.75 times as many pairs a second (docs/log.md)."""
WORDS = 8192
"""Rows of the table that words are hashed into; icons' names know about as many words."""
WORD_SPREAD = 0.02
"""Spread of a word's vector at the start; with 1, torch's own, words hardly move in the few thousand steps (docs/log.md)."""
START_SCALE, MOST_SCALE = 14.0, 100.0
"""Factor of the cosine before the softmax, where learning starts and where it is held; as in CLIP (arXiv:2103.00020)."""


class SmallClip(nn.Module):
    """Images of 24 x 24 and captions to unit vectors."""

    def __init__(self) -> None:
        super().__init__()
        patches, convolved = CHANNELS
        self.image = nn.Sequential(
            nn.Conv2d(1, patches, 6, stride=4, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(patches, convolved, 3, stride=2, padding=1), nn.ReLU(inplace=True),
            nn.Flatten(), nn.Linear(convolved * 9, WIDTH),
        )  # fmt: skip
        self.image.to(memory_format=torch.channels_last)  # a quarter faster on a CPU
        self.words = nn.EmbeddingBag(WORDS, WIDTH, mode="mean")
        nn.init.normal_(self.words.weight, std=WORD_SPREAD)
        self.log_scale = nn.Parameter(torch.tensor(START_SCALE).log())

    def encode_images(self, images: Tensor) -> Tensor:
        """Unit vectors of images (n, 24, 24), uint8."""
        return functional.normalize(self.image(images[:, None].float() / 255 - 0.25), dim=1)

    def encode_texts(self, words: Tensor, starts: Tensor) -> Tensor:
        """Unit vectors of captions: their hashed words in one row, and where each caption starts."""
        return functional.normalize(self.words(words, starts), dim=1)

    def loss(self, images: Tensor, words: Tensor, starts: Tensor) -> Tensor:
        """Symmetric cross-entropy of a batch: each image with its own caption among all, and the other way round."""
        scale = self.log_scale.exp().clamp(max=MOST_SCALE)
        logits = scale * self.encode_images(images) @ self.encode_texts(words, starts).T
        own = torch.arange(len(logits))
        return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


class Captions:
    """Hashed words of many captions, of which any rows can be taken."""

    def __init__(self, captions: Sequence[str]) -> None:
        rows = [
            [zlib.crc32(word.encode()) % WORDS for word in caption.split()] or [0] for caption in captions
        ]
        self.lengths = torch.tensor([len(row) for row in rows])
        self.table = torch.zeros((len(rows), int(self.lengths.max())), dtype=torch.long)
        for at, row in enumerate(rows):
            self.table[at, : len(row)] = torch.tensor(row)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Words of these captions in one row, and where each caption starts."""
        lengths = self.lengths[rows]
        inside = torch.arange(self.table.shape[1]) < lengths[:, None]
        return self.table[rows][inside], lengths.cumsum(0) - lengths
