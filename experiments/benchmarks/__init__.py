"""Speed against hand-written code and against other simulators, both sides in one run."""
