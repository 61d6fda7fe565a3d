"""The table of `compare.py optimizers`, made from the results."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.optimizers.measure import Found
from shared.commands.optimizers.verdicts import Compared, Judged
from shared.harness.tables import answer_of, make_table

MEANING = {
    "match": "PyTorch and Keras are equal, and differ, exactly where it is claimed",
    "mismatch": "something is not as claimed",
    "incomplete": "not everything could be measured",
}
HEADINGS = {
    "use": "np.float64 throughout; + what makes them equal",
    "float": "one Python float in Keras, where PyTorch takes it exactly",
}
ABOUT = (
    "PyTorch against Keras: the largest difference of any parameter after update 1, 2 and 1,000. Built-in data, float64, "
    "lambd {lambd:g}, learning rate {learning_rate:g}, of Adam and AdamW {adam_learning_rate:g}. Equal: within {factor:g} "
    "times what rounding alone does."
)
WIDTH = 57
"""The width of the first column: with it the whole table fits a terminal of 100 columns."""


def show(results: Found, console: Console) -> None:
    """Where PyTorch and Keras are equal and where not, how to write the remedies, and what could not be measured."""
    if results.rows:
        console.print(ABOUT.format(**results.hyperparameters, factor=results.factor))
        console.print()
    for kind, heading in HEADINGS.items():
        rows = [row for row in results.rows if (row.kind == "float") == (kind == "float")]
        if rows:
            console.print(_table(heading, rows))
            console.print()
    if results.rows:
        table = make_table("write", "", gap=2, wrap=True)
        for remedy, code in {name: code for row in results.rows for name, code in row.write.items()}.items():
            table.add_row(Text(remedy), Text(code))
        console.print(table)
    for row in results.rows:
        if not row.holds:
            console.print(Text(f"not as claimed: {row.title}: {_wrong(row)}", "red"))
    for entry in results.incomplete:
        console.print(Text(f"not measured: {entry.implementation}: {entry.reason}", "yellow"))


def answer(results: Found) -> Text:
    """Whether everything is as claimed, in one line."""
    return answer_of(results.verdict, MEANING)


def _table(heading: str, rows: list[Judged]) -> Table:
    table = make_table(heading, *(f" {measured.update:,}" for measured in rows[0].measured), "", gap=2)
    table.columns[0].max_width = WIDTH
    for i, row in enumerate(rows):
        if i and row.kind == "use":
            table.add_row()
        what = Text(f"+ {row.title}") if row.kind == "remedy" else Text(row.title, "bold")
        if row.says:
            what.append(f"\n{row.says}", "not bold")
        if row.kind == "float" and row.remedies:
            what.append(f"\n+ {', '.join(row.remedies)}", "not bold")
        table.add_row(what, *(_size(one) for one in row.measured), _verdict(row))
    return table


def _size(measured: Compared) -> str:
    return "?" if measured.difference is None else f"{measured.difference:.0e}"


def _verdict(row: Judged) -> Text:
    verdicts = [one.verdict for one in row.measured]
    if len(set(verdicts)) == 1:
        text = verdicts[0]
    elif "differs" in verdicts and verdicts[0] == "equal":
        text = f"differs from {row.measured[verdicts.index('differs')].update}"
    else:
        text = ", ".join(verdicts)
    return Text(text, "" if row.holds else "red")


def _wrong(row: Judged) -> str:
    """Why a row does not hold."""
    for one, claimed in zip(row.measured, row.claim, strict=True):
        if one.verdict != claimed:
            reason = f" ({one.reason})" if one.reason else ""
            return f"{one.verdict} after update {one.update}{reason}, claimed: {claimed}"
    for implementation, comparisons in row.by_hand.items():
        for one in comparisons:
            if one.verdict != "equal":
                return f"{implementation} is not what NumPy makes of its rule by hand, after update {one.update}"
    return ""
