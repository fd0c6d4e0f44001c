"""The guard of the hot path: what it reads in callgrind's files, and how it judges."""

import instructions
import pytest
from instructions import BUDGETS, Count

# Two objects, named once and then by number; a call in the middle, whose inclusive cost does not count again.
FILE = """\
# callgrind format
version: 1
events: Ir
positions: line
summary: 1111
ob=(1) /lib/libc.so.6
fl=(1) ???
fn=(1) malloc
0 7
+3 5
ob=(2) /somewhere/src/wsline/aio/reactor.so
fn=(2) read
12 100
cob=(1)
cfn=(1)
calls=3 0
* 12
-2 30
fn=(3) write
cob=(3) /somewhere/src/wsline/wire/kernels.so
cfn=(4) unmask
calls=1 7
+9 1000
* 1
ob=(3)
fn=(4)
7 1000
ob=(1)
fn=(1)
0 10

totals: 1153
"""


def test_own_and_foreign_instructions_are_told_apart_and_counted_once() -> None:
    assert instructions.parse(FILE.splitlines()) == Count(own=1131, total=1153)


def test_within_the_budget_there_is_nothing_to_say() -> None:
    assert instructions.judge({each: Count(*budget) for each, budget in BUDGETS.items()}) == []


@pytest.mark.parametrize("which", ["own", "total"])
def test_each_excess_is_told(which: str) -> None:
    own, total = BUDGETS["coroutine", 16]
    excess = Count(own + 1, total) if which == "own" else Count(own, total + 1)
    counts = {each: Count(*budget) for each, budget in BUDGETS.items()} | {("coroutine", 16): excess}
    (complaint,) = instructions.judge(counts)
    assert complaint.startswith(
        f"coroutine, 16 at once: {excess.own} instructions in wsline and {excess.total}"
    )
    assert f"the budget is {own} and {total}" in complaint
