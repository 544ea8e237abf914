"""These tests get their server by the fixture that users have."""

pytest_plugins = ["lockd.pytest_plugin"]
