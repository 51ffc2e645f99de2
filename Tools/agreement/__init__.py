"""Bit agreement of emulated tensors with implementations, and the causes where there is none."""
