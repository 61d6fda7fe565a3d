"""A failed comparison in a script and arrays of its own: it shows the one tensor, and asks the implementation of today."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from shared.alignment.recording import port_tensors
from shared.alignment.reproduction import step_evidence, write_reproduction
from shared.alignment.stages import single_step_checks
from shared.alignment.tensors import REFERENCE
from shared.alignment.trajectory import replay_in_segments
from shared.case import Problem
from shared.harness.checks import RunId, Where
from shared.harness.records import Record

ONE_AFTER_THE_OTHER = """
import contextlib, io, json, runpy, sys, traceback, warnings

warnings.simplefilter("error")
warnings.simplefilter("ignore", ResourceWarning)  # the arrays stay open until a script's process ends
ended = []
for script in sys.argv[1:]:
    out, err, path, code = io.StringIO(), io.StringIO(), list(sys.path), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            code = end.code
        except Exception:
            traceback.print_exc()
    sys.path[:] = path
    ended.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""
"""Runs scripts in one process and folder, which know nothing of the project: code, output and errors of each."""


def off(value):
    return value * 1.001


@pytest.fixture
def write(make_problem, tmp_path):
    """A function that puts faults into tensors of a step and writes their reproductions: for each the script and the check.

    faults: {tensor: what changes it, None where it is left out}; each is compared with the reference by itself.
    """

    def write(faults, implementation="numpy", variant="l2-dropout"):
        X, Y, parameters = make_problem((3, 6, 4, 1), m=40)
        settings = {"lambd": 0.7 if "l2" in variant else 0.0, "keep_prob": 0.8 if "dropout" in variant else 1.0}
        problem = Problem(X, Y, 0.3, **settings)
        port = port_tensors(REFERENCE, problem, parameters)
        changed = {name: np.asarray(change(port[name])) for name, change in faults.items() if change}
        port = {name: value for name, value in port.items() if name not in faults} | changed
        checks = single_step_checks(problem, Where("biases"), parameters, port, port, RunId(variant, implementation))
        failed = {check.tensor: check for check in checks if check.status == "failed"}
        assert failed.keys() >= faults.keys()
        written = []
        for name in faults:
            script = tmp_path / "alone" / f"{len(list(tmp_path.rglob('*.py')))} of {len(faults)}" / "reproduction.py"
            script.parent.mkdir(parents=True)
            write_reproduction(script, failed[name], problem, step_evidence(failed[name], problem, parameters, port), seed=1)
            written.append((script, failed[name]))
        return written

    return write


@pytest.fixture
def run_all(clean_environment, tmp_path):
    """A function that runs scripts in one process: for each its exit code, what it prints and what it prints of errors."""

    def run(scripts):
        done = subprocess.run(
            [sys.executable, "-c", ONE_AFTER_THE_OTHER, *scripts],
            cwd=tmp_path, env=clean_environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        ended = json.loads(done.stdout)
        assert len(ended) == len(scripts)
        return ended

    return run


def run_alone(script, environment):
    """The script as the message says, in a process of its own."""
    command = [sys.executable, "-W", "error", script.name]
    return subprocess.run(command, cwd=script.parent, env=environment, capture_output=True, text=True, check=False)


def compared_alone(script):
    """The script with its second part, which calls the implementation of today, left out."""
    text = script.read_text(encoding="utf-8")
    start, end = text.index("\nsys.path.insert"), text.index("sys.exit(")
    script.write_text(text[:start] + text[end:], encoding="utf-8")
    return script


def doctor(script, change):
    path = script.with_suffix(".npz")
    with np.load(path) as case:
        changed = change(dict(case))
    np.savez(path, **changed)


def test_the_difference_is_shown_with_nothing_but_numpy(write, run_all):
    names = ["X", "W2", "Z1", "A2", "cross_entropy", "dW2", "decay_W1", "b1 after update 2"]
    written = write(dict.fromkeys(names, off))
    ended = run_all([compared_alone(script) for script, _ in written])
    for name, (_, found), (code, printed, errors) in zip(names, written, ended, strict=True):
        assert (code, errors) == (1, ""), name
        assert f"elements of {name} differ; the worst:" in printed
        assert f"as compared: {found.differing} of {found.elements} elements" in printed
        assert f"index      {tuple(found.index)}" in printed
        assert f"port       {found.port_value!r}" in printed
        assert f"reference  {found.reference_value!r}" in printed
        assert f"difference {found.difference!r}, tolerance {found.tolerance!r}" in printed


def test_the_first_part_exits_with_zero_where_the_evidence_agrees(write, run_all):
    """The control: the same script, the evidence doctored."""
    [(script, _)] = write({"dW2": off})
    doctor(script, lambda case: case | {"port": case["reference"]})
    [(code, printed, errors)] = run_all([compared_alone(script)])
    assert (code, errors) == (0, "")
    assert "as compared: 0 of 24 elements of dW2 differ" in printed


def test_the_implementation_of_today_is_asked_too_and_decides(write, run_all):
    """The fault was in the recorded tensor only: today's NumPy network is right. A reference that it misses shows a 1."""
    names = ["Z1", "dW2", "W2 after update 1", "b1 after update 2", "cost"]
    scripts = [script for script, _ in write(dict.fromkeys(names, off))]
    [(still_wrong, _)] = write({"dW2": off})
    doctor(still_wrong, lambda case: case | {"reference": case["reference"] + 1})
    *right, wrong = run_all([*scripts, still_wrong])
    for name, (code, printed, errors) in zip(names, right, strict=True):
        assert (code, errors) == (0, ""), name
        first, today = printed.split("today: ")
        assert "as compared: 0 of" not in first
        assert today.startswith("0 of")
    assert wrong[0] == 1
    assert wrong[2] == ""
    assert "today: 24 of 24 elements" in wrong[1]


@pytest.mark.full
@pytest.mark.parametrize("implementation", ["torch", "tensorflow"])
def test_the_ports_of_today_are_asked_through_their_own_modules(write, clean_environment, implementation):
    [(script, _)] = write({"dW2": off}, implementation, "l2")
    done = run_alone(script, clean_environment)
    assert done.returncode == 0, done.stderr
    assert "today: 0 of 24 elements of dW2 differ" in done.stdout


def test_a_script_moved_elsewhere_with_its_arrays_still_runs(write, clean_environment, tmp_path):
    [(script, _)] = write({"dW2": off})
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    for path in (script, script.with_suffix(".npz")):
        shutil.move(path, elsewhere / path.name)
    done = run_alone(elsewhere / script.name, clean_environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_tensor_of_this_kind_is_shown_without_a_traceback(write, run_all):
    faults = {
        "A1": None,
        "Z1": lambda value: np.where(np.arange(value.size).reshape(value.shape) == 5, np.nan, value),
        "Z2": lambda value: value.astype("float32"),
        "decay_b1": lambda value: value.astype("float32"),  # zeros of another dtype
        "dW2": lambda value: value.T,
        "b1": np.ravel,
        "Z3": lambda value: value[:, :0],
    }
    written = write(faults)
    for script, found in written:
        assert found.reason in script.read_text(encoding="utf-8")
    ended = run_all([compared_alone(script) for script, _ in written])
    assert [(name, end) for name, end in zip(faults, ended, strict=True) if (end[0], end[2]) != (1, "")] == []


def test_a_bad_segment_is_shown_with_nothing_but_numpy(make_problem, run_all, tmp_path):
    X, Y, parameters = make_problem((3, 6, 4, 1), m=40)
    problem = Problem(X, Y, 0.3, 0.0, 1.0)
    run = REFERENCE.train_segments(problem, parameters, [20, 20])
    record = Record(tmp_path / "run").write(parameters, [20, 20], run)
    record.costs[27] *= 1.001
    result = replay_in_segments(problem, record, RunId("none", "torch"))
    (bad,) = [c for c in result.checks if c.status == "failed"]
    write_reproduction(tmp_path / "reproduction.py", bad, problem, result.evidence[bad.key], seed=1)
    [(code, printed, errors)] = run_all([tmp_path / "reproduction.py"])
    assert (code, errors) == (1, "")
    assert "as compared: 1 of 20 elements of cost differ" in printed
    assert "index      (7,)" in printed
    assert "today" not in printed
