"""Train with several cards under mpirun: `mpirun -n 8 python examples/train_mpi.py unet_medical data_path=data/isbi`.

Arguments are recipes and name=value. Each process is a rank; the run folder is that of rank 0.
"""

import sys

from unet_nb.config.recipes import load_params
from unet_nb.training.fit import fit

files = [word for word in sys.argv[1:] if "=" not in word]
values = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
print(fit(load_params(*files, run_distribute=True, **values)).path)
