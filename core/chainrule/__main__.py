"""``python -m chainrule`` is ``chainrule``."""

import sys

from chainrule.commands.main import main

sys.exit(main())
