"""mnist, fashion_mnist, and the code that reads, verifies and downloads files of their form.

A small dataset of that form, made here, with a table of its own, stands in for them where files are damaged, missing or
downloaded from a server on this machine.
"""

import gzip
import hashlib
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
import pytest

import chainrule as cr
from chainrule_plugins.datasets import FashionMnist, Mnist
from chainrule_plugins.datasets._idx import IdxFile, IdxSource, parse_idx
from chainrule_plugins.datasets.mnist import IdxDataset

TRAIN, TEST = 60, 12
RNG = np.random.default_rng(0)
ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (TRAIN, 4, 5), np.uint8),
    "train-labels-idx1-ubyte": RNG.integers(0, 3, TRAIN, np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (TEST, 4, 5), np.uint8),
    "t10k-labels-idx1-ubyte": RNG.integers(0, 3, TEST, np.uint8),
}


def idx(array: np.ndarray) -> bytes:
    """An array of unsigned bytes as LeCun's page describes the format."""
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


CONTENT = {name: idx(array) for name, array in ARRAYS.items()}
PACKED = {name: gzip.compress(content, mtime=0) for name, content in CONTENT.items()}


def table(mirrors: tuple[str, ...] = (), md5: bool = False) -> IdxSource:
    """The table of the small dataset: verified by SHA-256 as MNIST, or by MD5 as Fashion-MNIST."""
    files = []
    for name, array in ARRAYS.items():
        if md5:
            files.append(IdxFile(name, array.ndim, gz_md5=hashlib.md5(PACKED[name]).hexdigest()))
        else:
            files.append(IdxFile(name, array.ndim, sha256=hashlib.sha256(CONTENT[name]).hexdigest()))
    return IdxSource("tiny", mirrors, *files)


@dataclass
class Tiny(IdxDataset):
    """A small dataset of the same form."""

    validation_size: int = 10

    source: ClassVar[IdxSource] = table()
    class_names: ClassVar[tuple[str, ...]] = ("a", "b", "c")


@dataclass
class TinyByMd5(Tiny):
    """The same, of which only the MD5 sums of the compressed files are published."""

    source: ClassVar[IdxSource] = table(md5=True)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """``CHAINRULE_DATA/tiny``, with the four files in it, compressed."""
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "data"))
    return filled(tmp_path / "data" / "tiny")


def filled(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, packed in PACKED.items():
        (folder / f"{name}.gz").write_bytes(packed)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The dataset's folder in a user's cache that is empty, with no ``CHAINRULE_DATA``."""
    for variable in ("CHAINRULE_DATA", "CHAINRULE_MIRROR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("chainrule")) / "tiny"
    assert tmp_path in folder.parents
    return folder


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; a path that holds ``slow`` in two halves, one that holds ``cut`` but for its second half."""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if "slow" not in self.path and "cut" not in self.path:
            super().do_GET()
            return
        body = PACKED[Path(self.path).stem]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if "slow" in self.path:
            time.sleep(0.15)
            self.wfile.write(body[len(body) // 2 :])


class Server(ThreadingHTTPServer):
    """On a free port of this machine; ``asked`` is what it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """``/good/tiny/`` has the files; ``/altered/tiny/`` has others of the same names."""
    filled(tmp_path / "www" / "good" / "tiny")
    altered = filled(tmp_path / "www" / "altered" / "tiny")
    for name, content in CONTENT.items():
        (altered / f"{name}.gz").write_bytes(gzip.compress(content[:-1] + b"\x07"))
    server = Server(tmp_path / "www")
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def error_of(dataset: cr.Dataset) -> list[str]:
    """The lines of the error that loading it ends in."""
    with pytest.raises(cr.DataError) as refused:
        dataset.load()
    lines = str(refused.value).split("\n")
    assert len(lines) <= 2
    return lines


# Reading


@pytest.mark.parametrize("dataset", [Tiny, TinyByMd5])
def test_pixels_labels_and_names_are_those_of_the_files(folder, dataset):
    data = dataset(validation_size=0).load()
    images = ARRAYS["train-images-idx3-ubyte"]
    assert data.validation is None
    assert data.train.x.dtype == np.float32
    np.testing.assert_allclose(data.train.x, images / 255, rtol=1e-7)
    assert np.array_equal(data.train.y, ARRAYS["train-labels-idx1-ubyte"])
    assert data.train.y.dtype == np.int64
    np.testing.assert_allclose(data.test.x, ARRAYS["t10k-images-idx3-ubyte"] / 255, rtol=1e-7)
    assert np.array_equal(data.test.y, ARRAYS["t10k-labels-idx1-ubyte"])
    assert (data.task, tuple(data.class_names)) == ("multiclass", ("a", "b", "c"))


def test_images_may_be_their_own_targets(folder):
    """Pixel by pixel in a row; split as classes are."""
    given_back, classes = (Tiny(target=target).load() for target in ("image", "class"))
    assert (given_back.task, list(given_back.class_names), given_back.classes) == ("regression", [], 20)
    for name, (x, y) in given_back.splits.items():
        np.testing.assert_array_equal(x, classes.splits[name].x)
        np.testing.assert_array_equal(y, [[pixel for row in image for pixel in row] for image in x])
        assert y.dtype == np.float32
    assert given_back.digest != classes.digest
    with pytest.raises(cr.FieldError, match='target: got "label", expected "class" or "image"'):
        Tiny(target="label")


def test_files_may_be_decompressed(folder):
    packed = Tiny().load()
    for name, content in CONTENT.items():
        (folder / f"{name}.gz").unlink()
        (folder / name).write_bytes(content)
    plain = Tiny().load()
    assert np.array_equal(plain.train.x, packed.train.x)
    assert plain.digest == packed.digest
    assert TinyByMd5().load().digest == packed.digest


def test_images_stay_bytes_in_memory(folder):
    for dataset in (Tiny(), Tiny(target="image")):
        for split in dataset.load().splits.values():
            assert isinstance(split.x, cr.Scaled)
            assert repr(split.x).endswith("of uint8>")


def unpack(folder: Path) -> None:
    for name, content in CONTENT.items():
        (folder / f"{name}.gz").unlink(missing_ok=True)
        (folder / name).write_bytes(content)


def test_the_images_of_a_decompressed_file_are_its_pages(folder):
    """Processes share them, and none has a copy."""
    unpack(folder)
    path = folder / "train-images-idx3-ubyte"
    before = {mapped.path for mapped in psutil.Process().memory_maps()}
    data = Tiny(validation_size=0).load()
    assert {str(path)} <= {mapped.path for mapped in psutil.Process().memory_maps()} - before
    other = folder / "other"
    other.write_bytes(idx(255 - ARRAYS["train-images-idx3-ubyte"]))
    other.replace(path)
    np.testing.assert_allclose(data.train.x, ARRAYS["train-images-idx3-ubyte"] / 255, rtol=1e-7)
    [message, _] = error_of(Tiny())
    assert message.startswith(f"{path} is altered")


def test_which_files_are_read_is_told(folder):
    def told() -> list[str]:
        return [path.name for path in Tiny().files_read()]

    names = list(CONTENT)
    assert told() == [f"{name}.gz" for name in names]
    (folder / names[0]).write_bytes(CONTENT[names[0]])
    assert told() == [names[0], *(f"{name}.gz" for name in names[1:])], "decompressed, where both are there"
    assert TinyByMd5().files_read()[0].name == f"{names[0]}.gz", "what is verified by its compressed form"
    (folder / f"{names[1]}.gz").unlink()
    assert told()[1] == names[1], "or would be looked for"


def test_mnist_trains_as_its_pixels_do_to_the_last_bit(data_folder, monkeypatch):
    """The files are read here by themselves, and divided in float32."""
    monkeypatch.setenv("CHAINRULE_DATA", str(data_folder))
    content = gzip.decompress((data_folder / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data_folder / "mnist" / "train-labels-idx1-ubyte.gz").read_bytes())[8:]
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28).astype(np.float32) / np.float32(255)
    y = np.frombuffer(labels, np.uint8).astype(np.int64)
    data = Mnist(hold_out="last", validation_size=50_000).load()
    found = []
    for train in ((pixels[:10_000], y[:10_000]), data.train):
        layers = [{"name": "dense", "units": 32, "activation": "relu"}, {"name": "dense", "units": 10}, "softmax"]
        network = cr.Network(["flatten", *layers], (28, 28), "categorical_cross_entropy")
        cr.Trainer(network, "adam", batch_size=64).fit(train, epochs=2)
        found.append(network.parameters.theta)
    assert np.array_equal(*found)


def test_validation_is_taken_off_the_training_images(folder):
    data = Tiny(validation_size=15).load()
    assert [len(part.x) for part in data.splits.values()] == [TRAIN - 15, 15, TEST]
    both = sorted(x.tobytes() for part in (data.train, data.validation) for x in part.x)
    assert both == sorted((image / np.float32(255)).tobytes() for image in ARRAYS["train-images-idx3-ubyte"])


def test_the_last_training_images_may_be_held_out(folder):
    data = Tiny(validation_size=15, hold_out="last").load()
    pixels = ARRAYS["train-images-idx3-ubyte"].astype(np.float32) / 255
    np.testing.assert_array_equal(data.train.x, pixels[:45])
    np.testing.assert_array_equal(data.validation.x, pixels[45:])
    assert data.validation.y.tolist() == ARRAYS["train-labels-idx1-ubyte"][45:].tolist()
    fewer = Tiny(validation_size=15, train_size=7, hold_out="last").load()
    assert len(fewer.train.x) == 7
    assert {x.tobytes() for x in fewer.train.x} < {x.tobytes() for x in data.train.x}
    np.testing.assert_array_equal(fewer.validation.x, data.validation.x)
    assert len({d.digest for d in (data, fewer, Tiny(validation_size=15).load())}) == 3
    assert Tiny(validation_size=0, hold_out="last").load().validation is None


def test_fewer_training_images_are_some_of_the_same_and_leave_validation_alone(folder):
    few, more = Tiny(train_size=8).load(), Tiny(train_size=20).load()
    assert len(few.train.x) == 8
    assert {x.tobytes() for x in few.train.x} < {x.tobytes() for x in more.train.x}
    assert np.array_equal(few.validation.x, more.validation.x)


def test_the_digest_tells_apart_whatever_makes_the_arrays_differ(folder):
    fields = [{}, {"seed": 1}, {"validation_size": 5}, {"train_size": 30}]
    assert len({Tiny(**given).load().digest for given in fields}) == len(fields)
    assert Tiny().load().digest == Tiny(train_size=TRAIN - 10).load().digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08", "f is truncated: it has 3 bytes, fewer than its header of 8"),
        (idx(np.zeros((3, 2), np.uint8)), "f is not such a file: its magic number is 0x00000802, not 0x00000801"),
        (b"<html><body>", "f is not such a file: its magic number is 0x3c68746d, not 0x00000801"),
        (idx(np.zeros(3, np.uint8))[:-1], "f is truncated: its header announces 3 bytes of data, it has 2"),
        (idx(np.zeros(3, np.uint8)) + b"!", "f is too long: its header announces 3 bytes of data, it has 4"),
        (struct.pack(">2I", 0x801, 10**8), "f is truncated: its header announces 100,000,000 bytes of data, it has 0"),
    ],
)  # fmt: skip
def test_what_is_no_idx_file_is_refused(content, message):
    with pytest.raises(cr.DataError) as refused:
        parse_idx(content, 1, "f")
    assert str(refused.value) == message


# Damaged files


REPLACE = "Replace it with the published file, or unset CHAINRULE_DATA to have it downloaded."


def test_a_truncated_file_is_named_and_what_to_do_is_said(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert error_of(Tiny()) == [f"{path} is truncated: its compressed data ends too early.", REPLACE]


def test_a_file_that_is_no_gzip_is_named(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(b"<html>not found</html>")
    assert error_of(Tiny()) == [f"{path} is not a sound gzip file: Not a gzipped file (b'<h').", REPLACE]


def test_flipped_bits_in_a_gzip_are_noticed(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    first, second = error_of(Tiny())
    assert first.startswith(f"{path} is not a sound gzip file: ")
    assert second == REPLACE


def test_an_altered_file_is_told_by_the_hash_of_its_content(folder):
    path = folder / "train-labels-idx1-ubyte.gz"
    labels = ARRAYS["train-labels-idx1-ubyte"].copy()
    labels[7] = (labels[7] + 1) % 3
    altered = idx(labels)
    path.write_bytes(gzip.compress(altered))
    found = hashlib.sha256(altered).hexdigest()
    expected = hashlib.sha256(CONTENT["train-labels-idx1-ubyte"]).hexdigest()
    assert error_of(Tiny()) == [
        f"{path} is altered: the SHA-256 of its content is {found}, not {expected}.", REPLACE,
    ]  # fmt: skip


def test_an_altered_compressed_file_is_told_by_its_own_hash(folder):
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(CONTENT["train-labels-idx1-ubyte"], compresslevel=1, mtime=7))
    found, expected = (
        hashlib.md5(packed).hexdigest() for packed in (path.read_bytes(), PACKED["train-labels-idx1-ubyte"])
    )
    assert error_of(TinyByMd5()) == [f"{path} is altered: its MD5 is {found}, not {expected}.", REPLACE]


def test_as_many_labels_as_images_even_where_no_hash_says_so(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    path = folder / "t10k-labels-idx1-ubyte"
    path.write_bytes(CONTENT["train-labels-idx1-ubyte"])
    assert error_of(TinyByMd5()) == [f"{path} has 60 labels for 12 images.", REPLACE]


def test_a_missing_file_is_named_with_where_it_should_be(folder):
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    assert error_of(Tiny()) == [
        "tiny: there is no t10k-images-idx3-ubyte.gz (nor t10k-images-idx3-ubyte) in "
        f"{folder}, where CHAINRULE_DATA points.",
        "Put the four files there, or unset CHAINRULE_DATA to have them downloaded; "
        "or use experiment=digits, which needs no download.",
    ]


def test_more_images_than_there_are_cannot_be_had(folder):
    assert error_of(Tiny(validation_size=60)) == [
        "tiny has 60 images for training and validation: validation_size=60 leaves 0, and train_size is not given"
    ]
    assert error_of(Tiny(validation_size=20, train_size=41)) == [
        "tiny has 60 images for training and validation: validation_size=20 leaves 40, and train_size is 41"
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"validation_size": -1}, "validation_size: got -1, must be at least 0 (Mnist)"),
        ({"train_size": 0}, "train_size: got 0, must be at least 1, or null for all (Mnist)"),
        ({"seed": -1}, "seed: got -1, must be at least 0 (Mnist)"),
    ],
)
def test_a_value_out_of_range_is_refused(fields, message):
    with pytest.raises(cr.FieldError) as refused:
        Mnist(**fields)
    assert str(refused.value) == message


# Downloads


def test_missing_files_are_downloaded_once_and_then_read_from_the_cache(cache, server, monkeypatch):
    monkeypatch.setenv("CHAINRULE_MIRROR", f"{server.url}/good")
    first = Tiny().load()
    assert sorted(server.asked) == sorted(f"/good/tiny/{name}.gz" for name in PACKED)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == {f"{n}.gz": p for n, p in PACKED.items()}
    monkeypatch.setenv("CHAINRULE_MIRROR", "http://127.0.0.1:9/nobody-there")
    assert Tiny().load().digest == first.digest


def test_only_what_is_missing_is_downloaded(cache, server, monkeypatch):
    monkeypatch.setenv("CHAINRULE_MIRROR", f"{server.url}/good/")
    (filled(cache) / "t10k-labels-idx1-ubyte.gz").unlink()
    Tiny().load()
    assert server.asked == ["/good/tiny/t10k-labels-idx1-ubyte.gz"]


def test_nothing_is_downloaded_where_the_data_folder_is_given(folder, server, monkeypatch):
    monkeypatch.setenv("CHAINRULE_MIRROR", f"{server.url}/good")
    Tiny().load()
    assert server.asked == []


@pytest.mark.parametrize("bad", ["absent", "altered/tiny", "cut"])
@pytest.mark.parametrize("source", [table(), table(md5=True)], ids=["sha256", "md5"])
def test_the_next_mirror_is_asked_where_one_fails(cache, server, bad, source):
    source.download(cache, [f"{server.url}/{bad}/", f"{server.url}/good/tiny/"])
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == {f"{n}.gz": p for n, p in PACKED.items()}
    assert any(bad in path for path in server.asked)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("absent", "status 404"),
        ("altered/tiny", "what it sends is not the published file"),
        ("cut", "ChunkedEncodingError"),
    ],
)
def test_a_download_that_fails_leaves_nothing_and_says_where_to_put_the_files(cache, server, bad, reason):
    with pytest.raises(cr.DataError) as refused:
        table().download(cache, [f"{server.url}/{bad}/"])
    assert str(refused.value) == (
        f"tiny: train-images-idx3-ubyte.gz cannot be downloaded to {cache} "
        f"(127.0.0.1:{server.server_port}: {reason}).\n"
        "Put the four files there, or into a folder tiny and set CHAINRULE_DATA to the folder above; "
        "or use experiment=digits, which needs no download."
    )
    assert list(cache.iterdir()) == []


def test_no_network_and_no_cache(cache, monkeypatch):
    monkeypatch.setenv("CHAINRULE_MIRROR", "http://127.0.0.1:9")  # nobody listens on the discard port
    assert error_of(Mnist()) == [
        f"mnist: train-images-idx3-ubyte.gz cannot be downloaded to {cache.parent / 'mnist'} "
        "(127.0.0.1:9: ConnectionError).",
        "Put the four files there, or into a folder mnist and set CHAINRULE_DATA to the folder above; "
        "or use experiment=digits, which needs no download.",
    ]


@pytest.mark.parametrize("address", ["mirror.example", "file:///mirror"])
def test_a_mirror_that_is_no_url_is_named(cache, monkeypatch, address):
    monkeypatch.setenv("CHAINRULE_MIRROR", address)
    assert f"({address}/tiny/: not an http(s) address, as CHAINRULE_MIRROR must be)" in error_of(Tiny())[0]


def test_a_cache_that_cannot_be_written_is_named(cache, server, monkeypatch):
    monkeypatch.setenv("CHAINRULE_MIRROR", f"{server.url}/good")
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("a file in the place of the folder")
    assert error_of(Tiny()) == [
        f"tiny: {cache} cannot be written: Not a directory.",
        "Put the four files into a folder tiny elsewhere and set CHAINRULE_DATA to the folder above; "
        "or use experiment=digits, which needs no download.",
    ]
    assert server.asked == []


def test_a_damaged_file_in_the_cache_is_to_be_deleted(cache):
    path = filled(cache) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:50])
    assert error_of(Tiny()) == [
        f"{path} is truncated: its compressed data ends too early.",
        "Delete it, and the next run downloads it again.",
    ]


def test_downloads_at_the_same_time_do_not_harm_each_other(cache, server):
    """Several at once, each from a server that pauses in the middle of a file."""
    errors: list[BaseException] = []

    def download() -> None:
        try:
            table().download(cache, [f"{server.url}/slow/"])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=download) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == {f"{n}.gz": p for n, p in PACKED.items()}


def test_a_download_shows_its_progress(cache, server, capfd):
    table().download(cache, [f"{server.url}/slow/"])
    shown = capfd.readouterr().err
    for name in PACKED:
        assert f"{name}.gz: 100%" in shown
    assert shown.endswith("\n")


def test_no_bar_is_shown_where_there_is_no_connection(cache, server, capfd):
    source = table()
    with pytest.raises(cr.DataError):
        source.download(cache, ["http://127.0.0.1:9/", f"{server.url}/absent/"])
    assert capfd.readouterr() == ("", "")


# The real files


def test_mnist_is_the_published_one(data_folder, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(data_folder))
    data = Mnist().load()
    assert {name: part.x.shape for name, part in data.splits.items()} == {
        "train": (55000, 28, 28), "validation": (5000, 28, 28), "test": (10000, 28, 28),
    }  # fmt: skip
    # How often each digit occurs is well known.
    counts = np.bincount(data.train.y) + np.bincount(data.validation.y)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # So are the mean and the deviation of its pixels, with which many a script normalizes them.
    pixels = np.concatenate([data.train.x, data.validation.x]).astype(np.float64)
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1307, 0.3081)


def test_one_changed_byte_of_mnist_is_noticed(data_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    for name in ARRAYS:
        (tmp_path / "mnist" / f"{name}.gz").symlink_to(data_folder / "mnist" / f"{name}.gz")
    path = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.unlink()
    path.write_bytes(gzip.compress(content))
    assert error_of(Mnist())[0].startswith(f"{path} is altered: the SHA-256 of its content is ")


def test_fashion_mnist_refuses_files_that_are_not_the_published_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    filled(tmp_path / "fashion_mnist")
    path = tmp_path / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    assert error_of(FashionMnist()) == [
        f"{path} is altered: its MD5 is {md5}, not 8d4fb7e6c68d591d4c3dfef9ec88bf0d.", REPLACE,
    ]  # fmt: skip


def test_fashion_mnist_has_its_ten_classes(tmp_path, monkeypatch):
    """Decompressed files carry no published hash: a small set of the same form is read as they would be."""
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    (tmp_path / "fashion_mnist").mkdir()
    for name, content in CONTENT.items():
        (tmp_path / "fashion_mnist" / name).write_bytes(content)
    data = FashionMnist(validation_size=10).load()
    assert list(data.class_names) == [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    assert [len(part.x) for part in data.splits.values()] == [50, 10, 12]
