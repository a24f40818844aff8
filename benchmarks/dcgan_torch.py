"""A plain PyTorch training of the networks and losses of signs, to be timed.

Written for this benchmark, the way such programs are usually written. PyTorch is no dependency of the project: this
file is imported only where it is there.
"""

import copy
import itertools

import torch
from torch import nn
from torch.nn import functional

LATENT, EMBEDDING, DETAIL, FINE = 100, 64, 4, 32
PENALTY, PENALTY_EVERY = 0.05, 8
_LINE = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
SPREAD = torch.kron(_LINE, _LINE).T.contiguous()
_PERIODS = torch.hypot(*torch.meshgrid(torch.fft.fftfreq(32) * 32, torch.fft.fftfreq(32) * 32, indexing="ij"))
BINS = functional.one_hot(_PERIODS.round().long().view(-1)).float()
BINS = (BINS / BINS.sum(0))[:, 1:]
WINDOW = torch.outer(torch.hann_window(32), torch.hann_window(32))


class Modulated(nn.Module):
    """Batch normalisation with a gain and a bias of the latent and the class, then ReLU."""

    def __init__(self, channels: int, style: int):
        super().__init__()
        self.normal = nn.BatchNorm2d(channels, affine=False, momentum=0.01)
        self.gain, self.bias = nn.Linear(style, channels), nn.Linear(style, channels)

    def forward(self, x, style):
        """(N, channels, height, width)."""
        gain, bias = (layer(style)[:, :, None, None] for layer in (self.gain, self.bias))
        return functional.relu(self.normal(x) * gain + bias)


class Enlarge(nn.Module):
    """Pixels repeated and convolved, in one transposed convolution."""

    def __init__(self, given: int, channels: int):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(given, channels, 3, 3))
        nn.init.xavier_uniform_(self.kernel)

    def forward(self, x):
        """(N, channels, 2 * height, 2 * width)."""
        kernel = (self.kernel.reshape(-1, 9) @ SPREAD).view(*self.kernel.shape[:2], 4, 4)
        return functional.conv_transpose2d(x, kernel, stride=2, padding=1)


class Generator(nn.Module):
    """From latents and class ids to images of about -1 to 1."""

    def __init__(self, classes: int, width: int = 64):
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(classes, EMBEDDING) if classes > 1 else None
        style = LATENT + (EMBEDDING if classes > 1 else 0)
        self.project = nn.Linear(style, 16 * 4 * width, bias=False)
        sizes = (4 * width, 4 * width, 2 * width, width)
        self.up = nn.ModuleList(Enlarge(a, b) for a, b in itertools.pairwise(sizes))
        self.modulated = nn.ModuleList(Modulated(size, style) for size in sizes)
        self.detail = nn.Linear(LATENT, 32 * 32 * DETAIL, bias=False)
        self.detail_weights = nn.Conv2d(DETAIL, width, 1, bias=False)
        self.image = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, latent, labels):
        """float32 (N, 3, 32, 32)."""
        style = latent if self.embedding is None else torch.cat([latent, self.embedding(labels)], 1)
        x = self.modulated[0](self.project(style).view(-1, 4 * self.width, 4, 4), style)
        for number, (up, modulated) in enumerate(zip(self.up, self.modulated[1:], strict=True)):
            x = up(x)
            if number == 2:
                x = x + self.detail_weights(self.detail(latent).view(-1, DETAIL, 32, 32))
            x = modulated(x, style)
        return self.image(x).float()


class Discriminator(nn.Module):
    """From images to logits: of being real, and for each class what is added, and of a classifier."""

    def __init__(self, classes: int, width: int = 64):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, FINE, 3, padding=1), nn.LeakyReLU(0.2)]
        for given, size in ((FINE, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(given, size, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * width, 4 * width))
        self.logits = nn.Linear(4 * width, 1 if classes == 1 else 1 + 2 * classes)

    def forward(self, images):
        """float32 (N, logits)."""
        return self.logits(functional.leaky_relu(self.layers(images).float(), 0.2))


def augmented(images):
    """Half of the images in another light, half of them turned, zoomed and shifted."""
    count = len(images)

    def between(chosen=None):
        drawn = torch.rand(count, 1, 1, 1) * 2 - 1
        return drawn if chosen is None else drawn * chosen

    light, view = ((torch.rand(count, 1, 1, 1) < 0.5).float() for _ in range(2))
    images = images + 0.3 * between(light)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + 0.5 * between(light))
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (1 + 0.3 * between(light))
    angle, scale = (8 * torch.pi / 180 * between(view)).view(-1), torch.exp(0.0953 * between(view)).view(-1)
    shifts = [0.2 * between(view).view(-1) for _ in range(2)]
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    turn = torch.stack([torch.stack([cosine, -sine, shifts[0]], 1), torch.stack([sine, cosine, shifts[1]], 1)], 1)
    grid = functional.affine_grid(turn, images.shape, align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def light(images):
    """Means of the channels, contrast and saturation: (N, 5)."""
    grey = images.mean(1, keepdim=True)
    contrast = (grey.var((1, 2, 3), correction=0) + 1e-6).sqrt()
    saturation = ((images - grey).square().mean((1, 2, 3)) + 1e-6).sqrt()
    return torch.cat([images.mean((2, 3)), contrast[:, None], saturation[:, None]], 1)


def detail(images):
    """Logarithms of the power at each frequency: (N, R)."""
    grey = images.mean(1)
    spectrum = torch.fft.fft2((grey - grey.mean((1, 2), keepdim=True)) * WINDOW)
    return ((spectrum.real.square() + spectrum.imag.square()).reshape(-1, 1024) @ BINS + 1e-3).log()


def matching(measure, real, generated):
    """The energy distance of a measure."""

    def distances(one, other):
        return ((one[:, None] - other).square().sum(2) + 1e-6).sqrt()

    wanted, count = measure(real), len(generated)
    spread = wanted.std(0, correction=0) + 1e-3
    found, wanted = measure(generated) / spread, wanted / spread
    energy = 2 * distances(found, wanted).mean() - distances(found, found).sum() / (count * (count - 1))
    return energy / wanted.shape[1] ** 0.5


class TorchTraining:
    """The training with images in memory.

    Args:
        classes: 1, or 43.
        batch_size: real images an iteration.
        channels_last: keep tensors in that layout.
        bfloat16: run the networks under autocast.
        fused: let Adam update each weight in one pass.
    """

    def __init__(self, classes: int, batch_size: int, channels_last=False, bfloat16=False, fused=False):
        torch.manual_seed(0)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.generator = Generator(classes).to(memory_format=self.layout)
        self.discriminator = Discriminator(classes).to(memory_format=self.layout)
        self.averaged = copy.deepcopy(self.generator)
        options = {"lr": 8e-4, "betas": (0.0, 0.99)} | ({"fused": True} if fused else {})
        self.optimizers = [
            torch.optim.Adam(net.parameters(), **options) for net in (self.generator, self.discriminator)
        ]
        self.images = torch.randint(0, 256, (50 * classes, 3, 32, 32), dtype=torch.uint8)
        self.classes, self.batch_size, self.bfloat16, self.done = classes, batch_size, bfloat16, 0

    def weights(self) -> int:
        """How many weights both networks have."""
        return sum(p.numel() for net in (self.generator, self.discriminator) for p in net.parameters())

    def train(self, iterations: int) -> None:
        """Make some updates of both networks."""
        for _ in range(iterations):
            self._iterate()
            self.done += 1

    def _judged(self, images):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.discriminator(images)

    def _picked(self, logits, labels):
        if self.classes == 1:
            return logits[:, 0]
        return logits[:, 0] + logits[:, 1 : 1 + self.classes].gather(1, labels[:, None])[:, 0]

    def _iterate(self) -> None:
        labels = torch.randint(0, self.classes, (self.batch_size,))
        photos = self.images[torch.randint(0, 50, (self.batch_size,)) + 50 * labels].float() / 127.5 - 1
        real = augmented(photos.contiguous(memory_format=self.layout))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            drawn = self.generator(torch.randn(self.batch_size, LATENT), labels)
        generated = augmented(drawn)
        twice = torch.cat([labels, labels])
        of_generator, of_discriminator = self.optimizers
        of_generator.zero_grad()
        of_discriminator.zero_grad()
        # One pass through both networks serves both losses: each network takes the gradient of its own.
        logits = self._judged(torch.cat([real, generated]))
        on_real, on_generated = self._picked(logits, twice).chunk(2)
        for_discriminator = functional.softplus(on_generated - on_real).mean()
        for_generator = functional.softplus(on_real - on_generated).mean()
        for_generator = for_generator + 10 * matching(light, photos, drawn) + 0.3 * matching(detail, photos, drawn)
        if self.classes > 1:
            halves = logits[:, 1 + self.classes :].chunk(2)
            for_discriminator = for_discriminator + functional.cross_entropy(halves[0], labels)
            for_generator = for_generator + 0.1 * functional.cross_entropy(halves[1], labels)
        parts = [list(net.parameters()) for net in (self.generator, self.discriminator)]
        gradients = torch.autograd.grad(for_generator, parts[0], retain_graph=True)
        for parameter, gradient in zip(parts[0], gradients, strict=True):
            parameter.grad = gradient
        gradients = torch.autograd.grad(for_discriminator, parts[1])
        for parameter, gradient in zip(parts[1], gradients, strict=True):
            parameter.grad = gradient
        if self.done % PENALTY_EVERY == 0:
            images = torch.cat([real, generated]).detach().requires_grad_(True)
            total = self._picked(self._judged(images), twice).sum()
            (found,) = torch.autograd.grad(total, images, create_graph=True)
            penalty = 2 * found.square().sum((1, 2, 3)).mean()
            (PENALTY / 2 * PENALTY_EVERY * penalty).backward()
        of_generator.step()
        of_discriminator.step()
        with torch.no_grad():
            pairs = list(zip(self.averaged.parameters(), self.generator.parameters(), strict=True))
            torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 0.001)
