"""Complete models, one file each, each after its paper."""
