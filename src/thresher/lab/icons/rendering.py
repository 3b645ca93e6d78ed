"""Drawings to grey images of 24 x 24."""

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import numpy as np

from thresher.errors import MissingExtraError
from thresher.lab.cores import usable_cores
from thresher.lab.icons.drawing import Drawing
from thresher.lab.pairs import SIDE
from thresher.shapes import Bool, UInt8

AT_ONCE = 500
"""Drawings a process takes at a time; about a third of a second."""
LEAST_INK, MOST_INK = 0.01, 0.9
"""Share of an image that must be inked for it to show anything."""


def render(
    drawings: Sequence[Drawing], processes: int | None = None, progress: Callable[[int], None] | None = None
) -> tuple[UInt8[np.ndarray, "icons side side"], Bool[np.ndarray, " icons"]]:
    """The ink of each drawing, and whether it shows anything.

    Args:
        drawings: What to draw.
        processes: How many work at once; all cores if None.
        progress: Called with how many are drawn.

    Returns:
        Images of 0 (no ink) to 255, and False for a drawing that is broken, blank or all ink.

    Raises:
        MissingExtraError: resvg or Pillow is not installed.
    """
    check_renderer()
    cores = processes or usable_cores()
    documents = [drawing.svg for drawing in drawings]
    chunks = [documents[at : at + AT_ONCE] for at in range(0, len(documents), AT_ONCE)]
    images = np.zeros((len(documents), SIDE, SIDE), dtype=np.uint8)
    done = 0
    if cores > 1 and len(chunks) > 1:
        with ProcessPoolExecutor(cores) as pool:
            for drawn in pool.map(_render_all, chunks, repeat(SIDE)):
                images[done : done + len(drawn)] = drawn
                done += len(drawn)
                if progress:
                    progress(done)
    else:
        for chunk in chunks:
            images[done : done + len(chunk)] = _render_all(chunk, SIDE)
            done += len(chunk)
            if progress:
                progress(done)
    ink = images.mean(axis=(1, 2)) / 255
    return images, (ink >= LEAST_INK) & (ink <= MOST_INK)


def check_renderer() -> None:
    """Refuse to begin without what draws.

    Raises:
        MissingExtraError: resvg or Pillow is not installed.
    """
    try:
        import PIL  # noqa: F401
        import resvg_py  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Drawing icons", "lab") from error


def _render_all(documents: list[str], side: int) -> UInt8[np.ndarray, "icons side side"]:
    return np.stack([_render_one(svg, side) for svg in documents])


def _render_one(svg: str, side: int) -> UInt8[np.ndarray, "side side"]:
    import resvg_py
    from PIL import Image

    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side)
        drawn = Image.open(io.BytesIO(png)).convert("RGBA").getchannel("A")
    except (ValueError, RuntimeError, OSError):
        return np.zeros((side, side), dtype=np.uint8)
    canvas = Image.new("L", (side, side))
    drawn.thumbnail((side, side))
    canvas.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    return np.asarray(canvas)
