"""Invoices are made by a worker elsewhere: ``celery -A tasks worker``."""

import os

from celery import Celery

app = Celery("tasks")
app.conf.update(
    broker_url=f"confluentkafka://{os.environ['KAFKA_BOOTSTRAP_SERVERS']}",
    broker_transport_options={"allow_create_topics": True, "wait_time_seconds": 1},
    broker_connection_retry_on_startup=True,
    result_backend=f"file://{os.environ.get('STATE_DIR', 'results')}",
    task_default_queue="invoicing",
    task_acks_late=True,
    worker_enable_remote_control=False,
)


@app.task
def invoice(number: int, price: int, pieces: int) -> dict:
    return {"order": number, "total": price * pieces}


@app.task
def total(invoices: list) -> int:
    return sum(each["total"] for each in invoices)
