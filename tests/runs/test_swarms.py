"""Swarms: a table of shares and a table of losses become one run table, or one sentence says why not."""

import json
import math

import pytest

from thresher.cli.app import run
from thresher.errors import InputError
from thresher.examples import example_path
from thresher.runs import read_runs
from thresher.runs.swarms import import_swarm, read_shares_table, read_swarm

SHARES = "run,web,code\na,0.25,0.75\nb,1.0,0.0\nc,0.5,0.5\n"
LOSSES = "run,name,loss_metric/web_loss,code_loss\nb,second,3.0,4.0\na,first,3.5,2.5\nc,third,3.2,2.9\n"


@pytest.fixture
def tables(tmp_path):
    def written(shares=SHARES, losses=LOSSES):
        paths = tmp_path / "shares.csv", tmp_path / "losses.csv"
        for path, text in zip(paths, (shares, losses), strict=True):
            path.write_text(text)
        return paths

    return written


def rows_of(table, metric):
    return {row.run: row for row in table.rows if row.metric == metric}


def test_runs_are_joined_on_their_id_and_prefixes_and_names_are_dropped(tables):
    table = read_swarm(*tables(), samples_seen=1e9)
    assert table.metrics == ("code_loss", "web_loss")
    web = rows_of(table, "web_loss")
    assert {name: row.error for name, row in web.items()} == {"a": 3.5, "b": 3.0, "c": 3.2}
    assert web["a"].pools == ("web", "code")
    assert web["a"].weights == (0.25, 0.75)
    assert web["a"].pool_sizes == (math.inf, math.inf)
    assert {row.samples_seen for row in table.rows} == {1e9}


def test_a_run_on_one_pool_alone_is_a_single_run(tables):
    row = rows_of(read_swarm(*tables(), samples_seen=1e9), "web_loss")["b"]
    assert (row.pool, row.weights, row.is_joint) == ("web", None, False)


def test_sizes_are_given_by_pool_and_the_rest_never_repeats(tables):
    row = rows_of(read_swarm(*tables(), samples_seen=1e9, unique_samples={"code": 2e8}), "web_loss")["a"]
    assert row.pool_sizes == (math.inf, 2e8)


def test_rounded_shares_are_rescaled_and_percent_is_read(tables):
    rounded = SHARES.replace("0.25,0.75", "0.251,0.746")
    for text in (rounded, "run,web,code\na,25.1,74.6\nb,100,0\nc,50,50\n"):
        shares = read_shares_table(tables(shares=text)[0]).shares["a"]
        assert math.fsum(shares) == pytest.approx(1.0, abs=1e-12)
        assert shares[0] / shares[1] == pytest.approx(0.251 / 0.746)


@pytest.mark.parametrize("key", ["run_id", "index"])
def test_other_names_of_the_id_join_too(tables, key):
    shares, losses = tables(SHARES.replace("run,", f"{key},"), LOSSES.replace("run,", f"{key},"))
    assert len(read_swarm(shares, losses, samples_seen=1e9)) == 6


@pytest.mark.parametrize(
    ("shares", "losses", "message"),
    [
        (SHARES + "d,0.5,0.5\n", LOSSES, r"Run 'd' is in .*shares\.csv but not in .*losses\.csv"),
        (SHARES, LOSSES + "d,x,3,3\n", r"Run 'd' is in .*losses\.csv but not in .*shares\.csv"),
        (SHARES + "a,0.5,0.5\n", LOSSES, "row 5: run 'a' stands twice"),
        (SHARES.replace("0.25,0.75", "0,0"), LOSSES, "the shares of run 'a' sum to 0"),
        (SHARES.replace("0.25,0.75", "-0.25,1.25"), LOSSES, r"run 'a' has a share of -0\.25 of web"),
        (SHARES.replace("0.25,0.75", "0.25,0.5"), LOSSES, r"the shares of run 'a' sum to 0\.75, not 1"),
        (SHARES.replace("run,web", "run,we+b"), LOSSES, r"holds no plus sign; rename the column 'we\+b'"),
        (SHARES.replace("run,", "who,"), LOSSES, r"has no column run, run_id or index"),
        (SHARES.replace("0.25", "nan"), LOSSES, r"row 2: web is 'nan', not a number"),
        (SHARES, LOSSES.replace("code_loss", "code_acc"), "code_acc is 4, not an accuracy"),
        (SHARES, LOSSES.replace("code_loss", "x/web_loss"), "two columns for the metric 'web_loss'"),
        (SHARES, "run\na\nb\nc\n", "has no losses"),
        ("", LOSSES, r"shares\.csv is empty\. It needs a header"),
        (SHARES, LOSSES.replace("a,first,3.5,2.5", "a,first,3.5"), "row 3 has fewer cells than the header has"),
    ],
)  # fmt: skip
def test_what_does_not_join_or_is_no_share_is_one_sentence(tables, shares, losses, message):
    with pytest.raises(InputError, match=message):
        read_swarm(*tables(shares, losses), samples_seen=1e9)


def test_a_size_of_a_pool_that_is_not_there_is_refused(tables):
    with pytest.raises(InputError, match=r"unique_samples names 'math', which is no pool of .*web, code"):
        read_swarm(*tables(), samples_seen=1e9, unique_samples={"math": 1e9})


def test_the_command_writes_a_table_that_reads_back_as_it_was(tables, tmp_path, capsys):
    output = tmp_path / "runs.csv"
    words = [
        "runs",
        "import",
        "--swarm",
        *map(str, tables()),
        "--samples-seen",
        "1B",
        "-o",
        str(output),
        "--json",
    ]
    assert run([*words, "--unique-samples", "code=200M"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 6
    again = read_runs(output)
    expected = read_swarm(*tables(), samples_seen=1e9, unique_samples={"code": 2e8})
    assert {(row.run, row.metric, row.error, row.weights, row.pool_sizes) for row in again.rows} == {
        (row.run, row.metric, row.error, row.weights, row.pool_sizes) for row in expected.rows
    }


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([], "--swarm needs --samples-seen"),
        (["--samples-seen", "1B", "--unique-samples", "5"], "with --swarm write POOL=N"),
        (["--samples-seen", "1B", "--unique-samples", "web=1B", "--unique-samples", "web=2B"], "gives 'web' twice"),
        (["--samples-seen", "1B", "--metric", "math_loss"], "has no metric 'math_loss'; it has web_loss, code_loss"),
    ],
)  # fmt: skip
def test_wrong_use_of_the_command_writes_nothing(tables, tmp_path, capsys, extra, message):
    output = tmp_path / "runs.csv"
    assert run(["runs", "import", "--swarm", *map(str, tables()), *extra, "-o", str(output)]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_regmix_s_published_tables_are_one_swarm():
    table = read_swarm(example_path("regmix_shares"), example_path("regmix_losses"), samples_seen=1e9)
    assert len({row.run for row in table.rows}) == 768
    assert len(table.metrics) == 8
    assert len({name for row in table.rows for name in row.pools}) == 17


def test_accuracies_become_errors_and_percent_is_said(tables):
    losses = "run,code_acc\na,0.3\nb,0.4\nc,0.5\n"
    table = read_swarm(*tables(losses=losses), samples_seen=1e9)
    assert {row.run: row.error for row in table.rows} == {"a": 0.7, "b": 0.6, "c": 0.5}
    assert table.metrics == ("code_acc_error",)
    paths = tables(losses="run,code_acc\na,30\nb,40\nc,50\n")
    with pytest.raises(
        InputError, match=r"code_acc is 30, not an accuracy in \[0, 1\]. If it is percent, give percent=True"
    ):
        read_swarm(*paths, samples_seen=1e9)
    table, _ = import_swarm(*paths, samples_seen=1e9, percent=True)
    assert {row.run: row.error for row in table.rows} == {"a": 0.7, "b": 0.6, "c": 0.5}


def test_a_metric_whose_name_does_not_say_its_direction_asks(tables):
    paths = tables(losses="run,hellaswag\na,0.3\nb,0.4\nc,0.5\n")
    with pytest.raises(InputError, match="Nothing says whether 'hellaswag' is better when higher"):
        read_swarm(*paths, samples_seen=1e9)
    table, _ = import_swarm(*paths, samples_seen=1e9, direction="higher")
    assert rows_of(table, "hellaswag_error")["a"].error == 0.7
    assert rows_of(read_swarm(*paths, samples_seen=1e9, unit="fraction"), "hellaswag")["a"].error == 0.3


@pytest.mark.parametrize("cell", ["nan", "", "inf", "crashed"])
def test_a_run_that_failed_is_passed_over_and_a_column_of_text_too(tables, cell):
    paths = tables(losses=f"run,web_loss,notes\na,3.5,fine\nb,{cell},bad\nc,3.2,fine\n")
    table, passed = import_swarm(*paths, samples_seen=1e9)
    assert set(rows_of(table, "web_loss")) == {"a", "c"}
    assert {one.kind for one in passed} == {"value", "column"}


def test_what_metric_does_not_name_cannot_stop_an_import(tables):
    paths = tables(
        losses="run,web_loss,code_acc,x/twice,y/twice,score\na,3.5,70,1,2,x\nb,3,80,1,2,y\nc,3.2,90,1,2,z\n"
    )
    table = read_swarm(*paths, samples_seen=1e9, metrics=["web_loss"])
    assert len(table) == 3
    assert len(read_swarm(*paths, samples_seen=1e9, metrics=["x/twice"], unit="loss")) == 3


def test_ids_are_joined_on_a_column_that_both_tables_have(tables):
    shares = "index,run,web,code\n1,a,0.25,0.75\n2,b,1.0,0.0\n3,c,0.5,0.5\n"
    paths = tables(shares=shares, losses="Index,web_loss\n1.0,3.5\n2.0,3.0\n3.0,3.2\n")
    assert {row.run: row.error for row in read_swarm(*paths, samples_seen=1e9).rows} == {
        "1": 3.5,
        "2": 3.0,
        "3": 3.2,
    }


def test_byte_order_marks_are_skipped_and_other_encodings_are_one_sentence(tables):
    paths = tables()
    expected = read_swarm(*paths, samples_seen=1e9)
    for path in paths:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b",\r\n"))
    assert read_swarm(*paths, samples_seen=1e9).rows == expected.rows
    paths[1].write_bytes(LOSSES.encode("utf-16"))
    with pytest.raises(InputError, match=r"is text in UTF-16\. Save it in UTF-8"):
        read_swarm(*paths, samples_seen=1e9)
    with pytest.raises(InputError, match="a comma may separate"):
        read_swarm(*tables(losses=LOSSES.replace("3.0,4.0", '"3,0",4.0')), samples_seen=1e9)
