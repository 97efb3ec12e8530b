import dataclasses
import json
import re
from dataclasses import dataclass

import pytest

from core.config import IDENTITY, RunConfig, knob
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class _Config(RunConfig):
    patch: int = knob(64, "Side of a patch.", low=16, high=512, unit="pixels")
    mirror: bool = knob(True, "Whether to mirror.")
    ratio: float = knob(0.5, "A ratio.", low=0.0)


def test_every_knob_has_a_sentence_of_help_and_a_default_that_it_allows() -> None:
    for each in _Config.knobs():
        assert each.help.endswith("."), each.name
        assert each.parse(each.default) == each.default, each.name


def test_the_knobs_of_an_experiment_follow_the_shared_ones() -> None:
    names = [each.name for each in _Config.knobs()]
    assert names[:4] == list(IDENTITY)
    assert names[-3:] == ["patch", "mirror", "ratio"]
    assert set(names) == {field.name for field in dataclasses.fields(_Config)}


def test_values_survive_json_and_back() -> None:
    config = _Config(arm="a", recipe="r", seed=2**31 - 1, learning_rate=3e-4, mirror=False, patch=17)
    again = _Config.from_values(json.loads(json.dumps(config.as_values())))
    assert again == config


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"patch": "32"}, "patch", 32),
        ({"patch": " 32 "}, "patch", 32),
        ({"patch": 32.0}, "patch", 32),
        ({"ratio": "1e-2"}, "ratio", 0.01),
        ({"ratio": 1}, "ratio", 1.0),
        ({"mirror": "no"}, "mirror", False),
        ({"mirror": "True"}, "mirror", True),
        ({"schedule": " plateau "}, "schedule", "plateau"),
    ],
)
def test_words_become_the_type_of_the_knob(values: dict[str, object], name: str, expected: object) -> None:
    found = getattr(_Config.from_values(values), name)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"patch": 15}, ("patch", "15", "16", "512", "pixels")),
        ({"patch": 32.5}, ("patch", "32.5", "16", "512", "pixels")),
        ({"patch": True}, ("patch", "True", "16", "512", "pixels")),
        ({"ratio": "nan"}, ("ratio", "'nan'", "0")),
        ({"ratio": "inf"}, ("ratio", "'inf'", "0")),
        ({"mirror": "perhaps"}, ("mirror", "'perhaps'", "true", "false")),
        ({"arm": 3}, ("arm", "3")),
        ({"seed": -1}, ("seed", "-1", "0", "2147483647")),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_was_given_and_what_is_allowed(
    values: dict[str, object], told: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as refusal:
        _Config.from_values(values)
    words = re.findall(r"'\w+'|-?\d+(?:\.\d+)?|\w+", str(refusal.value))
    assert [each for each in told if each not in words] == [], str(refusal.value)


def test_a_choice_names_what_may_be_chosen() -> None:
    with pytest.raises(UserError, match=r"optimizer\b.*'lion'.*\badamw, adam, sgd\b"):
        _Config(optimizer="lion")


def test_a_misspelt_knob_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'learning_rat'.*\blearning_rate\b"):
        _Config.from_values({"learning_rat": 1})


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        _Config().patch = 32  # type: ignore[misc]
