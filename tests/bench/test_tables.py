"""bench/tables.py: Markdown that lines up, and says what a reader must know."""

import json

import tables
from cases import Case, Run
from results import Goal, Results, judge

CASE = Case("echo-x", "an echo", "load", (), ("floor", "picows", "wsline-listener"), saturates=True)
RUNS = [
    Run("echo-x", "floor", 0, {"messages_per_second": 200_000, "user_us": 0.5}),
    Run("echo-x", "picows", 0, {"messages_per_second": 80_000, "peak_bytes": 3 * 1024 * 1024}),
    Run("echo-x", "wsline-listener", 0, failure="it did not start", agreed="permessage-deflate"),
]
RESULTS = Results([CASE], RUNS)
GOALS = [
    Goal("echo-x", "picows", 0.5, "floor"),
    Goal("echo-x", "picows", 2048, figure="bytes_per_connection", at_most=True),
]
VERDICTS = judge(GOALS, RESULTS, ["picows"])


def test_case_table() -> None:
    assert tables.case_table(RESULTS, CASE).splitlines() == [
        "|                 | messages/s |   ± | / floor | / picows | user µs | peak memory |",
        "|-----------------|-----------:|----:|--------:|---------:|--------:|------------:|",
        "| floor           |    200,000 |  0% |    1.00 |     2.50 |    0.50 |           – |",
        "| picows          |     80,000 |  0% |    0.40 |     1.00 |       – |     3.0 MiB |",
        "| wsline-listener |     failed |  0% |       – |        – |       – |           – |",
    ]


def test_goals_table() -> None:
    assert tables.goals_table(VERDICTS, [CASE]).splitlines()[2:] == [
        "| echo-x |  picows |            messages/s | ≥ 0.5 × floor |     0.40 |       MISSED |",
        "| echo-x |  picows | memory per connection |     ≤ 2.0 KiB |        – | not measured |",
    ]


def test_the_page_names_failures_and_agreements() -> None:
    page = tables.markdown("Title", RESULTS, VERDICTS, {"rounds": 1})
    assert page.startswith("# Title\n\nMedians of the rounds. Settings: rounds 1.\n")
    assert "- echo-x, wsline-listener **failed** in round 1: it did not start" in page
    assert "- echo-x, wsline-listener agreed to `permessage-deflate`" in page


def test_json_holds_runs_medians_and_goals() -> None:
    content = json.loads(tables.as_json(RESULTS, VERDICTS, {"rounds": 1}))
    assert content["medians"]["echo-x"]["floor"] == {"messages_per_second": 200_000, "user_us": 0.5}
    assert content["ratios"]["echo-x"]["floor"]["messages_per_second"] == {"floor": 1.0, "best_peer": 2.5}
    assert [goal["outcome"] for goal in content["goals"]] == ["MISSED", "not measured"]
    assert len(content["runs"]) == 3
