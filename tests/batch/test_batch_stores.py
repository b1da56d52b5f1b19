"""Batches whose photos and results are in a store, against an S3-compatible server on this machine."""

import http.server
import itertools
import json
import os
import shutil
import threading
import time
import types
from pathlib import Path

import pytest
from tests.batch.conftest import QUICK, RECIPE, make_batch, write_photo

import impasto
from impasto.batch import MANIFEST, SHEET, STOP_FILE, Painter, in_process
from impasto.batch.storage import RemoteFolder, open_folder, read_any
from impasto.errors import InputError

SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture(scope="module")
def server():
    """The address of a store that is empty."""
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    """Return a function that lets the environment name a store, as for any program that uses S3."""
    import s3fs

    def use(address: str) -> None:
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()

    return use


@pytest.fixture
def store(server, credentials, folder, request):
    """A client of the store, with a bucket `photos-N` that holds the folder photos, and an empty one `painted-N`."""
    import s3fs

    credentials(server)
    client = s3fs.S3FileSystem()
    client.photos, client.painted = (f"s3://{name}-{abs(hash(request.node.name)) % 10**9}" for name in ("in", "out"))
    for bucket in (client.photos, client.painted):
        client.mkdir(bucket)
    client.put("photos", f"{client.photos}/", recursive=True)
    return client


def objects(store) -> list[str]:
    return sorted(name.partition("/")[2] for name in store.find(store.painted))


def test_photos_of_a_store_are_painted_into_a_store_as_into_a_folder(store, paint):
    source = f"{store.photos}/photos"
    batch = paint(source, out=store.painted)
    paint("photos", out="here")
    assert dict(batch.counts) == {"painted": 3}
    assert objects(store) == ["a_style.png", "b_style.png", SHEET, MANIFEST, "trip/a_style.png"]
    for name in ("a_style.png", "trip/a_style.png"):
        assert store.cat(f"{store.painted}/{name}") == Path("here", name).read_bytes()
    assert dict(paint(source, out=store.painted).counts) == {"skipped": 3}
    lines = [json.loads(line) for line in store.cat(f"{store.painted}/{MANIFEST}").splitlines()]
    assert [line["type"] for line in lines] == ["BatchStarted", *["PictureDone"] * 3, "BatchStarted"]
    written = b"".join(store.cat(f"{store.painted}/{name}") for name in objects(store))
    assert SECRET.encode() not in written


def test_another_machine_knows_what_is_done_and_goes_on_with_what_was_stopped(store, paint, monkeypatch):
    recipe = RECIPE.with_changes(steps=30)
    batch = make_batch(f"{store.photos}/photos/a.png", out=store.painted, recipe=recipe)

    def watch():
        while not list(batch.folder.work.glob("runs/*/checkpoint.safetensors")):
            time.sleep(0.005)
        batch.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    batch.paint(in_process)
    watcher.join()
    assert dict(batch.counts) == {}
    assert [name.rpartition(".")[2] for name in objects(store)] == ["tar", "jsonl"]

    shutil.rmtree(os.environ["XDG_CACHE_HOME"])
    resumed, really = [], impasto.Session.resume
    monkeypatch.setattr(impasto.Session, "resume", lambda *words, **more: resumed.append(1) or really(*words, **more))
    words = f"{store.photos}/photos/a.png"
    assert dict(paint(words, out=store.painted, recipe=recipe).counts) == {"painted": 1}
    assert resumed == [1]
    paint("photos/a.png", out="here", recipe=recipe)
    assert store.cat(f"{store.painted}/a_style.png") == Path("here/a_style.png").read_bytes()
    assert objects(store) == ["a_style.png", SHEET, MANIFEST]


def test_an_object_that_impasto_did_not_paint_is_not_replaced(store):
    store.pipe(f"{store.painted}/a_style.png", b"mine")
    with pytest.raises(InputError, match=r"a_style\.png is in the way"):
        make_batch(out=store.painted)


def test_a_bucket_that_is_missing_is_refused_in_one_line(store):
    with pytest.raises(InputError, match=r"cannot \w+ s3://no-such-bucket/") as refusal:
        make_batch(out="s3://no-such-bucket/x").paint(in_process)
    assert "\n" not in str(refusal.value)
    with pytest.raises(InputError, match=r"(no pictures in|cannot read) s3://no-such-bucket"):
        make_batch("s3://no-such-bucket/photos")


@pytest.fixture
def forbidding():
    """The address of a server that refuses everything."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def _refuse(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _refuse  # noqa: N815

        def log_message(self, *_):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()


def test_no_permission_is_one_line_without_credentials(forbidding, credentials, folder):
    credentials(forbidding)
    with pytest.raises(InputError, match=r"cannot \w+ s3://closed.*: no permission") as refusal:
        make_batch(out="s3://closed/x").paint(in_process)
    assert "\n" not in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_credentials_in_a_url_are_refused(folder):
    with pytest.raises(InputError, match="credentials belong to the environment") as refusal:
        open_folder(f"s3://me:{SECRET}@bucket/x")
    assert SECRET not in str(refusal.value)


def test_an_interrupted_write_leaves_the_old_file_where_a_store_has_no_objects(folder, monkeypatch):
    place = open_folder(f"file://{folder}/store")
    place.write("x/a.txt", b"old")
    assert (folder / "store/x/a.txt").read_bytes() == b"old"

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(place._system), "pipe_file", full)
    with pytest.raises(InputError, match="No space left"):
        place.write("x/a.txt", b"new")
    assert (folder / "store/x/a.txt").read_bytes() == b"old"
    assert isinstance(place, RemoteFolder)


def test_a_painter_reads_a_style_from_a_store_once(store, folder, monkeypatch):
    reads = []
    monkeypatch.setattr("impasto.batch.painter.read_any", lambda name: reads.append(name) or read_any(name))
    store.put("style.png", f"{store.photos}/style.png")
    painter = Painter(f"{store.photos}/style.png", **QUICK)
    for name in ("a.png", "b.jpg"):
        row = painter.paint({"photo": f"{store.photos}/photos/{name}"})
        assert row["status"] == "painted", row["error"]
    assert reads == [f"{store.photos}/style.png"]


def test_a_store_is_not_asked_in_every_step_whether_to_stop(store, paint, monkeypatch):
    asked, exists, seconds = [], RemoteFolder.exists, itertools.count()
    # A second passes between any two looks at the clock.
    monkeypatch.setattr("impasto.batch.worker.time", types.SimpleNamespace(monotonic=lambda: float(next(seconds))))
    monkeypatch.setattr(RemoteFolder, "exists", lambda self, name: asked.append(name) or exists(self, name))
    paint("photos/a.png", out=store.painted, recipe=RECIPE.with_changes(steps=30))
    assert next(seconds) > 30
    assert 2 < asked.count(STOP_FILE) <= 1 + next(seconds) / RemoteFolder.poll_seconds


@pytest.mark.long
def test_200_pictures_go_through_a_store_and_back(store, paint):
    for number in range(200):
        write_photo(Path("many", f"{number % 7}", f"{number}.png"), number)
    store.put("many", f"{store.photos}/", recursive=True)
    batch = paint(f"{store.photos}/many", out=store.painted, recipe=RECIPE.with_changes(steps=1, size=32))
    assert dict(batch.counts) == {"painted": 200}
    store.get(store.painted, "back", recursive=True)
    assert len(list(Path("back").rglob("*_style.png"))) == 200
    paint("many/3", out="here", recipe=RECIPE.with_changes(steps=1, size=32))
    for path in Path("here").glob("*_style.png"):
        assert path.read_bytes() == Path("back", "3", path.name).read_bytes()
