"""Our errors are told in their own words, any other by an id under which the log has its traceback."""

import logging
import re

import pytest
from panel.io.state import state

from core.errors import CorruptArtifactError, RegionError
from dashboard.failures import alert, notify, words

OURS = [RegionError("the range of x is <empty>", remedy="Give low < high."), CorruptArtifactError("a & b is damaged")]


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(error).__name__)
def test_our_errors_are_told_verbatim_and_not_logged(error, caplog):
    assert words(error) == str(error)
    assert not caplog.records


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_another_error_has_an_id_that_leads_to_its_traceback(caplog):
    with caplog.at_level(logging.ERROR):
        told = [words(raised(ZeroDivisionError("a secret of the code"))) for _ in range(2)]
    ids = [re.search(r"\b[0-9a-f]{8}\b", text)[0] for text in told]
    assert ids[0] != ids[1]
    for record, error_id, text in zip(caplog.records, ids, told, strict=True):
        assert "secret" not in text
        assert error_id in record.message
        assert record.exc_info[0] is ZeroDivisionError
        assert "in raised" in logging.Formatter().formatException(record.exc_info)


def test_an_alert_is_text_and_no_markup():
    pane = alert(OURS[0])
    assert "is &lt;empty&gt;. Give low &lt; high." in pane.object
    assert 'role="alert"' in pane.object


def test_a_notification_says_the_same(notifications):
    notify(OURS[0])
    assert [(n.message, n.notification_type) for n in notifications] == [(str(OURS[0]), "error")]


def test_without_a_page_the_log_still_knows(caplog):
    assert state.notifications is None
    notify(raised(KeyError("lost")))
    assert caplog.records[0].exc_info[0] is KeyError
