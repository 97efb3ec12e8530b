import doctest
from pathlib import Path

from core.data.groups import duplicates
from core.data.groups.duplicates import find_identical, join_groups


def test_only_files_that_are_the_same_to_the_last_byte_are_found(tmp_path: Path) -> None:
    long = bytes(range(256)) * 8
    contents = {
        "a": long, "b": long, "c": long[:-1] + b"x", "d": b"x" + long[1:], "e": long + b"x", "f": b"", "g": b"",
        "h": b"short", "i": b"shirt", "j": b"short", "k": long,
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = find_identical(sorted(tmp_path.iterdir()))
    assert sorted("".join(path.name for path in same) for same in found) == ["abk", "fg", "hj"]


def test_groups_that_share_a_member_become_one() -> None:
    assert doctest.testmod(duplicates).failed == 0
    joined = join_groups([{"d", "e"}, {"a"}, {"b", "c"}, {"e", "c"}, {"f", "b"}])
    assert joined == {"e": "b", "c": "b", "d": "b", "f": "b"}
