"""What a training suffers from, told from the frames of it: in plain words, with the figure that shows it, the
threshold and where that comes from, and a command to try. It says nothing of a healthy one.

What may not live here: how frames are made or shown. No rule knows a component by name: what to take instead is looked
for among those that are installed, by what they do.
"""

from chainrule.diagnosis.diagnose import diagnose
from chainrule.diagnosis.finding import Finding

__all__ = ["Finding", "diagnose"]
