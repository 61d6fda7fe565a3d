"""What a process of `compare.py optimizers` does."""

from dataclasses import dataclass
from pathlib import Path

from shared.harness.inputs import OnData
from shared.harness.messages import Progressed, Send
from shared.harness.records import save_arrays


@dataclass(frozen=True)
class TrainOptimizers(OnData):
    """Train every optimizer setting of one implementation; the arrays of all runs go into `path`."""

    implementation: str

    @property
    def home(self) -> str:
        return self.implementation

    @property
    def path(self) -> Path:
        return Path(self.folder) / f"optimizers-{self.implementation}.npz"

    def run(self, send: Send) -> None:
        from shared.commands.optimizers.runs import train_all

        rates = self.hyper.learning_rate, self.hyper.lambd
        arrays = train_all(self.implementation, *self.problem(), *rates, lambda: send(Progressed(1)))
        save_arrays(self.path, arrays)
