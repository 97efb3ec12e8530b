"""What reading a damaged file of tensors can raise. Needs no torch."""

import pickle
import struct

UNREADABLE = (
    RuntimeError, EOFError, pickle.UnpicklingError,
    LookupError, ValueError, TypeError, AttributeError, AssertionError, OverflowError, MemoryError, struct.error,
)  # fmt: skip
"""What torch's restricted unpickler was seen to raise on damaged files, the second row on bytes changed at random."""
