"""Whatever a name holds, each reader gets exactly that name back."""

import ast
import shlex
import shutil
import subprocess
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hostile import PIECES, any_names
from thresher.errors import InputError
from thresher.quoting import (
    as_path,
    check_file_name,
    check_file_names,
    check_name,
    check_pool_name,
    encoded_name,
    folded,
    option,
    python_literal,
    shell_command,
    shell_word,
    yaml_document,
)

BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
POSSIBLE = [piece for piece in PIECES if "\0" not in piece and "\ud800" not in piece]


@BASH
def test_bash_reads_every_word_as_it_is(tmp_path):
    """All hostile pieces, each alone, after a letter and after a dash, in one command."""
    words = [before + piece for piece in POSSIBLE for before in ("", "a", "-")]
    script = tmp_path / "script.sh"
    script.write_text(f"printf '%s\\0' {shell_command(words)}\n", encoding="utf-8")
    done = subprocess.run(["bash", script], capture_output=True, check=True, cwd=tmp_path)
    assert done.stdout.decode().split("\0")[:-1] == words
    assert list(tmp_path.iterdir()) == [script]


@BASH
def test_a_word_is_a_pattern_that_matches_only_itself(tmp_path):
    words = list(dict.fromkeys(POSSIBLE))
    branches = "".join(f"    {shell_word(word)}) echo {at} ;;\n" for at, word in enumerate(words))
    text = f'for one in {shell_command(words)}; do\n  case "$one" in\n{branches}  esac\ndone\n'
    (tmp_path / "script.sh").write_text(text, encoding="utf-8")
    done = subprocess.run(["bash", "script.sh"], capture_output=True, check=True, cwd=tmp_path, text=True)
    assert done.stdout.split() == [str(at) for at in range(len(words))]


@given(any_names())
def test_words_come_back_from_a_command_or_are_refused(name):
    try:
        command = shell_command(["thresher", name])
    except InputError:
        assert "\0" in name or any("\ud800" <= character <= "\udfff" for character in name)
    else:
        assert shlex.split(command) == ["thresher", name]


@given(any_names())
def test_python_and_yaml_give_a_name_back(name):
    assert ast.literal_eval(python_literal(name)) == name
    assert len(python_literal(name).splitlines()) == 1
    assert yaml.safe_load(yaml_document({"name": name, name: 1})) == {"name": name, name: 1} | {name: 1}


@given(st.lists(any_names(), min_size=2, max_size=2, unique=True))
def test_encoded_names_are_files_that_differ_everywhere(names):
    try:
        encoded = [encoded_name(name) for name in names]
    except InputError as error:
        assert "too long" in str(error)  # noqa: PT017
        return
    for name, text in zip(names, encoded, strict=True):
        check_file_name(text)
        assert unquote(text, errors="surrogatepass") == name
    assert folded(encoded[0]) != folded(encoded[1])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x", "holds /"),
        ("a\\b", r"holds \\,"),
        ("..", "begins with a dot"),
        (".x", "begins with a dot"),
        ("x.", "ends with a dot"),
        ("-x", "begins with '-'"),
        ('a"b', 'holds "'),
        ("a:b", "holds :"),
        ("con", "a device of Windows"),
        ("NUL.tar", "a device of Windows"),
        ("é" * 101, "longer than 200 bytes"),
        ("a\nb", "control character"),
        ("a\u2028b", "control character"),
        ("\x1b[31m", "control character"),
        (" a", "blanks around it"),
        ("", "is empty"),
    ],
)
def test_what_cannot_name_a_file_is_refused(name, why):
    with pytest.raises(InputError, match=why):
        check_file_name(name)


@pytest.mark.parametrize(
    "name", ["top 10%", "$(touch x)", "{a,b}", "it's", "`id`", "a;b", "é", "!x", "a=b", "~", "#1"]
)
def test_names_that_are_only_strange_are_kept(name):
    check_pool_name(name)
    check_file_names([name, "other"])


def test_two_names_of_one_file_are_refused():
    with pytest.raises(InputError, match="'Top' differs from 'top' only in upper and lower case"):
        check_file_names(["top", "Top"])
    with pytest.raises(InputError, match="only in upper and lower case"):
        check_file_names(["e\u0301", "\u00e9"])
    with pytest.raises(InputError, match="holds '\\+'"):
        check_pool_name("a+b")
    with pytest.raises(InputError, match="control character"):
        check_name("a\x85b", "Model")


def test_values_that_look_like_flags_are_told_apart():
    assert option("--name", "-x") == ["--name=-x"]
    assert as_path("-x") == "./-x"
