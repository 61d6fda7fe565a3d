"""The English and the Chinese README say the same, what they quote is in the sources, and commands and links exist."""

import re
import shlex
from itertools import zip_longest
from pathlib import Path

import pytest

import compare
from shared.commands import commands
from shared.commands.compare.table import COLUMNS, MEANING
from shared.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
TO_CHINESE, TO_ENGLISH = "\n[中文](README.zh-CN.md)\n\n", "\n[English](README.md)\n\n"
READMES = sorted(path for path in ROOT.rglob("*.md") if not {".venv", "results"} & set(path.relative_to(ROOT).parts))
FOLDERS = re.compile(r"<!-- folders -->\n(.*?)<!-- end -->\n\n", re.DOTALL)
"""What the Chinese README alone holds: the folders' READMEs are in English."""

MOST_LINES, MOST_WORDS = 230, 2600

CHINESE_CHARACTER = re.compile(r"[\u3400-\u9fff]")
KIND = re.compile(r"```\w*|#+ |- |\d+\. |!|\||<!--|")
PIECE = re.compile(
    r"^```.*?^```$|^[|#].*?$|^<!--.*?-->$|^\S.*?(?=\n\n|\n```|\n[|#]|\n<!--|\n- |\n\d+\. |\n*\Z)", re.DOTALL | re.MULTILINE
)
FIGURE = re.compile(r"[A-Za-z]*[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
COMMAND = re.compile(r"(?:^|`|/)python compare\.py(.*?)(?=  |`|$)", re.MULTILINE)
LINK = r"\]\([^)]*\)|src(?:set)?=\"[^\"]*\""
LESSON = re.compile(r"<!-- lines of (\w+) -->\n```python\n(.*?)```", re.DOTALL)


def differences(english, chinese):
    """The pieces (headings, paragraphs, list items, rows, blocks of code) that do not say the same, in pairs."""
    english, chinese = english.replace(TO_CHINESE, "", 1), chinese.replace(TO_ENGLISH, "", 1)
    pairs = zip_longest(PIECE.findall(english), PIECE.findall(FOLDERS.sub("", chinese)), fillvalue="")
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
    links = re.findall(LINK, without_code)
    figures = FIGURE.findall(re.sub(LINK, " ", without_code))
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
        ("1e-3", "1e-4"),
        ("2-20-3-1", "2-20-3-2"),
        ("0.7", "0.8"),
        ("| Keras |", "|"),  # a cell
        (".venv/bin/python compare.py\n", ""),  # a command
        ("python compare.py bench  ", "python compare.py limits "),
        ("make test  ", "make tests "),
        ("`np.float64(...)`", "`float(...)`"),  # code
        ("Z1 = self.linear1(X)", "Z1 = self.linear2(X)"),
        ("`lambd / m * W`", "`lambd * W`"),
        ("(shared/commands/study)", "(shared/commands/bench)"),  # a link
        (".github/pictures/noise_floor.png", ".github/pictures/noise.png"),
        ("\n## ", "\n### "),  # a heading
        ("\n3. ", "\n3. 4 "),  # an item
        ("<!-- lines of tf_impl -->\n", ""),
    ],
)
def test_what_one_readme_alone_says_is_seen(which, old, new):
    readmes = [ENGLISH, CHINESE]
    assert old in readmes[which]
    readmes[which] = readmes[which].replace(old, new, 1)
    assert differences(*readmes)


def test_the_chinese_readme_has_a_paragraph_on_every_command():
    [text] = FOLDERS.findall(CHINESE)
    paragraphs = re.findall(r"^\*\*\[(\w+)\]\(shared/commands/\1\)\*\*\uff1a[^\n]{60,}$", text, re.MULTILINE)
    assert sorted(paragraphs) == sorted(commands())


def not_in_the_sources(readme):
    """The lines of the lesson that do not stand, in this order, in the file that the comment above them names."""
    lost, blocks = [], LESSON.findall(readme)
    assert [package for package, _ in blocks] == ["numpy_impl", "torch_impl", "tf_impl"]
    for package, block in blocks:
        for file, part in re.findall(r"^# (\w+\.py): .*\n((?:(?!# ).*\n)+)", block, re.MULTILINE):
            left = iter((ROOT / package / file).read_text(encoding="utf-8").splitlines())
            lost += [line for line in map(str.strip, part.splitlines()) if not any(line == one.strip() for one in left)]
    return lost


def test_the_lesson_stands_in_the_sources():
    assert not_in_the_sources(ENGLISH) == []
    for old, new in (("optimizer.step()", "optimizer.zero_grad()"), ("A1 = relu(Z1) * D1", "A1 = D1 * relu(Z1)")):
        assert old in ENGLISH
        assert len(not_in_the_sources(ENGLISH.replace(old, new))) == 1


def test_the_terminal_says_what_the_readme_shows():
    [shown] = re.findall(r"```text\n(.*?)```", ENGLISH, re.DOTALL)[:1]
    words = " ".join(shown.split())
    for meaning in (*COLUMNS.values(), f"MATCH: {MEANING['match']}"):
        assert meaning in words


def test_the_readmes_are_read_to_the_end():
    assert len(ENGLISH.splitlines()) <= MOST_LINES
    assert len(ENGLISH.split()) <= MOST_WORDS


def dead_links(path, text):
    """The links of a file to files, folders and headings that do not exist."""
    dead = []
    for link in re.findall(r"(?:\]\(|src=\"|srcset=\")([^)\"\s]+)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        target, _, heading = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        if "://" in link:
            continue
        headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE) if there.suffix == ".md" else []
        anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
        if not there.exists() or (heading and heading not in anchors):
            dead.append(link)
    return dead


def test_every_link_leads_somewhere():
    assert {path.parent.name for path in READMES} >= {"shared", *commands()}
    assert [(path.name, dead) for path in READMES for dead in dead_links(path, path.read_text(encoding="utf-8"))] == []
    assert dead_links(ROOT / "README.md", "[a](shared/nothing) [b](CONTRIBUTING.md#nothing) [c](LICENSE)") == [
        "shared/nothing", "CONTRIBUTING.md#nothing",
    ]  # fmt: skip


USERS = [path for path in READMES if path.name.startswith("README")]
EVERY_COMMAND = {arguments for path in USERS for arguments in COMMAND.findall(path.read_text(encoding="utf-8"))}


def test_every_command_parses():
    assert len(EVERY_COMMAND) > 15
    for arguments in EVERY_COMMAND - {" --help", ""}:
        if not re.search(r" (FILE|\.\.\.)$", arguments):  # a heading, which shows what is to be given
            compare.parse(shlex.split(arguments))


@pytest.mark.parametrize("wrong", ["--lambda 0.1", "mistake", "check", "bench --lambd 0.1"])
def test_a_command_that_does_not_exist_is_seen(wrong):
    (arguments,) = COMMAND.findall(f"python compare.py {wrong}    what it does")
    with pytest.raises(UsageError):
        compare.parse(shlex.split(arguments))
