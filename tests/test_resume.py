"""What was finished is kept and what is damaged is computed again: the same bytes in the end."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from protacsim import config, store
from protacsim.errors import StoreError
from protacsim.study import describing, run_to_store, running
from protacsim.study.executors import Workers
from stored import fingerprint, result, template, tree, write
from sweeps import CONFIG, Server, environment, lines_of, small_chunks

ONE = Workers("threads", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "a.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def server(place):
    server = Server(place)
    yield server
    server.close()


@pytest.fixture(scope="module")
def uninterrupted(place, server):
    """Hash of the data of a run that nothing disturbed, and how long it took."""
    server.call("run", "a.toml", "--out", "whole")
    code, seconds = server.call("run", "a.toml", "--out", "again")
    assert code == 0
    assert fingerprint(place / "whole/data.zarr") == fingerprint(place / "again/data.zarr")
    assert store.read_manifest(place / "whole")["chunk_count"] == 20
    return fingerprint(place / "whole/data.zarr"), seconds


# ------------------------------------------------------------------ kill -9


def killed_and_resumed(place, server, uninterrupted, kills, seed):
    expected, seconds = uninterrupted
    rng = random.Random(seed)
    folder, hit = 0, 0
    while hit < kills:
        out = f"killed-{seed}-{folder}"
        folder += 1
        for number in range(min(kills - hit, rng.randint(1, 3))):
            moment = rng.uniform(0, seconds)
            code, took = server.call("run", "a.toml", "--out", out, kill_after_s=moment)
            if code != -9:  # it was over before: the machine is faster now, so kill earlier
                seconds = min(seconds, took) if number == 0 else seconds
                break
            hit += 1
        assert server.call("run", "a.toml", "--out", out)[0] == 0
        assert fingerprint(place / out / "data.zarr") == expected
        assert store.verify(place / out) == []
        names = {path.name for path in (place / out).iterdir()} - {".run.lock"}
        assert names <= {
            *("data.zarr", "manifest.json", "run_log.jsonl"),
            *("summary.csv", "figures", "report.html"),
        }


@pytest.mark.jit_only
def test_ten_killed_runs_are_resumed_to_the_same_bytes(place, server, uninterrupted):
    killed_and_resumed(place, server, uninterrupted, 10, seed=1)


@pytest.mark.long
@pytest.mark.jit_only
@pytest.mark.timeout(1800)
def test_two_hundred_killed_runs_are_resumed_to_the_same_bytes(place, server, uninterrupted):
    killed_and_resumed(place, server, uninterrupted, 200, seed=2)


@pytest.mark.long
@pytest.mark.jit_only
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_runs_killed_from_their_very_start_are_resumed(place, uninterrupted, executor):
    words = [*small_chunks(place), "run", "a.toml", "--executor", executor, "--workers", "2"]

    def call(out, limit=None):
        with subprocess.Popen(
            [*words, "--out", out], cwd=place, env=environment(), stdout=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                process.kill()

    began = time.monotonic()
    call(f"cold-{executor}")
    seconds = time.monotonic() - began
    rng = random.Random(3)
    for number in range(10):
        out = f"cold-{executor}-{number}"
        call(out, rng.uniform(0, seconds))
        call(out, rng.uniform(0, seconds))
        call(out)
        assert fingerprint(place / out / "data.zarr") == uninterrupted[0]


# ------------------------------------------------------------------ signals


def processes_with(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


SIGNALS = [
    pytest.param("threads", signal.SIGINT, id="threads-SIGINT"),
    pytest.param("processes", signal.SIGTERM, id="processes-SIGTERM"),
    pytest.param("threads", signal.SIGTERM, id="threads-SIGTERM", marks=pytest.mark.long),
    pytest.param("processes", signal.SIGINT, id="processes-SIGINT", marks=pytest.mark.long),
]


@pytest.mark.jit_only
@pytest.mark.parametrize(("executor", "number"), SIGNALS)
def test_a_signal_stops_within_seconds_and_leaves_no_orphan(tmp_path, executor, number):
    (tmp_path / "a.toml").write_text(CONFIG.replace("1.5, 30]", "1.5, 3000]"))
    mark = f"sweep-{os.getpid()}-{executor}-{number}"
    words = ["run", "a.toml", "--out", "r", "--executor", executor, "--workers", "2"]
    process = subprocess.Popen(
        [*small_chunks(tmp_path), *words],
        cwd=tmp_path,
        env=environment(SWEEP_MARK=mark),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        began = time.monotonic()
        while lines_of(tmp_path / "r/journal.jsonl") < 3 and time.monotonic() - began < 100:
            time.sleep(0.02)
        told = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        waited = time.monotonic() - told
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert waited < 5.0
    assert out == ""
    assert err.splitlines()[-1].startswith("Interrupted. What is finished is kept")
    assert "Traceback" not in err
    assert processes_with(mark) == []
    done = len({receipt.chunk for receipt in store.journal.journalled(tmp_path / "r")})
    assert 3 <= done < 2000
    assert not list((tmp_path / "r").rglob("*.partial"))
    assert f"({done} of 2000 chunks are there)" in store.verify(tmp_path / "r")[0]


# -------------------------------------------------- damage, and what it costs


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A study of six chunks of one point."""
    monkeypatch.setattr(describing, "POINTS_PER_CHUNK", 1)
    monkeypatch.setattr(running, "SECONDS_PER_UNIT", 0.0)
    (tmp_path / "a.toml").write_text(CONFIG.replace("1.5, 30]", "1.5, 3]"))
    return config.load(tmp_path / "a.toml")


@pytest.fixture
def computed(monkeypatch):
    """Windows that were computed, in order."""
    windows, compute = [], running.compute

    def counting(study, window):
        windows.append(window)
        return compute(study, window)

    monkeypatch.setattr(running, "compute", counting)
    return windows


def test_exactly_the_damaged_chunks_are_computed_again(tmp_path, job, computed):
    folder = tmp_path / "r"
    run_to_store(job.study, folder, workers=ONE)
    assert len(computed) == 6
    before = tree(folder)
    data = folder / "data.zarr"
    (data / "status/c/0/1").write_bytes(b"")
    (data / "target_total/c/0/1/0").unlink()
    (data / "reached_h/c/1/0").write_bytes(bytes(40))
    (data / "target_total/zarr.json").unlink()
    (data / "time_h/c/0").write_bytes(b"?")
    (data / "status/c/5").write_bytes(b"added")
    computed.clear()
    run_to_store(job.study, folder, workers=ONE)
    grid = describing.grid(job.study)
    assert computed == [grid.window(1), grid.window(3)]
    assert tree(folder) == before
    computed.clear()
    run_to_store(job.study, folder, workers=ONE)
    assert computed == []


def test_an_error_stops_the_run_and_what_was_finished_stays(tmp_path, job, computed, monkeypatch):
    counting, left = running.compute, [4]

    def failing(study, window):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("power cut")
        return counting(study, window)

    monkeypatch.setattr(running, "compute", failing)
    with pytest.raises(RuntimeError, match="power cut"):
        run_to_store(job.study, tmp_path / "r", workers=ONE)
    finished = len({r.chunk for r in store.journal.journalled(tmp_path / "r")})
    assert 2 <= finished <= 4
    monkeypatch.setattr(running, "compute", counting)
    computed.clear()
    run_to_store(job.study, tmp_path / "r", workers=ONE)
    assert len(computed) == 6 - finished
    run_to_store(job.study, tmp_path / "whole", workers=ONE)
    assert fingerprint(tmp_path / "r/data.zarr") == fingerprint(tmp_path / "whole/data.zarr")


def test_a_journal_cut_at_any_byte_costs_at_most_one_chunk(tmp_path):
    write(tmp_path / "whole")
    expected = fingerprint(tmp_path / "whole/data.zarr")
    first, second = store.Shard(1, 2), store.Shard(2, 2)
    for lost in (1, 2, 30, 200):
        folder = tmp_path / str(lost)
        write(folder, shard=first, most=2)
        path = folder / "journal-1-of-2.jsonl"
        os.truncate(path, path.stat().st_size - lost)
        assert len(write(folder, shard=first)) == (2 if lost == 1 else 3)
        write(folder, shard=second)
        assert store.verify(folder) == []
        assert fingerprint(folder / "data.zarr") == expected


# ------------------------------------------------------- changed plans, --fresh


def test_a_changed_study_is_refused_with_the_difference_and_fresh_replaces(tmp_path, job):
    folder = tmp_path / "r"
    run_to_store(job.study, folder, workers=ONE)
    before = tree(folder)
    other = config.load(tmp_path / "a.toml", ["cell.atp_uM=2000.0"]).study
    with pytest.raises(StoreError) as caught:
        run_to_store(other, folder, workers=ONE)
    said = str(caught.value)
    assert ": cell.atp_uM was" in said
    assert "is 2000.0" in said
    assert "--out" in said
    assert "--fresh" in said
    assert "config_sha256" not in said
    assert tree(folder) == before
    run_to_store(other, folder, workers=ONE, fresh=True)
    assert store.open_results(folder).attrs["config_sha256"] == describing.config_sha256(other)


@pytest.mark.parametrize("most", [1, None], ids=["unfinished", "finished"])
def test_plans_differ_by_what_they_compute_and_not_by_title_or_figures(tmp_path, most):
    write(tmp_path, plan={"seed": 5, "figures": [1], "title": "before"}, most=most)
    with pytest.raises(StoreError, match="seed was 5, is 6"):
        write(tmp_path, plan={"seed": 6, "figures": [1]})
    computed = write(tmp_path, plan={"seed": 5, "figures": [], "title": "after"})
    assert len(computed) == (7 if most else 0)
    assert store.read_manifest(tmp_path)["title"] == "after"
    assert store.verify(tmp_path) == []


# ----------------------------------------------------------- one writer at a time

HOLD = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from stored import result, template
from protacsim import store
shard = {shard}
with store.writing(Path({folder!r}), template(result()), {{"seed": 5}}, shard=shard):
    print("held", flush=True)
    time.sleep(600)
"""


class Holder:
    """Another process that holds a folder."""

    def __init__(self, folder: Path, shard: str = "None") -> None:
        tests = str(Path(__file__).parent)
        script = HOLD.format(tests=tests, folder=str(folder), shard=shard)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], env=environment(), stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> int:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"
        return self.process.pid

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path):
    with Holder(tmp_path) as pid:
        for shard in (None, store.Shard(1, 3)):
            with pytest.raises(StoreError) as caught:
                write(tmp_path, shard=shard)
            said = str(caught.value)
            assert f"process {pid} on host {os.uname().nodename} since 20" in said
            assert "--out" in said
        with pytest.raises(StoreError, match="is being written"):
            write(tmp_path, fresh=True)
    # The holder was killed: its lock file is still there and blocks nobody.
    assert (tmp_path / ".run.lock").exists()
    assert (tmp_path / ".run.holder.json").exists()
    assert len(write(tmp_path)) == 8
    assert not (tmp_path / ".run.holder.json").exists()


def test_shards_of_one_division_write_side_by_side_and_nothing_else_does(tmp_path):
    with Holder(tmp_path, "store.Shard(1, 3)") as pid:
        assert write(tmp_path, shard=store.Shard(2, 3)) == [1, 4, 7]
        assert write(tmp_path, shard=store.Shard(3, 3)) == [2, 5]
        for shard in (None, store.Shard(1, 3), store.Shard(1, 2), store.Shard(2, 2)):
            with pytest.raises(StoreError, match=rf"process {pid} .*\(shard 1/3\)"):
                write(tmp_path, shard=shard)
    assert write(tmp_path, shard=store.Shard(1, 3)) == [0, 3, 6]
    assert store.verify(tmp_path) == []


def test_a_lock_that_somebody_only_looks_at_is_no_obstacle(tmp_path):
    looking = FileLock(tmp_path / ".run.lock", thread_local=False)
    looking.acquire()
    threading.Timer(0.2, looking.release, [True]).start()
    assert write(tmp_path, shard=store.Shard(1, 3)) == [0, 3, 6]


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_broken_note_of_the_holder_is_no_obstacle(tmp_path, note):
    with store.writing(tmp_path, template(result()), {"seed": 5}):
        (tmp_path / ".run.holder.json").write_bytes(note)
        with pytest.raises(StoreError, match="written by another process"):
            write(tmp_path)


# ------------------------------------------------------------------ random damage


def damaged(rng: random.Random, folder: Path) -> tuple[str, dict[Path, bytes | None]]:
    """Do one random damage to a finished result; returns what, and what to put back."""
    files = [p for p in sorted((folder / "data.zarr").rglob("*")) if p.is_file()]
    files.append(folder / "manifest.json")
    path = rng.choice([files[-1], *rng.choices(files, k=4)])
    content = path.read_bytes()
    kind = rng.choice(["flip", "truncate", "remove", "swap", "add", "append", "empty"])
    match kind:
        case "flip":
            flipped = bytearray(content)
            flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            path.write_bytes(flipped)
        case "truncate":
            path.write_bytes(content[: rng.randrange(len(content))])
        case "append":
            path.write_bytes(content + rng.choice([b"\n", b" ", b"\0", b"}", content]))
        case "empty":
            path.write_bytes(b"")
        case "remove":
            path.unlink()
        case "add":
            extra = folder / "data.zarr" / rng.choice(["status/c/0/0/9", "x/zarr.json", ".zgroup"])
            extra.parent.mkdir(exist_ok=True)
            extra.write_bytes(rng.choice([content, b"{}", b""]))
            return f"add {extra}", {extra: None}
        case "swap":
            other = rng.choice([p for p in files if p.read_bytes() != content])
            before = other.read_bytes()
            path.write_bytes(before)
            other.write_bytes(content)
            return f"swap {path} {other}", {path: content, other: before}
    return f"{kind} {path}", {path: content}


def random_damage_is_noticed(folder: Path, times: int, seed: int) -> None:
    write(folder, result()[["target_total", "status"]])
    rng = random.Random(seed)
    for _ in range(times):
        what, before = damaged(rng, folder)
        assert store.verify(folder) != [], what
        with pytest.raises(StoreError):
            store.open_results(folder)
        for path, content in before.items():
            path.unlink(missing_ok=True) if content is None else path.write_bytes(content)
    assert store.verify(folder) == []


def test_two_hundred_random_corruptions_are_noticed(tmp_path):
    random_damage_is_noticed(tmp_path, 200, seed=4)


@pytest.mark.long
def test_a_thousand_random_corruptions_are_noticed(tmp_path):
    random_damage_is_noticed(tmp_path, 1000, seed=5)


def test_a_run_repairs_any_damage_but_that_of_the_manifest(tmp_path):
    data = result()[["target_total", "status"]]
    write(tmp_path, data, points=10)
    expected = tree(tmp_path)
    rng = random.Random(6)
    for _ in range(40):
        what, _ = damaged(rng, tmp_path)
        if "manifest.json" in what:
            (tmp_path / "manifest.json").write_bytes(expected["manifest.json"])
        write(tmp_path, data, points=10)
        assert tree(tmp_path) == expected, what


# --------------------------------------------------------------- how much there is

# Not getrusage: what it says of a process begins with the size of the one that started it.
DRY = """
import re, sys
from protacsim.cli import main
sys.argv = ["protacsim", "run", "big.toml", "--dry-run", "--json"]
try:
    main()
finally:
    status = open("/proc/self/status").read()
    print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1], file=sys.stderr)
"""


def test_a_dry_run_of_a_billion_points_takes_little_memory(tmp_path):
    axes = "".join(
        f'[[axis]]\npath = "{path}"\nlinspace = [0.5, 1.5, 1000]\n'
        for path in ("compound.cooperativity", "cell.atp_uM")
    )
    big = CONFIG.replace("1.5, 30]", "1.5, 1000]").replace(
        '[[axis]]\npath   = "target.allele"\nvalues = ["WT", "C481S"]\n', axes
    )
    (tmp_path / "big.toml").write_text(big)
    done = subprocess.run(
        [sys.executable, "-c", DRY],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (report,) = json.loads(done.stdout)
    assert report["points"] == 10**9
    assert report["chunks"] >= 10**9 // 32_768
    assert int(done.stderr.split()[-1]) < 300 * 1024
    said = subprocess.run(
        [sys.executable, "-c", "from protacsim.cli import main; main()", "run", "big.toml"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 2
    assert "1,000,000,000 points" in said.stderr
    assert "--max-points 1000000000" in said.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"big.toml"}
