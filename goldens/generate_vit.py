# Goldens of a vision transformer: python3 generate_vit.py OUT. Needs torch (1.13 or newer) and numpy.
# Written with torch's own layers, under the names that Hugging Face's checkpoints have, so that it needs no transformers. Layout as roberta-*
# (README.md). Float64 inside, stored as float32. Each layer is compared with torch.nn.TransformerEncoderLayer, normalised first.
import argparse, json, os, re, struct

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED, BLOCK, STEPS = 41, 8, 12
CONFIG = {
    "architectures": ["ViTForImageClassification"],
    "attention_probs_dropout_prob": 0.0,
    "encoder_stride": 16,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "hidden_size": 32,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
    "image_size": 12,
    "initializer_range": 0.1,
    "intermediate_size": 64,
    "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},
    "layer_norm_eps": 1e-12,
    "model_type": "vit",
    "num_attention_heads": 4,
    "num_channels": 3,
    "num_hidden_layers": 2,
    "patch_size": 4,
    "pooler_act": "tanh",
    "pooler_output_size": 32,
    "qkv_bias": True,
}
H, HEADS, SIZE, PATCH = CONFIG["hidden_size"], CONFIG["num_attention_heads"], CONFIG["image_size"], CONFIG["patch_size"]
PATTERNS = {r"vit\.encoder\.layer\.[0-9]+\.(intermediate|output)\.dense": 0.5}


def named(**modules):
    """Modules under names, which is all that a checkpoint knows of them."""
    return nn.ModuleDict(modules)


def layer():
    dense = lambda i, o: nn.Linear(i, o)
    norm = lambda: nn.LayerNorm(H, eps=CONFIG["layer_norm_eps"])
    return named(
        attention=named(
            attention=named(query=dense(H, H), key=dense(H, H), value=dense(H, H)),
            output=named(dense=dense(H, H)),
        ),
        intermediate=named(dense=dense(H, CONFIG["intermediate_size"])),
        output=named(dense=dense(CONFIG["intermediate_size"], H)),
        layernorm_before=norm(),
        layernorm_after=norm(),
    )


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, H))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + (SIZE // PATCH) ** 2, H))
        self.patch_embeddings = named(projection=nn.Conv2d(CONFIG["num_channels"], H, PATCH, stride=PATCH))

    def forward(self, images):
        patches = self.patch_embeddings["projection"](images).flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.position_embeddings


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        layers = nn.ModuleList([layer() for _ in range(CONFIG["num_hidden_layers"])])
        self.vit = named(
            embeddings=Embeddings(),
            encoder=named(layer=layers),
            layernorm=nn.LayerNorm(H, eps=CONFIG["layer_norm_eps"]),
        )
        self.classifier = nn.Linear(H, len(CONFIG["id2label"]))

    @staticmethod
    def run_layer(part, x):
        heads = lambda y: y.view(*y.shape[:2], HEADS, H // HEADS).transpose(1, 2)
        inner = part["layernorm_before"](x)
        q, k, v = (heads(part["attention"]["attention"][name](inner)) for name in ("query", "key", "value"))
        weights = (q @ k.transpose(-1, -2) / (H // HEADS) ** 0.5).softmax(-1)
        x = x + part["attention"]["output"]["dense"]((weights @ v).transpose(1, 2).reshape(x.shape))
        inner = F.gelu(part["intermediate"]["dense"](part["layernorm_after"](x)))
        return x + part["output"]["dense"](inner)

    def forward(self, images, labels):
        states = [self.vit["embeddings"](images)]
        for part in self.vit["encoder"]["layer"]:
            states.append(self.run_layer(part, states[-1]))
        logits = self.classifier(self.vit["layernorm"](states[-1])[:, 0])
        return logits, F.cross_entropy(logits, labels), states


def check_layer(part):
    """torch's own layer with the same weights computes the same."""
    a, own = part["attention"]["attention"], nn.TransformerEncoderLayer(
        H, HEADS, CONFIG["intermediate_size"], 0.0, "gelu", CONFIG["layer_norm_eps"], batch_first=True, norm_first=True
    ).double()
    own.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([a[n].weight for n in ("query", "key", "value")]),
            "self_attn.in_proj_bias": torch.cat([a[n].bias for n in ("query", "key", "value")]),
            **{
                f"{there}.{kind}": getattr(here, kind)
                for there, here in (
                    ("self_attn.out_proj", part["attention"]["output"]["dense"]),
                    ("linear1", part["intermediate"]["dense"]),
                    ("linear2", part["output"]["dense"]),
                    ("norm1", part["layernorm_before"]),
                    ("norm2", part["layernorm_after"]),
                )
                for kind in ("weight", "bias")
            },
        }
    )
    x = torch.randn(2, 5, H, dtype=torch.float64)
    assert torch.allclose(ViT.run_layer(part, x), own.train()(x), rtol=1e-10, atol=1e-10)


def stored(t):
    kind = np.int32 if t.dtype in (torch.int64, torch.int32) else np.uint8 if t.dtype == torch.bool else np.float32
    return np.ascontiguousarray(t.detach().numpy().astype(kind))


def save(tensors, path, metadata=None):
    """A safetensors file: the length of a JSON header, the header, the bytes."""
    header, parts, at = {"__metadata__": metadata} if metadata else {}, [], 0
    for name, x in sorted(tensors.items()):
        dtype = {"float32": "F32", "int32": "I32", "uint8": "U8"}[x.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        parts.append(x.tobytes())
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def batch(seed, n=4):
    g = torch.Generator().manual_seed(seed)
    images = torch.randn(n, CONFIG["num_channels"], SIZE, SIZE, generator=g).double()
    return {"pixel_values": images, "labels": torch.randint(0, len(CONFIG["id2label"]), (n,), generator=g)}


def make(out, sparse):
    name = f"vit-image-classification{'-sparse' if sparse else ''}"
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(SEED + sparse)
    model = ViT().double()
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.normal_(0, CONFIG["initializer_range"])
            if "norm" in key and key.endswith("weight"):
                p.add_(1)
            p.copy_(p.float())
    for part in model.vit["encoder"]["layer"]:
        check_layer(part)
    masks, full = {}, {}
    for key, module in model.named_modules():
        for pattern, density in (PATTERNS if sparse else {}).items():
            if re.fullmatch(pattern, key):
                rows, columns = module.weight.shape
                masks[key] = torch.rand(rows // BLOCK, columns // BLOCK) < density
                masks[key][0, 0] = True
                full[key] = masks[key].repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
                with torch.no_grad():
                    module.weight.mul_(full[key])
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(CONFIG, file, indent=2)
        file.write("\n")
    save({k: stored(v) for k, v in model.state_dict().items()}, os.path.join(folder, "model.safetensors"), {"format": "pt"})

    def gradients():
        """Of the last loss, zero where no block is."""
        for key, p in model.named_parameters():
            if key[: -len(".weight")] in full:
                p.grad.mul_(full[key[: -len(".weight")]])

    inputs = batch(SEED + 7)
    logits, loss, states = model(inputs["pixel_values"], inputs["labels"])
    golden = {**inputs, "logits": logits, "loss": loss, **{f"hidden_states.{i}": h for i, h in enumerate(states)}}
    loss.backward()
    gradients()
    golden.update({f"grad/{k}": p.grad for k, p in model.named_parameters()})
    golden.update({f"block_mask/{k}": m for k, m in masks.items()})
    golden = {k: stored(v) for k, v in golden.items()}
    spared = lambda key: key.endswith("bias") or "norm" in key.lower() or "ln_" in key
    groups = [
        {"params": [p for k, p in model.named_parameters() if spared(k) == free], "weight_decay": 0.0 if free else 0.01}
        for free in (False, True)
    ]
    optimizer = torch.optim.AdamW(groups, lr=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: t / 3 if t < 3 else max(0.0, (20 - t) / (20 - 3)))
    losses, norms = [], []
    for step in range(STEPS):
        inputs = batch(SEED + 100 + step)
        golden.update({f"train/{step}/{k}": stored(v) for k, v in inputs.items()})
        optimizer.zero_grad()
        _, loss, _ = model(inputs["pixel_values"], inputs["labels"])
        loss.backward()
        gradients()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        schedule.step()
        losses.append(float(loss))
    golden.update({f"trained/{k}": stored(v) for k, v in model.state_dict().items()})
    save(golden, os.path.join(folder, "golden.safetensors"))
    about = {
        "torch": torch.__version__,
        "architecture": CONFIG["architectures"][0],
        "task": "image-classification",
        "block": BLOCK,
        "patterns": PATTERNS if sparse else {},
        "parameters": sum(p.numel() for p in model.parameters()),
        "no_decay": "bias, norm, ln_ in the name",
        "generate": [],
        "training": {
            "optimizer": "AdamW lr 5e-4 betas 0.9,0.999 eps 1e-8, weight_decay 0.01 except no_decay",
            "clip_grad_norm": 1.0,
            "schedule": "linear, warmup 3, total 20",
            "losses": losses,
            "grad_norms": norms,
        },
    }
    with open(os.path.join(folder, "golden.json"), "w") as file:
        json.dump(about, file, indent=1)
        file.write("\n")
    print(name, "loss", round(losses[0], 4), "...", round(losses[-1], 4))


parser = argparse.ArgumentParser()
parser.add_argument("out")
out = parser.parse_args().out
for sparse in (False, True):
    make(out, sparse)
