"""Options that say where many pictures are painted: in this process, in several, or on a cluster of Ray."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Group, Parameter

from impasto.errors import InputError

if TYPE_CHECKING:
    from impasto.batch import Engine

WHERE: Final = Group("Where it is painted", sort_key=-2)


@Parameter(name="*", group=WHERE)
@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where pictures are painted."""

    workers: Annotated[int | None, Parameter(metavar="N")] = None
    """Pictures painted at once, each by its own process; by default one, in a batch and on Ray as many as fit."""
    engine: Annotated[Literal["local", "ray"], Parameter(metavar="NAME")] = "local"
    """local: this machine; ray: a cluster of Ray, or one that is started on this machine."""
    address: Annotated[str | None, Parameter(metavar="ADDRESS")] = None
    """Address of a running cluster of Ray, such as 10.0.0.1:6379; auto finds that of this machine."""
    cpus: Annotated[float, Parameter(metavar="N")] = 1.0
    """Processors of each worker on Ray."""
    gpus: Annotated[float, Parameter(metavar="N")] = 0.0
    """Graphics cards of each worker on Ray; 0.5 lets two share one."""

    def chosen(self, usual: int = 1) -> "Engine":
        """Return the engine; raises InputError for options that do not fit, and for a cluster that does not answer.

        Args:
            usual: How many processes of this machine paint if --workers does not say.
        """
        from impasto.batch import connect_to_ray, on_ray, on_this_machine

        if self.workers is not None and not 1 <= self.workers <= 10_000:
            raise InputError(f"--workers takes a whole number from 1 to 10000, not {self.workers}")
        if self.cpus <= 0 or self.gpus < 0:
            raise InputError("--cpus takes a number above 0, and --gpus 0 or more")
        if self.engine == "ray":
            connect_to_ray(self.address)
            return partial(on_ray, count=self.workers, cpus=self.cpus, gpus=self.gpus)
        if self.address or self.cpus != WORKPLACE.cpus or self.gpus:
            raise InputError("--address, --cpus and --gpus are for --engine ray")
        return partial(on_this_machine, count=self.workers or usual)


WORKPLACE: Final = Workplace()
