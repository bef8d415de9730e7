"""A kill before each system call of a save, and each of these calls failing; strace does both."""

import re

CALLS = ("openat,mkdir,mkdirat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,symlink,"
         "symlinkat,ftruncate,fallocate,close,statfs,fstatfs,chmod,fchmod,link,linkat,getdents64")
# Three saves of a checkpoint and a state; the second is looked at, which finds an old one and removes it.
SAVES = ("training.maxSteps=9", "training.validateEverySteps=3", "run.saveStateEverySteps=3", "run.keepStates=1")
FAILING = {
    "write": ["ENOSPC", "EIO", "EDQUOT"], "pwrite64": ["ENOSPC", "EIO", "EDQUOT"], "fsync": ["EIO", "ENOSPC"],
    "rename": ["EIO", "ENOSPC", "EROFS"], "openat": ["EMFILE", "EROFS", "EACCES"], "mkdir": ["ENOSPC", "EROFS"],
    "symlink": ["ENOSPC", "EIO"], "unlink": ["EIO", "EACCES"], "close": ["EIO"], "rmdir": ["EIO"],
}


def second_save(lab):
    """The system calls of the second save in order: name, how many of that name came before it, and what was traced."""
    workspace = lab.workspace
    trace = workspace.root / "trace"
    job = workspace.attempt(*SAVES, prefix=["strace", "-f", "-o", str(trace), "-e", f"trace={CALLS}"])
    if job.status != 0:
        raise RuntimeError(f"strace: {job}")
    lines = [line.split(None, 1) for line in trace.read_text().splitlines()]
    main = next(process for process, call in lines if "/run/state/." in call)
    counts, calls = {}, []
    begin = stop = None
    for _, call in (line for line in lines if line[0] == main):
        matched = re.match(r"(\w+)\(", call)
        if not matched:
            continue
        name = matched.group(1)
        counts[name] = counts.get(name, 0) + 1
        calls.append((name, counts[name], call))
        if begin is None and "000006.tmp" in call and name.startswith("mkdir"):
            begin = len(calls) - 1
        # The first call of the next save.
        if stop is None and "000009.tmp" in call and name.startswith("mkdir"):
            stop = len(calls)
    workspace.forget()
    return calls[begin:stop]


def inject(lab, name, number, what):
    return lab.workspace.attempt(*SAVES, prefix=[
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}",
        "-e", f"inject={name}:{what}:when={number}"])


def kills_in_a_save(lab):
    """SIGKILL before each system call of a save, which is also after the call before it"""
    workspace = lab.workspace
    workspace.expected(*SAVES)
    calls = second_save(lab)
    for name, number, call in lab.sample(calls, short=8):
        workspace.forget()
        job = inject(lab, name, number, "signal=KILL")
        lab.note(f"before {call[:150]}", problem_after_kill(workspace, job))
    workspace.forget()


def problem_after_kill(workspace, job):
    # strace ends as its program did.
    if job.status != -9 and job.status != 137:
        return f"not killed: {job}"
    status, output = workspace.verify(workspace.run / "state/last")
    if status != 0:
        return f"state/last does not verify: {output}"
    return workspace.resumes(*SAVES)


def failing_calls(lab):
    """A full disk, an I/O error or a quota reported by each system call of a save"""
    workspace = lab.workspace
    workspace.expected(*SAVES)
    calls = [call for call in second_save(lab) if call[0] in FAILING and '/dev/null' not in call[2]]
    for index, (name, number, call) in enumerate(lab.sample(calls, short=8)):
        workspace.forget()
        errors = FAILING[name]
        error = errors[index % len(errors)]
        job = inject(lab, name, number, f"error={error}")
        lab.note(f"{error} from {call[:150]}", problem_after_error(workspace, job))
    workspace.forget()


def problem_after_error(workspace, job):
    """A failed save costs at most itself: the run goes on and ends well, or ends with a message; what is there is
    sound."""
    status, output = workspace.verify(workspace.run)
    unsound = [line for line in output.splitlines() if not line.endswith(": sound")]
    if job.status == 0:
        if status != 0:
            return f"verify: {unsound}"
        final = workspace.run / "last/model.safetensors"
        return None if final.exists() else "a finished run without its model"
    if job.status != 1 or "Error" not in job.output:
        return f"{job}"
    if unsound:
        return f"verify: {unsound}"
    return workspace.resumes(*SAVES)
