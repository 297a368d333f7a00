"""The tasks of train-snn by name."""

from experiments.train_snn.cifar import CIFAR
from experiments.train_snn.images import DIGITS, MNIST

TASKS = {"digits": DIGITS, "mnist": MNIST, "cifar": CIFAR}
