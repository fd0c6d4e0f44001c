"""The state table: each pair of a state and an input moves, or raises."""

import pytest

from wsline.errors import InvalidState
from wsline.spec import State
from wsline.states import Exit, Input, next_state

MOVES = {
    (State.CONNECTING, Input.OPENED): State.OPEN,
    (State.CONNECTING, Input.ENDED): State.CLOSED,
    (State.OPEN, Input.ENDED): State.CLOSED,
    (State.CLOSING, Input.ENDED): State.CLOSED,
} | {
    (state, happened): State.CLOSING
    for state in (State.OPEN, State.CLOSING)
    for happened in (Input.SENT_CLOSE, Input.RECEIVED_CLOSE, Input.FAILED)
}


@pytest.mark.parametrize("happened", Input)
@pytest.mark.parametrize("state", State)
def test_each_pair_moves_or_raises(state: State, happened: Input) -> None:
    if (state, happened) in MOVES:
        assert next_state(state, happened) is MOVES[state, happened]
    else:
        with pytest.raises(InvalidState, match=f"^{happened.value}: impossible while {state.name}$"):
            next_state(state, happened)


def test_no_state_goes_back() -> None:
    assert all(after >= before for (before, _), after in MOVES.items())


def test_a_door_that_must_leave_finds_a_true_value() -> None:
    assert [bool(each) for each in (Exit.NONE, Exit.HALF_CLOSE, Exit.CLOSE)] == [False, True, True]
