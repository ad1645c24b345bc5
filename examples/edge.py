"""A graph that TensorFlow exported, trained at a trainlet service: edge.py [url] [file.meta]"""
import json, os, struct, sys, urllib.error, urllib.request
from pathlib import Path
import numpy as np
here = Path(__file__).parent
url, meta = sys.argv[1:] + ["http://127.0.0.1:8787", here / "tutorial.meta"][len(sys.argv) - 1 :]
token = os.environ.get("TRAINLET_TOKEN")
def send(path, body=None, kind="application/json", method=None):
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        request = urllib.request.Request(f"{url}/v1/sessions{path}", body, headers, method=method)
        return json.loads(urllib.request.urlopen(request).read() or "null")
    except urllib.error.HTTPError as refusal:
        sys.exit(refusal.read().decode())
stored = (here / "photo.safetensors").read_bytes()  # uint8, blue, green, red
pixels = np.frombuffer(stored, np.uint8, offset=8 + struct.unpack("<Q", stored[:8])[0])
photo = pixels.reshape(1, 100, 100, 3).astype("<f4")  # any array goes like this: length, header, data
header = json.dumps({"input_node:0": {"dtype": "F32", "shape": photo.shape, "data_offsets": [0, photo.nbytes]}}).encode()
feeds = struct.pack("<Q", len(header)) + header + photo.tobytes()
session = "/" + send("", Path(meta).read_bytes(), "application/x-protobuf")["id"]
send(f"{session}/run", b'{"fetches": ["init"]}')
send(f"{session}/run?fetches=train_op&repeat=100", feeds, "application/vnd.safetensors")
for bn in send(f"{session}/moving-statistics"):
    print(f"{bn['layer']}: mean[0] {bn['mean']['data'][0]}, variance[0] {bn['variance']['data'][0]}, {bn['updates']} updates")
send(session, method="DELETE")
