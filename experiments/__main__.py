import sys

from experiments.runner.command import main

sys.exit(main(sys.argv[1:]))
