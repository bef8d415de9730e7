"""Full disks, read-only places, and files that may not grow."""

import subprocess


def full_and_read_only(lab):
    """A full tmpfs of several sizes, a read-only directory and mount, and a limit on the size of files"""
    workspace = lab.workspace
    expected, _ = workspace.expected()
    limits(lab, expected)
    mount = workspace.root / "mount"
    mount.mkdir()
    place = f"run.directory={mount}/run"
    run = workspace.run
    try:
        workspace.run = mount / "run"
        expected, _ = workspace.expected(place)
        sizes = [64, 128, 192, 256, 320, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048]
        for kilobytes in lab.sample(sizes, short=3):
            for policy in ("stop", "continue"):
                problem = on_tmpfs(workspace, mount, place, kilobytes, policy, expected)
                lab.note(f"a disk of {kilobytes} KiB, {policy}", problem)
        read_only(lab, workspace, mount, place, expected)
    finally:
        workspace.run = run


def on_tmpfs(workspace, mount, place, kilobytes, policy, expected):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", mount], check=True)
    try:
        checked = workspace.validate(place, f"run.onFailedSave={policy}")
        job = workspace.attempt(place, f"run.onFailedSave={policy}")
        if checked.status != 0 and (job.status == 0 or "bytes" not in checked.output):
            return f"validate: {checked}"
        if checked.status == 0 and kilobytes == 64:
            return f"validate expects to get through: {checked}"
        if job.status == 0:
            return None if workspace.result() == expected or policy == "continue" else "finished with another result"
        if job.status != 1 or "Error" not in job.output or not ("space" in job.output or "bytes" in job.output):
            return f"{job}"
        if workspace.run.exists() and any(workspace.run.rglob("manifest.json")):
            status, output = workspace.verify(workspace.run)
            if status != 0:
                return f"verify: {output}"
        # More room, and it goes on.
        subprocess.run(["mount", "-o", "remount,size=64m", mount], check=True)
        job = workspace.attempt(place)
        if job.status != 0:
            return f"with more room: {job}"
        return None if workspace.result() == expected else "another result with more room"
    finally:
        subprocess.run(["umount", mount], check=True)


def read_only(lab, workspace, mount, place, expected):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", mount], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
        job = workspace.attempt(place)
        lab.note("a read-only mount from the start", refusal(job, mount))
        subprocess.run(["mount", "-o", "remount,rw", mount], check=True)
        job = workspace.start(1, workspace.arguments(place, "run.onFailedSave=stop"))
        workspace.wait_for(lambda: workspace.steps() >= 20, job)
        fill(mount / "filler")
        if job.wait(60) == 0:
            problem = "the run noticed nothing"
        elif "bytes" not in job.output and "space" not in job.output:
            problem = f"{job}"
        else:
            (mount / "filler").unlink()
            again = workspace.attempt(place)
            problem = None if again.status == 0 and workspace.result() == expected else f"with more room: {again}"
        lab.note("a disk that others fill", problem)
    finally:
        subprocess.run(["umount", mount], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def refusal(job, mount):
    return None if job.status == 1 and str(mount) in job.output and "Read-only" in job.output else f"{job}"


def limits(lab, expected):
    """`ulimit -f`: files that end where the limit is, as a short write does."""
    workspace = lab.workspace
    blocks = [1, 2, 4, 8, 16, 24, 32, 48, 64, 80, 96, 128]
    for limit in lab.sample(blocks, short=3):
        workspace.forget()
        job = workspace.attempt(prefix=["bash", "-c", f'ulimit -f {limit}; exec "$0" "$@"'])
        problem = None
        if job.status == 0:
            problem = None if workspace.result() == expected else "finished with another result"
        elif job.status != 1 or "Error" not in job.output:
            problem = f"{job}"
        elif workspace.run.exists() and any(workspace.run.rglob("manifest.json")) and workspace.verify(workspace.run)[0]:
            problem = "what was saved does not verify"
        elif again := workspace.attempt():
            problem = None if again.status == 0 and workspace.result() == expected else f"without the limit: {again}"
        lab.note(f"files of at most {limit} KiB", problem)
    workspace.forget()
