"""Who else uses the machine while an experiment measures: it explains wide intervals."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Neighbours"]

# Client, server and database take turns: of its own an experiment has hardly more than one.
_OWN_LOAD = 1.5
_MUCH_STOLEN = 0.05
_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A look at the machine's counters, to be compared with a later one.

    Attributes:
        ticks: Of all CPUs since the boot, all kinds.
        stolen: Those that the host gave to other machines.
    """

    ticks: int = 0
    stolen: int = 0

    @classmethod
    def look(cls) -> "Neighbours":
        """Return the counters of now; zeros where the system does not tell."""
        try:
            fields = _STAT.read_text(encoding="ascii").partition("\n")[0].split()[1:9]
            ticks = [int(each) for each in fields]
        except (OSError, ValueError):
            return cls()
        return cls(sum(ticks), ticks[7] if len(ticks) > 7 else 0)

    def words(self, load: float | None = None, cpus: int | None = None) -> str:
        """Return a sentence on what others took since this look; "" if it was little.

        Args:
            load: Runnable processes, mean of the last minute; None asks the system.
            cpus: None asks the system.
        """
        now = Neighbours.look()
        stolen = (now.stolen - self.stolen) / max(1, now.ticks - self.ticks)
        cpus = cpus or os.cpu_count() or 1
        load = os.getloadavg()[0] if load is None else load
        told = []
        if load - _OWN_LOAD > cpus / 2:
            told.append(f"a load of {load:.1f} on {cpus} CPUs")
        if stolen > _MUCH_STOLEN:
            told.append(f"{stolen * 100:.0f} % of the CPU time went to other machines of its host")
        return f"The machine was busy meanwhile: {', '.join(told)}." if told else ""
