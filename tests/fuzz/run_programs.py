"""Executes random programs with PyTorch and compares with the stored answers.

    python3 run_programs.py programs.jsonl.gz [--limit N] [--show K]

Each line is a program: inputs, nodes, and what Tessera computed: `values` of each node, `gradients` of each node by each of its operands,
and `total`, the gradients by the inputs of the sum of cotangent · value over all float values that nothing reads. Values and gradients of a
node are judged from the stored operands, so that no error of rounding grows from node to node; `total` is judged where PyTorch's own
float32 and float64 agree. Prints mismatches by kind with the worst element and a summary; exits 1 when there are any.
"""
import argparse
import gzip
import json
import math
import sys
from collections import defaultdict

import torch
import torch.nn.functional as F

DTYPES = {"float32": torch.float32, "int32": torch.int32, "bool": torch.bool}
MAX_TERM = 1e15
EQUAL = set(
    "neg abs relu sign floor clamp maximum minimum eq ne lt le gt ge logicalAnd logicalOr logicalNot cast where maskedFill amax amin argmax "
    "reshape permute expand unsqueeze squeeze slice select diagonal unbind flip roll tile pad tril triu cat stack indexSelect gather".split()
)
SUMMED = set("sum mean variance std logsumexp vectorNorm cumsum softmax logSoftmax matmul linear layerNorm rmsNorm attention crossEntropy".split())


def as_tensor(data, shape, dtype, real=torch.float32):
    kind = real if dtype == "float32" else DTYPES[dtype]
    numbers = [float(x) for x in data]
    if dtype == "float32":
        return torch.tensor(numbers, dtype=torch.float32).to(real).reshape(shape)
    return torch.tensor([int(x) for x in numbers], dtype=torch.int64).to(kind).reshape(shape)


def cotangent(y):
    count = y.numel()
    return torch.tensor([((i * 7) % 5 - 2) / 2 for i in range(count)], dtype=y.dtype).reshape(y.shape)


def reduced(f, x, a, **more):
    dim = a.get("dim")
    if dim is None:
        dim = list(range(x.ndim))
    return f(x, dim, a["keepdim"], **more)


def along_all(f, x, a):
    """Some functions take a list of dims only from version to version; one of all dims is safe."""
    dim = a.get("dim")
    dims = list(range(x.ndim)) if dim is None else dim
    if len(dims) == 0:
        return f(x.reshape(1), [0], False)
    return f(x, dims, a["keepdim"])


def spread(x, a, root):
    dims = list(range(x.ndim)) if a.get("dim") is None else a["dim"]
    flat = x.reshape(1) if x.ndim == 0 else x
    dims = [0] if x.ndim == 0 else dims
    y = torch.var(flat, dim=dims, correction=a["correction"], keepdim=a["keepdim"] and x.ndim > 0)
    if root:
        y = torch.std(flat, dim=dims, correction=a["correction"], keepdim=a["keepdim"] and x.ndim > 0)
    return y


def pad(x, p, value):
    return F.pad(x, tuple(p), value=value)


def attention(q, k, v, causal):
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def gather(x, dim, index):
    return torch.gather(x, dim, index.long())


OPS = {
    "neg": lambda a, x: -x,
    "abs": lambda a, x: torch.abs(x),
    "relu": lambda a, x: torch.relu(x),
    "sign": lambda a, x: torch.sign(x),
    "floor": lambda a, x: torch.floor(x),
    "exp": lambda a, x: torch.exp(x),
    "log": lambda a, x: torch.log(x),
    "sqrt": lambda a, x: torch.sqrt(x),
    "rsqrt": lambda a, x: torch.rsqrt(x),
    "tanh": lambda a, x: torch.tanh(x),
    "sigmoid": lambda a, x: torch.sigmoid(x),
    "erf": lambda a, x: torch.erf(x),
    "square": lambda a, x: torch.square(x),
    "reciprocal": lambda a, x: torch.reciprocal(x),
    "silu": lambda a, x: F.silu(x),
    "softplus": lambda a, x: F.softplus(x),
    "sin": lambda a, x: torch.sin(x),
    "cos": lambda a, x: torch.cos(x),
    "atan": lambda a, x: torch.atan(x),
    "sinh": lambda a, x: torch.sinh(x),
    "asinh": lambda a, x: torch.asinh(x),
    "gelu": lambda a, x: F.gelu(x, approximate=a["approximate"]),
    "clamp": lambda a, x: torch.clamp(x, a["min"], a["max"]),
    "add": lambda a, x, y: x + y,
    "sub": lambda a, x, y: x - y,
    "mul": lambda a, x, y: x * y,
    "div": lambda a, x, y: x / y,
    "maximum": lambda a, x, y: torch.maximum(x, y),
    "minimum": lambda a, x, y: torch.minimum(x, y),
    "pow": lambda a, x, y: torch.pow(x, y),
    "eq": lambda a, x, y: x == y,
    "ne": lambda a, x, y: x != y,
    "lt": lambda a, x, y: x < y,
    "le": lambda a, x, y: x <= y,
    "gt": lambda a, x, y: x > y,
    "ge": lambda a, x, y: x >= y,
    "logicalAnd": lambda a, x, y: torch.logical_and(x, y),
    "logicalOr": lambda a, x, y: torch.logical_or(x, y),
    "logicalNot": lambda a, x: torch.logical_not(x),
    "cast": lambda a, x: x.to(torch.float32),
    "where": lambda a, c, x, y: torch.where(c, x, y),
    "maskedFill": lambda a, x, m: x.masked_fill(m, a["value"]),
    "sum": lambda a, x: along_all(lambda x, d, k: torch.sum(x, d, k), x, a),
    "mean": lambda a, x: along_all(lambda x, d, k: torch.mean(x, d, k), x, a),
    "amax": lambda a, x: along_all(lambda x, d, k: torch.amax(x, d, k), x, a),
    "amin": lambda a, x: along_all(lambda x, d, k: torch.amin(x, d, k), x, a),
    "variance": lambda a, x: spread(x, a, False),
    "std": lambda a, x: spread(x, a, True),
    "logsumexp": lambda a, x: along_all(lambda x, d, k: torch.logsumexp(x, d, k), x, a),
    "vectorNorm": lambda a, x: along_all(lambda x, d, k: torch.linalg.vector_norm(x, a["p"], d, k), x, a),
    "argmax": lambda a, x: torch.argmax(x, a["dim"], a["keepdim"]).to(torch.int32),
    "cumsum": lambda a, x: torch.cumsum(x, a["dim"]),
    "softmax": lambda a, x: torch.softmax(x, a["dim"]),
    "logSoftmax": lambda a, x: torch.log_softmax(x, a["dim"]),
    "reshape": lambda a, x: x.reshape(a["shape"]),
    "permute": lambda a, x: x.permute(a["dims"]),
    "expand": lambda a, x: x.expand(a["shape"]),
    "unsqueeze": lambda a, x: x.unsqueeze(a["dim"]),
    "squeeze": lambda a, x: x.squeeze(),
    "slice": lambda a, x: x[(slice(None),) * a["dim"] + (slice(a["start"], None, a["step"]),)],
    "select": lambda a, x: x.select(a["dim"], a["index"]),
    "diagonal": lambda a, x: torch.diagonal(x, a["offset"], *a["dims"]),
    "unbind": lambda a, x: torch.unbind(x, a["dim"])[a["index"]],
    "flip": lambda a, x: torch.flip(x, a["dims"]),
    "roll": lambda a, x: torch.roll(x, a["shifts"], a["dim"]),
    "tile": lambda a, x: x.repeat(a["repeats"]),
    "pad": lambda a, x: pad(x, a["pad"], a["value"]),
    "tril": lambda a, x: torch.tril(x, a["diagonal"]),
    "triu": lambda a, x: torch.triu(x, a["diagonal"]),
    "cat": lambda a, *xs: torch.cat(xs, a["dim"]),
    "stack": lambda a, *xs: torch.stack(xs, a["dim"]),
    "indexSelect": lambda a, x, i: torch.index_select(x, a["dim"], i.long()),
    "gather": lambda a, x, i: gather(x, a["dim"], i),
    "matmul": lambda a, x, y: x @ y,
    "linear": lambda a, x, w, b=None: F.linear(x, w, b),
    "layerNorm": lambda a, x, w: F.layer_norm(x, [x.shape[-1]], w, None, 1e-5),
    "rmsNorm": lambda a, x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w,
    "attention": lambda a, q, k, v: attention(q, k, v, a["isCausal"]),
    "crossEntropy": lambda a, x, t: F.cross_entropy(x, t.long(), reduction=a["reduction"], label_smoothing=a["labelSmoothing"]),
}


def largest(x):
    if x.dtype not in (torch.float32, torch.float64) or x.numel() == 0:
        return 0.0
    finite = x[torch.isfinite(x)]
    return finite.abs().max().item() if finite.numel() else 0.0


def size_of(op, args):
    sizes = [largest(x) for x in args if x.dtype.is_floating_point]
    count = max([1] + [x.numel() for x in args])
    x = sizes[0] if sizes else 0.0
    if op in ("matmul", "linear"):
        return count * x * sizes[1] + (sizes[2] if len(sizes) > 2 else 0)
    if op == "variance":
        return count * x * x
    if op == "std":
        return 100 * count * x
    if op in ("layerNorm", "rmsNorm"):
        return (1 + 100 * x) * (1 + sizes[1])
    if op == "attention":
        return (1 + count * x * sizes[1]) * (1 + sizes[2])
    if op in ("sin", "cos", "gelu"):
        return 1 + x
    if op in ("add", "sub"):
        return 0.1 * max(sizes)
    return count * (1 + x)


def finite_rows(x, dims):
    """Whether the reduced rows of x are finite, spread over x."""
    dims = list(range(x.ndim)) if dims is None else dims
    if x.ndim == 0 or len(dims) == 0:
        return torch.isfinite(x)
    return torch.isfinite(x.sum(dims, keepdim=True)).expand_as(x)


def reaches(x, factor):
    """Where x ** -factor leaves float32, so that a cotangent of 0 becomes 0 * infinity in PyTorch."""
    return ~torch.isfinite(x.abs() ** -factor)


# Gradients where Tessera and PyTorch differ on purpose, by operand: docs/edges.md has the reasons. What is true is not compared.
MEANT = {
    "silu": lambda a, x: [~torch.isfinite(x)],
    "gelu": lambda a, x: [~torch.isfinite(x ** 3)],
    "reciprocal": lambda a, x: [reaches(x, 2)],
    "rsqrt": lambda a, x: [reaches(x, 1.5)],
    "variance": lambda a, x: [~finite_rows(x * x, a.get("dim"))],
    # Of equal values the deviation is 0, or what rounding leaves of it.
    "std": lambda a, x: [~finite_rows(x * x, a.get("dim")) | (x.var() <= 1e-12 * x.square().max() if x.numel() > 0 else False)],
    "logsumexp": lambda a, x: [~finite_rows(x, a.get("dim"))],
    "div": lambda a, x, y: [None, ~torch.isfinite(x / y / y)],
    "vectorNorm": lambda a, x: [(x == 0) & ~finite_rows(x, a.get("dim"))],
    # The power is multiplied in halves; an exponent from 2^24 on is even.
    "pow": lambda a, x, y: [~torch.isfinite(x ** (y - 1)) | (x ** (y - 1) == 0) | ((x < 0) & (y.abs() >= 2**24)), None],
    "layerNorm": lambda a, x, w: [(~torch.isfinite(w)).any() | torch.zeros_like(x, dtype=torch.bool), None],
    "attention": lambda a, q, k, v: [torch.full_like(x, not all(torch.isfinite(y).all() for y in (q, k, v)), dtype=torch.bool) for x in (q, k, v)],
}

# The same of values. PyTorch's attention has several implementations, which differ in what they make of NaN and infinities.
MEANT_VALUES = {
    "gelu": lambda a, x: x.abs() > 1e38,
    "layerNorm": lambda a, x, w: (~torch.isfinite(w)).any() | torch.zeros_like(x, dtype=torch.bool),
    "attention": lambda a, q, k, v: torch.full(q.shape[:-1] + v.shape[-1:], not all(torch.isfinite(y).all() for y in (q, k, v))),
}


def meant_value(node, args):
    """Which elements of a value are not compared, or None."""
    with torch.no_grad():
        return MEANT_VALUES[node["op"]](node["attrs"], *args) if node["op"] in MEANT_VALUES else None


def meant(node, args, operand):
    """Which elements of an operand's gradient are not compared, or None."""
    if node["op"] not in MEANT:
        return None
    with torch.no_grad():
        mask = MEANT[node["op"]](node["attrs"], *args)[operand]
        shape = args[operand].shape
        if mask is None or mask.shape == shape:
            return mask
        # What was broadcast is met where any of its uses is.
        extra = mask.ndim - len(shape)
        dims = list(range(extra)) + [extra + d for d, size in enumerate(shape) if size == 1 and mask.shape[extra + d] != 1]
        for d in reversed(dims):
            mask = mask.any(d, keepdim=d >= extra)
        return mask


def differ(stored, want, bound, skip=None):
    """The worst element that differs, or None. NaN must be NaN and an infinity itself. `skip`: elements that are not compared."""
    # Nine digits name a float32 without being equal to it: what is read is rounded before it is compared. int32 does not fit into float32.
    single = torch.float32 if want.dtype.is_floating_point else torch.float64
    got = torch.tensor([float(x) for x in stored], dtype=single).to(torch.float64)
    want = want.detach().to(torch.float64).reshape(-1)
    if got.numel() != want.numel():
        return f"{got.numel()} numbers, PyTorch has {want.numel()}"
    worst, text = 0.0, None
    left_out = [False] * want.numel() if skip is None else skip.reshape(-1).tolist()
    for i, (a, b) in enumerate(zip(got.tolist(), want.tolist())):
        if left_out[i] or a == b or (math.isnan(a) and math.isnan(b)):
            continue
        error = abs(a - b)
        allowed = bound(b) if math.isfinite(b) else 0.0
        if error <= allowed:
            continue
        excess = error / max(allowed, 5e-324) if math.isfinite(error) else math.inf
        if text is None or excess > worst:
            worst, text = excess, f"at {i}: got {a!r}, PyTorch has {b!r}"
    return text


def run_total(program, real):
    inputs = [as_tensor(x["data"], x["shape"], x["dtype"], real) for x in program["inputs"]]
    for x in inputs:
        if x.dtype.is_floating_point:
            x.requires_grad_(True)
    values = list(inputs)
    for node in program["nodes"]:
        y = OPS[node["op"]](node["attrs"], *[values[i] for i in node["args"]])
        values.append(y.to(real) if node["op"] == "cast" else y)
    used = {i for node in program["nodes"] for i in node["args"]}
    first = len(inputs)
    leaves = [values[first + i] for i, node in enumerate(program["nodes"]) if node["spec"]["dtype"] == "float32" and first + i not in used]
    leaves = [y for y in leaves if y.requires_grad]
    floats = [x for x in inputs if x.dtype.is_floating_point]
    if not leaves:
        return [None if not x.dtype.is_floating_point else torch.zeros_like(x) for x in inputs]
    grads = iter(torch.autograd.grad(leaves, floats, [cotangent(y) for y in leaves], allow_unused=True))
    result = []
    for x in inputs:
        if not x.dtype.is_floating_point:
            result.append(None)
            continue
        g = next(grads)
        result.append(torch.zeros_like(x) if g is None else g)
    return result


def judge(program, counts, report):
    if program.get("error"):
        report("program", "error", program["error"], program, None)
        return
    stored = [x["data"] for x in program["inputs"]] + program["values"]
    specs = [(x["shape"], x["dtype"]) for x in program["inputs"]] + [(n["spec"]["shape"], n["spec"]["dtype"]) for n in program["nodes"]]
    # Whether PyTorch's gradients through all of it are the same mathematics: no call differs on purpose.
    alike = True
    for at, node in enumerate(program["nodes"]):
        op = node["op"]
        args = [as_tensor(stored[i], *specs[i]) for i in node["args"]]
        if op not in EQUAL and any(largest(x) > MAX_TERM for x in args):
            counts["outOfRange"] += 1
            alike = False
            continue
        counts["compared"] += 1
        for x in args:
            if x.dtype.is_floating_point:
                x.requires_grad_(True)
        alone = {"inputs": [{"shape": specs[i][0], "dtype": specs[i][1], "data": stored[i]} for i in node["args"]], "nodes": [{**node, "args": list(range(len(args)))}]}
        y = OPS[op](node["attrs"], *args)
        size = size_of(op, args)
        cancelling = op in ("gelu", "sin", "cos", "add", "sub")
        if op in EQUAL:
            bound = lambda b: 0.0
        elif op in SUMMED:
            bound = lambda b: 1e-5 * max(abs(b), size)
        else:
            floor = 2.0**-124 * (1 + max([largest(x) for x in args]))
            bound = lambda b: 1e-5 * abs(b) + floor + (1e-6 * size if cancelling else 0.0)
        skip = meant_value(node, args)
        alike = alike and (skip is None or not skip.any().item())
        why = differ(program["values"][at], y, bound, skip)
        if why:
            report(op, "value", why, alone, None)
            continue
        gradients = program["gradients"][at]
        if gradients is None or not y.requires_grad:
            continue
        floats = [x for x in args if x.dtype.is_floating_point]
        computed = iter(torch.autograd.grad(y, floats, cotangent(y), allow_unused=True))
        for i, x in enumerate(args):
            if not x.dtype.is_floating_point:
                continue
            g = next(computed)
            g = torch.zeros_like(x) if g is None else g
            # What was broadcast sums over its uses.
            uses = largest(y.detach()) if x.numel() < y.numel() else 0.0
            terms = max(1.0, size / 10, largest(g), uses, *([0.0] if op in EQUAL else [largest(v) for v in args]))
            skip = meant(node, args, i)
            alike = alike and (skip is None or not skip.any().item())
            why = differ(gradients[i], g, lambda b: 1e-4 * max(abs(b), terms), skip)
            if why:
                report(op, f"gradient by operand {i}", why, alone, None)
    total = program["total"]
    if not total:
        return
    if not alike:
        counts["meant"] += 1
        return
    single, double = run_total(program, torch.float32), run_total(program, torch.float64)
    for i, (mine, one, two) in enumerate(zip(total, single, double)):
        if mine is None or one is None:
            continue
        rounding = (one.double() - two).abs()
        # Infinities that float64 does not have are ill-conditioned too: what float32 makes of them is NaN, of which `>` says nothing.
        if not torch.isfinite(rounding).all() or not torch.isfinite(two).all() or rounding.numel() and rounding.max().item() > 1e-4 * max(1.0, largest(two)):
            counts["ill-conditioned"] += 1
            continue
        counts["totals"] += 1
        why = differ(mine, two, lambda b: 1e-3 * max(abs(b), 1.0, largest(two)))
        if why:
            report("program", f"total gradient by input {i}", why, program, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--show", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts, found, lines = defaultdict(int), defaultdict(list), 0
    opener = gzip.open if options.file.endswith(".gz") else open
    with opener(options.file, "rt") as file:
        for line in file:
            if options.limit is not None and lines >= options.limit:
                break
            lines += 1
            program = json.loads(line)

            def report(op, what, why, smallest, _):
                found[(op, what)].append((why, smallest))

            try:
                judge(program, counts, report)
            except Exception as error:  # a program that PyTorch refuses is a finding too
                report("program", f"PyTorch threw {type(error).__name__}", str(error), program, None)
    for (op, what), cases in sorted(found.items(), key=lambda item: -len(item[1]))[: options.show]:
        why, smallest = min(cases, key=lambda case: len(json.dumps(case[1])))
        print(f"{len(cases)} x {op}, {what}: {why}")
        text = {key: smallest[key] for key in ("inputs", "nodes")}
        print(f"    {json.dumps(text)[:2000]}")
    mismatches = sum(len(cases) for cases in found.values())
    print(f"{lines} programs, torch {torch.__version__}: {dict(counts)}")
    print(f"{mismatches} mismatches of {len(found)} kinds")
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
