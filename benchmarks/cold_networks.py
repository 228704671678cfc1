"""The networks of cold starts: some of the races', and larger ones, on which compiling takes longer."""

from benchmarks.networks import NETWORKS, Network, lstm, mlp, transformer

RACED = ("blog", "mnist", "cnn", "transformer", "lstm")
LARGER = (
    transformer("transformer-8", (64, 4, 256, 8), 32, 32),
    lstm("lstm-200", (32, 64), 200),
    mlp("deep", (256,) * 65, 64, "Adam", 4),
)
COLD: dict[str, Network] = {name: NETWORKS[name] for name in RACED} | {n.name: n for n in LARGER}
TITLES = {name: network.title for name, network in COLD.items()}
TITLES["deep"] = "64 layers of 256, batch 64, Adam"

# the same kind again, with other widths: what has been compiled for the first may serve the second
PAIRS: dict[str, tuple[Network, Network]] = {
    "mlp": (NETWORKS["mnist"], mlp("mlp-other", (784, 200, 100, 10), 128, "Adam", 4)),
    "transformer": (
        NETWORKS["transformer"],
        transformer("transformer-other", (96, 4, 384, 2), 32, 32),
    ),
    "lstm": (NETWORKS["lstm"], lstm("lstm-other", (32, 48), 50)),
}
