import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metadata_tables import SCORE, hex_ids, ranked, scores, write_table
from thresher.errors import FileFormatError, InputError
from thresher.metadata import Local, make_buckets, open_table, read_buckets, write_buckets
from thresher.metadata.selection import Selection
from thresher.metadata.work import work_folder


def members_of(engine, table, made, work) -> dict:
    """Ids of each bucket, by selecting all of them."""
    slices = tuple(made.slice_of(name) for name in made.names)
    found = {name: [] for name in made.names}
    for keys, carried in engine.select(table, Selection(slices, members=True), work).blocks():
        for row in range(len(keys)):
            found[made.names[carried[row]]].append(keys.key(row))
    return found


def key(text: str):
    return int(text[:16], 16), int(text[16:], 16)


score_lists = st.lists(
    st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.0, -0.0, 0.25, 0.5]), st.just(float("nan"))),
    min_size=12,
    max_size=60,
).filter(lambda values: len({v for v in values if v == v}) > 1 and sum(v == v for v in values) >= 6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=score_lists, number=st.integers(1, 6), wide=st.booleans())
def test_buckets_are_disjoint_equal_and_cover_every_scored_sample(tmp_path_factory, values, number, wide):
    folder = tmp_path_factory.mktemp("buckets")
    ids = hex_ids(len(values))
    column = np.array(values, dtype=np.float64 if wide else np.float32)
    engine = Local(workers=1)
    with work_folder(folder / "work", {}) as work:
        table = open_table([write_table(folder / "m", ids, column)], score=SCORE)
        made = make_buckets(engine, table, number, work)
        found = members_of(engine, table, made, work)
    order = [key(i) for i in ranked(ids, column)]
    scored = int((~np.isnan(column)).sum())
    assert made.missing == len(values) - scored
    start = 0
    for bucket in made.buckets:
        assert sorted(order[start : start + bucket.rows]) == found[bucket.name]
        start += bucket.rows
        assert abs(bucket.rows - scored / number) <= 1
    assert start == scored


def test_edges_are_exact_and_come_back_from_the_file(tmp_path, work):
    ids, values = hex_ids(1000), scores(1000)
    table = open_table([write_table(tmp_path / "m", ids, values)], score=SCORE)
    made = make_buckets(Local(), table, 10, work)
    order = ranked(ids, values)
    by_id = dict(zip(ids, values, strict=True))
    start = 0
    for bucket in made.buckets:
        start += bucket.rows
        assert bucket.low == float(by_id[order[start - 1]])
    assert made.edges == tuple(sorted(made.edges, reverse=True))
    assert sum(rows for *_, rows in made.histogram) == made.rows - made.missing
    write_buckets(tmp_path / "buckets.json", made)
    assert read_buckets(tmp_path / "buckets.json") == made


def test_a_repeated_tied_id_is_never_parted(tmp_path, work):
    ids = ["0" * 31 + "1"] * 6 + hex_ids(6)
    values = np.array([0.5] * 6 + [0.1] * 6, dtype=np.float32)
    table = open_table([write_table(tmp_path / "m", ids, values)], score=SCORE)
    assert [bucket.rows for bucket in make_buckets(Local(), table, 4, work).buckets] == [6, 0, 3, 3]


def test_filters_and_names(tmp_path, work):
    values = np.linspace(0, 1, 100, dtype=np.float32)
    folder = write_table(tmp_path / "m", hex_ids(100), values, language=["en", "fr"] * 50)
    table = open_table([folder], score=SCORE, where="language = en")
    made = make_buckets(Local(), table, 2, work, ["good", "poor"])
    assert (made.rows, made.names) == (50, ("good", "poor"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full(20, np.nan, np.float32), "no score at all"),
        (np.full(20, 0.5, np.float32), "ranks nothing"),
        (np.array([np.inf] * 10 + [0.5] * 10), "infinite"),
        (np.array([0.1, 0.2] + [np.nan] * 18), "only 2 rows have a score"),
    ],
)
def test_scores_that_cannot_be_ranked_are_refused(tmp_path, work, values, said):
    table = open_table([write_table(tmp_path / "m", hex_ids(20), values)], score=SCORE)
    with pytest.raises(InputError, match=said):
        make_buckets(Local(), table, 4, work)


@pytest.mark.parametrize(
    ("number", "names", "said"),
    [
        (0, None, "number is 0"),
        (2, ["a"], "1 names for 2"),
        (2, ["a", "a"], "distinct"),
        (1, ["a+b"], "joins pools"),
    ],
)
def test_bad_numbers_and_names_are_refused(tmp_path, work, number, names, said):
    table = open_table([write_table(tmp_path / "m", hex_ids(20), scores(20))], score=SCORE)
    with pytest.raises(InputError, match=said.replace("+", r"\+")):
        make_buckets(Local(), table, number, work, names)


def test_a_damaged_buckets_file_is_refused(tmp_path):
    path = tmp_path / "buckets.json"
    path.write_text('{"format":"thresher-buckets","version":1,"buckets":[]}')
    with pytest.raises(FileFormatError, match="damaged"):
        read_buckets(path)


def test_a_larger_sample_contains_the_smaller(tmp_path, work):
    from thresher.metadata.ids import IdKind, read_keys
    from thresher.metadata.sampling import in_sample

    keys = read_keys(pa.array(hex_ids(2000)), IdKind.HEX)
    small, large = (in_sample(keys, IdKind.HEX, share, 1) for share in (0.1, 0.35))
    assert not (small & ~large).any()
    assert abs(small.mean() - 0.1) < 0.03
    assert (in_sample(keys, IdKind.HEX, 0.1, 2) != small).any()
