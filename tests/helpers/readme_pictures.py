"""`python -m tests.helpers.readme_pictures RESULTS_JSON`: the pictures of the READMEs, for light pages and for dark ones."""

import json
import sys
from pathlib import Path

import matplotlib.style

from shared.commands.compare.pictures import pictures

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "pictures"
SHOWN = ("noise_floor", "decision_boundary")


def main(path: str) -> None:
    """Draw them from the content of results.json."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    for style, suffix in (("default", ""), ("dark_background", "_dark")):
        with matplotlib.style.context(style):
            drawn = {name: draw() for name, draw in pictures(content)}
        for name in SHOWN:
            (FOLDER / f"{name}{suffix}.png").write_bytes(drawn[f"{name}.png"])


if __name__ == "__main__":
    main(*sys.argv[1:])
