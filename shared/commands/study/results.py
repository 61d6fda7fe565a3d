"""What a study writes beside its store: study.json, study.csv and the pictures."""

import io
from pathlib import Path

from shared.commands.study.pictures import over_seeds, over_values
from shared.errors import UsageError
from shared.harness.output import write_json, write_whole

AXES = {"lambd": "study_lambd.png", "keep_prob": "study_keep_prob.png"}
WRITTEN = ("study.csv", "study.json", "study_seeds.png", *AXES.values())


def write_study(results: dict, table: bytes, folder: Path) -> list[Path]:
    """Write study.json, study.csv and the pictures; the paths, the store first. UsageError where nothing can be written.

    The pictures: test accuracy over the seeds, and where there are several, curves over lambd and keep_prob. Those of an
    earlier study go first.
    """
    paths = [folder / "study.sqlite", folder / "study.csv", folder / "study.json"]
    try:
        for name in WRITTEN[2:]:
            (folder / name).unlink(missing_ok=True)
        write_whole(paths[1], table)
        write_json(results, paths[2])
        figures = {"study_seeds.png": over_seeds(results)} | {
            name: over_values(results, axis) for axis, name in AXES.items()
        }
        for name, figure in figures.items():
            if figure is not None:
                image = io.BytesIO()
                figure.savefig(image, format="png", dpi=120)
                write_whole(folder / name, image.getvalue())
                paths.append(folder / name)
    except OSError as error:
        said = f"--out: cannot write into {str(folder)!r}: {error.strerror}"
        raise UsageError(f"{said}; every run is kept in study.sqlite: mend that and give the same command again") from error
    return paths
