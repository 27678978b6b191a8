# Writes the golden pickles of testdata, with Python 3.11 and NumPy 1.24; the
# module names of NumPy 2 are put in by renaming. Protocols 0 to 5.
import collections, pickle, sys, io, numpy as np
out = sys.argv[1]
def cifar10():
    data = (np.arange(2*96) % 251).astype(np.uint8).reshape(2, 96)
    return {b'batch_label': b'training batch 1 of 5', b'labels': [6, 9], b'data': data, b'filenames': [b'leptodactylus_s_000004.png', b'camion_s_000148.png']}
def cifar100():
    return {'filenames': ['a.png', 'b.png'], 'batch_label': 'testing batch 1 of 1', 'fine_labels': [49, 33], 'coarse_labels': [10, 8], 'data': np.arange(12, dtype=np.uint8).reshape(2, 6)}
def plain():
    d = collections.OrderedDict(); d['one'] = 1; d['two'] = [2]
    shared = ['shared']
    return {'none': None, 'yes': True, 'no': False, 'ints': [0, 1, 255, 256, 65535, 65536, -1, -2**31, 2**31, 2**63-1, -2**63], 'floats': [1.5, -0.0, 1e300],
      'bytes': b'\x00a\xff\n', 'text': 'h\u00e4 \u20ac \U0001f600\n\\u', 'tuple': (), 'tuples': [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], 'set': {7}, 'frozen': frozenset([8]), 'ordered': d, 'twice': [shared, shared], 'array': bytearray(b'xy\xfe'), 'empty': b'', 'dict': {}}
def arrays():
    return {'i8': np.array([1, -2], '<i8'), 'be': np.array([[1.5, 2.5]], '>f4'), 'f': np.asfortranarray(np.arange(6, dtype='<u2').reshape(2, 3)), 'words': np.array(['ab', 'c\u20ac'], '<U2'), 'raw': np.array([b'ab', b'c'], 'S2'),
      'bool': np.array([True, False]), 'objects': np.array(['x', 3, None], dtype=object), 'none': np.zeros((0, 4), 'f8'), 'one': np.array(5, 'i4'), 'strided': np.arange(6, dtype='u1')[::2],
      'scalars': [np.float32(1.5), np.int16(-3), np.uint8(200), np.float64(2.5), np.bool_(True), np.str_('w\u00f6rd'), np.bytes_(b'by'), np.float16(0.5)]}
for name, make in list(globals().items()):
    if name not in ('cifar10', 'cifar100', 'plain', 'arrays'): continue
    for p in range(6):
        b = pickle.dumps(make(), protocol=p)
        open(f'{out}/{name}.{p}.pkl', 'wb').write(b)
