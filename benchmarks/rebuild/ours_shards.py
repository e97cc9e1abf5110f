"""xml-rebuild over several processes, as Airflow's mapped tasks do it: begin, then workers on shards, then finish.

python ours_shards.py begin|finish SOURCE DSN FOLDER
python ours_shards.py work SOURCE DSN FOLDER WORKER WORKERS
"""

import pickle
import sys
from pathlib import Path

from xml_rebuild.checks import check
from xml_rebuild.finish import finish
from xml_rebuild.load import load_parts
from xml_rebuild.mapping import Mapping
from xml_rebuild.publish import publish
from xml_rebuild.source import locate
from xml_rebuild.staging import begin

SCHEMA = "bench"


def main(step: str, source: str, dsn: str, folder: str, worker: str = "0", workers: str = "1") -> None:
    mapping, parts = Mapping.load("pubmed"), Path(folder, "parts")
    if step == "begin":
        parts.write_bytes(pickle.dumps(begin(dsn, mapping, SCHEMA, locate(source))))
    elif step == "work":
        share = pickle.loads(parts.read_bytes())[int(worker) :: int(workers)]
        load_parts(dsn, mapping, SCHEMA, share)
    else:
        finish(dsn, mapping, SCHEMA)
        check(dsn, mapping, SCHEMA)
        publish(dsn, SCHEMA)


if __name__ == "__main__":
    main(*sys.argv[1:])
