"""Studies: the grid, the runs, the choice, and how it is shown."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.commands.study.choose import interval, one_standard_error, simplicity
from shared.commands.study.command import StudyOptions
from shared.commands.study.findings import Effect, across, choice, effects, luck
from shared.commands.study.grid import MAX_RUNS, Failed, Grid, Scored, Setting, groups
from shared.commands.study.runs import LAST, Source, split, train_together, version_of, work
from shared.config import VARIANTS
from shared.contract import join, segment_lengths
from shared.errors import UsageError
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset
from tests.helpers.training import in_segments

ROOT = Path(__file__).resolve().parents[1]
GRID = Grid(
    implementations=["numpy"], variants=["none", "l2", "dropout"], lambds=[0.7], keep_probs=[0.86], learning_rates=[0.3],
    hiddens=[(20, 3)], data_seeds=[0], split_seeds=[None], init_seeds=[1, 2, 3], seeds=[4, 5, 6], crossed=False,
    num_iterations=20, dtype="float64", dev_share=None,
)  # fmt: skip


# The grid


def test_seeds_go_side_by_side_and_a_variant_is_not_repeated_over_what_it_does_not_have():
    runs = replace(GRID, lambds=[0.1, 0.7], keep_probs=[0.5, 0.86]).runs()
    count = {name: sum(run.setting.variant == name for run in runs) for name in GRID.variants}
    assert count == {"none": 3, "l2": 6, "dropout": 6}
    assert len(set(runs)) == len(runs)
    assert {(run.seeds.init_seed, run.seeds.seed) for run in runs if run.setting.variant == "dropout"} == {
        (1, 4),
        (2, 5),
        (3, 6),
    }
    assert all(run.seeds.seed is None for run in runs if run.setting.variant != "dropout")
    assert all(run.setting.lambd is None for run in runs if run.setting.variant != "l2")


def test_crossed_seeds_are_every_combination_once():
    runs = replace(GRID, crossed=True).runs()
    count = {name: sum(run.setting.variant == name for run in runs) for name in GRID.variants}
    assert count == {"none": 3, "l2": 3, "dropout": 9}  # masks make no difference without dropout


def test_one_seed_goes_beside_many_and_other_lengths_are_refused():
    assert len(replace(GRID, seeds=[4]).runs()) == 9
    with pytest.raises(UsageError, match="--seeds: expected 1 or 3 seeds, as --init-seeds has, got 2"):
        replace(GRID, seeds=[4, 5]).runs()


@pytest.mark.parametrize(
    ("given", "init_seeds", "seeds"),
    [
        ("", range(1, 31), range(1, 31)),
        ("--init-seeds 5-7", [5, 6, 7], [1, 2, 3]),
        ("--seeds 5-7", [1, 2, 3], [5, 6, 7]),
        ("--data-seeds 1-4", range(1, 5), range(1, 5)),
        ("--seeds 9", range(1, 31), [9]),
        ("--seeds 9 --init-seeds 4", [4], [9]),
    ],
)
def test_of_seeds_that_are_not_given_there_are_as_many_as_of_the_others(given, init_seeds, seeds):
    import compare

    _, settings = compare.parse(["study", *given.split()])
    assert isinstance(settings, StudyOptions)
    grid = settings.grid
    assert (list(grid.init_seeds), list(grid.seeds)) == (list(init_seeds), list(seeds))


def test_too_many_runs_are_refused_before_any_is_listed():
    with pytest.raises(UsageError, match=f"at most {MAX_RUNS:,} runs, got up to 3,000,000,000"):
        replace(GRID, crossed=True, init_seeds=range(100_000), seeds=range(10_000)).runs()


def test_only_numpy_s_runs_of_one_setting_are_trained_together():
    runs = replace(GRID, implementations=["numpy", "torch"], init_seeds=range(7), seeds=range(7)).runs()
    sizes = [(group[0].implementation, len(group)) for group in groups(runs, 211)]
    assert sizes == [("numpy", 5), ("numpy", 2)] * 3 + [("torch", 1)] * 21
    assert [run for group in groups(runs, 211) for run in group] == runs
    assert all(len({run.setting for run in group}) == 1 for group in groups(runs, 211))
    assert {len(group) for group in groups(runs, 10**6)} == {1}  # large data gain nothing by it


# The runs


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_runs_trained_together_are_bit_for_bit_those_trained_alone(variant, dtype, reference):
    grid = replace(GRID, variants=[variant], dtype=dtype, data_seeds=[0, 1, 0], num_iterations=30)
    runs = grid.runs()
    parts = [Source(None, None).parts(run)["train"] for run in runs]
    assert not np.array_equal(parts[0][0], parts[1][0])
    for run, (X, Y), (parameters, cost) in zip(runs, parts, train_together(runs, parts), strict=True):
        hyper, chosen = run.hyperparameters(), VARIANTS[variant]
        initial = initialize_parameters([2, 20, 3, 1], run.seeds.init_seed, dtype)
        settings = hyper.of(chosen) | {"seed": hyper.seed, "frozen": chosen.frozen}
        alone, costs = join(in_segments(reference.adapter, X, Y, initial, lengths=segment_lengths(30), **settings))
        assert all(np.array_equal(parameters[name], alone[name]) and parameters[name].dtype == dtype for name in alone)
        assert cost == float(np.mean(costs[-LAST:]))


def scored(runs):
    """What came of runs that end, on the built-in data."""
    number, ends = work(7, runs, Source(None, None))
    assert number == 7
    assert [end for end in ends if isinstance(end, Failed)] == []
    return [end for end in ends if isinstance(end, Scored)]


@pytest.mark.full
@pytest.mark.parametrize("implementation", ["numpy", "torch", "tensorflow"])
def test_a_run_is_scored_alike_whoever_trained_it(implementation):
    runs = replace(GRID, implementations=[implementation], variants=["l2"], init_seeds=[3], seeds=[1]).runs()
    [row] = scored(runs)
    assert row.completed
    assert row.version == version_of(implementation)
    [same] = scored(replace(GRID, variants=["l2"], init_seeds=[3], seeds=[1]).runs())
    for metric in ("train_cost", "test_cost", "training_cost", "train_accuracy", "test_accuracy"):
        assert row.measure(metric) == pytest.approx(same.measure(metric), rel=1e-13)
    assert row.dev_cost is None


def test_a_run_that_goes_wrong_is_told_and_nothing_is_made_up(monkeypatch):
    def broken(*_, **__):
        raise ValueError("no")

    monkeypatch.setattr("shared.commands.study.runs.train_together", broken)
    assert work(0, GRID.runs()[:2], Source(None, None)) == (0, [Failed("ValueError: no")] * 2)


def test_a_run_that_diverges_says_so():
    run = replace(GRID, variants=["l2"], lambds=[1e12], num_iterations=50).runs()[:1]
    with np.errstate(all="ignore"):
        [row] = scored(run)
    assert row.status == "diverged"


def test_dev_parts_of_all_data_have_one_size_and_none_of_their_runs_is_lost():
    grid = replace(GRID, variants=["l2"], lambds=[0.0, 0.7], data_seeds=list(range(10)), init_seeds=[1], seeds=[1],
                   split_seeds=[0], dev_share=0.2)  # fmt: skip
    runs = grid.runs()
    sizes = {Source(None, None).parts(run)["dev"][0].shape[1] for run in runs}
    assert sizes == {20}
    classes = {int(Source(None, None).parts(run)["dev"][1].sum()) for run in runs}
    assert len(classes) > 1  # and yet their classes are not shared out alike
    for group in groups(runs, 80):
        assert all(row.completed for row in scored(group))


def test_a_dev_part_needs_two_of_each_class(tmp_path):
    from shared.commands.study.study import study
    from shared.data import Dataset

    X, Y = np.arange(6.0).reshape(2, 3), np.array([[0.0, 0.0, 1.0]])
    few = Dataset(name="few", source="few", X_train=X, Y_train=Y, X_test=X, Y_test=Y, sha256="0")
    grid = replace(GRID, variants=["l2"], lambds=[0.0, 0.7], dev_share=0.2, split_seeds=[0, 1, 2], data_seeds=[None])
    with pytest.raises(UsageError, match="at least two training examples of each class, got 1"):
        study(grid, few, {}, tmp_path, 1)


@pytest.mark.parametrize(("data", "split", "init", "units"), [
    ([1, 2], [0], [1, 2, 3], 2),
    ([1], [0, 1, 2], [1, 2], 3),
    ([1], [0], [1, 2, 3, 4], 4),
    ([1], [0], [1], 5),
])  # fmt: skip
def test_crossed_runs_that_share_data_or_weights_are_one_repetition(data, split, init, units):
    grid = replace(GRID, variants=["dropout"], data_seeds=data, split_seeds=split, init_seeds=init, seeds=[1, 2, 3, 4, 5],
                   dev_share=0.2, crossed=True)  # fmt: skip
    assert len({grid.unit(run.seeds) for run in grid.runs()}) == units
    beside = replace(grid, data_seeds=[1], split_seeds=[0], init_seeds=[1], crossed=False)
    assert len({beside.unit(run.seeds) for run in beside.runs()}) == 5


def test_many_masks_of_few_weights_are_not_many_runs():
    grid = replace(GRID, implementations=["numpy", "torch"], variants=["dropout"], init_seeds=[1, 2, 3],
                   seeds=list(range(20)), crossed=True)  # fmt: skip
    rng = np.random.default_rng(0)
    shift = {1: -0.02, 2: 0.03, 3: 0.01}
    table = {
        run: Scored(
            "completed",
            training_cost=(run.implementation == "torch") * shift[run.seeds.init_seed] + 1e-4 * rng.random(),
        )
        for run in grid.runs()
    }
    [entry] = across(table, {"training_cost": 0.01}, grid.unit)
    assert (entry.n, entry.verdict) == (3, "not enough runs")
    numpy, _ = luck(table, grid.unit)
    assert numpy.training_cost
    low, high = numpy.training_cost.interval
    assert len(numpy.training_cost.values) == 60
    assert None not in (low, high)
    assert low != high


def test_a_run_that_diverged_is_counted_and_in_no_mean():

    grid = replace(GRID, implementations=["numpy", "torch"], variants=["none"])
    names = ("training_cost", *(f"{part}_{what}" for part in ("train", "test") for what in ("cost", "accuracy")))
    good = Scored("completed", 0.0, "", **dict.fromkeys(names, 0.75))
    table = dict.fromkeys(grid.runs(), good)
    lost = next(run for run in table if run.implementation == "torch")
    table[lost] = replace(good, status="diverged", test_accuracy=0.5)
    ours, theirs = luck(table, grid.unit)
    assert (ours.runs, ours.diverged) == (3, 0)
    assert (theirs.runs, theirs.diverged, theirs.test_accuracy and theirs.test_accuracy.mean) == (2, 1, 0.75)
    [entry] = across(table, {"test_accuracy": 0.01}, grid.unit)
    assert (entry.n, entry.diverged_alone, entry.verdict) == (2, [0, 1], "not enough runs")


def test_the_dev_part_is_split_off_the_training_part_with_the_same_share_of_each_class():
    data = make_dataset()
    parts = split(data.X_train, data.Y_train, 0.2, 0)
    assert parts["dev"][0].shape == (2, 20)
    assert parts["train"][0].shape == (2, 80)
    columns = np.concatenate([np.vstack(parts[name]) for name in parts], axis=1)
    whole = np.vstack([data.X_train, data.Y_train])
    assert sorted(map(tuple, columns.T)) == sorted(map(tuple, whole.T))  # every example in one of them, once
    assert abs(parts["dev"][1].sum() - 20 * data.Y_train.mean()) <= 0.5  # as near as whole examples come
    again, other = (split(data.X_train, data.Y_train, 0.2, seed)["dev"][0] for seed in (0, 1))
    assert np.array_equal(again, parts["dev"][0])
    assert not np.array_equal(other, parts["dev"][0])


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_both_parts_have_both_classes(share):
    data = make_dataset()
    for _, Y in split(data.X_train, data.Y_train, share, 0).values():
        assert set(np.unique(Y)) == {0.0, 1.0}


# Choosing


def test_the_simplest_within_one_standard_error_is_chosen():
    weak, strong, best = (Setting("l2", lambd, None, 0.3, (20, 3)) for lambd in (0.1, 3.0, 0.7))
    costs = {weak: [0.22, 0.24], best: [0.20, 0.24], strong: [0.23, 0.24]}
    chosen, lowest, limit = one_standard_error(costs)
    assert (chosen, lowest) == (strong, best)
    assert limit == pytest.approx(0.22 + 0.02)
    costs[strong] = [0.25, 0.24]
    assert one_standard_error(costs)[0] == best  # weak is within the limit too, but less regularized
    costs[best][0] = math.inf  # one of its runs diverged
    assert one_standard_error(costs)[1] != best


def test_simplicity_is_fewer_weights_then_stronger_regularization():
    settings = [
        Setting("l2-dropout", 0.7, 0.8, 0.3, (20, 3)), Setting("l2-dropout", 3.0, 0.8, 0.3, (20, 3)),
        Setting("l2-dropout", 3.0, 0.5, 0.3, (20, 3)), Setting("l2-dropout", 0.0, 1.0, 0.3, (5, 2)),
    ]  # fmt: skip
    assert sorted(settings, key=simplicity) == settings[::-1]


def test_effects_are_of_runs_of_equal_seeds_and_masks_alone_make_no_new_run():
    grid = replace(GRID, variants=["none", "dropout", "frozen-dropout"], init_seeds=[1, 2], seeds=[4, 5], crossed=True)
    accuracies = {
        ("none", 1, None): 0.5, ("none", 2, None): 0.25,
        ("dropout", 1, 4): 0.5, ("dropout", 1, 5): 0.75, ("dropout", 2, 4): 0.5, ("dropout", 2, 5): 0.5,
        ("frozen-dropout", 1, 4): 0.25, ("frozen-dropout", 1, 5): 0.75, ("frozen-dropout", 2, 4): 0.5,
    }  # fmt: skip
    table = {}
    for run in grid.runs():
        value = accuracies.get((run.setting.variant, run.seeds.init_seed, run.seeds.seed))
        table[run] = Scored("diverged" if value is None else "completed", test_accuracy=value)
    dropout, frozen = effects(table, grid.unit)
    assert dropout == Effect("dropout", "none", "numpy", 2, 0.1875, list(interval([0.125, 0.25])))
    assert (frozen.against, frozen.n, frozen.mean) == ("dropout", 2, pytest.approx(-0.125 / 2))
    [_, beside] = effects(table, replace(grid, crossed=False).unit)  # as if every run had its own
    assert (beside.n, beside.mean) == (3, pytest.approx(-0.25 / 3))
    several = replace(grid, keep_probs=[0.86, 0.5])
    row = Scored("completed", test_accuracy=0.5)
    assert effects(dict.fromkeys(several.runs(), row), several.unit) == []


def test_the_interval_is_student_s():
    values = np.array([0.1, 0.2, 0.4, 0.5])
    half = 3.182446305 * values.std(ddof=1) / 2  # t at 0.975 with 3 degrees of freedom
    assert interval(values) == pytest.approx((0.3 - half, 0.3 + half))
    assert interval([0.5, 0.5]) == (0.5, 0.5)
    assert all(map(math.isnan, interval([0.5])))


def test_the_test_part_has_no_say_in_the_choice():

    runs = replace(GRID, variants=["l2"], lambds=[0.1, 0.7], dev_share=0.2).runs()
    lambd = {run: run.setting.lambd or 0.0 for run in runs}
    rng = np.random.default_rng(0)
    table = {
        run: Scored("completed", dev_cost=lambd[run] + 0.01 * rng.random(), dev_accuracy=0.9, test_accuracy=0.9)
        for run in runs
    }
    before = choice(table, GRID.unit)
    for run in table:
        table[run] = replace(table[run], test_accuracy=lambd[run])
    assert choice(table, GRID.unit)[0].chosen == before[0].chosen
    assert before[0].chosen.lambd == 0.1
    for run in table:
        table[run] = replace(table[run], dev_cost=1 - lambd[run])
    assert choice(table, GRID.unit)[0].chosen.lambd == 0.7


# What is shown


@pytest.fixture
def results_of_many():
    """A function that shows a study of which the last question has that verdict, after many that are equivalent."""
    from rich.console import Console

    from shared.commands.study.found import Found
    from shared.commands.study.table import answer, show

    def shown(verdict, many, missing=1):
        entry = {"variant": "l2", "keep_prob": None, "learning_rate": 0.3, "hidden": [20, 3], "one": "numpy",
                 "other": "torch", "metric": "training_cost", "n": 12, "margin": 0.01, "mean": 0.0, "interval": [0.0, 0.0],
                 "power": 1.0, "needed": 10, "p_kolmogorov_smirnov": 1.0, "diverged_alone": [0, 0]}  # fmt: skip
        verdicts = ["equivalent"] * many + [verdict]
        questions = [entry | {"lambd": i, "verdict": verdict} for i, verdict in enumerate(verdicts)]
        grid = {"implementations": ["numpy", "torch"], "variants": ["l2"], "lambds": list(range(many + 1)),
                "keep_probs": [1],
                "learning_rates": [0.3], "hiddens": [[20, 3]], "num_iterations": 30, "dtype": "float64", "crossed": False,
                "dev_share": None} | {key: [1] for key in ("data_seeds", "split_seeds", "init_seeds", "seeds")}  # fmt: skip
        counts = {"planned": 100 + missing, "finished": 100, "kept_before": 0, "others_kept": 0, "diverged": 0}
        data = {"name": "d", "sha256": "0", "dev_share": None, "dev_examples": None}
        results = {"environment": {}, "seconds_per_run": {}, "data": data, "grid": grid, "counts": counts, "luck": [],
                   "effects": [], "choice": [], "equivalence": questions, "missing": [], "verdict": "mismatch"}  # fmt: skip
        console = Console(width=80, record=True, file=io.StringIO())
        found = Found.from_json(results)
        show(found, console)
        console.print(answer(found))
        return console.export_text()

    return shown


def test_a_difference_is_shown_however_many_are_equivalent(results_of_many):
    text = results_of_many("different", 30)
    assert "l2 lambd 30, 12 runs" in text
    assert "DIFFERENT: 30 equivalent, 1 different" in text


def test_a_difference_comes_before_what_is_missing(results_of_many):
    assert "DIFFERENT" in results_of_many("different", 2)
    assert "INCOMPLETE: 100 of 101 runs are there; 3 equivalent" in results_of_many("equivalent", 2)
    assert "NOT ENOUGH RUNS: 2 equivalent, 1 not enough runs" in results_of_many("not enough runs", 2, missing=0)
