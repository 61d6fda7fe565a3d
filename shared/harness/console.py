"""The terminal that results are shown on."""

import os

import rich.console


class Console(rich.console.Console):
    """Rich's console, but a reader that leaves (`| head`) does not change the exit code: the results are written already."""

    def on_broken_pipe(self) -> None:
        """Show no more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
