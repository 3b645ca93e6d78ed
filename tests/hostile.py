"""Names that break text which is put together carelessly."""

from hypothesis import strategies as st

from thresher.errors import InputError
from thresher.quoting import check_file_names, check_pool_name

PIECES = (
    " ", "'", '"', "`", "$(touch PWNED)", "$HOME", "${x}", "%", "%s", "\\", "\n", "\r", "\t", "\0", ";", "&", "|", "#", " # ",
    "!", "!!", "~", "*", "?", "[a-z]", "{", "}", "{a,b}", "{0..9}", "::", ":", ",", "-", "--", "-e", "=", "+", "<", ">", "(",
    ")", "()", "/", "..", "../../x", ".", "@", "^", "esac", ";;", "EOF", "a", "b0", "top 10%", "ß", "é", "é", "中", "\u2028",
    "\x85", "\ufeff", "\u202e", "\ud800", "😀", "\x1b[31m", "[red]", "con", "nul.x", "null", "true", "1e3", "1", "- a",
    "? b", "a: b",
)  # fmt: skip


def any_names():
    """Any text, made of pieces that mean something to some reader."""
    return st.lists(st.sampled_from(PIECES) | st.characters(), min_size=1, max_size=6).map("".join)


def pool_names():
    """Names that a bucket may have, hostile or not."""
    return any_names().filter(_is_allowed)


def _is_allowed(name):
    try:
        check_pool_name(name)
        check_file_names([name])
    except InputError:
        return False
    return True
