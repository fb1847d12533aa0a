"""``python -m chainrule`` is ``chainrule``."""

import sys

from chainrule_start import main

sys.exit(main())
