"""What a process does with memory that is freed."""

import ctypes
import sys

# Of malloc.h, in the GNU C library.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> bool:
    """Have this process keep the memory of what it frees, for what it allocates next.

    On a CPU the temporary arrays of a compiled function are allocated anew in each call. The GNU C
    library takes large ones from the system, and gives them back, each time; the system clears
    them, page by page, which was a quarter of the time of a training step of a spiking network
    that needs 150 MB (512 neurons in two layers, 64 steps, 128 samples).

    Call it before anything is computed. From then on the process holds as much memory as it ever
    needed at once. It does not matter to other devices. Whether it could be done is returned: it
    cannot with other C libraries than GNU's.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    wanted = {M_ARENA_MAX: 1, M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1}
    return mallopt is not None and all(mallopt(what, value) for what, value in wanted.items())
