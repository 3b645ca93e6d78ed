import numpy as np

from thresher.lab.icons.likeness import NEAR, resemble_any, signatures


def drawn(rows, columns, ink=255):
    image = np.zeros((24, 24), dtype=np.uint8)
    image[rows, columns] = ink
    return image


BAR = drawn(slice(4, 20), slice(10, 14))
THICK = drawn(slice(4, 20), slice(10, 15))
LETTER = np.maximum(drawn(slice(4, 20), slice(5, 8)), drawn(slice(10, 13), slice(5, 19)))
FRAME = np.maximum(drawn(slice(2, 22), slice(2, 22)), 0) - drawn(slice(5, 19), slice(5, 19))


def test_an_image_resembles_itself_in_another_ink_and_weight():
    found = resemble_any(np.stack([BAR, BAR // 2, THICK]), BAR[None])
    assert found.tolist() == [True, True, (signatures(THICK[None]) @ signatures(BAR[None]).T).item() >= NEAR]
    assert found[1]


def test_other_drawings_do_not():
    assert not resemble_any(np.stack([LETTER, FRAME]), BAR[None]).any()


def test_a_blank_image_resembles_nothing():
    blank = np.zeros((1, 24, 24), dtype=np.uint8)
    assert not resemble_any(blank, np.stack([BAR, blank[0]])).any()


def test_without_others_or_images_nothing_is_alike():
    assert resemble_any(BAR[None], np.zeros((0, 24, 24), dtype=np.uint8)).tolist() == [False]
    assert resemble_any(np.zeros((0, 24, 24), dtype=np.uint8), BAR[None]).tolist() == []


def test_signatures_have_length_one():
    lengths = np.linalg.norm(signatures(np.stack([BAR, FRAME])), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
