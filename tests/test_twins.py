"""The three implementations are twins: same files, same public names, same signatures, same order.

Only the sources are parsed; no framework is imported.
"""

import ast
import shutil
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TWINS = ("numpy_impl", "torch_impl", "tf_impl")

ONLY_COURSE = "the course's function; the frameworks supply what it does"
EXPORTS_COURSE = "re-exported for `from numpy_impl import *` in the course's notebook"
BY_HAND = "by hand in NumPy; in the frameworks by autograd or tape, nn.Linear or Dense, and the optimizer"

OBJECTS = "in the frameworks the network is an object that holds the parameters; in NumPy it is their dict"

DIFFERENCES = {
    # where: ((NumPy, PyTorch, TensorFlow), the reason); None where it is not there
    "course.py": (("file", None, None), "the notebook's functions, for its readers"),
    "gradients.py": (("file", None, None), "by hand in NumPy; autograd and GradientTape need one line of `update`"),
    **{
        f"__init__.py: {name}": (("exported", None, None), EXPORTS_COURSE)
        for name in (
            "sigmoid", "relu", "initialize_parameters", "forward_propagation", "forward_propagation_with_dropout",
            "compute_cost", "compute_cost_with_regularization", "backward_propagation",
            "backward_propagation_with_regularization", "backward_propagation_with_dropout", "update_parameters",
            "predict_dec", "load_2D_dataset", "plot_decision_boundary", "model",
        )
    },
    **{
        f"__init__.py: {name}": ((None, "exported", "exported"), OBJECTS)
        for name in ("Network", "load", "make_optimizer", "read_parameters")
    },
    "cost.py: compute_cost": (("(A3, Y)", None, None), ONLY_COURSE),
    "cost.py: compute_cost_with_regularization": (("(A3, Y, parameters, lambd)", None, None), ONLY_COURSE),
    "cost.py: l2_penalty": (("(parameters, lambd, m)", "(network, lambd, m)", "(network, lambd, m)"), OBJECTS),
    "network.py: Cache": (("class", None, None), "the course's tuple, which the frameworks do not need"),
    "network.py: DropoutCache": (("class", None, None), "the course's tuple, which the frameworks do not need"),
    "network.py: sigmoid": (("(x)", None, None), ONLY_COURSE),
    "network.py: relu": (("(x)", None, None), ONLY_COURSE),
    "network.py: initialize_parameters": (("(layers_dims)", None, None), ONLY_COURSE),
    "network.py: forward_propagation": (("(X, parameters)", None, None), ONLY_COURSE),
    "network.py: forward_propagation_with_dropout": (("(X, parameters, keep_prob=0.5, rng=None)", None, None), ONLY_COURSE),
    "network.py: to_rows": ((None, "(array)", "(array)"), "in the frameworks examples are rows"),
    "network.py: Network": (
        (None, "class", "(layers_dims, keep_prob=1.0, seed=1, dtype='float32')"),
        "a class in PyTorch, a function that makes a keras.Model; Keras wants seeds and dtype when a layer is made",
    ),
    "network.py: Network.__init__": ((None, "(self, layers_dims, keep_prob=1.0)", None), "a class in PyTorch alone"),
    "network.py: Network.forward": ((None, "(self, X)", None), "a class in PyTorch alone"),
    "network.py: linears": ((None, "(network)", "(network)"), OBJECTS),
    "network.py: load": (
        (None, "(parameters, keep_prob=1.0)", "(parameters, keep_prob=1.0, seed=1)"),
        "Keras's layers have generators of their own, nn.Dropout draws from the global one",
    ),
    "network.py: read_parameters": ((None, "(network)", "(network)"), OBJECTS),
    "training.py: update_parameters": (("(parameters, grads, learning_rate)", None, None), BY_HAND),
    "training.py: make_optimizer": (
        (None, "(network, learning_rate, lambd, m)", "(network, learning_rate, lambd, m)"), BY_HAND,
    ),
    "training.py: update": (
        (
            "(parameters, X, Y, learning_rate, lambd=0.0, keep_prob=1.0, rng=None)",
            "(network, optimizer, X, Y, lambd)",
            "(network, optimizer, X, Y, lambd)",
        ),
        "what the network and the optimizer hold in the frameworks, NumPy is given",
    ),
}  # fmt: skip

META = 'with torch.device("meta"):  # no initial weights of its own, which would draw from the global generator'
BLOCKS = {
    # (file, first line of a block of more than five lines that differ): why
    ("__init__.py", '"""The network in PyTorch."""'): "tf.keras runs on another framework if the environment says so",
    ("network.py", "self.linear1 = nn.Linear(n_x, h1)"): "layers that a forward calls; layers called as they are made",
    ("network.py", META): "a state dict is loaded in PyTorch; variables are assigned in Keras, kernels transposed",
}
"""The blocks that differ between torch_impl and tf_impl, and the framework's reason."""

SHARE = 0.35
"""Of the lines of torch_impl and tf_impl, so many at least are the same, in the same order."""


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


def stripped(path):
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def compared_lines(root):
    """(file, lines of torch_impl, of tf_impl, their longest common subsequence as opcodes), of the files in both."""
    for path in sorted((root / "torch_impl").glob("*.py")):
        ours, theirs = stripped(path), stripped(root / "tf_impl" / path.name)
        yield path.name, ours, theirs, SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()


def share_of_lines(root):
    same = longest = 0
    for _, ours, theirs, codes in compared_lines(root):
        same += sum(end - start for kind, start, end, _, _ in codes if kind == "equal")
        longest += max(len(ours), len(theirs))
    return same / longest


def differing_blocks(root):
    """File and first line (PyTorch's, or Keras's where PyTorch has none) of every block of more than five lines."""
    for file, ours, theirs, codes in compared_lines(root):
        for kind, start, end, other, other_end in codes:
            if kind != "equal" and max(end - start, other_end - other) > 5:
                yield file, ours[start] if end > start else theirs[other]


def test_pytorch_and_keras_share_their_lines():
    assert share_of_lines(ROOT) >= SHARE


def test_every_block_that_differs_has_its_frameworks_reason():
    assert sorted(differing_blocks(ROOT)) == sorted(BLOCKS)
    assert all(BLOCKS.values())


def test_the_implementations_offer_the_same_under_the_same_names_in_the_same_order():
    assert complaints(ROOT, DIFFERENCES) == []


@pytest.fixture
def doctored(tmp_path):
    """A function that changes a copy of the sources and gives the complaints about it."""
    for package in TWINS:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def doctor(file, old, new):
        source = (tmp_path / file).read_text()
        assert old in source, f"{file} no longer holds {old!r}: fix this test"
        (tmp_path / file).write_text(source.replace(old, new))
        return complaints(tmp_path, DIFFERENCES)

    return doctor


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("torch_impl/network.py", "def predict(", "def classify(", "network.py: classify: undocumented"),
        ("torch_impl/network.py", "def predict(", "def _predict(", "network.py: predict: undocumented"),
        ("tf_impl/training.py", "lambd=0.0", "lambd=0.5", "training.py: train: undocumented"),
        ("tf_impl/training.py", "Y, parameters, *,", "Y, parameters,", "training.py: train: undocumented"),
        ("numpy_impl/cost.py", "(parameters, lambd, m)", "(parameters, m, lambd)", "cost.py: l2_penalty: stale"),
        ("tf_impl/network.py", "def linears(network)", "def linears(network, n)", "network.py: linears: stale"),
        ("torch_impl/__init__.py", '"predict", "read', '"read', "__init__.py: predict: undoc"),
        ("torch_impl/network.py", "def forward(self, X)", "def forward(self, X, masks)", "Network.forward: stale"),
        ("torch_impl/network.py", "def linears", "def layers", "network.py: linears: stale"),
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


def test_lines_that_are_rewritten_without_need_are_reported(doctored, tmp_path):
    assert share_of_lines(tmp_path) == share_of_lines(ROOT)
    doctored("tf_impl/training.py", "rows", "examples")
    doctored("tf_impl/training.py", "costs", "losses")
    doctored("tf_impl/cost.py", "lambd", "strength")
    doctored("tf_impl/network.py", "parameters", "weights")
    assert share_of_lines(tmp_path) < SHARE
    assert set(differing_blocks(tmp_path)) != set(BLOCKS)


def test_an_extra_file_is_reported(doctored, tmp_path):
    (tmp_path / "torch_impl" / "extra.py").touch()
    assert "extra.py: undocumented" in "".join(complaints(tmp_path, DIFFERENCES))


def test_a_documented_difference_that_is_gone_is_reported(tmp_path, doctored):
    (tmp_path / "numpy_impl" / "course.py").unlink()
    assert any(said.startswith("course.py: stale") for said in complaints(tmp_path, DIFFERENCES))


def test_a_documented_difference_without_a_reason_is_reported():
    said = complaints(ROOT, DIFFERENCES | {"course.py": (("file", None, None), "")})
    assert said == ["course.py: no reason given"]
