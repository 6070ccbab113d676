from pymailcore.runtime.metrics import Metrics, page


def test_the_samples_of_several_processes_are_added_up() -> None:
    one, two = Metrics(), Metrics()
    one.connections.labels("smtp").inc(3)
    two.connections.labels("smtp").inc(4)
    two.connections.labels("imap").inc()
    one.accept_seconds.labels("mx").observe(0.003)
    two.accept_seconds.labels("mx").observe(0.3)
    text = page([one.snapshot(), two.snapshot()])
    lines = text.splitlines()
    assert "# TYPE pymailcore_connections_total counter" in lines
    assert 'pymailcore_connections_total{listener="smtp"} 7.0' in lines
    assert 'pymailcore_connections_total{listener="imap"} 1.0' in lines
    assert 'pymailcore_accept_seconds_bucket{le="0.005",way="mx"} 1.0' in lines
    assert 'pymailcore_accept_seconds_count{way="mx"} 2.0' in lines
    assert lines.count("# TYPE pymailcore_accept_seconds histogram") == 1


def test_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.connections.labels('a"b\\c\nd').inc()
    assert r'{listener="a\"b\\c\nd"} 1.0' in page([metrics.snapshot()])
