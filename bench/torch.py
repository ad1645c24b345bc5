"""The nets of bench/nets in PyTorch, one thread: reads requests from standard input, one JSON object a line, answers in kind.

{"op": "load", "net": "ResNet-8", "file": safetensors with images, labels, rates and the variables, "layout": "NCHW"} -> {"losses": [..]}
{"op": "round", "steps": n} -> {"ms": of all steps of the net loaded last}
The losses are those of the first steps; the net goes on training from there.
"""
import json
import struct
import sys
import time

# This file's own folder: there `torch` would be this file.
del sys.path[0]

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(0)

EPSILON = 1e-3


def read_safetensors(path):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(bytes(data[8 : 8 + length]))
    types = {"F32": torch.float32, "I32": torch.int32}
    tensors = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in about["data_offsets"])
        flat = torch.frombuffer(data[begin:end], dtype=types[about["dtype"]])
        tensors[name] = flat.reshape(about["shape"]).clone()
    return tensors


def conv_of(kernel, bias=None, stride=1, padding=0, groups=1):
    """kernel: height, width, in, out, as TensorFlow has it."""
    height, width, depth, filters = kernel.shape
    layer = torch.nn.Conv2d(
        depth if groups == 1 else groups, filters * (1 if groups == 1 else groups), (height, width),
        stride=stride, padding=padding, groups=groups, bias=bias is not None,
    )
    order = (3, 2, 0, 1) if groups == 1 else (2, 3, 0, 1)
    with torch.no_grad():
        layer.weight.copy_(kernel.permute(*order))
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def norm_of(channels):
    return torch.nn.BatchNorm2d(channels, eps=EPSILON, momentum=0.01)


def dense_of(kernel, bias):
    layer = torch.nn.Linear(kernel.shape[0], kernel.shape[1])
    with torch.no_grad():
        layer.weight.copy_(kernel.t())
        layer.bias.copy_(bias)
    return layer


class LeNet(torch.nn.Module):
    def __init__(self, values):
        super().__init__()
        self.convs = torch.nn.ModuleList(
            conv_of(values[f"conv_{i}/kernel"], values[f"conv_{i}/bias"], padding=2) for i in (1, 2)
        )
        self.norms = torch.nn.ModuleList(norm_of(channels) for channels in (32, 64))
        # Its rows count height, width, channels; here they are flattened as channels, height, width.
        kernel = values["dense/kernel"].reshape(7, 7, 64, 10).permute(2, 0, 1, 3).reshape(-1, 10)
        self.dense = dense_of(kernel, values["dense/bias"])

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = F.max_pool2d(F.relu(norm(conv(x))), 2)
        return self.dense(x.flatten(1))


class Block(torch.nn.Module):
    def __init__(self, values, name, stride):
        super().__init__()
        kernel = values[f"{name}/conv_1/kernel"]
        filters = kernel.shape[3]
        self.conv1 = conv_of(kernel, stride=stride, padding=1)
        self.norm1 = norm_of(filters)
        self.conv2 = conv_of(values[f"{name}/conv_2/kernel"], padding=1)
        self.norm2 = norm_of(filters)
        self.shortcut = None if stride == 1 else conv_of(values[f"{name}/shortcut/kernel"], stride=stride)

    def forward(self, x):
        inner = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(inner + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(torch.nn.Module):
    def __init__(self, values, depth):
        super().__init__()
        self.stem = conv_of(values["stem/kernel"], padding=1)
        self.norm = norm_of(16)
        self.blocks = torch.nn.Sequential(*(
            Block(values, f"stage{stage}_{block}", 2 if stage > 1 and block == 1 else 1)
            for stage in (1, 2, 3) for block in range(1, (depth - 2) // 6 + 1)
        ))
        self.dense = dense_of(values["dense/kernel"], values["dense/bias"])

    def forward(self, x):
        return self.dense(self.blocks(F.relu(self.norm(self.stem(x)))).mean((2, 3)))


class MobileNetBlock(torch.nn.Module):
    def __init__(self, values):
        super().__init__()
        channels = values["pointwise/kernel"].shape[2]
        self.depthwise = conv_of(values["depthwise/kernel"], padding=1, groups=channels)
        self.norm1 = norm_of(channels)
        self.pointwise = conv_of(values["pointwise/kernel"])
        self.norm2 = norm_of(channels)
        self.dense = dense_of(values["dense/kernel"], values["dense/bias"])

    def forward(self, x):
        x = F.relu(self.norm1(self.depthwise(x)))
        return self.dense(F.relu(self.norm2(self.pointwise(x))).mean((2, 3)))


def net_of(name, values):
    if name == "LeNet-BN":
        return LeNet(values)
    if name == "MobileNet block":
        return MobileNetBlock(values)
    return ResNet(values, int(name.removeprefix("ResNet-")))


class Training:
    def __init__(self, name, path, layout):
        values = read_safetensors(path)
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.images = values["images"].permute(0, 3, 1, 2).contiguous(memory_format=memory)
        # A block inside of a net has layers before it, which want the gradient of its input.
        self.images.requires_grad_(name == "MobileNet block")
        self.labels = values["labels"].long()
        self.net = net_of(name, values).to(memory_format=memory).train()
        rate, momentum = values["rates"].tolist()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=rate, momentum=momentum)

    def first_step(self):
        return self.step()

    def step(self):
        self.images.grad = None
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.net(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss


class Tutorial:
    """The tutorial's forward with the update of the statistics. TensorFlow pads this convolution at the end only, which PyTorch
    can do in a step of its own: so it does where results are compared. Timed is what PyTorch has: one row on each side."""

    def __init__(self, _, path, layout):
        values = read_safetensors(path)
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.images = values["images"].permute(0, 3, 1, 2).contiguous(memory_format=memory)
        kernel, bias = values["conv_1/kernel"], values["conv_1/bias"]
        self.conv = conv_of(kernel, bias, stride=2, padding=1).to(memory_format=memory)
        self.same = conv_of(kernel, bias, stride=2).to(memory_format=memory)
        self.norm = norm_of(32).train()

    @torch.no_grad()
    def first_step(self):
        self.norm(self.same(F.pad(self.images, (0, 1, 0, 1))))
        return self.norm.running_mean[0]

    @torch.no_grad()
    def step(self):
        self.norm(self.conv(self.images))


def main():
    training = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "version":
            answer = {"version": torch.__version__}
        elif request["op"] == "load":
            kind = Tutorial if request["net"] == "tutorial" else Training
            training = kind(request["net"], request["file"], request["layout"])
            answer = {"losses": [training.first_step().item() for _ in range(request["steps"])]}
        else:
            start = time.perf_counter()
            for _ in range(request["steps"]):
                training.step()
            answer = {"ms": 1000 * (time.perf_counter() - start)}
        print(json.dumps(answer), flush=True)


main()
