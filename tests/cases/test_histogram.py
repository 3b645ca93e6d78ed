"""The histogram of `buckets --chart`: exact counts, drawn from the axis."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thresher.cli.app import run

SCORES = {
    "float32": np.random.default_rng(0).beta(2, 5, 5000).astype(np.float32),
    "float64": np.random.default_rng(1).normal(0.25, 0.05, 5000),
    "few values": np.round(np.random.default_rng(2).normal(0, 1, 5000), 1),
    "an outlier": np.append(np.random.default_rng(3).normal(0, 1, 4999), 1e6),
    "close together": 1000 + np.random.default_rng(4).random(5000) / 100,
    "negative": -np.random.default_rng(5).lognormal(0, 2, 5000),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_bars_count_every_score_once(name, tmp_path, capsys):
    """Each bar holds exactly the scores from its lower edge up to its upper one; areas sum to the rows."""
    scores = SCORES[name]
    pq.write_table(
        pa.table({"uid": [f"{i:032x}" for i in range(len(scores))], "s": scores}), tmp_path / "m.parquet"
    )
    chart = tmp_path / "chart.json"
    words = [
        "buckets",
        str(tmp_path / "m.parquet"),
        "--score",
        "s",
        "--buckets",
        "4",
        "-o",
        str(tmp_path / "b.json"),
    ]
    assert run([*words, "--chart", str(chart), "--json", "--quiet"]) == 0
    capsys.readouterr()
    bars = json.loads((tmp_path / "b.json").read_text())["histogram"]
    assert len(bars) >= 20
    assert bars[0][0] == scores.min()
    assert bars[-1][1] == scores.max()
    edges = np.array([bars[0][0], *(high for _, high, _ in bars)])
    assert [low for low, *_ in bars] == list(edges[:-1])
    assert [rows for *_, rows in bars] == list(np.histogram(scores.astype(float), edges)[0])

    layer = json.loads(chart.read_text())["layer"][0]
    assert layer["encoding"]["y2"] == {"datum": 0}
    assert layer["encoding"]["y"]["scale"]["zero"] is True
    document = json.loads(chart.read_text())
    drawn = layer["data"].get("values") or document["datasets"][layer["data"]["name"]]
    step = (edges[-1] - edges[0]) / len(drawn)
    area = sum(bar["samples"] * (bar["to"] - bar["from"]) for bar in drawn)
    assert area / step == pytest.approx(len(scores))
