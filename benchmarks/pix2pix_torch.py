"""A plain PyTorch training of the networks of pix2pix, to be timed: arXiv 1611.07004, section 6.1, nothing else.

Written for this benchmark, the way such programs are usually written: modules, two Adam optimizers, the
discriminator's update and then the generator's.  PyTorch is no dependency of the project: this file is imported only
where it is there.
"""

import torch
from torch import nn
from torch.nn import functional

SIZES = (64, 128, 256, 512, 512, 512, 512, 512)


class UNet(nn.Module):
    """The generator, from a condition to a photo.

    Args:
        channels: of the condition.
        depth: levels, 8 at most.
    """

    def __init__(self, channels: int, depth: int):
        super().__init__()
        sizes, last = SIZES[:depth], depth - 1
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, size in enumerate(sizes):
            normal = 0 < level < last
            layer = nn.Conv2d(sizes[level - 1] if level else channels, size, 4, 2, 1, bias=not normal)
            self.down.append(nn.Sequential(layer, nn.BatchNorm2d(size)) if normal else layer)
        for level in reversed(range(1, depth)):
            given = sizes[level] * (1 if level == last else 2)
            layers = [
                nn.ConvTranspose2d(given, sizes[level - 1], 4, 2, 1, bias=False),
                nn.BatchNorm2d(sizes[level - 1]),
            ]
            self.up.append(nn.Sequential(*layers, *([nn.Dropout(0.5)] if level >= depth - 3 else [])))
        self.last = nn.ConvTranspose2d(2 * sizes[0], 3, 4, 2, 1)

    def forward(self, x):
        """The photo."""
        skips = []
        for level, layer in enumerate(self.down):
            x = layer(functional.leaky_relu(x, 0.2) if level else x)
            skips.append(x)
        skips.pop()
        for layer in self.up:
            x = torch.cat([layer(functional.relu(x)), skips.pop()], 1)
        return torch.tanh(self.last(functional.relu(x)).float())


def patch_discriminator(channels: int) -> nn.Module:
    """The 70x70 discriminator, of condition and photo one above the other."""
    layers: list[nn.Module] = [nn.Conv2d(channels, 64, 4, 2, 1), nn.LeakyReLU(0.2)]
    for given, size, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        layers += [nn.Conv2d(given, size, 4, stride, 1, bias=False), nn.BatchNorm2d(size), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))


class TorchTraining:
    """The training of one pair over and over, without reading any data.

    Args:
        width: of the pictures.
        height: the same.
        batch_size: pairs an iteration.
        channels: of the condition.
        channels_last: keep tensors in that layout.
        bfloat16: run the networks under autocast.
        fused: let Adam update each weight in one pass.
    """

    def __init__(self, width, height, batch_size, channels, channels_last=False, bfloat16=False, fused=False):
        torch.manual_seed(0)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        # As often as both sides can be halved.
        depth = next(n for n in range(len(SIZES), 0, -1) if width % 2**n == 0 and height % 2**n == 0)
        self.generator = UNet(channels, depth).to(memory_format=layout)
        self.discriminator = patch_discriminator(channels + 3).to(memory_format=layout)
        for module in [*self.generator.modules(), *self.discriminator.modules()]:
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1, 0.02)
        options = {"lr": 2e-4, "betas": (0.5, 0.999)} | ({"fused": True} if fused else {})
        self.optimizers = [
            torch.optim.Adam(net.parameters(), **options) for net in (self.generator, self.discriminator)
        ]
        classes = torch.randint(0, channels, (batch_size, height, width))
        condition = functional.one_hot(classes, channels).permute(0, 3, 1, 2).float()
        self.condition = condition.contiguous(memory_format=layout)
        self.photo = (torch.rand(batch_size, 3, height, width) * 2 - 1).contiguous(memory_format=layout)
        self.bfloat16 = bfloat16

    def weights(self) -> int:
        """How many weights both networks have."""
        return sum(p.numel() for net in (self.generator, self.discriminator) for p in net.parameters())

    def train(self, iterations: int) -> None:
        """Make some updates of both networks."""
        for _ in range(iterations):
            self._iterate()

    def _iterate(self) -> None:
        def judged(photo):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                return self.discriminator(torch.cat([self.condition, photo], 1)).float()

        def loss(logits, real: float):
            return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))

        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            made = self.generator(self.condition)
        of_generator, of_discriminator = self.optimizers
        self.discriminator.requires_grad_(True)
        of_discriminator.zero_grad()
        ((loss(judged(made.detach()), 0.0) + loss(judged(self.photo), 1.0)) / 2).backward()
        of_discriminator.step()
        self.discriminator.requires_grad_(False)
        of_generator.zero_grad()
        (loss(judged(made), 1.0) + 100 * functional.l1_loss(made, self.photo)).backward()
        of_generator.step()
