import json
import random
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metadata_tables import SCORE, expected_npy, hex_ids, ranked, scores, write_table
from thresher.cuts import FromBuckets, Keep, Threshold, cut, from_plan, read_manifest, verify
from thresher.cuts.manifest import manifest_path
from thresher.errors import InputError
from thresher.metadata import Local, local, make_buckets, open_table, tasks
from thresher.metadata.sampling import digest
from thresher.metadata.work import work_folder


@pytest.fixture
def small_pieces(monkeypatch):
    """Tasks, batches and runs so small that a thousand rows exercise every seam."""
    monkeypatch.setattr(tasks, "LEAST_TASK_ROWS", 60)
    monkeypatch.setattr(tasks, "MOST_TASK_ROWS", 120)
    monkeypatch.setattr(local, "BATCH_ROWS", 17)
    monkeypatch.setattr(local, "OWN_MEMORY", 0)
    monkeypatch.setattr(local, "LEAST_MEMORY", 0)


def table_of(folder, rows=1000, seed=0, **options):
    ids, values = hex_ids(rows, seed), scores(rows, seed)
    return ids, values, open_table([write_table(folder, ids, values, **options)], score=SCORE)


@pytest.mark.parametrize("fraction", [0.001, 0.3, 0.5, 0.985, 1.0])
def test_keep_takes_the_best_with_ties_by_id_and_missing_last(tmp_path, fraction, small_pieces):
    ids, values, table = table_of(tmp_path / "m")
    done = cut(Keep(fraction), table, tmp_path / "s.npy", engine=Local(memory=20_000))
    kept = ranked(ids, values)[: round(fraction * 1000)]
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected_npy(kept))
    assert done.manifest.rows_out == done.manifest.unique_out == len(kept)


def test_the_file_is_what_numpy_saves(tmp_path):
    ids, values, table = table_of(tmp_path / "m")
    cut(Keep(0.3), table, tmp_path / "s.npy")
    np.save(tmp_path / "n.npy", expected_npy(ranked(ids, values)[:300]))
    assert (tmp_path / "s.npy").read_bytes() == (tmp_path / "n.npy").read_bytes()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.integers(0, 1000), files=st.integers(1, 7), group=st.integers(10, 400), workers=st.integers(1, 4),
    memory=st.sampled_from([3_000, 30_000, 512e6]), seed=st.integers(0, 3), suffix=st.sampled_from([".npy", ".parquet", ".txt"]),
)  # fmt: skip
def test_bytes_do_not_depend_on_shards_workers_or_memory(
    tmp_path_factory, small_pieces, order, files, group, workers, memory, seed, suffix
):
    folder = tmp_path_factory.mktemp("cut")
    ids, values = hex_ids(500, seed), scores(500, seed)
    plain = open_table([write_table(folder / "a", ids, values, files=1, rows_per_group=500)], score=SCORE)
    mixed = list(zip(ids, values.tolist(), strict=True))
    random.Random(order).shuffle(mixed)
    other_values = np.array([v for _, v in mixed], dtype=np.float32)
    other = open_table(
        [write_table(folder / "b", [i for i, _ in mixed], other_values, files=files, rows_per_group=group)],
        score=SCORE,
    )
    with work_folder(folder / "w1", {}) as work:
        made = make_buckets(Local(), plain, 4, work)
    with work_folder(folder / "w2", {}) as work:
        assert make_buckets(Local(memory, workers), other, 4, work) == made
    for request in (Keep(0.31), Threshold(0.2), FromBuckets(made, {"b0": 2.4, "b2": 0.5}, seed=1)):
        for name, table, engine in (("1", plain, Local()), ("2", other, Local(memory, workers))):
            cut(request, table, folder / f"{name}{suffix}", engine=engine, replace=True)
        assert (folder / f"1{suffix}").read_bytes() == (folder / f"2{suffix}").read_bytes()


def test_copies_follow_the_plan_and_the_digest(tmp_path, work_of):
    ids, values, table = table_of(tmp_path / "m")
    made = work_of(table, 4)
    document = {
        "format": "thresher-plan", "version": 1,
        "plans": [{
            "samples_seen": 3000.0, "mixture": None,
            "best": {"pools": ["b0", "b1"], "weights": [0.8, 0.2], "epochs": [9.6, 1.0], "keep": 0.5},
        }],
    }  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(document))
    request = from_plan(tmp_path / "plan.json", made, budget=3000, passes=4, seed=7)
    done = cut(request, table, tmp_path / "s.npy")
    order = ranked(ids, values)
    best, second = order[: made.buckets[0].rows], order[made.buckets[0].rows :][: made.buckets[1].rows]
    wanted = [i for i in best for _ in range(2 + (digest(7, i) < 0.4 * 2**64))]
    wanted += [i for i in second if digest(7, i) < 0.25 * 2**64]
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected_npy(wanted))
    assert done.manifest.rows_out == len(wanted)
    assert done.manifest.unique_out == len(set(wanted))
    assert done.manifest.counts["b0"] == {"samples": len(best), "rows": sum(wanted.count(i) for i in best)}
    assert verify(tmp_path / "s.npy") == read_manifest(manifest_path(tmp_path / "s.npy"))
    with pytest.raises(InputError, match="has no plan for budget 5000; it has 3000"):
        from_plan(tmp_path / "plan.json", made, budget=5000)
    with pytest.raises(InputError, match=r"has no mixture .* give choice=.best. instead"):
        from_plan(tmp_path / "plan.json", made, budget=3000, choice="mixture")


@pytest.fixture
def work_of(tmp_path):
    def made(table, number):
        with work_folder(tmp_path / "work", {}) as work:
            return make_buckets(Local(), table, number, work)

    return made


@pytest.mark.parametrize("kind", ["uuid", "integer", "text"])
def test_other_ids_are_cut_to_parquet_and_text(tmp_path, kind, small_pieces):
    values = scores(600)
    ids = {
        "uuid": [str(uuid.UUID(hex=i)) for i in hex_ids(600)],
        "integer": [int(i[:14], 16) - 2**54 for i in hex_ids(600)],
        "text": [f"img/{'é' if n % 3 else 'e'}{n}.jpg" for n in range(600)],
    }[kind]
    table = open_table([write_table(tmp_path / "m", ids, values)], score=SCORE)
    by_bytes = (lambda i: i) if kind == "integer" else str.encode
    order = [
        i
        for *_, i in sorted(
            (np.isnan(v), 0.0 if np.isnan(v) else -v, by_bytes(i)) for i, v in zip(ids, values, strict=True)
        )
    ]
    kept = sorted(order[:200])
    cut(Keep(1 / 3), table, tmp_path / "s.parquet", engine=Local(memory=30_000))
    found = pq.read_table(tmp_path / "s.parquet").column("uid").to_pylist()
    assert [by_bytes(i) for i in found] == kept
    cut(Keep(1 / 3), table, tmp_path / "s.txt", engine=Local(memory=30_000))
    assert (tmp_path / "s.txt").read_text(encoding="utf-8").splitlines() == [str(i) for i in found]
    verify(tmp_path / "s.txt")
    with pytest.raises(InputError, match="npy holds ids of 32 lower-case hex"):
        cut(Keep(0.5), table, tmp_path / "s.npy")


def test_threshold_is_inclusive_in_the_column_s_own_type(tmp_path):
    ids = hex_ids(3)
    values = np.array([0.7, 0.69, np.nan], dtype=np.float32)
    table = open_table([write_table(tmp_path / "m", ids, values, files=1)], score=SCORE)
    cut(Threshold(0.7), table, tmp_path / "s.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected_npy(ids[:1]))
    with pytest.raises(InputError, match=r"No score reaches threshold 0.8; the highest is 0.7"):
        cut(Threshold(0.8), table, tmp_path / "t.npy")


def test_repeated_ids_are_counted_and_refused_on_request(tmp_path):
    ids = hex_ids(10)
    ids[3] = ids[7] = ids[1]
    values = np.full(10, 0.5, dtype=np.float32)
    table = open_table([write_table(tmp_path / "m", ids, values)], score=SCORE)
    done = cut(Keep(1.0), table, tmp_path / "s.npy")
    assert (done.manifest.rows_out, done.manifest.unique_out, done.manifest.duplicates) == (10, 8, 2)
    with pytest.raises(InputError, match=f"more than once among the chosen rows .{ids[1]}"):
        cut(Keep(1.0), table, tmp_path / "u.npy", unique=True)
    assert not list(tmp_path.glob("*u.npy*"))


def test_keep_is_exact_even_where_a_repeated_id_is_tied(tmp_path):
    table = open_table([write_table(tmp_path / "m", hex_ids(1) * 9, np.full(9, 0.5))], score=SCORE)
    assert len(np.load(cut(Keep(0.5), table, tmp_path / "s.npy").path)) == 4


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, 30, float("nan")])
def test_shares_outside_zero_and_one_are_refused(fraction):
    with pytest.raises(InputError, match=r"keep is .* not a share"):
        Keep(fraction)


def test_keep_that_rounds_to_nothing_is_refused(tmp_path):
    _, _, table = table_of(tmp_path / "m", rows=100)
    with pytest.raises(InputError, match="keeps no sample"):
        cut(Keep(0.004), table, tmp_path / "s.npy")


def test_buckets_of_other_metadata_are_refused(tmp_path, work_of):
    _, _, table = table_of(tmp_path / "m")
    made = work_of(table, 4)
    _, _, other = table_of(tmp_path / "o", rows=900)
    with pytest.raises(InputError, match="made from other metadata"):
        cut(FromBuckets(made, {"b0": 1.0}), other, tmp_path / "s.npy")
    _, values, swapped = table_of(tmp_path / "p", seed=1)
    if int(np.isnan(values).sum()) == made.missing:
        with pytest.raises(InputError, match="other metadata"):
            cut(FromBuckets(made, {"b0": 1.0}), swapped, tmp_path / "s.npy")
    with pytest.raises(InputError, match="'b9' is not a bucket; the buckets are b0, b1, b2, b3"):
        FromBuckets(made, {"b9": 1.0})
    filtered = open_table([tmp_path / "m"], score=SCORE, where="score > 0.1")
    with pytest.raises(InputError, match="made with --where None"):
        cut(FromBuckets(made, {"b0": 1.0}), filtered, tmp_path / "s.npy")


def test_counts_that_do_not_fit_the_buckets_are_refused(tmp_path, work_of):
    ids, values, table = table_of(tmp_path / "m")
    made = work_of(table, 4)
    moved = np.where(np.isnan(values), values, -values)
    other = open_table([write_table(tmp_path / "o", ids, moved)], score=SCORE)
    with pytest.raises(InputError, match=r"'b0' should hold \d+ samples, but holds 0"):
        cut(FromBuckets(made, {"b0": 1.0}), other, tmp_path / "s.npy")
    assert not (tmp_path / "s.npy").exists()


def test_a_finished_cut_is_not_done_again_and_another_is_not_overwritten(tmp_path):
    _, _, table = table_of(tmp_path / "m")
    first = cut(Keep(0.3), table, tmp_path / "s.npy")
    again = cut(Keep(0.3), table, tmp_path / "s.npy")
    assert not first.already_done
    assert again.already_done
    with pytest.raises(InputError, match="exists, and no manifest says"):
        cut(Keep(0.4), table, tmp_path / "s.npy")
    assert len(np.load(tmp_path / "s.npy")) == 300
    cut(Keep(0.4), table, tmp_path / "s.npy", replace=True)
    assert len(np.load(tmp_path / "s.npy")) == 400


def test_outputs_that_cannot_be_are_refused(tmp_path):
    _, _, table = table_of(tmp_path / "m", rows=50)
    for path, said in (
        (tmp_path / "none" / "s.npy", "no such folder"),
        (tmp_path / "s.csv", "suffix must be"),
        (tmp_path / "m.npy", "is a folder"),
    ):
        (tmp_path / "m.npy").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=said):
            cut(Keep(0.5), table, path)


def test_verify_finds_what_was_changed(tmp_path):
    ids, values, table = table_of(tmp_path / "m")
    path = tmp_path / "s.npy"
    cut(Keep(0.3), table, path)
    assert verify(path).rows_out == 300
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="sha256 differs"):
        verify(path)
    path.write_bytes(whole)
    write_table(tmp_path / "m", ids, values)
    assert verify(path).rows_out == 300  # written again, but the same
    write_table(tmp_path / "m", ids, np.flip(values))
    with pytest.raises(InputError, match="changed since the subset was cut"):
        verify(path)
    manifest_path(path).unlink()
    with pytest.raises(InputError, match="has no manifest"):
        verify(path)


def test_a_wrong_subset_with_a_matching_manifest_is_found_out(tmp_path):
    ids, values, table = table_of(tmp_path / "m")
    path = tmp_path / "s.npy"
    cut(Keep(0.3), table, path)
    np.save(path, expected_npy(ranked(ids, values)[1:301]))
    document = json.loads(manifest_path(path).read_text())
    import hashlib

    document["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest_path(path).write_text(json.dumps(document))
    with pytest.raises(InputError, match="not what its metadata gives"):
        verify(path)


def test_scores_from_other_files_are_joined_by_id(tmp_path):
    from thresher.metadata.joined import open_joined

    ids, values = hex_ids(300), scores(300, missing=0)
    plain = open_table([write_table(tmp_path / "m", ids, values)], score=SCORE)
    write_table(tmp_path / "bare", ids, np.zeros(300))
    order = np.random.default_rng(0).permutation(300)[:280]
    given = pa.table({"uid": [ids[i] for i in order], "other": values[order]})
    pq.write_table(given, tmp_path / "scores.parquet")
    table = open_joined(
        [tmp_path / "bare"],
        [tmp_path / "scores.parquet"],
        tmp_path,
        score="other",
        id_column="uid",
        where=None,
    )
    cut(Keep(0.5), table, tmp_path / "s.npy")
    held = values.copy()
    held[np.setdiff1d(np.arange(300), order)] = np.nan
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected_npy(ranked(ids, held)[:150]))
    verify(tmp_path / "s.npy")
    pq.write_table(pa.concat_tables([given, given.slice(0, 2)]), tmp_path / "twice.parquet")
    with pytest.raises(InputError, match="2 ids stand more than once in scores"):
        open_joined(
            [tmp_path / "bare"],
            [tmp_path / "twice.parquet"],
            tmp_path,
            score="other",
            id_column="uid",
            where=None,
        )
    assert plain.sources
