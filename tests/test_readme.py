"""The README may not fall behind the program."""

import re
import subprocess
import sys

import pytest

from core.cli import main
from core.experiments import catalogue
from core.paths import PROJECT

README = (PROJECT / "README.md").read_text()


def facts_of(row: str) -> list[str]:
    """Return the numbers and what stands in code; the rest are words."""
    return re.findall(r"`[^`]+`|(?<!\w)\d[\d.,]*", row)


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """All commands, as the help of the program lists them."""
    found = re.findall(r"(?m)^    (\w[\w-]*)(?: |$)", help_of(capsys))
    assert len(found) > 10
    return found


def test_every_command_stands_in_the_readme(commands: list[str]) -> None:
    for name in set(commands) - {"work"}:
        assert re.search(rf"python -m core {name}\b", README), name


def test_every_option_of_every_command_stands_in_the_readme(
    commands: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = set()
    for name in commands:
        line = next((each for each in README.splitlines() if each.startswith(f"python -m core {name}")), "")
        options = set(re.findall(r"(?m)^  (?:-\w, )?(--[\w-]+)", help_of(capsys, name))) - {"--help"}
        assert [word for word in options if word not in line] == [], name
        found |= options
    assert len(found) > 15


def test_every_experiment_arm_and_recipe_stands_in_the_readme() -> None:
    for slug, experiment in catalogue().items():
        row = next((line for line in README.splitlines() if line.startswith(f"| `{slug}` |")), "")
        assert row, f"the table What can be trained has no row for {slug}; add | `{slug}` | question | arms | recipes |"
        for word in (*(arm.slug for arm in experiment.arms), *(recipe.slug for recipe in experiment.recipes)):
            assert f"`{word}`" in row, f"the row of {slug} in the table What can be trained does not name {word}"


def test_the_measured_table_is_what_the_program_prints() -> None:
    program = [sys.executable, "benchmarks/measure.py", "--table"]
    printed = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
    rows = [facts_of(row) for row in printed.splitlines() if facts_of(row)]
    assert len(rows) > 5
    written = [facts_of(line) for line in README.splitlines() if line.startswith("|")]
    assert rows[0] in written, "put the output of benchmarks/measure.py --table into the README"
    first = written.index(rows[0])
    assert written[first : first + len(rows)] == rows


def test_every_environment_variable_of_ours_stands_in_the_readme() -> None:
    sources = [path.read_text() for path in (PROJECT / "core").rglob("*.py")]
    names = {name for text in sources for name in re.findall(r"environ[^\n]*?\"(FOVEA_[A-Z_]+)\"", text)}
    assert names
    assert {name for name in names if name not in README} == set()


def test_every_link_and_folder_of_the_readme_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (PROJECT / target).exists(), target


def test_every_requirement_has_its_bounds_and_its_reason() -> None:
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    for line in (each for each in lines if each and not each.startswith("#")):
        assert re.match(r"[\w-]+>=[\d.]+", line), line
        assert len(line.partition("#")[2].split()) >= 3, line
