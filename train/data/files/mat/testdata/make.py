# Writes the golden files of testdata with SciPy 1.10.
import sys
import numpy as np
import scipy.io
import scipy.sparse
out = sys.argv[1]
values = {
    'X': np.arange(2 * 2 * 3 * 4, dtype=np.uint8).reshape(2, 2, 3, 4), 'y': np.array([[1], [2], [3], [10]], np.uint8),
    'double': np.array([[1.5, -2.0, 3.0]]), 'single': np.array([[0.5]], np.float32), 'i16': np.array([[-1], [300]], np.int16),
    'u64': np.array([[2**64 - 1]], np.uint64), 'logical': np.array([[True, False]]), 'word': 'h\u00e4\u20ac', 'empty': np.zeros((0, 3)),
    'rows': np.array(['ab', 'c ', 'def']), 'cell': np.array(['x', 'yy', ''], dtype=object), 'mixed': np.array([3.0, 'z'], dtype=object),
    'st': {'a': 1.5, 'b': {'c': 'deep'}}, 'complex': np.array([[1 + 2j]]), 'sparse': scipy.sparse.csc_matrix(np.eye(2)),
    'array': np.array([(1,), (2,)], dtype=[('f', 'f8')]), 'last': np.array([[7]], np.int32)}
for name, compress in (('plain', False), ('packed', True)):
    scipy.io.savemat(f'{out}/{name}.mat', values, do_compression=compress)
scipy.io.savemat(f'{out}/four.mat', {'x': np.array([[1.0, 2.0]])}, format='4')
