"""How long torch's threads stay awake while they wait for each other. To be imported before torch is.

Threads of OpenMP that spin for long take the cores that decoding needs: on two busy cores judging was half as fast.
Not spinning at all costs a third on idle ones; five thousand turns cost nothing there, and save a tenth of the work.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "5000")
