"""What stands around a run: the script that restarts it, and the reader of its output."""

import signal

from signals import start_script
from workspace import REPOSITORY, Job, send

SCRIPT = str(REPOSITORY / "launch/run-with-restarts.sh")


def restarts_and_closed_output(lab):
    """run-with-restarts.sh through statuses, kills and signals, local.sh killed, and an output whose reader went away"""
    workspace = lab.workspace
    expected, _ = workspace.expected()
    ends = workspace.root / "ends.sh"
    # Ends with one status after the other.
    ends.write_text('#!/bin/sh\nread -r first rest < statuses\necho "$rest" > statuses\nexit "$first"\n')
    ends.chmod(0o755)
    for statuses, options, status, left in [
        ("75 3 75 1 0 9", ["--wait", "0"], 0, "9"), ("75 3 75 0", ["--wait", "0", "--restarts", "2"], 75, "0"),
        ("0 9", [], 0, "9"), ("127 9", [], 127, "9"), ("4 9", ["--restarts", "0"], 4, "9"),
    ]:
        (workspace.root / "statuses").write_text(statuses + "\n")
        job = Job(workspace, ["bash", SCRIPT, *options, str(ends)])
        job.wait(60)
        found = (workspace.root / "statuses").read_text().strip()
        lab.note(f"statuses {statuses}", None if (job.status, found) == (status, left) else f"{job}, left {found}")
    lab.note("a signal in a pause", signal_in_pause(workspace, ends))

    lab.note("launch/local.sh killed", script_killed(workspace))

    job = Job(workspace, ["bash", SCRIPT, "--wait", "0", workspace.binary, *workspace.arguments(resume=None)])
    for steps in (20, 70, 130):
        workspace.wait_for(lambda: workspace.steps() >= steps, job)
        for process in workspace.processes():
            if process != job.process.pid:
                send(process, signal.SIGKILL)
                break
    job.wait(60)
    lab.note("kills between restarts", None if job.status == 0 and workspace.result() == expected else f"{job}")
    workspace.forget()

    arguments = [part for part in workspace.arguments("run.logEverySeconds=0.1") if part != "--quiet"]
    job = Job(workspace, ["bash", "-c", '"$0" "$@" | head -n 1; exit "${PIPESTATUS[0]}"', workspace.binary, *arguments])
    job.wait(60)
    lab.note("an output nobody reads", None if job.status == 0 and workspace.result() == expected else f"{job}")
    workspace.forget()


def script_killed(workspace):
    """The ranks of a script that is gone save their state and end."""
    job = start_script(workspace)
    if not workspace.wait_for(lambda: workspace.steps() >= 20, job):
        job.wait(1)
        return f"did not get to its step: {job}"
    send(job.process.pid, signal.SIGKILL)
    job.wait(10)
    if workspace.orphans(patience=20):
        return f"left behind: {workspace.orphans()}"
    problem = None if (workspace.run / "state/last").exists() else "saved nothing"
    workspace.forget()
    return problem


def signal_in_pause(workspace, ends):
    (workspace.root / "statuses").write_text("4 9\n")
    job = Job(workspace, ["bash", SCRIPT, "--wait", "60", str(ends)])
    # Its pause is longer than any wait here.
    if not workspace.wait_for(lambda: "restart 1 of" in job.output, job):
        job.wait(1)
        return f"{job}"
    send(job.process.pid, signal.SIGTERM)
    return None if job.wait(30) == 4 else f"{job}"
