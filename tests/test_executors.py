"""One result for any executor, workers and shards; a worker that dies costs its task alone."""

import multiprocessing
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from protacsim import config, store
from protacsim.errors import ParameterError
from protacsim.study import Workers, describing, failures, run, run_to_store, running
from protacsim.study.executors import outcomes
from stored import fingerprint
from sweeps import CONFIG, environment

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


# ---------------------------------------------------------------- tasks alone


def attempt(task):
    """Note the attempt, then die, fail or answer."""
    folder, number, fate = task
    with (folder / str(number)).open("ab") as file:
        file.write(b".")
    attempts = (folder / str(number)).stat().st_size
    if fate == "dies" or (fate == "dies once" and attempts == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "raises":
        raise ArithmeticError(number)
    return number * 10


def tasks(folder, fates, count=8):
    return [(folder, number, fates.get(number, "lives")) for number in range(count)]


PROCESSES = Workers("processes", 2)


def test_a_worker_that_dies_twice_costs_its_task_and_no_other(tmp_path):
    found = outcomes(tasks(tmp_path, {3: "dies", 5: "dies once"}), attempt, PROCESSES)
    results = {task[1]: result for task, result in found}
    assert results == {n: None if n == 3 else 10 * n for n in range(8)}
    # Twice alone, and perhaps in company before that.
    assert (tmp_path / "3").stat().st_size in (2, 3)
    assert all((tmp_path / str(n)).stat().st_size >= 1 for n in range(8))


def test_nothing_hangs_when_every_task_kills_its_worker(tmp_path):
    found = outcomes(tasks(tmp_path, dict.fromkeys(range(2), "dies"), 2), attempt, PROCESSES)
    assert [result for _, result in found] == [None] * 2


@pytest.mark.parametrize("workers", [Workers("threads", 3), PROCESSES], ids=lambda w: w.kind)
def test_an_exception_of_a_task_is_raised_and_no_more_are_begun(tmp_path, workers):
    with pytest.raises(ArithmeticError):
        list(outcomes(tasks(tmp_path, {2: "raises"}, 1000), attempt, workers))
    assert len(list(tmp_path.iterdir())) < 100


@pytest.mark.parametrize("number", [1, 2, 8])
def test_threads_do_every_task_once(tmp_path, number):
    found = list(outcomes(tasks(tmp_path, {}, 30), attempt, Workers("threads", number)))
    assert sorted(result for _, result in found) == [10 * n for n in range(30)]
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {1}


def test_a_pool_that_breaks_as_a_task_is_sent_loses_none(tmp_path):
    """Workers are killed from outside between two tasks."""
    found, killed = [], False
    for task, result in outcomes(tasks(tmp_path, {}, 30), attempt, PROCESSES):
        found.append((task[1], result))
        if len(found) == 5 and not killed:
            killed = True
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.3)
    assert sorted(found) == [(n, 10 * n) for n in range(30)]


def test_unknown_executors_and_unreachable_schedulers_are_refused(monkeypatch):
    with pytest.raises(ParameterError, match="must be one of threads, processes, dask"):
        Workers("gpu").open()  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ParameterError, match=r"install protacsim\[distributed\]"):
        Workers("dask", 1).open()


UNGUARDED = """
from protacsim.study.executors import Workers, outcomes
print(list(outcomes([1, 2, 3], abs, Workers("processes", 2))))
"""


def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "if __name__ == '__main__':" in done.stderr.splitlines()[-1]


# ------------------------------------------------------------------- one result


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(describing, "POINTS_PER_CHUNK", 2)
    monkeypatch.setattr(running, "SECONDS_PER_UNIT", 0.0)
    (tmp_path / "a.toml").write_text(CONFIG.replace("1.5, 30]", "1.5, 8]"))
    return config.load(tmp_path / "a.toml").study


def hashed(study, folder, **how):
    run_to_store(study, folder, **how)
    assert store.verify(folder) == []
    return fingerprint(folder / "data.zarr")


@pytest.mark.jit_only
def test_one_hash_for_any_workers_executor_and_shards(study, tmp_path):
    kinds = [Workers("threads", n) for n in (1, 2, 3, 8)] + [PROCESSES]
    hashes = {
        hashed(study, tmp_path / f"{workers.kind}-{workers.count}", workers=workers)
        for workers in kinds
    }
    for number in (2, 3, 1):
        shard = store.Shard(number, 3)
        writer = run_to_store(study, tmp_path / "shards", shard=shard, workers=kinds[1])
        assert writer.complete == (number == 1)
    hashes.add(fingerprint(tmp_path / "shards/data.zarr"))
    assert store.verify(tmp_path / "shards") == []
    assert len(hashes) == 1
    in_memory = run(study, workers=Workers("threads", 3))
    on_disk = store.open_results(tmp_path / "shards")
    for name in in_memory.variables:
        np.testing.assert_array_equal(in_memory[name].values, on_disk[name].values)


@pytest.mark.long
@pytest.mark.jit_only
@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same_hash(study, tmp_path):
    expected = hashed(study, tmp_path / "threads", workers=Workers("threads", 2))
    assert hashed(study, tmp_path / "dask", workers=Workers("dask", 2)) == expected


# ------------------------------------------------------------------ a lost worker


@dataclass(frozen=True, eq=False)
class Deadly(store.ChunkWriter):
    """A writer that kills its process at one chunk."""

    deadly: int = 3

    def write(self, number, values, *, failed, lost=False):
        if number == self.deadly and not lost:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(number, values, failed=failed, lost=lost)


@pytest.mark.jit_only
def test_a_lost_chunk_is_marked_listed_and_computed_by_the_next_run(study, tmp_path, monkeypatch):
    def deadly(writer):
        return Deadly(writer.folder, writer.template, writer.partial_label)

    with monkeypatch.context() as patch:
        patch.setattr(store.Writer, "chunk_writer", property(deadly))
        run_to_store(study, tmp_path / "r", workers=PROCESSES)
    data = store.open_results(tmp_path / "r")
    lost = data["status"].values == running.LOST
    assert lost.sum() == 2
    assert np.isnan(data["target_total"].values[lost]).all()
    assert np.isnan(data["reached_h"].values[lost]).all()
    assert (data["status"].values[~lost] == 0).all()
    assert not np.isnan(data["target_total"].values[~lost]).any()
    listed = list(failures(data))
    assert {entry["status"] for entry in listed} == {"worker_lost"}
    assert len(listed) == 2
    assert store.read_manifest(tmp_path / "r")["lost_chunks"] == [3]

    windows, compute = [], running.compute
    monkeypatch.setattr(running, "compute", lambda s, w: windows.append(w) or compute(s, w))
    healthy = hashed(study, tmp_path / "healthy", workers=Workers("threads", 1))
    windows.clear()
    assert hashed(study, tmp_path / "r", workers=Workers("threads", 1)) == healthy
    assert windows == [describing.grid(study).window(3)]


@pytest.mark.parametrize("shard", [None, store.Shard(1, 2)])
def test_half_written_files_of_workers_that_died_with_another_are_removed(study, tmp_path, shard):
    """A pool that breaks ends its other workers too, in the middle of what they write."""
    ready = describing.prepare(study)
    folder = tmp_path / "r"
    with store.writing(folder, ready.template, ready.plan, shard=shard) as writer:
        half = folder / f"data.zarr/target_total/c/1/0-16474{writer.partial_label}.partial"
        half.parent.mkdir(parents=True)
        half.write_bytes(b"half")
        foreign = half.with_name("0-16474.2-of-2.partial")
        if shard:
            foreign.write_bytes(b"of a shard that is at work")
    assert not half.exists()
    assert foreign.exists() == (shard is not None)


# ------------------------------------------------------- schedulers of clusters


@pytest.fixture
def cluster(tmp_path):
    """A folder with a configuration, and `protacsim` on the PATH."""
    (tmp_path / "a.toml").write_text(CONFIG.replace("1.5, 30]", "1.5, 4]"))
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "protacsim"
    command = f'exec {shlex.quote(sys.executable)} -c "from protacsim.cli import main; main()"'
    shim.write_text(f'#!/bin/sh\n{command} "$@"\n')
    shim.chmod(0o755)
    env = environment(PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def start(words, **more):
        return subprocess.Popen(
            words, cwd=tmp_path, env={**env, **more}, stdout=subprocess.DEVNULL, text=True,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    return SimpleNamespace(folder=tmp_path, start=start)


def ended(process):
    err = process.communicate(timeout=120)[1]
    assert "Traceback" not in err
    return process.returncode, err


@pytest.mark.jit_only
def test_the_slurm_example_runs_side_by_side_and_is_collected(cluster):
    script = EXAMPLES / "sweep.slurm"
    tasks = [
        cluster.start(
            ["bash", str(script), "a.toml", "r"],
            SLURM_ARRAY_TASK_ID=str(number),
            SLURM_ARRAY_TASK_COUNT="2",
            SLURM_CPUS_PER_TASK="1",
        )
        for number in (1, 2)
    ]
    collect = re.search(r'"(protacsim collect .*)"', script.read_text())
    assert collect is not None
    words = collect[1].replace("configs/dose_response.toml", "a.toml")
    words = words.replace("results/sweep", "r")
    assert [ended(task)[0] for task in tasks] == [0, 0]
    assert ended(cluster.start(shlex.split(words)))[0] == 0
    assert store.verify(cluster.folder / "r") == []
    assert (cluster.folder / "r/summary.csv").exists()


@pytest.mark.jit_only
def test_the_snakefile_example_says_commands_that_run(cluster):
    text = (EXAMPLES / "Snakefile").read_text()
    collect, shard = re.findall(r'shell:\s+"(.*)"', text)
    values = {"SWEEP": "a.toml", "OUT": "r", "SHARDS": 2, "threads": 1}

    def call(command, number=0):
        words = command.format(**values, wildcards=SimpleNamespace(number=number))
        return ended(cluster.start(shlex.split(words)))

    assert call(shard, 2)[0] == 0
    code, err = call(collect)
    assert code == 5
    assert "are not there yet; run the missing shards" in err
    assert call(shard, 1)[0] == 0
    assert call(collect)[0] == 0
    assert store.verify(cluster.folder / "r") == []
