"""Files in S3 through boto3."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from flask import current_app

from shop.services.clients import client


class StorageDownError(Exception):
    """The file was not stored. Try again later."""


def store(key: str, content: bytes, content_type: str) -> None:
    """Store a file.

    Raises:
        StorageDownError: The storage refused it, or did not answer.
    """
    bucket = current_app.config["S3_BUCKET"]
    try:
        _s3().put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)
    except (BotoCoreError, ClientError) as error:
        raise StorageDownError(str(error)) from error


def link(key: str, *, lifetime_s: int = 3600) -> str:
    """Return a signed link to a file; made here, without asking the storage."""
    bucket = current_app.config["S3_BUCKET"]
    return _s3().generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=lifetime_s
    )


def _s3():
    return client("s3", _make)


def _make():
    config = current_app.config
    return boto3.client(
        "s3",
        endpoint_url=config["S3_URL"],
        region_name=config["S3_REGION"],
        aws_access_key_id=config["S3_ACCESS_KEY"],
        aws_secret_access_key=config["S3_SECRET_KEY"],
        config=Config(
            connect_timeout=config["SDK_TIMEOUT_S"],
            read_timeout=config["SDK_TIMEOUT_S"],
            retries={"total_max_attempts": 1 + config["SDK_RETRIES"]},
            s3={"addressing_style": "path"},
            signature_version="s3v4",
        ),
    )
