"""Random numbers as the core draws them: functions of a counter, independent of the order of evaluation."""

import numpy as np

from .kinds import kind


def scramble(x):
    """Random bits of counters (splitmix64)."""
    with np.errstate(over="ignore"):
        x = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def drawn(draw, nth, samples):
    """Return random bits of each sample, for the nth random layer."""
    with np.errstate(over="ignore"):
        return scramble(np.arange(samples, dtype=np.uint64) + np.uint64(draw) + (np.uint64(nth) << np.uint64(32)))


def of_places(values, shape):
    """Reshape rows of numbers (N, size) to samples of this shape; images are in the order of pixels, channels last."""
    if len(shape) == 3:
        return values.reshape(len(values), *shape[1:], shape[0]).transpose(0, 3, 1, 2)
    return values.reshape(len(values), *shape)


def dropout_factors(rate, bits, shape):
    """Return the factors of each sample's numbers: 0, or the one that compensates for the zeros.

    Four numbers are drawn from one word; those of images (C, H, W) in the order of pixels.
    """
    threshold, size = int(rate * 65536 + 0.5), int(np.prod(shape))
    place = np.arange(size, dtype=np.uint64)
    with np.errstate(over="ignore"):
        words = scramble(bits[:, None] + (place - place % np.uint64(4)))
    kept = (words >> (np.uint64(16) * (place % np.uint64(4)))) % np.uint64(65536) >= threshold
    return of_places(kept * (65536 / (65536 - threshold)), shape)


def normal_numbers(bits, shape):
    """Return normally distributed numbers for samples of this shape, two from each word (Box and Muller)."""
    place = np.arange(int(np.prod(shape)), dtype=np.uint64)
    with np.errstate(over="ignore"):
        words = scramble(bits[:, None] + (place - place % np.uint64(2)))
    radius = np.sqrt(-2 * np.log((words % np.uint64(2**32) + 0.5) / 2**32))
    angle = 2 * np.pi * (words >> np.uint64(32)) / 2**32
    return of_places(radius * np.where(place % np.uint64(2), np.sin(angle), np.cos(angle)), shape)


def uniform(bits, k):
    """Return the kth number of each sample, from 0 to below 1."""
    with np.errstate(over="ignore"):
        return (scramble(bits + np.uint64(k)) >> np.uint64(11)) / 2**53


@kind("dropout")
def dropout_layer(network, layer, x):
    bits = network.bits(len(x)) if network.draw is not None else None
    factors = 1.0 if bits is None else dropout_factors(layer["rate"], bits, x.shape[1:])
    return x * factors, lambda dy: (dy * factors,)


@kind("noise")
def noise_layer(network, layer, x):
    noise = 0 if network.draw is None else layer["stddev"] * normal_numbers(network.bits(len(x)), x.shape[1:])
    return x + noise, lambda dy: (dy,)
