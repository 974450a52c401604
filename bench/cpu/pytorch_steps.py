"""PyTorch's half of `npm run bench -- cpu --only pytorch`: the same masked-LM training steps, from the same weights, on the same batches.

The first line of standard input is a job (see pytorch-peer.ts). Prints one JSON object a line: {"info": {...}}, then for each way to run
{"variant", "losses"} or {"missing", "why"}, then {"ready": true}. After that each line {"variant", "steps"} is answered by {"seconds"}, of one step.
{"absent": "..."} and nothing else where there is no PyTorch.
"""

import json
import math
import re
import sys
import time

# This file's folder is no place to import from.
sys.path.pop(0)


def say(**line):
    print(json.dumps(line), flush=True)


JOB = json.loads(sys.stdin.readline())

try:
    import torch
except ImportError as error:
    say(absent=f"this Python has none ({error})")
    sys.exit(0)

import torch.nn.functional as F
from torch import nn

torch.set_num_threads(JOB["threads"])
SIZES = JOB["sizes"]


def attend(query, key, value):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(query, key, value)
    # Before PyTorch 2.
    return torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]), -1) @ value


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = SIZES["hidden"]
        self.self = nn.ModuleDict({name: nn.Linear(hidden, hidden) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(hidden, hidden), "LayerNorm": nn.LayerNorm(hidden, 1e-5)})

    def forward(self, x):
        batch, tokens, hidden = x.shape
        heads = SIZES["heads"]
        split = [
            self.self[name](x).view(batch, tokens, heads, hidden // heads).transpose(1, 2)
            for name in ("query", "key", "value")
        ]
        mixed = attend(*split).transpose(1, 2).reshape(batch, tokens, hidden)
        return self.output["LayerNorm"](self.output["dense"](mixed) + x)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = SIZES["hidden"]
        self.attention = Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, 4 * hidden)})
        self.output = nn.ModuleDict({"dense": nn.Linear(4 * hidden, hidden), "LayerNorm": nn.LayerNorm(hidden, 1e-5)})

    def forward(self, x):
        x = self.attention(x)
        wide = F.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](self.output["dense"](wide) + x)


class Roberta(nn.Module):
    """RoBERTa with a masked-LM head at given positions, plain, under Hugging Face's names of parameters."""

    def __init__(self):
        super().__init__()
        hidden, vocabulary = SIZES["hidden"], SIZES["vocabulary"]
        self.roberta = nn.Module()
        self.roberta.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(vocabulary, hidden),
                "position_embeddings": nn.Embedding(SIZES["tokens"] + 2, hidden),
                "token_type_embeddings": nn.Embedding(1, hidden),
                "LayerNorm": nn.LayerNorm(hidden, 1e-5),
            }
        )
        self.roberta.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(SIZES["layers"]))})
        self.lm_head = nn.ModuleDict({"dense": nn.Linear(hidden, hidden), "layer_norm": nn.LayerNorm(hidden, 1e-5)})
        self.lm_head.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, ids, positions, labels):
        embeddings = self.roberta.embeddings
        # Positions count from padTokenId + 1.
        places = torch.arange(2, ids.shape[1] + 2)
        x = embeddings["word_embeddings"](ids) + embeddings["position_embeddings"](places)
        x = embeddings["LayerNorm"](x + embeddings["token_type_embeddings"].weight[0])
        for layer in self.roberta.encoder["layer"]:
            x = layer(x)
        x = x.flatten(0, 1)[positions]
        x = self.lm_head["layer_norm"](F.gelu(self.lm_head["dense"](x)))
        logits = F.linear(x, embeddings["word_embeddings"].weight, self.lm_head.bias)
        return F.cross_entropy(logits.float(), labels, ignore_index=-100)


def weights():
    """The parameters, one after the other in a file of float32."""
    with open(JOB["weights"], "rb") as file:
        flat = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    state, at = {}, 0
    for name, shape in JOB["parameters"]:
        count = math.prod(shape)
        state[name] = flat[at : at + count].reshape(shape)
        at += count
    return state


BATCHES = [
    [
        torch.tensor(batch["ids"]).view(SIZES["batch"], SIZES["tokens"]),
        torch.tensor(batch["positions"]),
        torch.tensor(batch["labels"]),
    ]
    for batch in JOB["batches"]
]


def adamw(model):
    """The fastest there is: fused, where this version has it for the CPU."""
    decayed = set(JOB["decayed"])
    named = list(model.named_parameters())
    groups = [
        {"params": [one for name, one in named if name in decayed], "weight_decay": JOB["weightDecay"]},
        {"params": [one for name, one in named if name not in decayed], "weight_decay": 0.0},
    ]
    options = {"lr": JOB["lr"], "betas": tuple(JOB["betas"])}
    try:
        return torch.optim.AdamW(groups, fused=True, **options), "fused"
    except (RuntimeError, TypeError):
        return torch.optim.AdamW(groups, foreach=True, **options), "foreach"


class Training:
    def __init__(self, compiled, half):
        self.model = Roberta().train()
        self.model.load_state_dict(weights(), strict=True)
        self.optimizer, self.kind = adamw(self.model)
        self.loss = torch.compile(self.model) if compiled else self.model
        self.half = half
        self.count = 0

    def step(self):
        batch = BATCHES[self.count % len(BATCHES)]
        self.count += 1
        self.optimizer.zero_grad(set_to_none=True)
        if self.half:
            with torch.autocast("cpu", torch.bfloat16):
                value = self.loss(*batch)
        else:
            value = self.loss(*batch)
        value.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), JOB["clip"])
        self.optimizer.step()
        return value.item()


def has_bfloat16():
    """Whether this CPU multiplies bfloat16: without it autocast only converts."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next(line for line in file if line.startswith("flags")).split()
    except (OSError, StopIteration):
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def compiler():
    """Why there is no torch.compile here, or None."""
    if not hasattr(torch, "compile"):
        return f"PyTorch {torch.__version__} has no torch.compile"
    return None


def blas():
    """Which library does the products: PyTorch without one is several times slower."""
    found = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    return found[1] if found else "unknown"


def capability():
    try:
        return torch.backends.cpu.get_cpu_capability()
    except AttributeError:
        lines = torch.__config__.show().splitlines()
        return next((line.split(":")[1].strip() for line in lines if "CPU capability" in line), "")


say(info={"torch": torch.__version__, "capability": capability(), "blas": blas(), "threads": torch.get_num_threads()})
trainings = {}
for name, compiled, half in (
    ("eager", False, False),
    ("compiled", True, False),
    ("eager bf16", False, True),
    ("compiled bf16", True, True),
):
    why = compiler() if compiled else None
    if half and not has_bfloat16():
        why = "this CPU has no bfloat16 arithmetic"
    if why is None:
        try:
            training = Training(compiled, half)
            losses = [training.step() for _ in range(JOB["checkedSteps"])]
            trainings[name] = training
            say(variant=name, losses=losses, optimizer=training.kind)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the other ways go on
            lines = str(error).strip().splitlines()
            why = f"{type(error).__name__}: {lines[0] if lines else ''}"
    if why is not None:
        say(missing=name, why=why)
say(ready=True)

for line in sys.stdin:
    asked = json.loads(line)
    training = trainings[asked["variant"]]
    start = time.perf_counter()
    for _ in range(asked["steps"]):
        training.step()
    say(seconds=(time.perf_counter() - start) / asked["steps"])
