"""Files of other tools, in and out."""

from ._abf import read_abf as read_abf
from ._nwb import read_nwb as read_nwb
from ._read_recording import read_recording as read_recording
from ._recording import Recording as Recording, read_npz as read_npz
