"""bench/results.py: medians, ratios within rounds, and goals."""

import pytest
from cases import Case, Run
from results import EVERY_PEER, Goal, Results, judge

CASE = Case("echo-x", "an echo", "load", (), ("floor", "ours", "fast", "slow"), saturates=True)
IDLE = Case("idle-x", "rest", "crowd", (), ("ours",))


def runs_of(subject: str, rates: list[float], figure: str = "messages_per_second") -> list[Run]:
    return [Run(CASE.name, subject, number, {figure: rate}) for number, rate in enumerate(rates)]


def results_of(*runs: list[Run]) -> Results:
    return Results([CASE, IDLE], [each for some in runs for each in some])


def test_ratios_are_taken_within_rounds() -> None:
    # The machine was three times slower in the second round: the ratio does not see it.
    results = results_of(runs_of("floor", [300, 100, 330]), runs_of("ours", [150, 50, 165]))
    assert results.ratio("echo-x", "ours", "floor", "messages_per_second") == 0.5
    assert results.value("echo-x", "ours", "messages_per_second") == 150
    assert results.spread("echo-x", "ours", "messages_per_second") == pytest.approx(115 / 2 / 150)


def test_a_round_that_failed_for_one_is_left_out_of_its_ratios() -> None:
    failed = Run("echo-x", "ours", 0, failure="it hung")
    results = results_of(
        runs_of("floor", [100, 200]), [failed, Run("echo-x", "ours", 1, {"messages_per_second": 50})]
    )
    assert results.ratio("echo-x", "ours", "floor", "messages_per_second") == 0.25
    assert results.failures("echo-x", "ours") == [failed]
    assert results.failures("echo-x", "floor") == []


def test_what_was_not_measured_has_no_figures() -> None:
    results = results_of(runs_of("ours", [100]))
    assert results.value("echo-x", "floor", "messages_per_second") is None
    assert results.ratio("echo-x", "ours", "floor", "messages_per_second") is None
    assert results.best("echo-x", ["floor"], "messages_per_second") is None


@pytest.mark.parametrize(
    ("figure", "best"), [("messages_per_second", "fast"), ("bytes_per_connection", "slow")]
)
def test_the_best_has_the_highest_rate_or_the_least_memory(figure: str, best: str) -> None:
    results = results_of(runs_of("fast", [200], figure), runs_of("slow", [100], figure))
    assert results.best("echo-x", ["fast", "slow"], figure) == best


def test_a_machine_with_other_work_is_noticed() -> None:
    def busy(server: float, load: float) -> Results:
        return results_of([Run("echo-x", "ours", 0, {"server_busy": server, "load_busy": load})])

    assert busy(0.4, 0.3).disturbed(CASE, "ours")
    assert not busy(0.4, 0.99).disturbed(CASE, "ours")
    assert not busy(0.99, 0.2).disturbed(CASE, "ours")


def test_every_peer_means_the_best_of_them() -> None:
    results = results_of(runs_of("ours", [150]), runs_of("fast", [200]), runs_of("slow", [100]))
    goal = Goal("echo-x", "ours", 1.0, EVERY_PEER)
    (verdict,) = judge([goal], results, ["fast", "slow"])
    assert (verdict.against, verdict.value, verdict.outcome) == ("fast", 0.75, "MISSED")
    (verdict,) = judge([goal], results, ["slow"])
    assert (verdict.against, verdict.value, verdict.outcome) == ("slow", 1.5, "reached")


def test_goals_from_above_and_of_figures_themselves() -> None:
    results = Results([CASE, IDLE], [Run("idle-x", "ours", 0, {"bytes_per_connection": 2000, "cpu_us": 3})])
    reached = Goal("idle-x", "ours", 2048, figure="bytes_per_connection", at_most=True)
    missed = Goal("idle-x", "ours", 1024, figure="bytes_per_connection", at_most=True)
    assert [verdict.outcome for verdict in judge([reached, missed], results, [])] == ["reached", "MISSED"]


def test_a_goal_against_another_case() -> None:
    runs = [Run("echo-x", "ours", 0, {"cpu_us": 12}), Run("idle-x", "ours", 0, {"cpu_us": 10})]
    goal = Goal("echo-x", "ours", 1.3, "ours", "cpu_us", at_most=True, baseline_case="idle-x")
    (verdict,) = judge([goal], Results([CASE, IDLE], runs), [])
    assert verdict.value == 1.2
    assert verdict.reached


def test_goals_that_were_not_measured_are_not_reached_and_those_not_asked_for_not_judged() -> None:
    goals = [
        Goal("echo-x", "ours", 1.0, "floor"),
        Goal("echo-x", "ours", 1.0, EVERY_PEER),
        Goal("tls-x", "ours", 1.0),
    ]
    verdicts = judge(goals, results_of(runs_of("ours", [100])), ["fast"])
    assert [(verdict.outcome, verdict.reached) for verdict in verdicts] == [("not measured", False)] * 2
