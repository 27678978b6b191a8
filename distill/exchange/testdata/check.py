"""Reads the PyTorch files of an exported set without PyTorch and without this program's code.

Prints one JSON object: for each file its dimensions, strides, storage class, the SHA-256 of the
values as little-endian bytes, and the names in the archive. The layout is that of torch.save:
a zip archive of stored entries NAME/data.pkl, NAME/data/KEY and NAME/version.
"""
import hashlib
import io
import json
import pickle
import struct
import sys
import zipfile

FORMATS = {"FloatStorage": "f", "LongStorage": "q", "ByteStorage": "B"}


class Reader(pickle.Unpickler):
    """Knows the names that torch.save writes for a plain tensor, and no other."""

    def __init__(self, archive, folder):
        super().__init__(io.BytesIO(archive.read(folder + "/data.pkl")))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name in FORMATS:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid):
        kind, storage, key, location, count = pid
        assert kind == "storage" and location == "cpu", pid
        content = self.archive.read(f"{self.folder}/data/{key}")
        return storage, struct.unpack(f"<{count}{FORMATS[storage]}", content)

    @staticmethod
    def rebuild(storage, offset, size, stride, requires_grad, hooks):
        assert not requires_grad and hooks == {}
        kind, values = storage
        out, index = [], [0] * len(size)
        count = 1
        for n in size:
            count *= n
        for _ in range(count):
            out.append(values[offset + sum(i * s for i, s in zip(index, stride))])
            for axis in reversed(range(len(size))):
                index[axis] += 1
                if index[axis] < size[axis]:
                    break
                index[axis] = 0
        digest = hashlib.sha256(struct.pack(f"<{count}{FORMATS[kind]}", *out)).hexdigest()
        return {"size": size, "stride": stride, "storage": kind, "sha256": digest}


def describe(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert all(i.compress_type == zipfile.ZIP_STORED for i in archive.infolist())
        folder = next(n for n in names if n.endswith("/data.pkl"))[: -len("/data.pkl")]
        assert archive.read(folder + "/version") == b"3\n"
        tensor = Reader(archive, folder).load()
        tensor["names"] = sorted(n[len(folder) + 1:] for n in names)
        return tensor


print(json.dumps({path: describe(path) for path in sys.argv[1:]}))
