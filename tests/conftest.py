"""The last line of a test run counts: `N passed, N failed`."""


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = lambda *kinds: sum(len(reporter.stats.get(k, [])) for k in kinds)
    print(f"\n{count('passed')} passed, {count('failed', 'error')} failed")
