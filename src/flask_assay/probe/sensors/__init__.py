"""The sensors: one measured thing a file, one line here."""

from flask_assay.probe.sensors.containers import GROWTH as CONTAINER_GROWTH
from flask_assay.probe.sensors.containers import SENSOR as CONTAINERS
from flask_assay.probe.sensors.endpoint_cpu import SENSOR as ENDPOINT_CPU
from flask_assay.probe.sensors.exceptions import SENSOR as EXCEPTIONS
from flask_assay.probe.sensors.identity import SENSOR as IDENTITY
from flask_assay.probe.sensors.mail import SENSOR as MAIL
from flask_assay.probe.sensors.orm_reads import SENSOR as ORM_READS
from flask_assay.probe.sensors.outbound_http import SENSOR as OUTBOUND_HTTP
from flask_assay.probe.sensors.pool import SENSOR as POOL
from flask_assay.probe.sensors.queries import SENSOR as QUERIES
from flask_assay.probe.sensors.redis import SENSOR as REDIS
from flask_assay.probe.sensors.relationships import SENSOR as RELATIONSHIPS
from flask_assay.probe.sensors.requests import SENSOR as REQUESTS
from flask_assay.probe.sensors.templates import SENSOR as TEMPLATES
from flask_assay.probe.sensors.transactions import SENSOR as TRANSACTIONS

__all__ = ["SENSORS"]

SENSORS = {
    sensor.name: sensor
    for sensor in (
        REQUESTS,
        ENDPOINT_CPU,
        IDENTITY,
        QUERIES,
        RELATIONSHIPS,
        POOL,
        TRANSACTIONS,
        REDIS,
        OUTBOUND_HTTP,
        MAIL,
        TEMPLATES,
        EXCEPTIONS,
        CONTAINERS,
        ORM_READS,
        CONTAINER_GROWTH,
    )
}
