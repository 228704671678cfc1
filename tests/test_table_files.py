"""Files with tables: what is read, and the words for what is wrong with one."""

import numpy as np
import pytest

pandas = pytest.importorskip("pandas", reason="tables are read by pandas (extra cli)")

from table_files import (  # noqa: E402
    cancer_parquet,
    digits_npz,
    iris_csv,
    messy_iris_csv,
    survey,
    wine_csv,
)

from portanet.errors import ArgumentError, DataError  # noqa: E402
from portanet.table import ReadOptions, read_table, train_table  # noqa: E402

LINES = survey().to_csv(index=False).splitlines()
TITLE = "Exported from the registry"


def lines(*parts):
    return "\n".join(line for part in parts for line in ([part] if isinstance(part, str) else part))


def write(folder, content, name="table.csv"):
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content + "\n" * bool(content), encoding="utf-8")
    return path


def test_real_files_are_read_with_their_names(tmp_path):
    frame = read_table(iris_csv(tmp_path)[0])
    assert frame.shape == (150, 5)
    assert frame["species"].tolist()[::50] == ["setosa", "versicolor", "virginica"]
    frame = read_table(wine_csv(tmp_path)[0], ReadOptions(skip_lines=(1,), header=False))
    assert frame.shape == (178, 14)
    assert frame.iloc[0, :2].tolist() == [14.23, 1.71]
    frame = read_table(digits_npz(tmp_path)[0])
    assert list(frame.columns) == [*(f"X{i}" for i in range(64)), "y"]
    assert len(frame) == 1797
    pytest.importorskip("pyarrow", reason="parquet files are read by pyarrow (extra cli)")
    assert read_table(cancer_parquet(tmp_path)[0]).shape == (569, 31)


def test_a_messy_file_is_read_once_its_mess_is_named(tmp_path):
    options = ReadOptions(decimal=",", skip_lines=(1,), missing=("not measured",))
    frame = read_table(messy_iris_csv(tmp_path)[0], options)
    assert frame["petal width"].isna().sum() == 4
    assert frame["sepal length"].isna().sum() == 2
    assert frame["petal length"].tolist()[:2] == [1.4, 1.4]
    assert frame["site"].tolist()[:3] == ["Gaspé", "Oslo", "Rome"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found_out(tmp_path, separator):
    text = survey().to_csv(index=False, sep=separator)
    pandas.testing.assert_frame_equal(read_table(write(tmp_path, text)), survey())


def test_quoted_separators_blanks_and_a_byte_order_mark(tmp_path):
    text = '\ufeffname , size\n"Oslo, Norway", 1\n"Lima",2\n\n"a ""b""",3'
    frame = read_table(write(tmp_path, text))
    assert frame.to_dict(orient="list") == {
        "name": ["Oslo, Norway", "Lima", 'a "b"'],
        "size": [1, 2, 3],
    }


def test_row_numbers_without_a_name(tmp_path):
    path = tmp_path / "table.csv"
    survey().to_csv(path)
    frame = read_table(path)
    assert list(frame.columns) == ["row", "age", "city", "result"]
    assert train_table(frame, "result").preprocessing.left_out == {"row": "row numbers"}


def test_lines_that_are_skipped_and_files_without_names(tmp_path):
    for text, options in (
        (lines(TITLE, "", LINES), ReadOptions(skip_lines=(1,))),
        (lines(LINES[0], "years,name,level", LINES[1:]), ReadOptions(skip_lines=(2,))),
        (lines(TITLE, LINES[0], "years,name,level", LINES[1:]), ReadOptions(skip_lines=(1, 3))),
        (lines(LINES[:31], LINES[0], LINES[31:]), ReadOptions(skip_lines=(32,))),
    ):
        pandas.testing.assert_frame_equal(read_table(write(tmp_path, text), options), survey())
    found = read_table(write(tmp_path, lines(LINES[1:])), ReadOptions(header=False))
    assert list(found.columns) == ["column1", "column2", "column3"]
    years = read_table(write(tmp_path, "2019,2020\n1,2\n3,4"), ReadOptions(header=True))
    assert years.to_dict(orient="list") == {"2019": [1, 3], "2020": [2, 4]}


FAULTS = {
    "empty": ("", "the file is empty"),
    "blank lines": ("\n\n\n", "all lines are empty"),
    "names only": (LINES[0], "there must be rows and columns, there are none"),
    "a title": (
        lines(TITLE, LINES),
        f"line 1 must have the names of 3 columns, .* has 1 field: '{TITLE}'; .* --skip-lines 1",
    ),
    "a title with separators": (
        lines("Exported, 2024, all", LINES),
        r"line 2 must be a row, has texts \('age'\) above numbers; .* line 1 is a title: --skip-lines 1",
    ),
    "units": (
        lines(LINES[0], "years,name,level", LINES[1:]),
        r"line 2 must be a row, has texts \('years'\) above numbers; .*units: --skip-lines 2",
    ),
    "joined files": (
        lines(LINES, LINES),
        "names of the columns stand again in 1 row, the first is row 61; .* --skip-lines 62",
    ),
    "no names": (lines(LINES[1:]), "must have the names of the columns, has numbers: .* --header no"),
    "a stray first line": (
        lines("150,4,high", "1,2,high", "3,4,low"),
        "line 1 must have the names .* has numbers: '150', '4'; .*above the names: --skip-lines 1",
    ),
    "a name twice": ("a,b,a\n1,2,3", "a name of its own, 'a' stands there more than once"),
    "a column without a name": ("a,,c\n1,2,3", "those of number 2 have none"),
    "a long line": (lines(LINES, "1,Oslo,high,x"), "line 62 must have 3 fields, has 4; put a field"),
    "a short line": (lines(LINES, "1,Oslo"), r"line 62 must have 3 fields, has 2: \['1', 'Oslo'\]"),
    "another encoding": (
        lines(LINES).replace("Lima", "Malmö").encode("cp1252"),
        "text in utf-8, is in another encoding; .* --encoding cp1252",
    ),
    "a workbook": (b"PK\x03\x04\0\0", "must be text, has bytes of another kind; is it a workbook"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, words):
    with pytest.raises(DataError, match=f"table.csv: .*{words}"):
        read_table(write(tmp_path, content))


def test_columns_that_are_no_numbers_are_named(tmp_path):
    text = lines(LINES, "unknown,Oslo,high")
    words = "column 'age' is mixed: 60 numbers and 1 text, the first is 'unknown' in row 61; .*--missing unknown"
    with pytest.raises(DataError, match=words):
        train_table(read_table(write(tmp_path, text)), "result")
    frame = read_table(write(tmp_path, text), ReadOptions(missing=("unknown",)))
    assert frame["age"].isna().sum() == 1
    commas = survey().to_csv(index=False, sep=";", decimal=",")
    with pytest.raises(
        DataError, match=r"'age' has numbers with commas, such as '\d+,\d'.*--decimal ,"
    ):
        train_table(read_table(write(tmp_path, commas)), "result")
    frame = read_table(write(tmp_path, commas), ReadOptions(decimal=","))
    pandas.testing.assert_frame_equal(frame, survey())


def test_decimal_commas_beside_texts(tmp_path):
    """pandas leaves the commas of a column with a text in it."""
    path, target = messy_iris_csv(tmp_path)
    with pytest.raises(DataError, match="'sepal length' has numbers with commas, such as '5,1'"):
        train_table(read_table(path, ReadOptions(skip_lines=(1,))), target)
    frame = read_table(path, ReadOptions(skip_lines=(1,), decimal=","))
    words = "'petal width' is mixed: 146 numbers and 4 texts, .*--missing 'not measured'"
    with pytest.raises(DataError, match=words):
        train_table(frame, target)


def test_paths(tmp_path):
    write(tmp_path, lines(LINES), "iris.csv")
    with pytest.raises(FileNotFoundError, match=r"no such file; like it is 'iris.csv'"):
        read_table(tmp_path / "irs.csv")
    with pytest.raises(FileNotFoundError, match="no such file, and no folder"):
        read_table(tmp_path / "folder" / "iris.csv")
    with pytest.raises(IsADirectoryError, match="must be a file, is a folder"):
        read_table(tmp_path)
    with pytest.raises(ArgumentError, match=r"\.npz, is \.xlsx; save it as CSV"):
        read_table(write(tmp_path, "x", "table.xlsx"))
    with pytest.raises(DataError, match="no encoding 'utf9'"):
        read_table(tmp_path / "iris.csv", ReadOptions(encoding="utf9"))


def test_npz_files_that_are_no_tables(tmp_path):
    path = tmp_path / "table.npz"
    np.savez(path, X=np.zeros((20, 2)), y=np.zeros(10))
    with pytest.raises(DataError, match=r"a row for each sample, are X \(20, 2\), y \(10,\)"):
        read_table(path)
    np.savez(path, X=np.array([{}] * 20, dtype=object))
    with pytest.raises(DataError, match="holds Python objects"):
        read_table(path)
    with pytest.raises(DataError, match="has written, is another"):
        read_table(write(tmp_path, b"x" * 100, "table.npz"))
    np.savez(path, X=np.zeros((5, 2)), X1=np.zeros(5))
    with pytest.raises(DataError, match="names of their own"):
        read_table(path)


def test_parquet_files(tmp_path):
    pytest.importorskip("pyarrow", reason="parquet files are read by pyarrow (extra cli)")
    with pytest.raises(DataError, match="must be a parquet file"):
        read_table(write(tmp_path, b"hello", "table.parquet"))
    mixed = survey().astype({"age": object})
    mixed["age"] = mixed["age"].map(str)  # numbers as texts
    mixed.assign(when=pandas.Timestamp("2020-01-01")).to_parquet(tmp_path / "t.parquet")
    model = train_table(read_table(tmp_path / "t.parquet"), "result")
    assert model.preprocessing.left_out == {"when": "dates"}
    np.testing.assert_array_equal(
        model.preprocessing.transform(mixed), model.preprocessing.transform(survey())
    )


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    import sys

    path = write(tmp_path, lines(LINES))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArgumentError, match=r"pandas, which is not installed; .*'\.\[cli\]'"):
        read_table(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ArgumentError, match=r"parquet files need pyarrow, .*'\.\[cli\]'"):
        read_table(write(tmp_path, b"x", "table.parquet"))
