"""Writes what PyTorch makes of convolutions, pools, windows and the norms over channels.

    python3 generate.py OUT

In the format of ../ops.json: every case is one op, its inputs, outputs, and the gradients of sum(out * cotangent). Computed in
float64, stored as float32. Needs torch (1.13 made what is here) and numpy; runs on a CPU in seconds.
"""
import json, os, struct, sys
import numpy as np
import torch
import torch.nn.functional as F

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)
torch.manual_seed(0)
cases, store = [], {}


def save(tensors, path):
    """A safetensors file: the length of a JSON header, the header, the bytes."""
    header, chunks, at = {}, [], 0
    for name, t in tensors.items():
        data = np.ascontiguousarray(t.detach().numpy().astype(np.int32 if t.dtype == torch.int32 else np.float32)).tobytes()
        header[name] = {"dtype": "I32" if t.dtype == torch.int32 else "F32", "shape": list(t.shape), "data_offsets": [at, at + len(data)]}
        chunks.append(data); at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f: f.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def normal(*shape):
    """Numbers that float32 has, in float64."""
    return torch.randn(*shape).double()


def op(name, fn, inputs, attrs=None, diff=None):
    """One case; `diff`: inputs with a gradient, all floats unless given. Outputs without one have no cotangent."""
    cid = f"{name}.{sum(c['op'] == name for c in cases)}"
    wanted = [i for i, x in enumerate(inputs) if x.is_floating_point()] if diff is None else diff
    xs = [x.clone().requires_grad_(i in wanted) for i, x in enumerate(inputs)]
    out = fn(*xs)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    case = {"id": cid, "op": name, "attrs": attrs or {}, "inputs": [list(x.shape) for x in inputs],
            "dtypes": ["int32" if x.dtype == torch.int32 else "float32" for x in inputs], "outputs": [list(o.shape) for o in outs], "grads": wanted}
    for i, x in enumerate(inputs): store[f"{cid}/in{i}"] = x
    cts = []
    for i, o in enumerate(outs):
        store[f"{cid}/out{i}"] = o
        ct = normal(*o.shape) if o.requires_grad else torch.zeros(o.shape).double()
        store[f"{cid}/cotangent{i}"] = ct
        if o.requires_grad: cts.append((o, ct))
    if wanted:
        gs = torch.autograd.grad([o for o, _ in cts], [xs[i] for i in wanted], [c for _, c in cts])
        for i, g in zip(wanted, gs): store[f"{cid}/grad{i}"] = g
    cases.append(case)


for x, w, b, attrs in [
    ((2, 3, 9, 8), (4, 3, 3, 3), True, {}),
    ((2, 3, 9, 8), (4, 3, 3, 2), True, {"stride": [2, 1], "padding": [1, 2]}),
    ((2, 4, 9, 8), (6, 2, 3, 3), False, {"groups": 2, "dilation": 2, "padding": 2}),
    ((1, 4, 6, 6), (8, 1, 3, 3), True, {"groups": 4, "stride": 2, "padding": 1}),
    ((1, 3, 6, 7), (2, 3, 2, 4), False, {"padding": "same"}),
    ((1, 3, 6, 7), (2, 3, 4, 2), True, {"padding": "same", "dilation": [2, 3]}),
    ((2, 3, 6, 7), (2, 3, 2, 4), False, {"padding": "valid", "stride": [3, 2]}),
    ((3, 6, 7), (2, 3, 1, 1), True, {}),
    ((2, 3, 8, 8), (5, 3, 4, 4), True, {"stride": 4}),
]:
    ins = [normal(*x), normal(*w)] + ([normal(w[0])] if b else [])
    op("conv2d", lambda *t: F.conv2d(t[0], t[1], t[2] if len(t) > 2 else None, **attrs), ins, attrs)
for x, w, b, attrs in [
    ((2, 3, 11), (4, 3, 3), True, {}),
    ((2, 4, 11), (6, 2, 3), True, {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}),
    ((3, 11), (4, 3, 4), False, {"padding": "same"}),
]:
    ins = [normal(*x), normal(*w)] + ([normal(w[0])] if b else [])
    op("conv1d", lambda *t: F.conv1d(t[0], t[1], t[2] if len(t) > 2 else None, **attrs), ins, attrs)

TIES = torch.tensor([[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [3, 0, 0, 3, 0], [0, 3, 3, 0, 0], [0, 0, 0, 0, 0.0]]).double()[None, None]
NANS = TIES.clone(); NANS[0, 0, 1, 1] = float("nan"); NANS[0, 0, 3, 0] = float("nan"); NANS[0, 0, 2, 3] = float("nan")
for x, attrs in [
    (normal(2, 3, 6, 7), {"kernel_size": 2}),
    (normal(2, 3, 7, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (normal(1, 2, 9, 8), {"kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 1], "dilation": [2, 3]}),
    (normal(2, 2, 7, 6), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    (normal(2, 2, 7, 5), {"kernel_size": 3, "stride": 4, "padding": 1, "ceil_mode": True}),
    (normal(2, 6, 6), {"kernel_size": [2, 3]}),
    (-normal(1, 1, 4, 4).abs(), {"kernel_size": 2, "padding": 1}),
    (TIES, {"kernel_size": 2}), (TIES, {"kernel_size": 3, "stride": 1, "padding": 1}), (NANS, {"kernel_size": 2, "stride": 1}),
    (torch.full((1, 1, 4, 4), -float("inf")).double(), {"kernel_size": 2}),
]:
    op("max_pool2d", lambda t: F.max_pool2d(t, **attrs), [x], attrs)
for x, attrs in [(normal(2, 3, 11), {"kernel_size": 3}), (normal(3, 11), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True})]:
    op("max_pool1d", lambda t: F.max_pool1d(t, **attrs), [x], attrs)
for x, attrs in [
    (normal(2, 3, 6, 7), {"kernel_size": 2}),
    (normal(2, 3, 7, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (normal(2, 3, 7, 7), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    (normal(2, 2, 7, 6), {"kernel_size": [3, 2], "stride": 2, "padding": [1, 1], "ceil_mode": True}),
    (normal(2, 2, 8, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    (normal(2, 2, 7, 6), {"kernel_size": 3, "divisor_override": 2}),
    (normal(2, 6, 6), {"kernel_size": 3, "stride": 1}),
]:
    op("avg_pool2d", lambda t: F.avg_pool2d(t, **attrs), [x], attrs)
for x, attrs in [(normal(2, 3, 11), {"kernel_size": 3}), (normal(3, 11), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False})]:
    op("avg_pool1d", lambda t: F.avg_pool1d(t, **attrs), [x], attrs)
for x, attrs in [(normal(2, 3, 5, 6), {"kernel_size": [2, 3]}), (normal(2, 3, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": [1, 2]})]:
    op("unfold", lambda t: F.unfold(t, **attrs), [x], attrs)
for x, attrs in [(normal(2, 18, 16), {"output_size": [5, 6], "kernel_size": [2, 3]}),
                 (normal(2, 18, 16), {"output_size": [7, 8], "kernel_size": [3, 2], "stride": 2, "padding": 1, "dilation": [1, 2]})]:
    op("fold", lambda t: F.fold(t, **attrs), [x], attrs)


def batch_norm(x, w, b, mean, var, momentum, eps):
    """The output, and the running statistics after it."""
    mean, var = mean.detach().clone(), var.detach().clone()
    return F.batch_norm(x, mean, var, w, b, True, momentum, eps), mean, var


for x, attrs in [((6, 4), {"momentum": 0.1, "eps": 1e-5}), ((5, 4, 7), {"momentum": 0.25, "eps": 1e-3}), ((3, 4, 5, 6), {"momentum": 0.0, "eps": 1e-5}), ((3, 4, 5, 6), {"momentum": 1.0, "eps": 1e-5})]:
    ins = [normal(*x) * 2 + 1, normal(4), normal(4), normal(4), normal(4).abs() + 0.5]
    op("batch_norm", lambda *t: batch_norm(*t, **attrs), ins, attrs, diff=[0, 1, 2])
for x in [(6, 4), (3, 4, 5, 6)]:
    ins = [normal(*x) * 2 + 1, normal(4), normal(4), normal(4), normal(4).abs() + 0.5]
    op("batch_norm_eval", lambda x, w, b, m, v: F.batch_norm(x, m, v, w, b, False, 0.1, 1e-5), ins, {"eps": 1e-5}, diff=[0, 1, 2])
for x, groups in [((2, 6, 5), 3), ((2, 6, 4, 3), 1), ((3, 6), 2)]:
    op("group_norm", lambda x, w, b: F.group_norm(x, groups, w, b, 1e-5), [normal(*x) * 2 + 1, normal(6), normal(6)], {"num_groups": groups, "eps": 1e-5})

save(store, os.path.join(OUT, "ops.safetensors"))
json.dump({"cases": cases}, open(os.path.join(OUT, "ops.json"), "w"), separators=(",", ":"))
print(len(cases), "cases")
