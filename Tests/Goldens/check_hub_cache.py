"""Whether huggingface_hub and transformers find what distill-ddp downloaded, and the other way round.

    python3 check_hub_cache.py PATH/TO/distill-ddp

Needs huggingface_hub, torch and transformers. Starts the tests' own hub on this machine.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

program = os.path.abspath(sys.argv[1])
tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
root = tempfile.mkdtemp()
model = os.path.join(root, "models", "acme", "tiny")
os.makedirs(model)
for name in ("config.json", "model.safetensors"):
    shutil.copy(os.path.join(tests, "Fixtures", "encoder", "teacher", name), model)
for name in ("vocab.txt", "tokenizer_config.json"):
    shutil.copy(os.path.join(tests, "Fixtures", "tokenizer", name), model)
with open(os.path.join(model, "README.md"), "w") as file:
    file.write("# tiny\n")

server = subprocess.Popen([sys.executable, os.path.join(tests, "HubTests", "hub_server.py"), root])
try:
    while not os.path.exists(os.path.join(root, "ports.json")):
        time.sleep(0.05)
    with open(os.path.join(root, "ports.json")) as file:
        endpoint = "http://127.0.0.1:%d" % json.load(file)["hub"]

    def run(command, home, offline):
        variables = dict(os.environ, HF_HOME=os.path.join(root, home), HF_ENDPOINT=endpoint, HF_HUB_DISABLE_XET="1")
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
            variables.pop(name, None)
        variables["HF_HUB_OFFLINE"] = "1" if offline else "0"
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout.strip()

    def python(code, home, offline):
        return run([sys.executable, "-c", code], home, offline)

    load = """
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model = AutoModelForSequenceClassification.from_pretrained("acme/tiny")
tokenizer = AutoTokenizer.from_pretrained("acme/tiny")
print(model.num_parameters(), tokenizer("bad but so").input_ids)
"""
    whole = "from huggingface_hub import snapshot_download; print(snapshot_download('acme/tiny'))"

    path = run([program, "fetch", "acme/tiny"], "ours", offline=False)
    assert python(whole, "ours", offline=True) == path
    print("huggingface_hub finds ours:", path)
    print("transformers loads ours:", python(load, "ours", offline=True))

    for name, code in (("snapshot_download", whole), ("from_pretrained", load)):
        python(code, name, offline=False)
        found = json.loads(run([program, "inspect", "acme/tiny", "--json"], name, offline=True))["path"]
        assert found.startswith(os.path.join(root, name)), found
        print("ours finds what %s downloaded:" % name, found)

    # What one began the other completes, and neither downloads a file again.
    python("from huggingface_hub import hf_hub_download as d; d('acme/tiny', 'model.safetensors')", "both", False)
    with open(os.path.join(root, "requests.jsonl"), "w"):
        pass
    run([program, "fetch", "acme/tiny"], "both", offline=False)
    with open(os.path.join(root, "requests.jsonl")) as file:
        requests = [json.loads(line) for line in file]
    assert not [r for r in requests if r["method"] == "GET" and "model.safetensors" in r["path"]], requests
    print("ours completes what hf_hub_download began:", python(load, "both", offline=True))
finally:
    server.terminate()
    shutil.rmtree(root)
