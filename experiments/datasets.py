"""Images for experiments: scikit-learn's digits, MNIST and CIFAR-10 from $NEUROJAX_DATA, and shifts
of them."""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.runner import ExperimentError, generator

CLASSES = 10


class Images(NamedTuple):
    """Arrays of NumPy or JAX."""

    pixels: Any
    """[image, height, width] or, of colours, [image, height, width, channel]; [image, pixel] where
    flat, [image, channel, height, width] where channels come first: float32 from 0 to 1."""
    labels: Any
    """[image] integers."""

    def take(self, chosen: np.ndarray | slice) -> "Images":
        return Images(self.pixels[chosen], self.labels[chosen])

    def flat(self) -> "Images":
        return Images(self.pixels.reshape(len(self.labels), -1), self.labels)

    def channels_first(self) -> "Images":
        pixels = self.pixels if self.pixels.ndim == 4 else self.pixels[..., None]
        return Images(np.moveaxis(pixels, -1, 1), self.labels)


FILES = {"mnist": "mnist.npz", "cifar": "cifar10_10k.npz"}
SHAPES = {"digits": (8, 8), "mnist": (28, 28), "cifar": (32, 32, 3)}


def data_path(name: str) -> Path:
    """Where the file of a data set is; ExperimentError when it is not there."""
    folder = os.environ.get("NEUROJAX_DATA")
    if not folder:
        raise ExperimentError(
            f"--data {name} needs NEUROJAX_DATA, the folder that holds {FILES[name]}"
        )
    path = Path(folder) / FILES[name]
    if not path.is_file():
        raise ExperimentError(f"--data {name}: there is no {path} (NEUROJAX_DATA is {folder})")
    return path


def digits() -> tuple[Images, Images]:
    """The 1,797 real 8x8 digits that scikit-learn ships (UCI optical recognition, test part).

    Returns 1,297 images to learn from and 500 for the test: always the same ones, so that nothing
    chosen while working on an experiment has seen them.
    """
    from sklearn.datasets import load_digits  # takes seconds to import

    pixels, labels = load_digits(return_X_y=True)
    images = Images((pixels / 16).astype(np.float32).reshape(-1, 8, 8), labels)
    order = generator(0, "test images").permutation(len(images.labels))
    return images.take(order[500:]), images.take(order[:500])


def mnist() -> tuple[Images, Images]:
    """28x28 digits from mnist.npz: x_train, y_train to learn from and x_test, y_test for the test.

    The file is a re-split of MNIST's images, so its test set is not the canonical one.
    """
    return _from_file("mnist")


def cifar() -> tuple[Images, Images]:
    """32x32 photographs in colour from cifar10_10k.npz, named as in mnist.npz: 10,000 of CIFAR-10's
    images to learn from and 1,000 for the test."""
    return _from_file("cifar")


def _from_file(name: str) -> tuple[Images, Images]:
    path = data_path(name)
    try:
        with np.load(path) as file:  # pickled arrays are refused
            learn, test = (_part(file, part, SHAPES[name]) for part in ("train", "test"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ExperimentError(f"--data {name}: {path} cannot be used: {error}") from error
    return learn, test


def _part(file, part: str, shape: tuple[int, ...]) -> Images:
    pixels, labels = file[f"x_{part}"], file[f"y_{part}"]
    if pixels.shape != (len(labels), *shape) or pixels.dtype != np.uint8:
        raise ValueError(
            f"x_{part} is {pixels.dtype}{list(pixels.shape)}, not uint8{['image', *shape]}"
        )
    return Images(pixels.astype(np.float32) / 255, labels.astype(np.int64))


def split(images: Images, held_out: int, seed: int) -> tuple[Images, Images]:
    """Images to learn from, and those held out of training; shuffled by seed."""
    shuffled = images.take(generator(seed, "split").permutation(len(images.labels)))
    return shuffled.take(slice(held_out, None)), shuffled.take(slice(held_out))


def split_to(images: Images, held_out: int, learn: int | None, seed: int) -> tuple[Images, Images]:
    """The same, with so many images to learn from (all unless given)."""
    most = len(images.labels) - held_out
    if held_out >= len(images.labels) or (learn is not None and learn > most):
        asked = "" if learn is None else f"--train {learn} and "
        raise ExperimentError(
            f"{asked}--validation {held_out} are more than the {len(images.labels)} images"
        )
    rest, held = split(images, held_out, seed)
    return rest.take(slice(learn)), held


def normalised(name: str, images: Images, flat: bool) -> Images:
    """Pixels of zero mean and unit variance over all images, flat or channels first."""
    mean, sd = MOMENTS[name]
    scaled = Images((images.pixels - np.float32(mean)) / np.float32(sd), images.labels)
    return scaled.flat() if flat else scaled.channels_first()


DATA = {"digits": digits, "mnist": mnist, "cifar": cifar}
MOMENTS = {"digits": (0.305, 0.376), "mnist": (0.1307, 0.3081), "cifar": (0.4734, 0.2516)}
"""Mean and standard deviation of all pixels of the images to learn from."""


def shifted(images: Images, degrees: float, noise: float, draw: np.random.Generator) -> Images:
    """Rotate anticlockwise about the centre, add Gaussian noise to each pixel, clip to 0 and 1."""
    from scipy.ndimage import rotate

    turned = rotate(images.pixels, degrees, axes=(1, 2), reshape=False, order=1)
    noisy = turned + noise * draw.standard_normal(turned.shape)
    return Images(np.clip(noisy, 0, 1).astype(np.float32), images.labels)


def of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first `count` images of each class."""
    return np.concatenate([np.flatnonzero(labels == label)[:count] for label in range(CLASSES)])
