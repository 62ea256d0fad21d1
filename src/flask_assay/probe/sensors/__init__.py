"""The sensors: one measured thing a file, one line here."""

from flask_assay.probe.sensors import (
    endpoint_cpu,
    identity,
    mail,
    outbound_http,
    pool,
    queries,
    redis,
    relationships,
    requests,
    templates,
    transactions,
)

__all__ = ["SENSORS"]

SENSORS = {
    module.SENSOR.name: module.SENSOR
    for module in (
        requests,
        endpoint_cpu,
        identity,
        queries,
        relationships,
        pool,
        transactions,
        redis,
        outbound_http,
        mail,
        templates,
    )
}
