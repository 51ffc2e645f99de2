"""What is said on stderr while a capture is made."""

import sys
import time


class Progress:
    """A line to stderr now and then, with an estimate of what is left."""

    def __init__(self, what, total):
        self.what, self.total, self.start = what, total, time.monotonic()
        self.done, self.shown = 0, self.start

    def __call__(self, _):
        now = time.monotonic()
        if self.done and now - self.shown > 5:
            left = (now - self.start) / self.done * (self.total - self.done)
            say(f"{self.what}: {self.done} of {self.total} layers, about {left:.0f} s left")
            self.shown = now
        self.done += 1


def say(line):
    print(f"capture: {line}", file=sys.stderr, flush=True)
