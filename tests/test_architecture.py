import ast
import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from core.paths import PROJECT

LAYERS = (
    ("errors", "platforms"), ("paths", "files"), ("public",), ("config",), ("models", "metrics"), ("data", "engine"),
    ("tasks",), ("experiments",), ("runs",), ("studies", "inference"), ("ui",),
)  # fmt: skip
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FREE = {
    "core/cli.py", "core/cli_runs.py", "core/cli_compare.py", "core/cli_export.py", "core/__main__.py",
    "core/runs/process/fork_server.py",
}  # fmt: skip
"""They join everything, so they may import everything; nothing but these may import them."""
PAGE_SERVERS = {"streamlit", "gradio"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}

CORE = sorted((PROJECT / "core").rglob("*.py"))
PAGES = sorted((PROJECT / "pages").rglob("*.py"))
TOP = sorted(PROJECT.glob("*.py"))


def _place(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _layer(module: str) -> str:
    """Return the layer of a module such as ``core.engine.tiles``; empty for ``core`` itself."""
    return module.split(".")[1] if "." in module else ""


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def _imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Yield every module that is imported anywhere: at the top, in functions, and for type checkers alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level]
                base = ".".join([*parents, base] if base else parents)
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)  # of which some are modules


def _offences(source: str, module: str) -> list[str]:
    """Return the imports of a module of ``core`` that do not go one way."""
    own = _layer(module)
    targets = [_layer(name) for name in _imported(_parse(source), module) if name.split(".")[0] == "core"]
    wrong = [each for each in targets if each and each != own and RANK.get(each, 99) >= RANK[own]]
    return list(dict.fromkeys(wrong))


def _parse(source: str) -> ast.Module:
    """Parse with nothing collected meanwhile: Python 3.11 mistakes a finalizer that parses, too, for an error.

    See https://github.com/python/cpython/issues/106905; a test before this one may have left such garbage.
    """
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def _parsed(path: Path) -> ast.Module:
    return _parse(path.read_text(encoding="utf-8"))


def _external(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imported(_parsed(path), _module(path))}


@pytest.mark.parametrize("path", [each for each in CORE if _place(each) not in FREE], ids=_place)
def test_imports_go_one_way(path: Path) -> None:
    module = _module(path)
    if module != "core":
        assert _layer(module) in RANK, f"{_place(path)} lies in no layer"
        assert _offences(path.read_text(encoding="utf-8"), module) == []


def test_nothing_imports_what_joins_everything() -> None:
    free = {place.removesuffix(".py").replace("/", ".") for place in FREE}
    for path in [each for each in CORE + PAGES + TOP if _place(each) not in FREE]:
        assert not free & set(_imported(_parsed(path), _module(path))), _place(path)


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("core.models.unet", "from core.tasks.segmentation import X", ["tasks"]),
        ("core.models.unet", "def f():\n    import core.runs.store.run_store", ["runs"]),
        ("core.models.unet", "if TYPE_CHECKING:\n    from core.data.transforms.arrays import Mask", ["data"]),
        ("core.models.unet", "from core import ui", ["ui"]),
        ("core.models.unet", "from ..engine import tiles", ["engine"]),
        ("core.models.unet", "from core.metrics import x", ["metrics"]),
        ("core.models.unet", "from core.cli import main", ["cli"]),
        ("core.models.unet", "from core.models.blocks import X\nfrom .blocks import Y\nimport core", []),
        ("core.tasks.segmentation", "from core.engine.task import Task\nfrom core.errors import UserError", []),
    ],
)
def test_an_import_that_goes_the_wrong_way_is_seen(module: str, source: str, found: list[str]) -> None:
    assert _offences(source, module) == found


@pytest.mark.parametrize("path", CORE, ids=_place)
def test_only_ui_knows_the_page_servers(path: Path) -> None:
    if not _place(path).startswith("core/ui/") and _place(path) not in FREE:
        assert not _external(path) & PAGE_SERVERS


def test_one_module_knows_what_systems_do_differently() -> None:
    for path in [each for each in CORE if _place(each) != "core/platforms.py"]:
        tree = _parsed(path)
        named = {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
        assert not {name.split(".")[0] for name in _imported(tree, _module(path))} & {"fcntl", "resource"}, _place(path)
        assert not named & {"killpg", "SIGKILL", "getrusage"}, _place(path)


def test_only_the_stepper_goes_backward() -> None:
    callers = {
        _place(path)
        for path in CORE + PAGES + TOP
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward"
    }
    assert callers == {"core/engine/stepper.py", "core/engine/device.py"}


def test_the_device_goes_backward_only_to_try() -> None:
    functions = [
        each.name
        for each in ast.walk(_parsed(PROJECT / "core/engine/device.py"))
        if isinstance(each, ast.FunctionDef) and ".backward(" in ast.unparse(each)
    ]
    assert len(functions) == 1


def _length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_pages_are_thin() -> None:
    for path in PAGES:
        assert _length(path) <= 80, _place(path)
        assert not _external(path) & {"torch", "torchvision", "accelerate"}, _place(path)


def test_no_file_is_a_drawer_for_everything() -> None:
    for path in CORE + PAGES + TOP:
        assert not EMPTY_NAMES & {path.stem, *path.relative_to(PROJECT).parent.parts}, _place(path)


def test_no_file_is_longer_than_400_lines() -> None:
    tests = sorted((PROJECT / "tests").rglob("*.py"))
    long = {_place(path): _length(path) for path in CORE + PAGES + TOP + tests if _length(path) > 400}
    assert long == {}


def test_no_folder_holds_more_than_25_modules() -> None:
    folders = {path.parent for path in CORE}
    full = {_place(each): count for each in folders if (count := len(list(each.glob("*.py")))) > 25}
    assert full == {}


def test_every_folder_says_what_lives_in_it() -> None:
    for folder in {path.parent for path in CORE}:
        assert ast.get_docstring(_parsed(folder / "__init__.py")), _place(folder)


def _drawn_folders() -> set[str]:
    """Return the folders of ``core`` that the tree in the document on architecture draws, by their indentation."""
    tree = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    above: list[str] = []
    drawn = set()
    for line in tree.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        above[depth:] = [name.rstrip("/")]
        if name.endswith("/"):
            drawn.add("/".join(above))
    return {each for each in drawn if each.split("/")[0] == "core"}


def test_the_tree_in_the_document_is_the_one_that_is_there() -> None:
    assert _drawn_folders() == {_place(path.parent) for path in CORE}


def test_what_the_document_on_architecture_names_is_there() -> None:
    text = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|pages|tests|docs|assets)/[\w/.*]*)`", text)
    assert len(named) > 30
    assert [each for each in named if not list(PROJECT.glob(each.rstrip("/")))] == []


@pytest.mark.parametrize(
    ("room", "other"), [("widgets", "streamlit"), ("views", "gradio"), ("shared", "streamlit|gradio")]
)
def test_the_toolkits_do_not_mix(room: str, other: str) -> None:
    """Nor by way of a module beside: widgets import no views and no components, which are Streamlit's."""
    foreign = {"widgets": {"views", "components"}, "views": {"widgets"}, "shared": {"widgets", "views", "components"}}[
        room
    ]
    for path in (PROJECT / "core/ui" / room).rglob("*.py"):
        imported = set(_imported(_parsed(path), _module(path)))
        assert not {name.split(".")[0] for name in imported} & set(other.split("|")), _place(path)
        assert not {name.split(".")[2] for name in imported if name.startswith("core.ui.")} & foreign, _place(path)


class _WithoutTypes(ast.NodeTransformer):
    """Takes out what is imported for type checkers alone: an experiment and its setup name each other's types."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def test_no_module_imports_itself_by_way_of_others() -> None:
    names = {_module(path) for path in CORE}
    imports = {}
    for path in CORE:
        module, tree = _module(path), _WithoutTypes().visit(_parsed(path))
        imports[module] = names & set(_imported(tree, module)) - {module}
    tuple(TopologicalSorter(imports).static_order())  # a cycle raises CycleError, which names it


def test_no_function_is_longer_than_50_lines() -> None:
    functions = [
        (each.end_lineno - each.lineno + 1, f"{_place(path)}: {each.name}")
        for path in CORE + PAGES + TOP
        for each in ast.walk(_parsed(path))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.end_lineno
    ]
    assert [each for each in functions if each[0] > 50] == []


def test_the_map_of_the_layers_names_every_folder() -> None:
    drawn = (PROJECT / "core/__init__.py").read_text(encoding="utf-8")
    for folder in {path.relative_to(PROJECT / "core").parts[0] for path in CORE if path.parent.name != "core"}:
        assert f"``{folder}``" in drawn, folder


@pytest.mark.slow
def test_what_pages_need_at_once_loads_without_torch() -> None:
    modules = (
        "core.runs.store.run_store", "core.runs.launcher", "core.data.layouts.vessels", "core.config",
        "core.studies.study",
        "core.studies.conclusion", "core.studies.report", "core.inference.scores", "core.inference.epoch_predictions",
    )  # fmt: skip
    program = (
        "import importlib, sys\n"
        f"for module in {modules!r}:\n    importlib.import_module(module)\n"
        "    if 'torch' in sys.modules:\n        sys.exit(module)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr.strip()} loads torch"
