"""The networks that see people.

Where they come from, under which licence: `popscore/people/models/NOTICE`. `popscore/training/people/` makes them.
"""

from typing import Literal

from popscore.models.shipped import ShippedNetworks

Name = Literal["face_detector", "small_face_detector", "face_mesh", "iris", "expression"]

network = ShippedNetworks[Name]("popscore.people")
"""The network of a name, read when it is first needed."""
