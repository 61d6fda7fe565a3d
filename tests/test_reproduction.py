"""A failed comparison in a script and arrays of its own: it shows the one tensor, and asks the implementation of today."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from numpy_impl import trace as numpy_trace
from shared.alignment import limits
from shared.alignment.problem import Problem
from shared.alignment.reproduction import step_evidence, write_reproduction
from shared.alignment.stages import single_step_checks
from shared.alignment.trajectory import repeat_in_segments
from shared.records import RunRecord, write_record

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


@pytest.fixture
def fault(make_problem, tmp_path):
    """A function that puts a fault into one tensor of a step and writes its reproduction: path of the script, check."""

    def write(name="dW2", implementation="numpy", variant="l2-dropout", change=lambda value: value * 1.001):
        X, Y, parameters = make_problem((3, 6, 4, 1), m=40)
        settings = {"lambd": 0.7 if "l2" in variant else 0.0, "keep_prob": 0.8 if "dropout" in variant else 1.0}
        problem = Problem(X, Y, 0.3, **settings)
        port = limits.port_tensors(numpy_trace, problem, parameters)
        port = {**port, name: np.asarray(change(port[name]))} if change else {n: v for n, v in port.items() if n != name}
        place = {"variant": variant, "implementation": implementation}
        found = [c for c in single_step_checks(problem, "biases", parameters, port, port, place) if c.tensor == name]
        assert [c.status for c in found] == ["failed"]
        folder = tmp_path / "alone" / str(len(list(tmp_path.rglob("*.py"))))
        folder.mkdir(parents=True)
        stem = folder / "reproduction"
        write_reproduction(stem, found[0], problem, step_evidence(found[0], problem, parameters, port), seed=1)
        return stem.with_suffix(".py"), found[0]

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


def test_the_difference_is_shown_with_nothing_but_numpy(fault, run_all):
    names = ["X", "W2", "Z1", "A2", "cross_entropy", "dW2", "decay_W1", "b1 after update 2"]
    faults = [fault(name) for name in names]
    for name, (_, found), ended in zip(names, faults, run_all([compared_alone(s) for s, _ in faults]), strict=True):
        code, printed, errors = ended
        assert (code, errors) == (1, ""), name
        assert f"elements of {name} differ; the worst:" in printed
        assert f"as compared: {found.differing} of {found.elements} elements" in printed
        assert f"index      {tuple(found.index)}" in printed
        assert f"port       {found.port_value!r}" in printed
        assert f"reference  {found.reference_value!r}" in printed
        assert f"difference {found.difference!r}, allowed {found.allowed!r}" in printed


def test_the_first_part_exits_with_zero_where_the_evidence_agrees(fault, run_all):
    """The control: the same script, the evidence doctored."""
    script, _ = fault()
    doctor(script, lambda case: case | {"port": case["reference"]})
    [(code, printed, errors)] = run_all([compared_alone(script)])
    assert (code, errors) == (0, "")
    assert "as compared: 0 of 24 elements of dW2 differ" in printed


def test_the_implementation_of_today_is_asked_too_and_decides(fault, run_all):
    """The fault was in the recorded tensor only: today's NumPy network is right. A reference that it misses shows a 1."""
    names = ["Z1", "dW2", "W2 after update 1", "b1 after update 2", "cost"]
    scripts = [fault(name)[0] for name in names]
    still_wrong, _ = fault("dW2")
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
def test_the_ports_of_today_are_asked_through_their_own_modules(fault, clean_environment, implementation):
    script, _ = fault("dW2", implementation, "l2")
    done = run_alone(script, clean_environment)
    assert done.returncode == 0, done.stderr
    assert "today: 0 of 24 elements of dW2 differ" in done.stdout


def test_a_script_moved_elsewhere_with_its_arrays_still_runs(fault, clean_environment, tmp_path):
    script, _ = fault()
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    for path in (script, script.with_suffix(".npz")):
        shutil.move(path, elsewhere / path.name)
    done = run_alone(elsewhere / script.name, clean_environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_tensor_of_this_kind_is_shown_without_a_traceback(fault, run_all):
    changes = {
        "missing": ("Z1", None),
        "nan": ("Z1", lambda value: np.where(np.arange(value.size).reshape(value.shape) == 5, np.nan, value)),
        "dtype": ("Z1", lambda value: value.astype("float32")),
        "zeros of another dtype": ("decay_b1", lambda value: value.astype("float32")),
        "transposed": ("dW2", lambda value: value.T),
        "vector": ("b1", np.ravel),
        "empty": ("Z3", lambda value: value[:, :0]),
    }
    faults = [fault(name, change=change) for name, change in changes.values()]
    for script, found in faults:
        assert found.reason in script.read_text(encoding="utf-8")
    ended = run_all([compared_alone(script) for script, _ in faults])
    assert [
        (case, code, errors) for case, (code, _, errors) in zip(changes, ended, strict=True) if (code, errors) != (1, "")
    ] == []


def test_a_bad_segment_is_shown_with_nothing_but_numpy(make_problem, run_all, tmp_path):
    X, Y, parameters = make_problem((3, 6, 4, 1), m=40)
    problem = Problem(X, Y, 0.3, 0.0, 1.0)
    run = limits.numpy_training.train_segments(X, Y, parameters, lengths=[20, 20], **problem.step)
    write_record(tmp_path / "run", parameters, [20, 20], run)
    record = RunRecord(tmp_path / "run")
    record.costs[27] *= 1.001
    result = repeat_in_segments(problem, record, {"variant": "none", "implementation": "torch"})
    (bad,) = [c for c in result.checks if c.status == "failed"]
    write_reproduction(tmp_path / "reproduction", bad, problem, result.evidence[bad.scope, bad.tensor], seed=1)
    [(code, printed, errors)] = run_all([tmp_path / "reproduction.py"])
    assert (code, errors) == (1, "")
    assert "as compared: 1 of 20 elements of cost differ" in printed
    assert "index      (7,)" in printed
    assert "today" not in printed
