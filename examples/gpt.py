"""A small GPT with tied embeddings: it learns English, letter by letter, and writes some.

    python examples/gpt.py --backend cupy

The text is that of scikit-learn's descriptions of its data sets, some 13,000 characters of real
English. The table that turns characters into vectors also turns the last vectors into scores
(`Unembedding`): one Parameter, two layers, whose gradients Sequential adds up. The last tenth of
the text is held out; the score is the share of its characters that are guessed right from those
before. On one core this takes about two minutes.
"""

import argparse

import numpy as np
from sklearn import datasets

import portanet
from portanet import (
    AdamW,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    LayerNorm,
    Sequential,
    Trainer,
    TransformerBlock,
    Unembedding,
    accuracy,
)
from portanet.schedules import Cosine, WarmUp

LENGTH = 64  # characters that a guess may depend on


def text():
    """Return the descriptions, with runs of white space made one space."""
    names = ("iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud")
    return " ".join(" ".join(getattr(datasets, f"load_{n}")()["DESCR"].split()) for n in names)


def windows(tokens, step):
    """Return windows of characters, and for each of these the character after it."""
    starts = np.arange(0, len(tokens) - LENGTH, step)
    x = tokens[starts[:, None] + np.arange(LENGTH)]
    return Dataset(x, tokens[starts[:, None] + np.arange(1, LENGTH + 1)])


def network(n_tokens, d, n_blocks):
    """Return the GPT: characters to vectors, blocks that look back, vectors to scores."""
    embedding = Embedding(n_tokens, d)
    embedding.weights.value = 0.1 * embedding.weights.value  # scores start small
    blocks = [
        TransformerBlock(d, 4, causal=True, rotary=True, dropout=0.1) for _ in range(n_blocks)
    ]
    body = [embedding, *blocks, LayerNorm(d)]
    return Sequential([*body, Unembedding(embedding)], CrossEntropy())


def main(n_epochs=12, backend="numpy", seed=0, d=64, n_blocks=2):
    """Train, print what the network writes, and return its score on the held-out text."""
    portanet.seed(seed)
    characters, tokens = np.unique(list(text()), return_inverse=True)
    held_out = len(tokens) // 10
    train = DataLoader(windows(tokens[:-held_out], 8), batch_size=32, shuffle=True)
    test = DataLoader(windows(tokens[-held_out:], LENGTH), batch_size=32)
    model = network(len(characters), d, n_blocks).to(backend)
    n_steps = n_epochs * len(train)
    optimizer = AdamW(model, lr=WarmUp(Cosine(3e-3, n_steps), n_steps // 20))
    trainer = Trainer(model, optimizer, train, test, metric=accuracy)
    trainer.train(n_epochs)
    print("The data ->", written(model, characters, "The data ", 200))
    return trainer.history[-1]["val_metric"]


def written(model, characters, start, n, seed=0):
    """Return what the network writes after some characters: each is drawn by its probability."""
    rng, found = np.random.default_rng(seed), list(start)
    for _ in range(n):
        window = np.searchsorted(characters, found[-LENGTH:])[None, :]
        probabilities = model.backend.to_numpy(model.predict_proba(window))[0, -1].astype("f8")
        found.append(rng.choice(characters, p=probabilities / probabilities.sum()))
    return "".join(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    main(options.epochs, options.backend)
