"""Limits on memory."""

SHAPE = ("{vocab_size: 31, hidden_size: 384, num_hidden_layers: 2, num_attention_heads: 6, intermediate_size: 1536, "
         "max_position_embeddings: 512}")


def limited(lab):
    """Any limit on the address space: a sentence, and no trap and no wait without end"""
    workspace = lab.workspace
    student = f"student={{config: {SHAPE}, tokenizer: narrow}}"
    texts = str(workspace.root / "val_text.txt")
    labels = str(workspace.root / "val_labels.txt")
    train = ["--config", str(workspace.configuration), "--threads", "4", "--set", student, "--set", "teacher=null",
             "--set", "task.labels=[a, b]", "--set", "stages=[{name: one, maxSteps: 1}]", "--set", "run.overwrite=true"]
    job = workspace.start(1, train + ["--set", f"run.directory={workspace.root}/model"])
    if job.wait(60) != 0:
        return lab.note("a run without a limit", f"{job}")
    model = ["--model", str(workspace.root / "model/best"), "--threads", "4"]
    commands = [
        ["predict", *model, "--input", texts], ["evaluate", *model, "--data", texts, labels],
        ["features", *model, "--input", texts, "--output", str(workspace.root / "features.safetensors")],
        train + ["--set", f"run.directory={workspace.root}/limited"]]
    for kilobytes in lab.sample(list(range(50_000, 400_000, 5_000)), short=6):
        for command in commands:
            job = workspace.start(1, command, prefix=("bash", "-c", f'ulimit -v {kilobytes}; exec "$@"', "limited"))
            status = job.wait(60)
            said = "rror" in job.output
            name = command[0] if command[0][0] != "-" else "train"
            problem = None if status == 0 or status in (1, 127) and said else f"{status}: {job}"
            lab.note(f"{name} within {kilobytes} KiB", problem)
