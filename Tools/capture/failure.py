"""The one way in which a capture ends early: a sentence that says what is wrong and how to mend it, and an exit code."""

FAILED = 1
WRONG_USAGE = 64  # EX_USAGE, as in the product


class Failure(Exception):
    """An error for the user. `code` is the exit code."""

    def __init__(self, message, code=FAILED):
        super().__init__(message)
        self.code = code
