"""Assets: a producer, a consumer of both, and the @asset decorator."""

from airflow.sdk import DAG, Asset, AssetWatcher, asset, task

RAW = Asset("s3://lake/raw/orders.parquet")
CLEAN = Asset("s3://lake/clean/orders.parquet")

with DAG("produce_orders", schedule="@hourly", catchup=False):

    @task(outlets=[RAW])
    def write(*, outlet_events):
        outlet_events[RAW].extra = {"rows": 10}

    write()

with DAG("consume_orders", schedule=(RAW & CLEAN)):

    @task(inlets=[RAW])
    def read():
        return AssetWatcher

    read()


@asset(schedule=RAW)
def clean_orders():
    return 1
