"""Tables: from a file or a data frame to a trained network, and back to the table's own words.

The command line (`portanet train`, `predict`, `evaluate`) is these few names:

    frame = read_table("iris.csv")
    model = train_table(frame, "species")
    model.save("iris.safetensors")
    TableModel.load("iris.safetensors").predict(frame)
"""

from portanet.table.fitting import TrainOptions, train_table
from portanet.table.model import TableModel
from portanet.table.preprocessing import Preprocessing
from portanet.table.reading import ReadOptions, read_table

__all__ = [
    "Preprocessing",
    "ReadOptions",
    "TableModel",
    "TrainOptions",
    "read_table",
    "train_table",
]
