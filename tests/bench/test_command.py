"""bench/command.py and the lists of cases: what the command line selects, and that names meet."""

import command
import deflate
import pytest
import workloads
from cases import Case
from catalogue import MAKERS, ZLIBS
from clients import NAMES
from errors import BenchmarkError
from results import Goal


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("client", ["client-256B"]),
        ("crowd-10000", ["crowd-10000"]),
        ("tls-32B-*", ["tls-32B-100x1", "tls-32B-100x16"]),
        ("crowd", ["crowd-10000"]),
        ("crowd-100000", ["crowd-100000"]),
        ("burst,client", ["client-256B", "burst-1000"]),
    ],
)
def test_groups_names_and_patterns(wanted: str, found: list[str]) -> None:
    assert [case.name for case in command.select(workloads.CASES, wanted, None, None)] == found


def test_servers_that_are_left_and_seconds() -> None:
    (case,) = command.select(workloads.CASES, "echo-32B-100x1", "floor,picows", 5.0)
    assert case.subjects == ("floor", "picows")
    assert case.timing() == ["--seconds", "5.0", "--warmup", "0.2"]


def test_what_takes_as_long_as_its_work_has_no_seconds() -> None:
    (case,) = command.select(workloads.CASES, "crowd", None, 5.0)
    assert case.timing() == []


def test_what_runs_on_demand_is_no_part_of_all() -> None:
    names = [case.name for case in command.select(workloads.CASES, None, None, None)]
    assert "crowd-10000" in names
    assert "crowd-100000" not in names


@pytest.mark.parametrize(
    ("wanted", "servers", "message"),
    [
        ("echo,nothing", None, "no case is called 'nothing'"),
        (None, "floor,nobody", "'nobody' is not one of"),
        ("burst", "floor", "none of these servers takes part in these cases"),
    ],
)
def test_names_that_stand_for_nothing(wanted: str | None, servers: str | None, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        command.select(workloads.CASES, wanted, servers, None)


@pytest.mark.parametrize(
    ("cases", "goals"),
    [(workloads.CASES, workloads.GOALS), (deflate.cases(deflate.OFFER), deflate.GOALS)],
    ids=["full", "deflate"],
)
def test_names_are_unique_and_known(cases: list[Case], goals: list[Goal]) -> None:
    by_name = {case.name: case for case in cases}
    assert len(by_name) == len(cases)
    for case in cases:
        assert set(case.subjects) <= {*MAKERS, *ZLIBS} if case.program else set(case.subjects) <= set(NAMES)
    for goal in goals:
        subjects = by_name[goal.case].subjects
        assert goal.subject in subjects
        assert goal.baseline in (*subjects, "", "every peer")
