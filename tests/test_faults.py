"""The command where something is wrong, missing, crashes, is killed or diverges: nothing of it passes for a match."""

import itertools
import shutil
from dataclasses import replace

import pytest

from shared.commands.compare.reuse import VERIFIED

pytestmark = pytest.mark.full

WRONG = {
    # run: what must differ (stage and tensor), the first stage first
    # In one run at most one mistake before its predictions: two would be looked for in all pairs, for a long time.
    ("numpy", "l2"): ["repeat: training"],
    ("torch", "none"): ["predictions: train"],
    ("torch", "l2"): ["gradients: decay_b1", "update: decay of b"],
    ("torch", "dropout"): ["forward: A1", "forward: D1: kept share"],
    ("tensorflow", "none"): ["predictions: train", "predictions: test"],
    ("tensorflow", "l2"): ["gradients: decay_b1", "update: decay of b"],
    ("tensorflow", "dropout"): ["forward: D1: iterations"],
}
PLANTED = [
    ("numpy_impl/training.py", "+ l2_penalty", "+ 2 * l2_penalty"),
    ("torch_impl/training.py", '"weight_decay": 0.0}', '"weight_decay": lambd / m}'),
    ("torch_impl/network.py", "p=1 - keep_prob", "p=keep_prob if keep_prob < 1 else 0"),
    ("torch_impl/network.py", "(torch.sigmoid(Z3) > 0.5)", "(Z3 > 0.5)"),
    ("tf_impl/training.py", "var_list=[dense.bias for dense in linears(network)]", "var_list=[]"),
    (
        "tf_impl/network.py",
        'dropout(seed=2 * seed, name="A1")(',
        "keras.layers.Lambda(lambda A: keras.random.dropout(A, 1 - keep_prob, seed=1), dtype=dtype)(",
    ),
    ("tf_impl/network.py", ".numpy().T.astype(np.int64)", ".numpy().T.astype(np.int64)[:, :-1]"),
]


def statuses(results, implementation, variant):
    found = {c["status"] for c in results["checks"] if (c["implementation"], c["variant"]) == (implementation, variant)}
    assert found, f"nothing was planned for {implementation}, {variant}"
    return found


def run_of(results, implementation, variant):
    (run,) = [r for r in results["runs"] if (r["implementation"], r["variant"]) == (implementation, variant)]
    return run


def test_mistakes_are_exit_code_1_and_nobody_elses_mismatch(run_compare, checkout):
    folder, edit = checkout
    for change in PLANTED:
        edit(*change)
    implementations, variants = ["numpy", "torch", "tensorflow"], ["none", "l2", "dropout"]
    flags = ("--iterations", 50, "--variants", *variants, "--implementations", *implementations)
    done = run_compare(*flags, checkout=folder)
    assert done.code == 1, done.stdout
    said = {tuple(line.split(", ")[:2]) for line in done.stderr.splitlines() if not line.startswith(" ")}
    assert said == {(f"differs: {implementation}", variant) for implementation, variant in WRONG}
    results = done.results
    assert results["verdict"] == "mismatch"
    first = {(f["implementation"], f["variant"]): f["stage"] for f in results["failures"]}
    assert first == {run: differs[0].split(":")[0] for run, differs in WRONG.items()}
    assert tuple(results["first_divergence"][key] for key in ("implementation", "variant")) in WRONG
    failed = [check for check in results["checks"] if check["status"] == "failed"]
    for run, differs in WRONG.items():
        of_run = {f"{c['stage']}: {c['tensor']}" for c in failed if (c["implementation"], c["variant"]) == run}
        assert set(differs) <= of_run, run
    right = set(itertools.product(implementations, variants)) - WRONG.keys()
    assert all(statuses(results, *run) == {"passed"} for run in right)
    assert results["counts"]["failed"] == len(failed) > 0
    kept = {path.stem for path in (done.out / VERIFIED).iterdir()}
    assert kept == {f"{implementation}-{variant}" for implementation, variant in right}
    assert (done.out / "index.html").exists()


def test_the_first_answer_is_said_before_the_training_and_fail_fast_stops_there(run_compare, checkout):
    folder, edit = checkout
    edit("torch_impl/training.py", '"weight_decay": 0.0}', '"weight_decay": lambd / m}')
    chosen = ("--iterations", 20, "--variants", "none", "l2", "--implementations", "numpy", "torch")
    done = run_compare(*chosen, "--fail-fast", checkout=folder)
    assert done.code == 1, done.stderr
    assert done.stderr.startswith("differs: torch, l2, iteration 0: gradients, decay_b1 (biases)\n")
    assert "explained by: the biases are decayed too" in done.stderr
    (failure,) = done.results["failures"]
    assert (failure["implementation"], failure["variant"], failure["tensor"]) == ("torch", "l2", "decay_b1")
    assert [diagnosis["mistake"] for diagnosis in done.results["diagnoses"]] == ["biases-decayed"]
    reasons = {check["reason"] for check in done.results["checks"] if check["status"] == "skipped"}
    assert reasons == {"stopped at the first difference (--fail-fast)"}
    assert "free run" not in {check["scope"] for check in done.results["checks"] if check["status"] == "failed"}
    assert (done.out / "reproduce_torch_l2.py").exists()
    assert failure["reproduction"].endswith("reproduce_torch_l2.py")


@pytest.mark.parametrize(
    ("torch", "keras", "ended"),
    [
        ("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')", "keras = [",
         {"torch": "missing", "tensorflow": "crashed"}),
        ("raise SystemExit('torch: code 7')", "raise ModuleNotFoundError(\"No module named 'keras'\", name='keras')",
         {"torch": "crashed", "tensorflow": "missing"}),
    ],
)  # fmt: skip
def test_a_framework_that_cannot_be_imported_leaves_the_others_results(
    run_compare, numpy_alone, tmp_path, torch, keras, ended
):
    for name, line in (("torch", torch), ("keras", keras)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(line)
    out = shutil.copytree(numpy_alone.out, tmp_path / "out")  # its run is reused
    flags = ("--iterations", 50, "--variants", "l2", "--out", out)
    done = replace(run_compare(*flags, environment={"PYTHONPATH": str(tmp_path)}), out=out)
    assert (done.code, done.stderr) == (3, ""), done.stdout
    assert done.results["verdict"] == "incomplete"
    assert statuses(done.results, "numpy", "l2") == {"passed"}
    for implementation, package in (("torch", "torch"), ("tensorflow", "keras")):
        run = run_of(done.results, implementation, "l2")
        assert run["status"] == ended[implementation]
        if run["status"] == "missing":
            assert package in run["reason"]
            assert package in done.stdout
        skipped = [check for check in done.results["checks"] if check["implementation"] == implementation]
        assert {(check["status"], check["reason"]) for check in skipped} == {("skipped", run["reason"])}
    counts = done.results["counts"]
    assert counts["planned"] == counts["compared"] + counts["skipped"]
    assert min(counts["compared"], counts["skipped"]) > 0


def test_a_crash_and_a_killed_process_leave_everything_else_and_no_word_steers_the_terminal(run_compare, checkout):
    folder, edit = checkout
    start = "    optimizer.zero_grad()\n"
    words = "out of luck \\x1b[2J\\x1b]0;title\\x07\\u202egnp"
    crash = f"    if lambd:\n        raise ValueError('{words}')\n"
    kill = "    if keep_prob < 1:\n        import os\n\n        os.kill(os.getpid(), 9)\n"
    edit("torch_impl/training.py", start, crash + start)
    loaded = '    with torch.device("meta"):'
    edit("torch_impl/network.py", loaded, kill + loaded)
    flags = ("--iterations", 5, "--variants", "none", "l2", "dropout", "--implementations", "numpy", "torch")
    done = run_compare(*flags, checkout=folder)
    assert (done.code, done.stderr) == (3, ""), done.stdout
    assert done.results["verdict"] == "incomplete"
    for run in itertools.product(["numpy", "torch"], ["none", "l2", "dropout"]):
        fell = run in {("torch", "l2"), ("torch", "dropout")}
        assert statuses(done.results, *run) == ({"skipped"} if fell else {"passed"}), run
        assert run_of(done.results, *run)["status"] == ("crashed" if fell else "completed")
    for variant, reason in (("l2", "ValueError: out of luck"), ("dropout", "SIGKILL")):
        assert reason in run_of(done.results, "torch", variant)["reason"]
        assert reason in done.stdout
    shown = [done.stdout, *((done.out / name).read_text() for name in ("summary.md", "index.html"))]
    for text in (*shown, *(run.get("reason", "") for run in done.results["runs"])):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "\\x1b[2J" in done.stdout


def test_a_folder_that_pytorch_cannot_make_is_named(run_compare, tmp_path):
    """Its optimizers import the compiler, which makes its folder at once: nothing trains without it."""
    (tmp_path / "file").write_text("")
    unusable = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "file" / "cache")}
    flags = ("--implementations", "torch", "--variants", "none", "--iterations", 5)
    done = run_compare(*flags, environment=unusable)
    assert (done.code, done.stderr) == (3, "")
    (run,) = done.results["runs"]
    assert run["status"] == "crashed"
    assert "file/cache" in run["reason"]


def test_the_first_bad_update_of_a_compiled_step_is_found(run_compare, checkout):
    folder, edit = checkout
    inner = " " * 16
    wrong = f"def wrong():\n{inner}network.linear1.weight[0, 0] += 1e-6\n{inner}return compiled()\n\n"
    after_the_trial = "return network, compiled"
    edit("shared/adapters/compiling.py", after_the_trial, f"{wrong}            return network, wrong")
    edit("shared/adapters/implementation.py", "COMPILE_FROM = 1000", "COMPILE_FROM = 50")
    done = run_compare("--implementations", "torch", "--variants", "none", "--iterations", 100, checkout=folder)
    assert done.code == 1, done.stderr
    assert done.results["failures"][0]["stage"] == "repeat"  # `train` itself is not compiled
    assert "trajectory" in {check["stage"] for check in done.results["checks"] if check["status"] == "failed"}
    assert done.results["failures"][0]["first_bad_update"] == 0
