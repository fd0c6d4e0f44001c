"""The blocking door does what the others do: their tests, on it, from either side and from both."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.doors import test_closing, test_flow, test_liveness, test_messages, test_opening
from tests.doors.blocking import BlockingDoor, Threads
from tests.doors.door import Certificate

# The loop is the other side's, or that of the test alone.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

# What has a listener, a `WebSocket` that is still connecting, an `await` to be cancelled, or calls that
# must be under way at the same moment, is left out; `tests/sync` has these with threads.
BORROWED: list[Callable[..., Any]] = [
    test_closing.test_a_close_is_answered,
    test_closing.test_a_close_without_a_code,
    test_closing.test_bad_arguments_change_nothing,
    test_closing.test_closing_again_means_nothing,
    test_closing.test_what_was_sent_before_the_close_arrives,
    test_closing.test_before_the_end_nothing_is_told,
    test_closing.test_a_peer_that_never_answers_the_close,
    test_closing.test_a_client_that_keeps_the_connection_open,
    test_closing.test_a_peer_that_is_gone,
    test_closing.test_a_broken_rule_fails_the_connection,
    test_closing.test_a_client_that_does_not_mask,
    test_closing.test_the_end_of_another_connection_is_an_error_in_a_handler,
    test_flow.test_a_waiting_send_ends_with_the_connection,
    test_flow.test_one_message_may_be_larger_than_the_limit,
    test_flow.test_closing_while_paused_reads_on,
    test_flow.test_pause_and_resume_where_they_mean_nothing,
    test_flow.test_a_peer_that_takes_nothing_is_given_up,
    test_liveness.test_a_ping_gives_the_round_trip_time,
    test_liveness.test_a_pong_answers_older_pings_too,
    test_liveness.test_a_silent_peer_is_pinged,
    test_liveness.test_a_long_message_is_a_sign_of_life,
    test_liveness.test_whose_messages_we_do_not_read_is_not_given_up,
    test_liveness.test_with_a_full_queue_the_peer_is_not_given_up,
    test_messages.test_echo,
    test_messages.test_many_messages_keep_their_order,
    test_messages.test_one_at_a_time,
    test_messages.test_the_kind_can_be_chosen,
    test_messages.test_decode_says_what_is_received,
    test_messages.test_other_types_are_refused_by_name,
    test_messages.test_fin_false_begins_a_message,
    test_messages.test_iteration_ends_with_a_normal_close,
    test_messages.test_iteration_raises_otherwise,
    test_messages.test_iteration_raises_when_the_connection_is_lost,
    test_messages.test_messages_can_be_received_while_closing,
    test_messages.test_frames_in_one_segment_with_the_request,
    test_messages.test_a_close_frame_in_one_segment_with_the_request,
    test_messages.test_frames_in_one_segment_with_the_response,
    test_messages.test_messages_wait_for_the_handler,
    test_messages.test_every_cut_point,
    test_opening.test_path,
    test_opening.test_origins,
    test_opening.test_subprotocols,
    test_opening.test_verify_client,
    test_opening.test_process_request,
    test_opening.test_max_connections,
    test_opening.test_max_connections_per_ip,
    test_opening.test_without_client_tracking,
    test_opening.test_broadcast,
    test_opening.test_a_code_for_the_clients,
    test_opening.test_closing_without_the_clients,
    test_opening.test_frames_that_come_while_a_request_is_judged,
    test_opening.test_a_client_that_never_asks,
    test_opening.test_nobody_listens,
    test_opening.test_another_status_comes_with_its_body,
    test_opening.test_no_websocket_there,
    test_opening.test_a_server_that_goes_without_an_answer,
    test_opening.test_a_server_that_dribbles,
    test_opening.test_a_server_that_accepts_and_is_silent,
]

globals().update({test.__name__: test for test in BORROWED})


@pytest.fixture(params=["blocking client", "blocking server", "tls"])
def door(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[BlockingDoor]:
    """Which sides block: one of them, with asyncio at the other; or both, over TLS."""
    threads = Threads()
    yield BlockingDoor(request.param, certificate if request.param == "tls" else None, threads)
    threads.close()


@pytest.fixture
def style() -> str:
    """There are no events here."""
    return "coroutine"
