"""What a host of several does that is not the chief."""

import signal

from gan import signals
from gan.checkpoint_info import CheckpointInfo
from gan.training.averaged_gan import AveragedGan
from gan.training.loop import StopRequested, run_until_stopped


class Following:
    """What a host does that is not the chief: it trains along, and keeps nothing; see `gan.training.run`."""

    def __init__(self, gan: AveragedGan, info: CheckpointInfo, parameters):
        self.gan, self.info, self.parameters = gan, info, parameters

    def train(self) -> tuple[str, int]:
        """No run id, and the exit status of the program."""
        start, end = self.info.iteration, self.parameters.iterations
        with StopRequested(signals.stops[0] if signals.stops else None) as stop:
            done = [k for k, _ in run_until_stopped(self.gan, start, end, intervals(self.parameters), stop)]
            self.gan.replicas.wait()
        return "", 0 if done[-1] == end else 128 + (stop.signal or signal.SIGINT)


def intervals(parameters) -> list[int]:
    """Iterations after which something is recorded."""
    return [parameters.sample_interval, parameters.checkpoint_interval]
