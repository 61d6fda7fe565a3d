"""One task in a process of its own: `python -m shared.harness.child MODULE task.json`.

MODULE is the module of a command that holds TASKS: the name of a task -> the function that does it.

Messages go to the parent as JSON lines on what was standard output; whatever a framework prints goes to standard error.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Send = Callable[..., None]
"""Sends a message to the parent: send(event, **content)."""


def main() -> int:
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, path = sys.argv[1:]
    task = json.loads(Path(path).read_text())

    def send(event: str, **content) -> None:
        pipe.write(json.dumps({"event": event, **content}) + "\n")

    try:
        import_module(module).TASKS[task["task"]](task, send)
    except BrokenPipeError:
        return 1  # the parent is gone, and nobody waits for this
    except ModuleNotFoundError as error:
        send("missing", reason=f"Python package {error.name} is not installed: pip install -r requirements.txt")
        return 1
    except Exception as error:
        traceback.print_exc()
        send("crashed", reason=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads that a port has left running would keep the process
