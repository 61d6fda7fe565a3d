"""The English and the Chinese README say the same: commands, code, links and figures; and the commands exist."""

import re
import shlex
from itertools import zip_longest
from pathlib import Path

import pytest

import compare
from shared.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
TO_CHINESE, TO_ENGLISH = "\n[中文](README.zh-CN.md)\n\n", "\n[English](README.md)\n\n"

CHINESE_CHARACTER = re.compile(r"[\u3400-\u9fff]")
KIND = re.compile(r"```\w*|#+ |- |\d+\. |!|\||<!--|")
PIECE = re.compile(
    r"^```.*?^```$|^[|#].*?$|^<!--.*?-->$|^\S.*?(?=\n\n|\n```|\n[|#]|\n<!--|\n- |\n\d+\. |\n*\Z)", re.DOTALL | re.MULTILINE
)
FIGURE = re.compile(r"[A-Za-z]*[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
COMMAND = re.compile(r"(?:^|`|/)python compare\.py(.*?)(?=  |`|$)", re.MULTILINE)


def differences(english, chinese):
    """The pieces (headings, paragraphs, list items, rows, blocks of code) that do not say the same, in pairs."""
    english, chinese = english.replace(TO_CHINESE, "", 1), chinese.replace(TO_ENGLISH, "", 1)
    pairs = zip_longest(PIECE.findall(english), PIECE.findall(chinese), fillvalue="")
    return [(one, other) for one, other in pairs if not say_the_same(one, other)]


def say_the_same(english, chinese):
    """One piece in both languages. What holds no Chinese is not translated: it must be identical."""
    if not CHINESE_CHARACTER.search(chinese):
        return english == chinese
    if chinese.startswith("```"):
        return english.startswith("```\n") and all_the_same(english.split("\n"), chinese.split("\n"), same_line)
    if chinese.startswith("|"):
        return all_the_same(english.strip("|").split("|"), chinese.strip("|").split("|"), say_the_same)
    return facts(english) == facts(chinese)


def all_the_same(english, chinese, same):
    return len(english) == len(chinese) and all(map(same, english, chinese))


def same_line(english, chinese):
    """A line of a shell: the command is identical, what follows it may be translated."""
    if not CHINESE_CHARACTER.search(chinese):
        return english == chinese
    one, other = (re.match(r"\S.*?  +(# )?", line) for line in (english, chinese))
    return one is not None and other is not None and one[0] == other[0] and facts(english) == facts(chinese)


def facts(text):
    """What no translation changes: the kind of a piece, its `code`, its link targets and its figures."""
    kind, code = KIND.match(text), re.findall(r"`[^`]+`", text)
    without_code = re.sub(r"`[^`]+`", " ", text)
    links = re.findall(r"\]\((.*?)\)", without_code)
    figures = FIGURE.findall(re.sub(r"\]\(.*?\)", "]", without_code))
    return kind and kind[0], sorted(" ".join(span.split()) for span in code), sorted(links), sorted(figures)


def test_each_readme_leads_to_the_other():
    assert ENGLISH.startswith("# samenet\n" + TO_CHINESE)
    assert CHINESE.startswith("# samenet\n" + TO_ENGLISH)


def test_both_readmes_say_the_same():
    assert differences(ENGLISH, CHINESE) == []


@pytest.mark.parametrize("which", [0, 1], ids=["English", "Chinese"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| 0.267862 |", "| 0.267863 |"),  # a figure
        ("94.79%", "94.78%"),
        ("1e-12", "1e-13"),
        ("4,908", "4,909"),
        ("| 13,222 |", "|"),
        ("| torch, float64 | 100 | 4,616 | 0 | 0.72 |\n", ""),  # a row
        ("| none | 93.0 % | 81.3 % |", "| none | 81.3 % | 93.0 % |"),  # two figures, exchanged
        (".venv/bin/python compare.py\n", ""),  # a command
        ("python compare.py bench  ", "python compare.py limits "),
        ("make test  ", "make tests "),
        ("--lambd 0.1 --keep-prob 0.8", "--lambd 0.1 --keep-prob 0.9"),  # a flag
        ("--lambd 0.1", "--lambda 0.1"),
        ("`--time-limit`", "`--timeout`"),
        ("learning_rate, num_iterations, lambd, keep_prob, seed):", "num_iterations, lambd, keep_prob, seed):"),  # code
        ("One training step from inside", "一步训练的内部"),
        ("`beta_2`, AdamW", "`beta_1`, AdamW"),
        ("`lambd / m * W`", "`lambd * W`"),
        ("(shared/synthetic.py)", "(shared/data.py)"),  # a link
        (".github/pictures/noise_floor.png", ".github/pictures/noise.png"),
        ("\n### ", "\n## "),  # a heading
        ("<!-- limits -->\n", ""),
    ],
)
def test_what_one_readme_alone_says_is_seen(which, old, new):
    readmes = [ENGLISH, CHINESE]
    assert old in readmes[which]
    readmes[which] = readmes[which].replace(old, new, 1)
    assert differences(*readmes)


@pytest.mark.parametrize("arguments", sorted(set(COMMAND.findall(ENGLISH))))
def test_every_command_parses(arguments):
    if "--help" in arguments:
        with pytest.raises(SystemExit, match=r"^0$"):
            compare.parse(shlex.split(arguments))
    else:
        compare.parse(shlex.split(arguments))


@pytest.mark.parametrize("wrong", ["--lambda 0.1", "mistake", "check", "bench --lambd 0.1"])
def test_a_command_that_does_not_exist_is_seen(wrong):
    (arguments,) = COMMAND.findall(f"python compare.py {wrong}    what it does")
    with pytest.raises(UsageError):
        compare.parse(shlex.split(arguments))
