import json

from metadata_tables import SCORE, hex_ids, scores, write_table
from thresher.cli.app import run


def test_sort_once_and_cut_from_the_index(tmp_path, capsys):
    folder = str(write_table(tmp_path / "m", hex_ids(300), scores(300)))
    index, first, second = (str(tmp_path / name) for name in ("index", "a.npy", "b.npy"))
    assert run(["index", folder, "--score", SCORE, "-o", index, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["score"]) == (300, SCORE)
    assert run(["cut", index, "--keep", "0.3", "-o", first]) == 0
    assert run(["cut", folder, "--score", SCORE, "--keep", "0.3", "-o", second]) == 0
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    capsys.readouterr()
    assert run(["cut", index, "--score", "other", "--keep", "0.3", "-o", str(tmp_path / "c.npy")]) == 2
    assert "was made with --score 'score'" in capsys.readouterr().err
