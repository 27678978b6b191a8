"""Writes the files of this folder with torch.save (made with PyTorch 1.13)."""
from collections import OrderedDict

import numpy as np
import torch


class Evil:
    def __reduce__(self):
        return eval, ("print('executed')",)


a = torch.arange(24, dtype=torch.float32).reshape(4, 1, 2, 3)
torch.save(a, "alone.pt")
torch.save(a, "alone.legacy.pt", _use_new_zipfile_serialization=False)
torch.save(a.permute(0, 3, 2, 1), "permuted.pt")
whole = torch.arange(40, dtype=torch.int64)
shared = [whole[4:12:2], whole.reshape(8, 5)[1:3, 2:5], whole[39]]
torch.save(shared, "views.pt")
torch.save(shared, "views.legacy.pt", _use_new_zipfile_serialization=False)
named = {"images": a.to(torch.uint8), "labels": torch.tensor([3, 1, 2, 0])}
torch.save(named, "named.pt")
torch.save(OrderedDict(named), "ordered.legacy.pt", _use_new_zipfile_serialization=False)
torch.save((a.half() / 4, torch.tensor([[.25, .75], [1, 0], [.5, .5], [0, 1]])), "pair.pt")
types = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.int32,
         torch.int64, torch.bool]
torch.save([torch.tensor([0, 1, 1, 0]).to(t) for t in types], "types.pt")
runs = [[a + i, torch.tensor([0, 0, 1, 1])] for i in range(2)]
torch.save({"data": runs, "accs_all_exps": {"ConvNet": [np.float64(.5)]}}, "runs.pt")
torch.save(torch.ones(1, 1, 1, 1).expand(4, 1, 2, 3), "expanded.pt")
torch.save(torch.zeros(0, 3), "empty.pt")
torch.save(Evil(), "code.pt")
torch.save({"images": a, "evil": Evil()}, "code.legacy.pt", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Parameter(a), "parameter.pt")
torch.save(a.to_sparse(), "sparse.pt")
torch.save(torch.nn.Linear(2, 2), "module.pt")
torch.jit.save(torch.jit.script(torch.nn.ReLU()), "script.pt")
