"""The networks that see a person's pose and outline.

Where they come from, under which licence: `popscore/personal/models/NOTICE`. `popscore/training/personal/` makes them.
"""

from typing import Literal

from popscore.models.shipped import ShippedNetworks

Name = Literal["pose", "person_mask"]

network = ShippedNetworks[Name]("popscore.personal")
"""The network of a name, read when it is first needed."""
