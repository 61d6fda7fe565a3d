"""What a notebook shows of a comparison: the page, inline."""

import html
import json
from pathlib import Path

HEIGHT = 800
"""Pixels of the page in a notebook; it scrolls."""


class Comparison:
    """A finished comparison: `results`, the content of results.json, and `folder`, where it and the page lie."""

    def __init__(self, folder: Path):
        self.folder = folder
        # Read now: the next comparison may write into the same folder.
        results, self._page, self._summary = (
            (folder / name).read_text(encoding="utf-8") for name in ("results.json", "index.html", "summary.md")
        )
        self.results = json.loads(results)

    def __repr__(self) -> str:
        counts = self.results["counts"]
        made = f"{counts['planned']:,} planned, {counts['compared']:,} compared, {counts['failed']:,} failed"
        return f"{self.results['verdict']}: {made} ({self.folder / 'index.html'})"

    def _repr_html_(self) -> str:
        # In a frame of its own: neither the notebook's style nor the page's touches the other.
        page = html.escape(self._page)
        return f'<iframe title="samenet" style="width: 100%; height: {HEIGHT}px; border: 0" srcdoc="{page}"></iframe>'

    def _repr_markdown_(self) -> str:
        return self._summary
