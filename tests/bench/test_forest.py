"""The suite of forests on small models: what is made, what bounds it, every engine that is installed, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import xgboost

from bench import __main__ as command
from bench.forest.bound import Core, cycles_per_row, seconds_per_row
from bench.forest.expected import expected
from bench.forest.onnx_trees import onnx_model
from bench.forest.source import read_forest
from bench.latency import largest_difference
from bench.models.forests import GRID_MODELS, SUFFIXES, TREEBEARD, ForestModel, make_forest
from bench.models.lightgbm_text import rows_like_training
from bench.models.tree_maker import ForestShape, rows_of, write_forest
from bench.peers import (
    DATA,
    FOREST_PEERS,
    PREDICTION,
    ForestFile,
    MissingPeer,
    Refreshed,
    RefusedForest,
    UnknownPeer,
    forest_peer,
)
from compiler.ir.forest import Profile, leaves_reached, parse_forest, profile_of

SHAPES = {
    "numbers": ForestShape(trees=12, features=5, outputs=1, depth=5, leaves=20, seed=3),
    "classes": ForestShape(trees=12, features=7, outputs=3, depth=4, leaves=10, seed=4),
    "one_hot": ForestShape(trees=6, features=40, outputs=1, depth=8, leaves=64, one_hot=0.02, seed=5),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forests")
    for name, shape in SHAPES.items():
        write_forest(shape, folder / f"{name}.json")
    return folder


def rows_with_gaps(shape: ForestShape) -> np.ndarray:
    rows = rows_of(shape, 300)
    rows[::7, 1] = np.nan
    return rows


@pytest.mark.parametrize("name", SHAPES)
def test_a_forest_that_is_made_has_its_shape_and_is_one_of_xgboost(name: str, folder: Path) -> None:
    shape = SHAPES[name]
    profile = profile_of(read_forest(folder / f"{name}.json").forest)
    assert (profile.trees, profile.features, profile.outputs) == (shape.trees, shape.features, shape.outputs)
    assert profile.max_depth <= shape.depth
    assert profile.most_leaves == shape.leaves
    assert profile.thresholds_of_one_feature <= shape.bins
    assert (profile.biased_trees > 0.9) == (name == "one_hot")
    result = expected(folder / f"{name}.json", rows_of(shape, 200))
    assert result.shape == ((200,) if shape.outputs == 1 else (200, shape.outputs))
    assert result.std() > 0


def test_covers_tell_where_rows_go(folder: Path) -> None:
    """What the bound is made of is so for the rows that are measured."""
    shape = SHAPES["numbers"]
    found = read_forest(folder / "numbers.json")
    leaves = xgboost.Booster(model_file=folder / "numbers.json").predict(
        xgboost.DMatrix(rows_of(shape, 4000)), pred_leaf=True
    )
    tree = json.loads((folder / "numbers.json").read_text())["learner"]["gradient_booster"]["model"]["trees"][0]
    reached = np.bincount(leaves[:, 0].astype(int), minlength=len(tree["sum_hessian"])) / 4000
    is_leaf = np.array(tree["left_children"]) < 0
    # Cuts are drawn like the rows, so that shares are right up to how evenly 255 draws lie.
    assert np.corrcoef(reached[is_leaf], np.array(tree["sum_hessian"])[is_leaf])[0, 1] > 0.8
    assert 1 < profile_of(found.forest).expected_path <= shape.depth


@pytest.mark.parametrize("name", SHAPES)
def test_the_onnx_model_agrees_with_xgboost(name: str, folder: Path) -> None:
    found = read_forest(folder / f"{name}.json")
    session = ort.InferenceSession(onnx_model(found.forest, found.objective).SerializeToString())
    rows = rows_with_gaps(SHAPES[name])
    (got,) = session.run([PREDICTION], {DATA: rows})
    want = expected(folder / f"{name}.json", rows)
    assert largest_difference({"": np.asarray(got)}, {"": want}) < 1e-5


def test_the_onnx_model_of_probabilities_in_a_batch(zoo: Path) -> None:
    model = make_forest("higgs", zoo)
    found = read_forest(model.path)
    session = ort.InferenceSession(onnx_model(found.forest, found.objective).SerializeToString())
    rows = model.rows(1000)
    (got,) = session.run([PREDICTION], {DATA: rows})
    assert largest_difference({"": np.asarray(got)}, {"": expected(model.path, rows)}) < 1e-5


def test_xgboost_computes_in_every_run(folder: Path) -> None:
    """A booster keeps the predictions of a matrix, and would copy them."""
    prepared = forest_peer("xgboost").prepare_forest(
        ForestFile(folder / "numbers.json", 5, folder / "sample.npz"), folder, "host"
    )
    session = forest_peer("xgboost").load(prepared, 1)
    assert isinstance(session, Refreshed)
    for seed in (1, 2):
        rows = rows_of(SHAPES["numbers"], 50, seed)
        session.refresh({DATA: rows})
        want = expected(folder / "numbers.json", rows)
        np.testing.assert_array_equal(session({DATA: rows})[PREDICTION], want)


def test_what_onnx_cannot_say_is_refused() -> None:
    forest = parse_forest(
        "f32[1] -> [0.0] width 1 { tree 0 { s0: x0 in {1} ? v0 : v1, missing left v0: 0.0, id 0 v1: 0.0, id 1 } }"
    )
    with pytest.raises(RefusedForest, match="no splits by categories"):
        onnx_model(forest, "reg:squarederror")
    with pytest.raises(RefusedForest, match="count:poisson has no counterpart"):
        onnx_model(forest, "count:poisson")


@pytest.mark.parametrize("name", FOREST_PEERS)
def test_a_peer_agrees_with_xgboost(name: str, folder: Path, tmp_path: Path) -> None:
    try:
        engine = forest_peer(name)
    except MissingPeer as missing:
        pytest.skip(str(missing))
    shape = SHAPES["classes"]
    path = folder / "classes.json"
    rows = rows_with_gaps(shape)
    np.savez(tmp_path / "sample.npz", allow_pickle=False, **{DATA: rows})
    file = ForestFile(path, shape.features, tmp_path / "sample.npz")
    if name == "lightgbm":
        with pytest.raises(RefusedForest, match="models of LightGBM only"):
            engine.prepare_forest(file, tmp_path, "host")
        return
    outputs = engine.load(engine.prepare_forest(file, tmp_path, "host"), 1)({DATA: rows})
    assert largest_difference(outputs, {PREDICTION: expected(path, rows)}) < 1e-5
    assert engine.version()


def test_an_unknown_peer() -> None:
    with pytest.raises(UnknownPeer, match="no peer named 'openvino'"):
        forest_peer("openvino")


def profile(**sizes: float) -> Profile:
    """A forest of 10 trees with 7 splits each, all different, of which a row passes 3."""
    fields = {
        **dict.fromkeys(Profile.__dataclass_fields__, 0),
        **{"trees": 10, "features": 4, "features_used": 4, "outputs": 1, "width": 1, "splits": 70, "leaves": 80},
        **{"thresholds": 70, "most_leaves": 8},
        "expected_path": 3.0,
    }
    return Profile(**{**fields, **sizes})  # pyright: ignore[reportArgumentType]  # all are numbers


CORE = Core(hertz=1e9, loads_per_cycle=2, vector_bytes=64, memory_bytes_per_second=1e9)


def test_the_bound() -> None:
    # Of a single row: 3 levels of 2 loads, and the leaf; in a batch, 512 rows make seven tests and seven choices, and
    # 64 look up the four bytes of their leaves.
    assert cycles_per_row(profile(), CORE, 1) == 10 * (3 * 2 / 2 + 0.5)
    assert cycles_per_row(profile(), CORE, 4096) == pytest.approx(10 * ((7 + 7) / 512 + 4 / 64))
    assert cycles_per_row(profile(thresholds=10_000), CORE, 4096) == pytest.approx(10 * (7 / 64 + 4 / 64))
    assert cycles_per_row(profile(splits=70_000), CORE, 4096) == pytest.approx(10 * (3 / 2 + 4 / 64))
    assert cycles_per_row(profile(most_leaves=2_000), CORE, 4096) == pytest.approx(10 * ((7 + 7) / 512 + 0.5))
    assert cycles_per_row(profile(trees=0), CORE, 1) == 0
    assert seconds_per_row(profile(), CORE, 1, 2) == pytest.approx(17.5e-9)
    # Of a large batch of many features, what is read.
    assert seconds_per_row(profile(features_used=999), CORE, 10**6, 1) == pytest.approx(4e-6)


def test_models_by_name(tmp_path: Path) -> None:
    made = make_forest("grid_f8_d2_t16", cache=tmp_path)
    assert make_forest("grid_f8_d2_t16", cache=tmp_path).path == made.path
    assert made.rows(5).shape == (5, 8)
    assert profile_of(read_forest(made.path).forest).max_depth == GRID_MODELS["grid_f8_d2_t16"].depth
    again = make_forest(str(made.path))
    assert again.rows(3).shape == (3, 8)
    assert made.path.suffix in SUFFIXES


@pytest.mark.parametrize("name", [*TREEBEARD, "nyc_taxi", "airline_lightgbm", "mtpl2"])
def test_models_of_the_zoo(name: str, zoo: Path) -> None:
    model: ForestModel = make_forest(name, zoo)
    rows = model.rows(20)
    assert rows.dtype == np.float32
    try:
        assert expected(model.path, rows).std() > 0
    except MissingPeer as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", TREEBEARD)
def test_rows_spread_over_the_leaves(name: str, zoo: Path) -> None:
    """As the training's did: rows that all end in the same leaves say nothing about branches."""
    model = make_forest(name, zoo)
    forest = read_forest(model.path).forest
    x = model.rows(300)
    assert len(np.unique(x, axis=0)) == 300
    reached = leaves_reached(forest, x)
    assert np.median([len(np.unique(of_tree)) for of_tree in reached.T]) > 20


def skewed_rows() -> np.ndarray:
    """Of a number with a long tail, one that no tree uses, and three levels."""
    random = np.random.default_rng(0)
    return np.stack([random.lognormal(0.0, 2.0, 2000), np.zeros(2000), random.integers(0, 3, 2000)], axis=1)


@pytest.fixture(scope="module")
def lightgbm_model(folder: Path) -> Path:
    lightgbm = pytest.importorskip("lightgbm")
    x = skewed_rows()
    label = (x[:, 0] > 1) + 0.1 * np.sin(x[:, 0]) + 0.01 * x[:, 2]
    parameters = {"num_leaves": 7, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    path = folder / "numbers.txt"
    lightgbm.train(parameters, lightgbm.Dataset(x, label), 5).save_model(path)
    return path


def test_rows_of_lightgbm(lightgbm_model: Path) -> None:
    rows = rows_like_training(lightgbm_model, 4000)
    trained = skewed_rows()
    assert rows.shape == (4000, 3)
    # The first tree's root is where the label jumps. Of numbers that are even in their range hardly any are below.
    assert np.mean(rows[:, 0] <= 1) == pytest.approx(np.mean(trained[:, 0] <= 1), abs=0.05)
    assert rows[:, 0].min() >= trained[:, 0].min() - 1e-6 and rows[:, 0].max() <= trained[:, 0].max() * 1.001
    assert not rows[:, 1].any()


def test_rows_of_categories_and_of_a_tree_that_is_a_leaf(tmp_path: Path) -> None:
    tree = "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=1\nshrinkage=1\n\n\n"
    header = f"tree\nfeature_infos=[-2:3] none 4:1:7\ntree_sizes={len(tree)}\n\n"
    (tmp_path / "model.txt").write_text(f"{header}{tree}end of trees\n")
    rows = rows_like_training(tmp_path / "model.txt", 100)
    assert rows[:, 0].min() >= -2 and rows[:, 0].max() <= 3 and rows[:, 0].std() > 1
    assert set(rows[:, 2]) == {1, 4, 7}


@pytest.mark.parametrize("name", FOREST_PEERS)
def test_a_peer_agrees_with_lightgbm(name: str, lightgbm_model: Path, tmp_path: Path) -> None:
    try:
        engine = forest_peer(name)
    except MissingPeer as missing:
        pytest.skip(str(missing))
    rows = rows_like_training(lightgbm_model, 300)
    np.savez(tmp_path / "sample.npz", allow_pickle=False, **{DATA: rows})
    file = ForestFile(lightgbm_model, 3, tmp_path / "sample.npz")
    if name == "xgboost":
        with pytest.raises(RefusedForest, match="models of XGBoost only"):
            engine.prepare_forest(file, tmp_path, "host")
        return
    outputs = engine.load(engine.prepare_forest(file, tmp_path, "host"), 1)({DATA: rows})
    assert largest_difference(outputs, {PREDICTION: expected(lightgbm_model, rows)}) < 1e-5


def test_the_command_on_a_model_of_lightgbm(
    lightgbm_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose results are doubles, from C too; a peer that cannot run it is named, and the exit status says so."""
    arguments = ["--suite", "forest", "--models", str(lightgbm_model), "--batches", "1,64", "--turns", "1"]
    files = ["--json", str(tmp_path / "f.json"), "--keep", str(tmp_path / "keep")]
    assert command.main([*arguments, "--peers", "LightGBM,xgboost", "--threads", "1", *files]) == 1
    said = capsys.readouterr()
    assert "- xgboost does not run numbers: RefusedForest: it runs models of XGBoost only" in said.out
    assert "bench: numbers: lightgbm prepares it" in said.err and "bench: numbers: 64 rows, 1 thread" in said.err
    (found,) = json.loads((tmp_path / "f.json").read_text())["results"]
    for batch in found["batches"]:
        assert {row["engine"] for row in batch["comparison"]["measured"]} == {"kiln", "lightgbm"}
        assert all(row["difference"] <= 1e-6 for row in batch["comparison"]["measured"])
    native = {row["engine"]: row["difference"] for row in found["single_rows"]["rows"]}
    assert native.keys() == {"kiln", "lightgbm"}
    assert all(difference <= 1e-6 for difference in native.values())
    assert (tmp_path / "keep" / "numbers" / "lightgbm.json").is_file()


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [*("--json", str(tmp_path / "f.json")), *("--plot", str(tmp_path / "f.svg"))]
    arguments = ["--suite", "forest", "--models", str(folder / "numbers.json"), "--batches", "1", *files]
    assert command.main([*arguments, "--peers", "xgboost", "--threads", "1", "--turns", "1"]) == 0
    printed = capsys.readouterr().out
    document = json.loads((tmp_path / "f.json").read_text())
    (found,) = document["results"]
    assert [batch["rows"] for batch in found["batches"]] == [1]
    for batch in found["batches"]:
        engines = {row["engine"]: row for row in batch["comparison"]["measured"]}
        assert engines.keys() == {"kiln", "xgboost"}
        assert all(row["difference"] <= 1e-6 for row in engines.values())
        assert batch["bound_seconds"] < engines["kiln"]["latency"]["minimum"]
    native = {row["engine"]: row for row in found["single_rows"]["rows"]}
    assert native.keys() == {"kiln", "xgboost"}
    assert all(row["difference"] <= 1e-6 for row in native.values())
    assert "a single row from C, best peer / Kiln: " in printed
    assert {build["engine"] for build in found["builds"]} == {"kiln", "xgboost"}
    assert (tmp_path / "f.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--models", "abalon"], "no model named 'abalon'; known: abalone"),
        (["--models", "absent.json"], "absent.json: no such file"),
        (["--peers", "openvino"], "no peer named 'openvino'"),
        (["--models", "airline", "--zoo", "absent"], "there is no file absent/"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--suite", "forest", *arguments]) == 2
    assert complaint in capsys.readouterr().err
