"""Object storage against a real server on this machine: moto's S3, a process of its own.

It keeps its objects in memory: when it is killed, what was uploaded is gone. Started again it has what lies in a
folder, before it answers the first request.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="object storage needs pip install unet_nb[storage]")
boto3 = pytest.importorskip("boto3", reason="object storage needs pip install unet_nb[storage]")
pytest.importorskip("moto.server", reason="the S3 server of these tests needs pip install 'moto[s3]' flask flask-cors")

from unet_nb.config.groups import ConfigError  # noqa: E402
from unet_nb.config.jobs import TrainConfig  # noqa: E402
from unet_nb.core.storage import StorageError, UploadError, fetch, upload  # noqa: E402
from unet_nb.data.demo import write_demo  # noqa: E402
from unet_nb.runs.folder import Run, start_run  # noqa: E402

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SECRET = "a-secret-that-nobody-may-read"
RECIPE = "base_channels: 8\ndepth: 1\ncrop_size: [32, 32]\nbatch_size: 2\nepochs: 8\nrepeat: 2\naugment: em\n"


SERVE = """
import sys, boto3
from pathlib import Path
from moto import mock_aws
from moto.server import main

folder = Path(sys.argv[2])
mock_aws().start()                                             # stopping it would empty the store
s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
s3.create_bucket(Bucket="bucket")
for path in folder.rglob("*.*"):
    s3.put_object(Bucket="bucket", Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""


class Server:
    "An S3 server that can be killed and started again at the same address, with what then lies in `folder`."

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.address, self.process = f"http://127.0.0.1:{self.port}", None

    def start(self) -> "Server":
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.port), str(self.folder)],
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait(lambda: answers(self.address), 120, "the S3 server")
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="anybody",
            aws_secret_access_key=SECRET,
        )
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def put(self, key: str, content: bytes):
        self.s3.put_object(Bucket="bucket", Key=key, Body=content)

    def get(self, prefix: str) -> dict[str, bytes]:
        keys = [o["Key"] for o in self.s3.list_objects_v2(Bucket="bucket", Prefix=f"{prefix}/").get("Contents", [])]
        return {k.removeprefix(f"{prefix}/"): self.s3.get_object(Bucket="bucket", Key=k)["Body"].read() for k in keys}

    def check_keys(self, wanted: bool):
        request = urllib.request.Request(
            f"{self.address}/moto-api/reset-auth",
            data=b"0" if wanted else b"inf",
            headers={"Content-Type": "text/plain"},
        )
        urllib.request.urlopen(request).read()


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"{address}/moto-api/data.json", timeout=2).status == 200
    except OSError:
        return False


def wait(done, seconds: float, what: str):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OBS_", "S3_"))}


def environment(server: Server) -> dict[str, str]:
    return clean_environment() | {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
    }


def command(server: Server, cwd: Path, *args) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(a) for a in args], cwd=cwd, capture_output=True, text=True, env=environment(server), timeout=300
    )


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def env(job, monkeypatch) -> Server:
    "The server of the job, in the environment of this process."
    for name in [k for k in os.environ if k.startswith(("AWS_", "OBS_", "S3_"))]:
        monkeypatch.delenv(name)
    for name, value in environment(job.server).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return job.server


class Job:
    """A training from s3:// to s3://, started while the server is away.

    The server is then killed in the middle and away again when the upload is due.
    """

    def __init__(self, here: Path):
        self.here, self.server, self.log = here, Server(here / "bucket"), here / "output.txt"
        write_demo(here / "bucket/isbi", 5, 64)
        (here / "bucket/recipe.yaml").write_text(RECIPE)
        args = [
            "run",
            "train",
            "-f",
            "s3://bucket/recipe.yaml",
            "-p",
            "enable_modelarts",
            "True",
            "-p",
            "data_url",
            "s3://bucket/isbi",
            "-p",
            "data_path",
            str(here / "cache"),
            "-p",
            "train_url",
            "s3://bucket/runs/",
            "-p",
            "storage_patience",
            "120",
        ]
        with open(self.log, "w") as out:
            training = subprocess.Popen(
                [str(BIN / "unet_nb"), *args],
                cwd=here,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment(self.server),
            )
        try:
            self.wait_for("recipe.yaml: no answer", training)
            self.server.start()
            self.wait_for("compiling the training step", training)  # the data are here, and not one step is done
            self.server.kill()
            self.wait_for("no answer", training, after="epoch 4/4")
            self.server.start()  # what was uploaded before the work is gone
            self.code = training.wait(300)
        except BaseException:
            self.server.kill()
            raise
        finally:
            if training.poll() is None:
                training.kill()
                training.wait()
        self.output = self.log.read_text()

    def wait_for(self, text: str, process: subprocess.Popen, after: str = ""):
        def said() -> bool:
            output = self.log.read_text()
            return text in output[output.find(after) :] or process.poll() is not None

        wait(said, 300, text)
        assert process.poll() is None, self.log.read_text()

    @property
    def run(self) -> Path:
        return next((self.here / "runs").iterdir())


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    job = Job(tmp_path_factory.mktemp("job"))
    yield job
    job.server.kill()


def test_job_from_s3_to_s3_with_a_killed_server(job):
    assert job.code == 0, job.output
    assert job.output.splitlines()[-1] == str(job.run)
    assert "s3://bucket/isbi → " in job.output and ": no answer at http://127.0.0.1" in job.output
    assert sorted(files(job.here / "cache")) == sorted(files(job.here / "bucket/isbi"))
    uploaded, local = job.server.get(f"runs/{job.run.name}"), files(job.run)
    assert uploaded == local and "train.ipynb" in uploaded and "checkpoints/best.ckpt" in uploaded
    assert json.loads(uploaded["status.json"])["state"] == "done"
    print(job.output)


def test_no_secret_is_written(job):
    assert SECRET not in job.output
    assert [name for name, content in files(job.run).items() if SECRET.encode() in content] == []


def test_evaluate_with_a_checkpoint_from_there(env, job, tmp_path):
    from unet_nb.runs.checkpoint import config_for_checkpoint
    from unet_nb.training.evaluate import evaluate_checkpoint

    cfg, checkpoint = config_for_checkpoint(
        {
            "enable_modelarts": "True",
            "checkpoint_url": f"s3://bucket/runs/{job.run.name}",
            "load_path": str(tmp_path / "ckpt"),
            "data_url": "s3://bucket/isbi",
            "data_path": str(tmp_path / "data"),
            "train_url": "s3://bucket/scores",
            "output_path": str(tmp_path / "runs"),
        }
    )
    assert checkpoint.path == tmp_path / "ckpt/checkpoints/best.ckpt"
    run = evaluate_checkpoint(cfg, checkpoint, start_run(cfg, "evaluate"))
    assert run.metrics["dice_coeff"] == pytest.approx(
        json.loads((job.run / "metrics.json").read_text())["best"]["dice_coeff"], abs=1e-6
    )
    assert env.get(f"scores/{run.path.name}") == files(run.path)


def test_raw_papermill_uploads_a_failure_too(job, tmp_path):
    recipe = RECIPE + "enable_modelarts: True\ndata_url: s3://bucket/isbi\ntrain_url: s3://bucket/failed\nlr: 1.0e+30\n"
    job.server.put("bad.yaml", recipe.encode())
    done = command(
        job.server,
        tmp_path,
        BIN / "papermill",
        ROOT / "nbs/run/train.ipynb",
        "s3://bucket/out.ipynb",
        "-f",
        "s3://bucket/bad.yaml",
        "-p",
        "data_path",
        tmp_path / "data",
        "-p",
        "output_path",
        tmp_path / "runs",
        "--no-progress-bar",
    )
    assert done.returncode != 0 and "try a lower lr" in done.stderr
    assert "try a lower lr" in job.server.s3.get_object(Bucket="bucket", Key="out.ipynb")["Body"].read().decode()
    run = Run(next((tmp_path / "runs").iterdir()))
    uploaded = job.server.get(f"failed/{run.path.name}")
    assert uploaded == files(run.path) and json.loads(uploaded["status.json"])["state"] == "failed"


def test_an_interruption_is_uploaded_and_a_failed_upload_is_made_good(env, tmp_path):
    run = start_run(TrainConfig(enable_modelarts=True, train_url="s3://bucket/stopped", output_path=str(tmp_path)))
    with pytest.raises(KeyboardInterrupt), run.guard():
        raise KeyboardInterrupt
    assert json.loads(env.get(f"stopped/{run.path.name}")["status.json"])["state"] == "interrupted"
    run = start_run(
        TrainConfig(enable_modelarts=True, train_url="s3://bucket/later", output_path=str(tmp_path), storage_patience=0)
    )
    with pytest.raises(UploadError, match="`unet_nb upload .*` uploads it"), run.guard():
        os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
        run.set_status("done")
    assert run.status["state"] == "done"
    done = command(env, tmp_path, BIN / "unet_nb", "upload", run.path)
    assert done.returncode == 0 and env.get(f"later/{run.path.name}") == files(run.path), done.stderr


def test_only_what_changed_is_copied(env, tmp_path):
    data = tmp_path / "data"
    write_demo(data, 5, 64)
    assert upload(data, "s3://bucket/changed").new == 3
    assert upload(data, "obs://bucket/changed").new == 0  # the same server by its other name
    (data / "train-labels.tif").write_bytes((data / "train-labels.tif").read_bytes()[::-1])
    assert upload(data, "s3://bucket/changed").new == 1
    there = tmp_path / "there"
    assert [fetch("s3://bucket/changed", there).new for _ in range(2)] == [3, 0]
    os.utime(there / "test-volume.tif")  # another time, the same content
    (there / "train-volume.tif").write_bytes(b"cut off")
    assert fetch("s3://bucket/changed", there).new == 1
    assert files(there) == files(data)


def test_papermill_reads_and_writes_at_obs(env):
    from papermill.iorw import papermill_io, read_yaml_file

    papermill_io.write("{}", "obs://bucket/notes/out.ipynb")
    assert papermill_io.read("obs://bucket/notes/out.ipynb") == "{}"
    assert papermill_io.listdir("obs://bucket/notes") == ["obs://bucket/notes/out.ipynb"]
    assert read_yaml_file("obs://bucket/recipe.yaml")["depth"] == 1


def test_names_that_lead_out_of_the_folder(env, tmp_path):
    for i, name in enumerate(("../x", "a/../../x", "/x", "a//../../../x", "link/x")):
        env.put(f"hostile{i}/{name}", b"x")
        env.put(f"hostile{i}/good.txt", b"x")
        folder = tmp_path / str(i) / "deep"
        folder.mkdir(parents=True)
        (folder / "link").symlink_to(tmp_path)
        with pytest.raises(StorageError, match="would be written outside"):
            fetch(f"s3://bucket/hostile{i}", folder)
        assert files(tmp_path) == {}


def test_a_server_that_comes_back(env, tmp_path):
    env.kill()
    back = threading.Timer(3, env.start)
    back.start()
    said = []
    assert fetch("s3://bucket/recipe.yaml", tmp_path, 120, said.append).new == 1
    back.join()
    assert said and all("no answer at http://127.0.0.1" in line for line in said)


def test_one_process_copies_and_the_others_wait(env, tmp_path):
    code = f"from unet_nb.core.storage import fetch; print(fetch('s3://bucket/isbi', {str(tmp_path)!r}).new)"
    jobs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment(env))
        for _ in range(2)
    ]
    new = sorted(int(p.communicate(timeout=300)[0].splitlines()[-1]) for p in jobs)
    assert new == [0, 3] and files(tmp_path) == files(env.folder / "isbi")


def test_errors_in_words(env, tmp_path, monkeypatch):
    def words(url: str) -> str:
        with pytest.raises(StorageError) as e:
            fetch(url, tmp_path / "none")
        assert SECRET not in str(e.value)
        return str(e.value)

    assert "there is no bucket 'nobucket' at http://127" in words("s3://nobucket/isbi")
    assert "there is nothing of this name" in words("s3://bucket/nothing")
    env.check_keys(True)
    assert "refuses the credentials of the environment (InvalidAccessKeyId)" in words("s3://bucket/isbi")
    env.check_keys(False)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "no credentials in the environment; set AWS_ACCESS_KEY_ID" in words("s3://bucket/isbi")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert "no answer at http://127.0.0.1:9" in words("s3://bucket/isbi")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert "OBS_ENDPOINT" in words("obs://bucket/isbi")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert "pip install unet_nb[storage]" in words("s3://bucket/isbi")
    with pytest.raises(ConfigError) as e:
        TrainConfig(enable_modelarts=True, train_url=f"s3://me:{SECRET}@bucket/runs")
    assert "user name or password" in str(e.value) and SECRET not in str(e.value)
