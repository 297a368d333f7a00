"""The tasks of train-snn by name."""

from experiments.train_snn.cifar import CIFAR
from experiments.train_snn.images import DIGITS, MNIST
from experiments.train_snn.mackey_glass import MACKEY_GLASS
from experiments.train_snn.memory import MEMORY

TASKS = {
    "digits": DIGITS,
    "mnist": MNIST,
    "cifar": CIFAR,
    "memory": MEMORY,
    "mackey-glass": MACKEY_GLASS,
}
