"""One settings file; everything that differs between machines comes from the environment.

`flywheel …` prepares that environment (own database and broker when DATABASE_URL and REDIS_URL are unset).
"""

from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from flywheel import logs

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("FLYWHEEL_DATA_DIR", default=str(BASE_DIR / "var")))

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not env.bool("FLYWHEEL_BUILD", default=False):
        raise ImproperlyConfigured("SECRET_KEY is not set; start through the `flywheel` command, or set it")
    SECRET_KEY = "only-for-collectstatic-and-type-checks"  # noqa: S105
# Salts HMACs and encryption at rest. Separate from SECRET_KEY so that rotating sessions never orphans data.
DATA_KEY = env.str("FLYWHEEL_DATA_KEY", default=SECRET_KEY)
SALT_KEY = [DATA_KEY]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000")
HTTPS = SITE_URL.startswith("https://")

# --- Applications -------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "flywheel.administration.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "js_lib_bootstrap5",
    "rest_framework",
    "apps.platform",
    "apps.organizations",
    "apps.ingestion",
    "apps.evaluations",
    "apps.insights",
    "apps.library",
    "apps.experiments",
    "apps.improvements",
    "apps.reports",
    "apps.cycles",
]

MIDDLEWARE = [
    "apps.experiments.fastpath.ServeFirst",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.platform.compression.CompressPages",
    "csp.middleware.CSPMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "apps.platform.faults.RefuseNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "flywheel.urls"
WSGI_APPLICATION = "flywheel.wsgi.application"
SITE_ID = 1

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "apps.organizations.web.navigation.navigation",
            ],
        },
    }
]

# --- Data ---------------------------------------------------------------------------------------------------------
# Two roles: `default` (run: no DDL, under row security) serves requests; `owner` migrates, backs up and maintains.

# While the database is away a request waits for it this long, in seconds, then is 503; and whoever needs a connection
# next tries at once, instead of waiting for a try that the pool has put off ever further.
_POOL = {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=20), "timeout": 2, "reconnect_timeout": 2}
# A server that went without a word is noticed within 30 s, not when TCP gives up.
_KEEPALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


def _database(url: str, *, pooled: bool) -> dict[str, object]:
    options: dict[str, object] = {"connect_timeout": 5, "application_name": "flywheel", **_KEEPALIVE}
    if pooled:
        options["pool"] = _POOL
    return {
        **environ.Env.db_url_config(url),
        "CONN_MAX_AGE": 0 if pooled else 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
        "OPTIONS": options,
    }


_run_url = env.str("DATABASE_URL", default="postgres://flywheel_run@127.0.0.1:5432/flywheel")
_owner_url = env.str("MIGRATION_DATABASE_URL", default=_run_url)
ONE_DATABASE_ROLE = _run_url == _owner_url
DATABASES = {
    "default": _database(_run_url, pooled=env.bool("FLYWHEEL_POOL", default=False)),
    "owner": _database(_owner_url, pooled=False),
}
DATABASE_ROUTERS: list[str] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# --- Workers ------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    # A worker empties its queues in the order it was given them.
    "queue_order_strategy": "priority",
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    # Publishing must never hold a request: the row is written, the 15 s tick finds it.
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 300_000  # kB
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"ingestion.*": {"queue": "capture"}, "evaluations.*": {"queue": "analysis"}}
# What a tick looks for besides work whose message was lost: slots and gates whose time has come.
TICKS = ["cycles.start_due", "reports.start_due"]
CELERY_BEAT_SCHEDULE = {"tick": {"task": "platform.tick", "schedule": 15.0, "options": {"expires": 15}}}
# A new connection a piece, which is Celery's own way, doubled what a small piece of work costs: PostgreSQL begins each
# with empty caches.
CELERY_DB_REUSE_MAX = 1_000
CELERY_TIMEZONE = "UTC"

# --- Capture limits (INTERFACE) -----------------------------------------------------------------------------------

CAPTURE_MAX_WIRE_BYTES = 5 * 1024 * 1024
CAPTURE_MAX_INFLATED_BYTES = 20 * 1024 * 1024
CAPTURE_MAX_LINES = 10_000
# Files are read below CAPTURE_ROOT/<organization's slug>/ and nowhere else; set but empty, none are.
CAPTURE_ROOT = env.str("CAPTURE_ROOT", default=str(DATA_DIR / "capture"))
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
RATE_LIMITS = {
    # scope: (tokens per second, burst), per key; an organization gets five times that over all its keys.
    "ingest": (env.float("RATE_LIMIT_INGEST", default=50.0), 200),
    "read": (env.float("RATE_LIMIT_READ", default=50.0), 200),
}

# --- API ----------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.organizations.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.organizations.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["apps.platform.api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.platform.api.parsers.StrictJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # ?format= names the format of a log; there is one renderer, so nobody else needs the word.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "apps.platform.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Flywheel",
    "DESCRIPTION": "Capture production conversations, analyze them, and turn what they say into improvements.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- People -------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "apps.organizations.accounts.Accounts"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", default="optional")
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Flywheel"
# A code typed as its half minute ends, or by a clock a little off, still counts: RFC 6238 (5.2) recommends one step.
MFA_TOTP_TOLERANCE = 1
MFA_ADAPTER = "apps.organizations.second_factors.SealedSecondFactors"
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/welcome/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Flywheel <flywheel@localhost>")

# --- Others -------------------------------------------------------------------------------------------------------

# "host:port" of models and webhooks on our own network; everything else that customers name must be public.
OUTBOUND_ALLOWED = env.list("FLYWHEEL_OUTBOUND_ALLOWED", default=[])

# --- Security -----------------------------------------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS and env.bool("SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # The proxy adds whom it heard from; what stands before that, anybody may have written.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "font-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# --- Files, words, logs -------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Collected files have a compressed twin each; without them every package's own are served as they are.
WHITENOISE_USE_FINDERS = not Path(STATIC_ROOT, "flywheel").is_dir()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "apps.platform.compression.CompressedFiles"},
}
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "structlog.stdlib.ProcessorFormatter", "processor": logs.render},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django_structlog": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},
        # A line a call says nothing that the probes' own rows do not.
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
    },
}

UNFOLD = {
    "SITE_TITLE": "Flywheel",
    "SITE_HEADER": "Flywheel",
    "SITE_SYMBOL": "cycle",
    "SHOW_HISTORY": True,
    "ENVIRONMENT": "apps.organizations.administration.entered_label",
}
