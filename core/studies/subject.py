"""What a comparison is about: a study with its question, or runs that somebody put together by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import UserError
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.studies.comparison import Side, group
from core.studies.study import Study, open_study


@dataclass(frozen=True)
class Subject:
    """Sides, and what is asked of them.

    Attributes:
        name: For a file or a link: the study's, or the runs' short names.
        question: The headline.
        title: Of the kind of study.
        why: What the answer is good for, and what to beware of; empty where nobody said.
        split: On which the sides are compared.
        sides: Two or more.
        caveat: Why what is found may still change; empty where everything asked for is there.
    """

    name: str
    question: str
    title: str
    why: str
    split: str
    sides: tuple[Side, ...]
    caveat: str = ""


def subject_of_study(study: Study, split: str = "") -> Subject:
    """Return what a study is about, on its own split unless another is named.

    Raises:
        UserError: If runs of two sides have not ended yet.
    """
    if len(study.sides) < 2:
        raise UserError(
            f"Study {study.id} has no finished runs of two sides yet; wait for them, or see why they failed."
        )
    about = study.template
    return Subject(
        study.id, about.question, about.title, about.why, split or study.split, tuple(study.sides), study.caveat
    )


def subject_of_runs(runs: Sequence[Run], split: str) -> Subject:
    """Return what runs put together by hand are about.

    Raises:
        UserError: If they cannot be compared.
    """
    name = "-".join(run.short_id for run in runs)
    return Subject(name, "Which of these is better?", "Runs compared by hand", "", split, tuple(group(runs)))


def find_subject(store: RunStore, *, study: str = "", runs: Sequence[str] = (), split: str = "") -> Subject:
    """Return what a link names: a study, or runs.

    Args:
        store: Where runs are recorded.
        study: A study's name; of the runs if empty.
        runs: Ids or their beginnings; each counts once.
        split: On which to compare; the study's own, or what the runs held back, if empty.

    Raises:
        UserError: If something is not there or cannot be compared.
    """
    if study:
        return subject_of_study(open_study(store, study), split)
    if not runs:
        raise UserError("No study and no runs were named; give one study, or two runs or more.")
    return subject_of_runs([store.get(each) for each in dict.fromkeys(runs)], split or "val")
