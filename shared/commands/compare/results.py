"""Everything that shows the results of a comparison, written into one folder."""

from pathlib import Path

from shared.errors import UsageError
from shared.harness.output import write_json, write_whole

RESULTS, SUMMARY, PAGE = "results.json", "summary.md", "index.html"
PICTURES = ("cost_curves.png", "decision_boundary.png", "noise_floor.png")
WRITTEN = (RESULTS, SUMMARY, *PICTURES, PAGE)


def write_all(results: dict, folder: Path) -> list[Path]:
    """Write everything that shows the results; the paths, results.json first. UsageError where nothing can be written.

    What shows an earlier run goes first: whatever ends this, no page or picture of another run lies beside results.json.
    """
    from shared.commands.compare.markdown import markdown
    from shared.commands.compare.page.build import page
    from shared.commands.compare.pictures import pictures

    own = {Path(failure["reproduction"]).stem for failure in results["failures"] if "reproduction" in failure}
    try:
        for old in (*map(folder.joinpath, WRITTEN[1:]), *folder.glob("reproduce_*.py"), *folder.glob("reproduce_*.npz")):
            if old.stem not in own:
                old.unlink(missing_ok=True)
        write_json(results, folder / RESULTS)
        contents = {SUMMARY: markdown(results).encode(), **pictures(results), PAGE: page(results).encode()}
        for name, content in contents.items():
            write_whole(folder / name, content)
    except OSError as error:
        raise UsageError(
            f"--out: cannot write into {str(folder)!r}: {error.strerror}; mend that, and run it again"
        ) from error
    return [folder / name for name in (RESULTS, *contents)]
