"""Configuration: defaults, loading, names."""

from __future__ import annotations

from ..case import Case, Differs, case, code

# Written out in full, as it is in docs/differences.md.
_NEW_VALUES = {
    "CANCEL_ON_DISCONNECT": "True",
    "FLASK_BRIDGE": "None",
    "FLASK_SYNC_IN": "None",
    "HEADER_TIMEOUT": "30",
    "KEEP_ALIVE_TIMEOUT": "5",
    "MAX_FORM_FILES": "100",
    "MAX_HEADERS": "1000",
    "MAX_HEADER_SIZE": "65536",
    "MAX_JSON_SIZE": "16777216",
    "MAX_PIPELINED_REQUESTS": "100",
    "READ_AHEAD_MESSAGES": "16",
    "READ_AHEAD_SIZE": "65536",
    "SHUTDOWN_CLEANUP_TIMEOUT": "5",
    "SHUTDOWN_TIMEOUT": "10",
    "THREADS": "None",
    "WEBSOCKET_MAX_SIZE": "1048576",
}
_NAMES = [f"`{name}`" for name in _NEW_VALUES]

NEW_KEYS = Differs(
    f"{', '.join(_NAMES[:-1])} and {_NAMES[-1]} are new",
    {f"0.value.{name}": value for name, value in _NEW_VALUES.items()},
)

CASES: list[Case] = [
    case(
        "defaults",
        "",
        code(
            "return {key: repr(value) for key, value in sorted(app.config.items()) if key != 'SECRET_KEY'}"
        ),
        differs=NEW_KEYS,
    ),
    case(
        "default-config-of-the-class",
        "",
        code("return {key: repr(value) for key, value in sorted(Quart.default_config.items())}"),
        differs=NEW_KEYS,
    ),
    case(
        "attributes",
        "",
        code("""
        found = [app.debug, app.testing, app.secret_key]
        app.debug = True; app.testing = True; app.secret_key = "other"
        found += [app.config["DEBUG"], app.config["TESTING"], app.config["SECRET_KEY"]]
        app.config.update(DEBUG=False, TESTING=False, SECRET_KEY=None)
        return found + [app.debug, app.testing, app.secret_key, str(app.permanent_session_lifetime)]
    """),
        code("""
        from datetime import timedelta
        app.permanent_session_lifetime = 60
        one = str(app.permanent_session_lifetime)
        app.permanent_session_lifetime = timedelta(1)
        return [one, str(app.permanent_session_lifetime)]
    """),
    ),
    case(
        "from-object",
        """
        class Settings:
            A = 1
            lower = 2
            _B = 3
            NESTED = {"x": 1}
        class More(Settings):
            C = 4
            @property
            def D(self): return 5
    """,
        code(
            "app.config.from_object(More); return [app.config.get(k) for k in ('A', 'lower', '_B', 'C', 'NESTED')]"
        ),
        code("app.config.from_object(More()); return app.config['D']"),
        code("app.config.from_object('settings_module'); return app.config['FROM_MODULE']"),
        code("app.config.from_object('settings_module.Class'); return app.config['OF_CLASS']"),
        code("app.config.from_object('no_such_module')"),
        code(
            "import sys; sys.path.insert(0, str(here)); app.config.from_object('settings_module'); return app.config['FROM_MODULE']"
        ),
        files={"settings_module.py": "FROM_MODULE = 1\nclass Class:\n    OF_CLASS = 2\n"},
    ),
    case(
        "from-pyfile",
        "",
        code(
            "return [app.config.from_pyfile('settings.py'), app.config['A'], app.config.get('lower'), app.config['B']]"
        ),
        code("return app.config.from_pyfile('none.py', silent=True)"),
        code("app.config.from_pyfile('none.py')"),
        code("app.config.from_pyfile('broken.py')"),
        files={
            "settings.py": "A = 1\nlower = 2\nB = __file__.endswith('settings.py')\n",
            "broken.py": "A =",
        },
    ),
    case(
        "from-file",
        "",
        code(
            "import json; app.config.from_file('c.json', json.load); return [app.config['A'], app.config.get('lower')]"
        ),
        code(
            "import tomllib; app.config.from_file('c.toml', tomllib.load, text=False); return app.config['T']"
        ),
        code("import json; return app.config.from_file('none.json', json.load, silent=True)"),
        code("import json; app.config.from_file('none.json', json.load)"),
        files={"c.json": '{"A": [1], "lower": 2}', "c.toml": "T = 5\n"},
    ),
    case(
        "from-mapping",
        "",
        code(
            "return [app.config.from_mapping({'A': 1, 'lower': 2}, B=3), app.config['A'], app.config['B'], 'lower' in app.config]"
        ),
        code("app.config.from_mapping({'A': 1}, {'B': 2})"),
        code("app.config.from_mapping([('L', 1)]); return app.config['L']"),
    ),
    case(
        "from-prefixed-env",
        "",
        code("""
        import os
        os.environ.update(QUART_A="1", QUART_B="text", QUART_C='{"x": [1]}', QUART_D__E="5", QUART_D__F__G="true", OTHER_H="null", QUART_lower="1")
        app.config["D"] = {"old": 1}
        app.config.from_prefixed_env()
        one = [app.config.get(k) for k in "A B C D H lower".split()]
        app.config.from_prefixed_env("OTHER")
        return one + [app.config.get("H", "none")]
    """),
        code("""
        import os
        os.environ.update(X_A="abc", X_B="2")
        app.config.from_prefixed_env("X", loads=str.upper)
        return [app.config["A"], app.config["B"]]
    """),
    ),
    case(
        "from-envvar",
        "",
        code("""
        import os
        os.environ["MY_SETTINGS"] = str(here / "settings.py")
        found = [app.config.from_envvar("MY_SETTINGS"), app.config["A"], app.config.from_envvar("NONE_SUCH", silent=True)]
        try:
            app.config.from_envvar("NONE_SUCH")
        except RuntimeError:
            found.append("RuntimeError")
        return found
    """),
        files={"settings.py": "A = 1\n"},
    ),
    case(
        "get-namespace",
        "",
        code(
            "app.config.update(X_A=1, X_B=2, XC=3); return [app.config.get_namespace('X_'), app.config.get_namespace('X_', lowercase=False), app.config.get_namespace('X_', trim_namespace=False)]"
        ),
    ),
    case(
        "as-a-dictionary",
        "",
        code(
            "return [isinstance(app.config, dict), repr(app.config)[:8], 'DEBUG' in app.config, app.config.get('NONE'), app.config.setdefault('N', 1), app.config.pop('N')]"
        ),
        code("app.config['NONE']"),
    ),
    case(
        "own-class",
        """
        from quart.config import Config
        class MyConfig(Config):
            pass
        class Mine(Quart):
            config_class = MyConfig
            default_config = {**Quart.default_config, "OWN": 5}
        app = Mine(__name__)
    """,
        code("return [type(app.config).__name__, app.config['OWN']]"),
    ),
    case(
        "make-config",
        """
        class Mine(Quart):
            def make_config(self, instance_relative=False):
                config = super().make_config(instance_relative)
                config["MADE"] = instance_relative
                return config
        app = Mine(__name__, instance_relative_config=True, instance_path=str(here / "inst"))
    """,
        code("return [app.config['MADE'], str(app.config.root_path).endswith('inst')]"),
    ),
    case(
        "by-hand",
        """
        from quart.config import Config, ConfigAttribute
        class Thing:
            config = {"X": "5"}
            x = ConfigAttribute("X")
            y = ConfigAttribute("X", int)
        thing = Thing()
    """,
        code("found = [thing.x, thing.y]; thing.x = '6'; return found + [thing.config, thing.y]"),
        code("c = Config(here, {'A': 1}); return [c['A'], c.from_mapping(B=2), dict(c)]"),
    ),
    case(
        "debug-from-environment",
        "",
        code("""
        import os
        found = []
        for value in ("1", "true", "0", "no", "False", "", "yes"):
            os.environ["QUART_DEBUG"] = value
            found.append(Quart("x").debug)
        return found
    """),
        differs=Differs(
            "| `QUART_DEBUG` | holds for applications that the command runs |",
            {"0.value.0": True, "0.value.1": True, "0.value.6": True},
        ),
    ),
    case(
        "debug-helpers",
        """
        from quart.helpers import get_debug_flag
    """,
        code("""
        import os
        found = [get_debug_flag()]
        os.environ["QUART_DEBUG"] = "1"
        return found + [get_debug_flag()]
    """),
    ),
    case(
        "extensions-and-others",
        "",
        code(
            "return [app.extensions, app.name == app.import_name, app.subdomain_matching, app.shell_context_processors, app.url_build_error_handlers, app.teardown_appcontext_funcs, app.import_name == app.name]"
        ),
        code(
            "return [app.has_static_folder, app.logger.name == app.name, str(type(app.logger).__name__)]"
        ),
    ),
    case(
        "class-attributes",
        "",
        code("""
        names = '''aborter_class app_ctx_globals_class config_class event_class lock_class request_class response_class session_interface test_app_class test_client_class test_cli_runner_class url_map_class
                   url_rule_class websocket_class json_provider_class jinja_environment jinja_options default_config asgi_http_class asgi_lifespan_class asgi_websocket_class'''.split()
        return [name for name in names if hasattr(Quart, name)]
    """),
    ),
    case(
        "logger",
        """
        app.logger.info("at import")
    """,
        code("app.logger.warning('w %s', 1); app.logger.error('e'); app.logger.debug('d')"),
        code(
            "app.debug = True; return app.logger.getEffectiveLevel() if 'logger' not in app.__dict__ else 'made'"
        ),
    ),
]
