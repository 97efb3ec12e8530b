"""Colours of runs and sides: stable, and none twice in a chart."""

import itertools

from core.studies.line_styles import COLOURS, assign_styles, colour_of, dash_of

IDS = [f"{number:032x}" for number in range(40)]


def test_the_same_runs_get_the_same_colours_in_any_order() -> None:
    wanted = assign_styles(IDS[:5])
    for order in itertools.permutations(IDS[:5]):
        assert assign_styles(order) == wanted


def test_no_two_lines_of_a_chart_look_alike() -> None:
    for count in (2, 8, 20, 24):
        found = assign_styles(IDS[:count])
        assert len({(colour_of(each), dash_of(each)) for each in found.values()}) == count
    assert {dash_of(each) for each in assign_styles(IDS[:8]).values()} == {"solid"}
    assert {colour_of(each) for each in assign_styles(IDS[:8]).values()} == set(COLOURS)


def test_a_run_keeps_its_colour_when_others_come_and_go() -> None:
    kept: dict[str, int] = {}
    for chosen in (IDS[:3], IDS[:12], IDS[2:9], [IDS[2]], IDS[2:20]):
        before = dict(kept)
        kept |= assign_styles(chosen, kept)
        shown = [kept[each] for each in chosen]
        assert len(set(shown)) == len(shown)
        assert kept[IDS[2]] == before.get(IDS[2], kept[IDS[2]])


def test_of_two_that_had_the_same_colour_the_first_keeps_it() -> None:
    found = assign_styles(["a", "b"], {"a": 3, "b": 3})
    assert found["a"] == 3
    assert found["b"] != 3
