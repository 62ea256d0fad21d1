import base64
import json
from collections import Counter
from random import Random

from flask_assay.load.sampling import Reservoir, SampleRequest, write_samples


def sample(number, name="GET /"):
    headers = {"Host": "x", "Cookie": "s=1", "X-Assay-Request": "5", "Content-Length": "3"}
    return SampleRequest(name, "POST", f"/{number}", headers, b"\x00ab", 200, number)


def test_every_request_has_the_same_chance_to_be_kept():
    kept = Counter()
    for seed in range(400):
        reservoir = Reservoir(5, random=Random(seed))
        for number in range(50):
            reservoir.offer("GET /", lambda number=number: sample(number))
        kept.update(each.request_id for each in reservoir)
    assert sum(kept.values()) == 400 * 5
    thirds = [sum(kept[n] for n in range(low, low + 10)) for low in (0, 20, 40)]
    assert all(300 <= third <= 500 for third in thirds)


def test_a_sample_is_only_made_when_it_is_kept():
    made = []
    reservoir = Reservoir(2, random=Random(1))
    for number in range(1_000):
        reservoir.offer("GET /", lambda number=number: made.append(number) or sample(number))
    assert len(list(reservoir)) == 2
    assert len(made) < 40


def test_samples_are_written_without_what_belongs_to_the_connection(tmp_path):
    reservoir = Reservoir(2, random=Random(1))
    reservoir.offer("POST /x", lambda: sample(3, "POST /x"))
    reservoir.offer("GET /y", lambda: None)
    path = write_samples(tmp_path, 7, reservoir)
    (line,) = [json.loads(each) for each in path.read_text().splitlines()]
    assert line["headers"] == {"Cookie": "s=1"}
    assert base64.b64decode(line["body_b64"]) == b"\x00ab"
    assert (line["route_hint"], line["path"], line["status"]) == ("POST /x", "/3", 200)
    assert path.name == "requests-7.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
