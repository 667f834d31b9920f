"""The WSGI application gunicorn serves."""

import gc
import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flywheel.settings")

application = get_wsgi_application()
# Every page's code is read before the first request, which else waits half a second for it. And what is loaded stays:
# the collector leaves it alone from now on, instead of holding up a page for 130 ms each time it looks at everything.
import_module("flywheel.urls")
gc.collect()
gc.freeze()
