class ExperimentError(Exception):
    """A fault that the user can mend; the command line prints its message and exits with 2."""
