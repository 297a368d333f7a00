import sys

from experiments.benchmarks._command import main

sys.exit(main(sys.argv[1:]))
