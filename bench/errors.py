"""The one error of the benchmarks."""


class BenchmarkError(Exception):
    """No honest number can be had; the message is one line for the user."""
