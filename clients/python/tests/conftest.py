"""These tests get their server as users' do."""

pytest_plugins = ["lockd.pytest_plugin"]
