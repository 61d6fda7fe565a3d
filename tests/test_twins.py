"""The three implementations are twins: same files, same public names, same signatures, same order.

Only the sources are parsed; no framework is imported.
"""

import ast
import shutil
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TWINS = ("numpy_impl", "torch_impl", "tf_impl")

ONLY_COURSE = "the course's function; the frameworks supply what it does"
EXPORTS_COURSE = "re-exported for `from numpy_impl import *` in the course's notebook"
BY_HAND = "by hand in NumPy; in the frameworks by autograd or tape, nn.Linear or Dense, and the optimizer"

DIFFERENCES = {
    # where: ((NumPy, PyTorch, TensorFlow), the reason); None where it is not there
    "course.py": (("file", None, None), "the notebook's functions, for its readers"),
    "compiling.py": ((None, "file", None), "NumPy needs no compiler, and tf.function is one"),
    **{
        f"__init__.py: {name}": (("exported", None, None), EXPORTS_COURSE)
        for name in (
            "sigmoid", "relu", "initialize_parameters", "forward_propagation", "forward_propagation_with_dropout",
            "compute_cost", "compute_cost_with_regularization", "backward_propagation",
            "backward_propagation_with_regularization", "backward_propagation_with_dropout", "update_parameters",
            "predict_dec", "load_2D_dataset", "plot_decision_boundary", "model",
        )
    },
    "cost.py: compute_cost": (("(A3, Y)", None, None), ONLY_COURSE),
    "cost.py: compute_cost_with_regularization": (("(A3, Y, parameters, lambd)", None, None), ONLY_COURSE),
    "gradients.py: backward_propagation": (("(X, Y, cache)", None, None), BY_HAND),
    "gradients.py: backward_propagation_with_regularization": (("(X, Y, cache, lambd)", None, None), BY_HAND),
    "gradients.py: backward_propagation_with_dropout": (("(X, Y, cache, keep_prob)", None, None), BY_HAND),
    "gradients.py: decay": (("(parameters, lambd, m)", None, None), BY_HAND),
    "gradients.py: gradients_and_cache": (("(network, X, Y, lambd=0, masks=None)", None, None), BY_HAND),
    "gradients.py: cost_and_gradients": (
        ("(network, X, Y, lambd=0, masks=None)", "(network, X, Y)", "(network, X, Y)"),
        "the course adds the penalty here, the frameworks in the optimizer; masks replay the ports' dropout",
    ),
    "network.py: sigmoid": (("(x)", None, None), ONLY_COURSE),
    "network.py: relu": (("(x)", None, None), ONLY_COURSE),
    "network.py: initialize_parameters": (("(layers_dims)", None, None), ONLY_COURSE),
    "network.py: forward_propagation": (("(X, parameters)", None, None), ONLY_COURSE),
    "network.py: forward_propagation_with_dropout": (
        ("(X, parameters, keep_prob=0.5, rng=None, masks=None)", None, None), ONLY_COURSE,
    ),
    "network.py: to_rows": ((None, "(array)", "(array)"), "in the frameworks examples are rows"),
    "network.py: Network.linears": ((None, "(self)", "(self)"), "the layers are the framework's objects"),
    "network.py: Network.__call__": (("(self, X, masks=None)", None, None), "the forward pass; masks replay dropout"),
    "network.py: Network.forward": ((None, "(self, X)", None), "nn.Module's name for the forward pass"),
    "network.py: Network.call": ((None, None, "(self, X, training=True)"), "keras.Model's name for the forward pass"),
    "training.py: update_parameters": (("(parameters, grads, learning_rate)", None, None), BY_HAND),
    "training.py: training_costs": (
        ("(Z3s, Y, before, lambd)", None, None), "NumPy pays for every call: many costs are computed by one",
    ),
    "training.py: make_optimizer": (
        (None, "(network, learning_rate, lambd, m)", "(network, learning_rate, lambd, m)"), BY_HAND,
    ),
    "trace.py: trace": (
        (
            "(X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1, masks=None)",
            "(X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1)",
            "(X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1)",
        ),
        "masks replay the ports' dropout",
    ),
}  # fmt: skip


def interface(package):
    """What a package offers, in the order of its sources: {"network.py: predict": "(X, parameters)", ...}."""
    offered = {}
    for path in sorted(package.glob("**/*.py")):
        file = path.relative_to(package).as_posix()
        offered[file] = "file"
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and is_public(node.name):
                offered[f"{file}: {node.name}"] = f"({ast.unparse(node.args)})"
            elif isinstance(node, ast.ClassDef) and is_public(node.name):
                offered[f"{file}: {node.name}"] = "class"
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and is_public(method.name):
                        offered[f"{file}: {node.name}.{method.name}"] = f"({ast.unparse(method.args)})"
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                offered |= {f"{file}: {name}": "exported" for name in ast.literal_eval(node.value)}
    return offered


def is_public(name):
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def complaints(root, documented):
    """Everything in which the packages under `root` differ and should not, or should differ and do not."""
    offers = [interface(root / package) for package in TWINS]
    found = {}
    for where in dict.fromkeys(key for offered in offers for key in offered):
        signatures = tuple(offered.get(where) for offered in offers)
        inside_documented_file = ": " in where and where.split(": ")[0] in documented
        if len(set(signatures)) > 1 and not inside_documented_file:
            found[where] = signatures
    said = [f"{where}: undocumented: {found[where]}" for where in found if where not in documented]
    for where, (signatures, reason) in documented.items():
        if found.get(where) != signatures:
            said.append(f"{where}: stale: documented {signatures}, found {found.get(where)}")
        if not reason:
            said.append(f"{where}: no reason given")
    for (package, offered), (other, others) in combinations(zip(TWINS, offers, strict=True), 2):
        common = {key for key in offered if key in others and offered[key] != "exported"}  # __all__ is the course's order
        order, other_order = ([key for key in keys if key in common] for keys in (offered, others))
        said += [
            f"{a}: order: {package} has it where {other} has {b}"
            for a, b in zip(order, other_order, strict=True) if a != b
        ][:1]  # fmt: skip
    return said


def test_the_implementations_offer_the_same_under_the_same_names_in_the_same_order():
    assert complaints(ROOT, DIFFERENCES) == []


@pytest.fixture
def doctored(tmp_path):
    """A function that changes a copy of the sources and gives the complaints about it."""
    for package in TWINS:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def doctor(file, old, new):
        source = (tmp_path / file).read_text()
        assert old in source, f"{file} no longer holds {old!r}: mend this test"
        (tmp_path / file).write_text(source.replace(old, new))
        return complaints(tmp_path, DIFFERENCES)

    return doctor


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("torch_impl/network.py", "def predict(", "def classify(", "network.py: classify: undocumented"),
        ("torch_impl/network.py", "def predict(", "def _predict(", "network.py: predict: undocumented"),
        ("tf_impl/network.py", "keep_prob=1.0", "keep_prob=0.5", "network.py: Network.__init__: undocumented"),
        ("tf_impl/training.py", "Y, parameters, *,", "Y, parameters,", "training.py: train: undocumented"),
        ("numpy_impl/cost.py", "(network, lambd, m)", "(network, m, lambd)", "cost.py: l2_penalty: undocumented"),
        ("tf_impl/network.py", "def reset_dropout(self)", "def reset_dropout(self, seed)", "reset_dropout: undocumented"),
        ("torch_impl/__init__.py", '"Network", "predict", "train"', '"Network", "train"', "__init__.py: predict: undoc"),
        ("torch_impl/network.py", "def forward(self, X)", "def forward(self, X, masks)", "Network.forward: stale"),
        ("torch_impl/network.py", "def linears", "def layers", "network.py: Network.linears: stale"),
        ("tf_impl/network.py", "def to_rows", "def _to_rows", "network.py: to_rows: stale"),
    ],
)  # fmt: skip
def test_a_difference_is_reported(doctored, file, old, new, complaint):
    assert any(complaint in said for said in doctored(file, old, new))


def test_another_order_is_reported(doctored):
    doctored("tf_impl/cost.py", "def l2_penalty(network, lambd, m)", "def swapped(Z3, Y)")
    doctored("tf_impl/cost.py", "def cross_entropy(Z3, Y)", "def l2_penalty(network, lambd, m)")
    said = doctored("tf_impl/cost.py", "def swapped(", "def cross_entropy(")
    assert len(said) == 2  # against NumPy, against PyTorch
    assert all("order" in complaint for complaint in said)


def test_an_extra_file_is_reported(doctored, tmp_path):
    (tmp_path / "torch_impl" / "extra.py").touch()
    assert "extra.py: undocumented" in "".join(complaints(tmp_path, DIFFERENCES))


def test_a_documented_difference_that_is_gone_is_reported(tmp_path, doctored):
    (tmp_path / "numpy_impl" / "course.py").unlink()
    assert any(said.startswith("course.py: stale") for said in complaints(tmp_path, DIFFERENCES))


def test_a_documented_difference_without_a_reason_is_reported():
    said = complaints(ROOT, DIFFERENCES | {"course.py": (("file", None, None), "")})
    assert said == ["course.py: no reason given"]
