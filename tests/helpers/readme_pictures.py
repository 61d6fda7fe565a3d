"""`python -m tests.helpers.readme_pictures RESULTS_JSON`: the pictures of the READMEs, for light pages and for dark ones."""

import sys
from pathlib import Path

import matplotlib.style

from shared.commands.compare.pictures import pictures
from shared.harness.results_json import read_results

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "pictures"
SHOWN = ("noise_floor", "decision_boundary")


def main(path: str) -> None:
    """Draw them from a results.json."""
    results, _ = read_results(Path(path))
    for style, suffix in (("default", ""), ("dark_background", "_dark")):
        with matplotlib.style.context(style):
            drawn = {name: draw() for name, draw in pictures(results)}
        for name in SHOWN:
            (FOLDER / f"{name}{suffix}.png").write_bytes(drawn[f"{name}.png"])


if __name__ == "__main__":
    main(*sys.argv[1:])
