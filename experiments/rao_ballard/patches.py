"""Patches of natural photographs, and bars."""

from __future__ import annotations

import numpy as np

SIDE = 16
STEP = 5
PLACES = 3
"""Three patches of 16 x 16 pixels, each 5 to the right of the one before: Rao & Ballard's."""
EDGE = 10
"""Pixels at the border, where the transform joins opposite sides, that are left out."""
CONTRAST = 3.0
"""Of bars, in standard deviations of the photographs."""
WIDTH = SIDE + STEP * (PLACES - 1)


def photographs() -> list[np.ndarray]:
    """scikit-learn's two sample photographs, grey and whitened as Olshausen & Field 1997 do: the
    amplitude at frequency f multiplied by f exp(−(f/f₀)⁴), f₀ 0.8 of the highest."""
    from sklearn.datasets import load_sample_images

    return [_whitened(image.astype(np.float64).mean(2)) for image in load_sample_images().images]


def _whitened(image: np.ndarray) -> np.ndarray:
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij"))
    spectrum = np.fft.fft2(image - image.mean()) * f * np.exp(-((f / 0.4) ** 4))
    white = np.fft.ifft2(spectrum).real[EDGE:-EDGE, EDGE:-EDGE]
    return white / white.std()


def draw(number: int, generator: np.random.Generator) -> np.ndarray:
    """Random windows of the photographs as patches [window, place, pixel], of unit variance
    overall, under a Gaussian window; the sky's and other blank ones are left out."""
    images, found = photographs(), []
    while len(found) < number:
        image = images[generator.integers(len(images))]
        row = generator.integers(image.shape[0] - SIDE)
        column = generator.integers(image.shape[1] - WIDTH)
        window = image[row : row + SIDE, column : column + WIDTH]
        if window.std() > 0.5:
            found.append(window)
    return windowed(np.array(found))


def windowed(windows: np.ndarray) -> np.ndarray:
    """Images [window, 16, 26] as the patches [window, place, pixel] that the units see."""
    across = np.arange(SIDE) - (SIDE - 1) / 2
    gaussian = np.exp(-(across[:, None] ** 2 + across**2) / (2 * (SIDE / 4) ** 2))
    places = [windows[:, :, k * STEP : k * STEP + SIDE] * gaussian for k in range(PLACES)]
    return np.stack(places, 1).reshape(len(windows), PLACES, -1).astype(np.float32)


def bars(
    lengths: np.ndarray, angle: float, offset: float = 0.0, thickness: float = 2.0
) -> np.ndarray:
    """Bright bars, one for each length (pixels), [length, 16, 26], at `angle` from the horizontal
    (radians), `offset` pixels beside the middle."""
    rows, columns = np.mgrid[:SIDE, :WIDTH]
    y, x = (SIDE - 1) / 2 - rows, columns - (WIDTH - 1) / 2
    along = np.abs(np.cos(angle) * x + np.sin(angle) * y)
    beside = np.abs(np.cos(angle) * y - np.sin(angle) * x - offset)
    soft = lambda distance: np.clip(0.5 - distance, 0, 1)  # noqa: E731  (antialiased edges)
    shapes = [soft(along - length / 2) * soft(beside - thickness / 2) for length in lengths]
    return CONTRAST * np.stack(shapes)
