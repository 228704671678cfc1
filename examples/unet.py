"""A U-Net: which pixels of a noisy image belong to a disc, and which to a square?

    python examples/unet.py --backend cupy

Images of 32 by 32 pixels with a disc and a square that may overlap, under noise as strong as they
are. Pixels are classified by a Graph: it halves the image twice, doubles it twice, and on the way
up sees again what it had seen on the way down, side by side with what comes from below. The score
is the share of pixels inside the shapes that are classified right. On one core this takes about
two minutes.
"""

import argparse

import numpy as np

import portanet
from portanet import (
    Adam,
    BatchNorm2d,
    Concat,
    Conv2d,
    ConvTranspose2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Graph,
    Input,
    Layer,
    MaxPool2d,
    ReLU,
    Sequential,
    Trainer,
    array_namespace,
)

SIZE = 32


def images(n, seed):
    """Return n images (N, 1, 32, 32), and the class of each pixel: 0, 1 (disc) or 2 (square)."""
    rng, (i, j) = np.random.default_rng(seed), np.mgrid[:SIZE, :SIZE]
    centers, radii = rng.uniform(8, SIZE - 8, (n, 4, 1, 1)), rng.uniform(4, 8, (n, 2, 1, 1))
    disc = (i - centers[:, 0]) ** 2 + (j - centers[:, 1]) ** 2 <= radii[:, 0] ** 2
    square = np.maximum(abs(i - centers[:, 2]), abs(j - centers[:, 3])) <= radii[:, 1]
    classes = np.where(square, 2, np.where(disc, 1, 0))
    x = (classes > 0) + rng.normal(0, 1, classes.shape)  # both shapes are equally bright
    return Dataset(x[:, None], classes)


def block(x, n_inp, n_out):
    """Return two convolutions of x that keep its size."""
    for n in (n_inp, n_out):
        x = ReLU()(BatchNorm2d(n_out)(Conv2d(n, n_out, 3, padding="same")(x)))
    return x


def unet(n):
    """Return the U-Net, with n channels at full size."""
    x = Input("image")
    whole = block(x, 1, n)
    half = block(MaxPool2d(2)(whole), n, 2 * n)
    quarter = block(MaxPool2d(2)(half), 2 * n, 4 * n)
    up = ConvTranspose2d(4 * n, 2 * n, 2, stride=2)(quarter)
    half = block(Concat()([up, half]), 4 * n, 2 * n)
    up = ConvTranspose2d(2 * n, n, 2, stride=2)(half)
    whole = block(Concat()([up, whole]), 2 * n, n)
    return Graph(x, Conv2d(n, 3, 1)(whole))


class ChannelsLast(Layer):
    """(N, C, H, W) to (N, H, W, C): the loss wants a pixel's scores on the last axis."""

    def forward(self, x, *, training=False):
        """Return x with its channels last."""
        if training:
            self._saved = True
        return array_namespace(x).permute_dims(x, (0, 2, 3, 1))

    def backward(self, grad):
        """Return the gradient with its channels where they were."""
        self._take_saved()
        return array_namespace(grad).permute_dims(grad, (0, 3, 1, 2))


def inside(probabilities, y):
    """Return the share of the pixels of discs and squares that are classified right."""
    xp = array_namespace(probabilities)
    shape = y > 0
    right = shape & (xp.argmax(probabilities, axis=-1) == y)
    return xp.sum(xp.astype(right, probabilities.dtype)) / xp.sum(
        xp.astype(shape, probabilities.dtype)
    )


def main(n_epochs=8, backend="numpy", seed=0, n_train=1000, n_channels=8):
    """Train, and return the score on images that the network has not seen."""
    portanet.seed(seed)
    train, test = images(n_train, seed), images(200, seed + 1)
    model = Sequential([unet(n_channels), ChannelsLast()], CrossEntropy()).to(backend)
    train_dl, test_dl = DataLoader(train, batch_size=20, shuffle=True), DataLoader(test, 50)
    trainer = Trainer(model, Adam(model, lr=3e-3), train_dl, test_dl, metric=inside)
    trainer.train(n_epochs)
    return trainer.history[-1]["val_metric"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    main(options.epochs, options.backend)
