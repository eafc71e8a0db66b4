#!/usr/bin/env bash
# A task whose function lives in a module that a worker lacks does not fail: it ends the worker, one after the other.
#
# Guess:  the future of such a task raises ModuleNotFoundError, as that of a task that fails in any other way.
# Seen:   distributed 2026.8.0: the worker closes itself while it unpacks the message, its nanny with it; the next worker
#         is given the task and ends, too. The future stays pending and says nothing, the client waits for ever.
# So:     look whether the workers can import what they are sent before the first task (client.run, or a worker plugin),
#         and watch client.nthreads() while waiting.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check distributed==2026.8.0 dask==2026.8.0
mkdir "$folder/elsewhere"
echo 'def double(x): return 2 * x' > "$folder/elsewhere/mine.py"
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import subprocess
import sys
import time

from distributed import Client, LocalCluster, __version__

if __name__ == "__main__":
    with LocalCluster(n_workers=0, dashboard_address=None, silence_logs=50) as cluster, Client(cluster) as client:
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--no-dashboard"]
        workers = [
            subprocess.Popen([*worker, "--nthreads", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        client.wait_for_workers(2, timeout=120)
        sys.path.append("elsewhere")  # of this process, not of the workers
        import mine

        future = client.submit(mine.double, 1)
        end = time.monotonic() + 60
        while client.nthreads() and time.monotonic() < end:
            time.sleep(0.2)
        while not all(w.poll() is not None for w in workers) and time.monotonic() < end:
            time.sleep(0.2)
        left, ended = len(client.nthreads()), [w.poll() is not None for w in workers]
        print(__version__, "workers left:", left, "ended:", ended, "future:", future.status)
        for w in workers:
            w.kill()
        assert (left, ended, future.status) == (0, [True, True], "pending"), (left, ended, future.status)
        future.cancel()
PY
