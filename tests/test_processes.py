"""Processes and what travels between them: one that dies, lies or says nothing costs its own task, and nothing else."""

import json
import os
import re

import pytest

from shared.commands.check.tasks import Checked
from shared.config import Hyperparameters
from shared.harness import messages
from shared.harness.checks import FREE_RUN, Cause, RunId, because
from shared.harness.messages import BadMessage, Done, Lost, Progressed, decode, decode_task, encode, encode_task
from shared.harness.processes import Processes
from shared.harness.results import Run, unnamed
from tests.helpers.odd_tasks import LINES, Odd, Said, Slow, Urgent


@pytest.fixture
def ended(tmp_path):
    """A function that does tasks: how each ended, as (task, answer or Lost)."""

    def run(*tasks, jobs=1, time_limit=None, served=10**6):
        ends = []
        with Processes(jobs, 1, tmp_path, time_limit, served) as processes:
            for each in tasks:
                processes.submit(each)
            answers = {}
            for task, message in processes.events():
                if isinstance(message, Said):
                    answers[id(task)] = message
                elif isinstance(message, Done | Lost):
                    ends.append((task, answers.pop(id(task)) if isinstance(message, Done) else message))
                    assert message.seconds >= 0
        return ends

    return run


@pytest.mark.parametrize("message", [Progressed(3, "l2"), Done(), Lost("why", True), Said(1, "\ud800\x1b", [1, 2.5])])
def test_a_message_comes_back_as_it_was_said(message):
    back = decode(encode(message), (Said,))
    assert type(back) is type(message)
    if not isinstance(message, Said):
        assert back == message
    else:
        assert (back.pid, back.text, back.numbers) == (1, "\\ud800\\x1b", [1.0, 2.5])  # what steers a terminal is escaped


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_is_no_message_is_refused(what):
    with pytest.raises(BadMessage) as raised:
        decode(LINES[what], (Said,))
    assert len(str(raised.value)) < 300


def test_a_line_that_is_too_long_is_refused_and_an_answer_of_another_task_is(monkeypatch):
    with pytest.raises(BadMessage, match=r"a line of more than [\d,]+ bytes"):
        decode(encode(Done())[:-1], ())
    with pytest.raises(BadMessage, match="expected one of Progressed, Done, Lost, got 'Said'"):
        decode(encode(Said(1, "", [])), ())


def test_a_task_comes_back_as_it_was_asked():
    from shared.commands.limits.tasks import FindLimits

    for task in (Odd("a", "b"), FindLimits("folder", Hyperparameters(hidden=(7, 2)))):
        assert decode_task(encode_task(task)) == task


def test_tasks_of_one_home_share_a_process_and_those_of_two_never_do(ended):
    homes = ["torch", "numpy", "torch", "tensorflow", "numpy", "torch"]
    for jobs in (1, 2):
        ends = ended(*map(Odd, homes), jobs=jobs)
        processes = {(task.home, said.pid) for task, said in ends}
        assert len({pid for _, pid in processes}) == len(processes)  # none serves two homes
        assert len(ends) == len(homes)
        assert len({pid for home, pid in processes if home == "torch"}) == 1
    assert os.getpid() not in {pid for _, pid in processes}
    assert len({said.pid for _, said in ended(*map(Odd, "aaaa"), served=2)}) == 2


def test_few_tasks_wait_for_the_process_that_has_what_they_need_and_urgent_ones_go_first(ended):
    for kind, started in ((Odd, 2), (Slow, 1)):
        assert len({said.pid for _, said in ended(*(kind("a") for _ in range(5)), jobs=2)}) == started
    tasks = [Odd("a"), Odd("b"), Urgent("a"), Odd("c"), Urgent("b")]
    assert [type(task) for task, _ in ended(*tasks)] == [Urgent, Urgent, Odd, Odd, Odd]
    homes = "abcabc"
    assert len({said.pid for _, said in ended(*map(Odd, homes))}) == 3  # none is started twice


ENDS = {
    "raises": "ValueError: no luck",
    "is killed": "its process was killed by SIGKILL",
    "is killed by another signal": "its process was killed by signal 36",
    "leaves a process behind": "its process ended with exit code 7",
    "exits": "its process ended with exit code 7",
    "ends the program": "its process ended with exit code 3",
    **dict.fromkeys(LINES, "its process said what is no message: "),
}


def test_a_process_that_dies_or_lies_loses_its_task_alone(ended):
    ends = ended(Odd("a"), *(Odd("a", what) for what in ENDS), Odd("a"), jobs=2)
    lost = {task.what: end.reason for task, end in ends if isinstance(end, Lost)}
    assert lost.keys() == ENDS.keys()
    assert [what for what, reason in ENDS.items() if not lost[what].startswith(reason)] == []
    assert [task.what for task, end in ends if isinstance(end, Said)] == ["well", "well"]


def test_of_a_process_that_forks_one_is_heard(ended):
    said = [said for _, said in ended(Odd("a", "forks"), Odd("a"))]
    assert [each.text for each in said] == ["forks", "well"]
    assert len({each.pid for each in said}) == 1


def test_a_process_that_says_nothing_is_ended_after_its_time(ended):
    [(_, lost)] = ended(Odd("a", "is silent"), time_limit=1)
    assert lost.reason == "it gave no answer within 1 seconds"


def test_a_line_without_end_is_cut_and_its_task_lost(ended, monkeypatch):
    monkeypatch.setattr(messages, "MOST", 100)
    monkeypatch.setattr("shared.harness.processes.MOST", 100)
    [(_, lost)] = ended(Odd("a", "deep"))
    assert re.search("a line of more than 100 bytes", lost.reason)


def test_what_is_not_installed_is_missing_for_every_task_of_its_home(ended):
    ends = ended(Odd("torch", "misses a package"), Odd("torch"), Odd("numpy"), Odd("torch"))
    assert [(task.home, isinstance(end, Lost)) for task, end in ends] == [
        ("torch", True), ("torch", True), ("torch", True), ("numpy", False),
    ]  # fmt: skip
    assert {(end.missing, end.reason) for _, end in ends[:3]} == {
        (True, "Python package torch is not installed: pip install -r requirements.txt")
    }


def test_nothing_runs_on_when_nobody_listens(tmp_path):
    with Processes(2, 1, tmp_path) as processes:
        processes.submit(Odd("a", "is silent"))
        _, message = next(processes.events())
        assert message == Progressed(1, "is silent")
        [process] = processes._processes
    assert process.popen.poll() is not None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda content: content.pop("checks"),
        lambda content: content["checks"][0].pop("stage"),
        lambda content: content["checks"][0].update(iteration="0"),
        lambda content: content["checks"][0].update(cause="whatever", status="fine"),
        lambda content: content["checks"][0].update(reason=["a"]),
        lambda content: content["checks"][0].update(stage="owned"),
        lambda content: content["checks"][0].update(variant="l3"),
        lambda content: content["checks"][0].update(index=[0]),
        lambda content: content["checks"].append(None),
        lambda content: content["diagnoses"].append({"mistake": "alone"}),
        lambda content: content.update(run={"implementation": "a", "variant": "b", "costs": "none"}),
        lambda content: content["diagnoses"][0].update(variant="l3"),
        lambda content: content["run"].update(variant="l3"),
        lambda content: content["run"].update(costs=[[0, 0.5], [1]]),
        lambda content: content["run"].update(accuracies=[[0, 0.5]]),
        lambda content: content.update(item=["step", 1]),
    ],
)
def test_an_answer_of_a_port_holds_what_it_should(wrong):
    checks = [because(Cause.AGREES).of(RunId("l2", "mine").at("cost", FREE_RUN, "cost"))]
    right = Checked(["step", "l2"], checks, [unnamed(RunId("l2", "mine"), "nothing fits")], Run("mine", "l2"), [])
    line = encode(right)
    assert decode(line, (Checked,)) == right
    message = json.loads(line)
    wrong(message["content"])
    with pytest.raises(BadMessage):
        decode(json.dumps(message).encode() + b"\n", (Checked,))
