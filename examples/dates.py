"""Sequence to sequence with attention: dates as people write them become dates as computers do.

    python examples/dates.py --backend cupy

"Sunday, May 3, 1998" is to become "1998-05-03". A GRU reads the date in both directions. Another
one writes, character by character, and for each of them attends to what was read (padding is
masked): both together give the next character. In training it is given the right characters before
each one (teacher forcing); afterwards it has to go by those that it wrote itself. The score is the
share of unseen dates that it writes without a mistake.
"""

import argparse
from datetime import date

import numpy as np

import portanet
from portanet import (
    GRU,
    Adam,
    Concat,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Graph,
    Input,
    Linear,
    MultiHeadAttention,
    Sequential,
    Trainer,
    accuracy,
)

FORMATS = ("%A, %B %d, %Y", "%d %B %Y", "%b %d %Y", "%d.%m.%Y", "%m/%d/%Y", "%a %d %b %Y")
READ = "\0 ,./0123456789ADFJMNOSTWabcdefghilmnoprstuvy"  # first the padding
WRITTEN = ">-0123456789"  # first what stands before the first character
FIRST, LAST = date(1900, 1, 1).toordinal(), date(2099, 12, 31).toordinal()


def numbers(texts, characters):
    """Return texts as numbers of their characters (N, L), padded with 0."""
    length = max(map(len, texts))
    return np.asarray([[characters.index(c) for c in text.ljust(length, "\0")] for text in texts])


def dates(n, seed):
    """Return n dates as people write them (N, L), and as computers do (N, 10)."""
    rng = np.random.default_rng(seed)
    days = [date.fromordinal(day) for day in rng.integers(FIRST, LAST, n)]
    read = [day.strftime(str(rng.choice(FORMATS))) for day in days]
    return numbers(read, READ), numbers([str(day) for day in days], WRITTEN)


def inputs(read, written):
    """Return the network's inputs: what it reads, where that is no padding, what it wrote."""
    return {"read": read, "padding_mask": read != 0, "written": written}


def data_set(n, seed):
    """Return n dates; before each character stand the right ones."""
    read, target = dates(n, seed)
    return Dataset(inputs(read, np.pad(target, ((0, 0), (1, 0)))[:, :-1]), target)


def network(d):
    """Return the network: one GRU reads, one writes and attends to what the first has read."""
    read, padding_mask, written = Input("read"), Input("padding_mask"), Input("written")
    memory = GRU(16, d // 2, bidirectional=True)(Embedding(len(READ), 16)(read))
    h = GRU(16, d)(Embedding(len(WRITTEN), 16)(written))
    seen = MultiHeadAttention(d, 1)(h, memory=memory, padding_mask=padding_mask)
    scores = Linear(2 * d, len(WRITTEN))(Concat(-1)([h, seen]))
    return Graph([read, padding_mask, written], scores)


def translated(model, read):
    """Return the dates (N, 10) that the network writes, each time the most probable character."""
    written = np.zeros((len(read), 1), int)
    for _ in range(10):
        found = model.backend.to_numpy(model.predict(inputs(read, written)))
        written = np.concatenate([written, found[:, -1:]], axis=1)
    return written[:, 1:]


def main(n_epochs=4, backend="numpy", seed=0, n_train=4000, d=64):
    """Train, print some dates, and return the share of unseen ones written without a mistake."""
    portanet.seed(seed)
    model = Sequential([network(d)], CrossEntropy()).to(backend)
    train_dl = DataLoader(data_set(n_train, seed), batch_size=32, shuffle=True)
    test_dl = DataLoader(data_set(500, seed + 1), batch_size=100)
    optimizer = Adam(model, lr=4e-3, clip_norm=1.0)
    trainer = Trainer(model, optimizer, train_dl, test_dl, metric=accuracy)
    trainer.train(n_epochs)

    read, target = dates(500, seed + 1)
    found = translated(model, read)
    for line, answer in zip(read[:5], found, strict=False):
        print(f"{''.join(READ[i] for i in line if i):30} {''.join(WRITTEN[i] for i in answer)}")
    return (found == target).all(axis=1).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
