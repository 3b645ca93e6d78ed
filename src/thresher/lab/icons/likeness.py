"""Which images look alike: a perceptual signature and its distances."""

import numpy as np

from thresher.shapes import Bool, Float, UInt8

NEAR = 0.96
"""Likeness from which two images are near-duplicates: the same drawing in another weight of stroke is one."""
AT_ONCE = 4096


def signatures(images: UInt8[np.ndarray, "icons side side"]) -> Float[np.ndarray, "icons pixels"]:
    """Each image blurred by (1, 2, 1) both ways, less its mean, of length 1; zeros for a blank one.

    The product of two signatures is their likeness: 1 for the same image, about 0 for unrelated ones.
    """
    padded = np.pad(images.astype(np.float32), ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    blurred = blurred.reshape(len(images), blurred.shape[1] * blurred.shape[2])
    centred = blurred - blurred.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)


def resemble_any(
    images: UInt8[np.ndarray, "icons side side"], others: UInt8[np.ndarray, "others side side"]
) -> Bool[np.ndarray, " icons"]:
    """Whether each image is a near-duplicate of any of `others`."""
    theirs = signatures(others).T
    found = [
        (signatures(images[at : at + AT_ONCE]) @ theirs >= NEAR).any(axis=1)
        for at in range(0, len(images), AT_ONCE)
    ]
    return np.concatenate(found) if found and len(others) else np.zeros(len(images), dtype=bool)
