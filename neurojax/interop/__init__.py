"""Files of other tools, in and out."""

from ._abf import read_abf as read_abf
from ._export import Exported as Exported, export as export, load_export as load_export
from ._from_nir import from_nir as from_nir
from ._nir_modules import (
    Flatten as Flatten,
    Scale as Scale,
    Threshold as Threshold,
    summed as summed,
)
from ._nwb import read_nwb as read_nwb
from ._read_recording import read_recording as read_recording
from ._recording import Recording as Recording, read_npz as read_npz
from ._to_nir import to_nir as to_nir, write_nir as write_nir
