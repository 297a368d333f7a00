"""Predictive coding by neurons: in dendrites, with spikes, by events."""
