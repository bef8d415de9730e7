"""Validates launch/mpijob.yaml's pods, volumes and configuration against Kubernetes' own schemas. Needs pip install
kubernetes-validate. MPIJob itself is not among these schemas: LaunchTests checks its keys."""

import pathlib
import sys

import kubernetes_validate
import yaml

FILE = pathlib.Path(__file__).resolve().parents[2] / "launch/mpijob.yaml"


def documents():
    for document in yaml.safe_load_all(FILE.read_text()):
        if document["kind"] != "MPIJob":
            yield document
            continue
        for name, replica in document["spec"]["mpiReplicaSpecs"].items():
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name.lower()},
                   "spec": replica["template"]["spec"] | {"restartPolicy": replica["restartPolicy"]}}


def main():
    version = kubernetes_validate.latest_version()
    misses = 0
    for document in documents():
        name = f"{document['kind']} {document['metadata']['name']}"
        try:
            kubernetes_validate.validate(document, version, strict=True)
            print(f"ok    {name}, Kubernetes {version}")
        except kubernetes_validate.ValidationError as error:
            misses += 1
            print(f"MISS  {name}: {'.'.join(map(str, error.path))}: {error.message}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
