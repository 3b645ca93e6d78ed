import pytest

from thresher.lab.icons.captions import caption_of


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("arrow-left", "arrow left"),
        ("arrow-left-24-filled", "arrow left"),
        ("home_outline", "home"),
        ("Alarm.Clock/bold", "alarm clock"),
        ("outline", "outline"),
        ("24-outline", "24"),
        ("two-tone-two-tone", "two"),
    ],
)
def test_a_caption_is_the_name_without_sizes_and_styles_at_its_end(name, caption):
    assert caption_of(name) == caption


def test_a_caption_is_never_empty():
    assert caption_of("solid-filled-24") == "solid"
