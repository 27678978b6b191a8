package filestest

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Dict is a Python dict of keys and values in order.
type Dict []any

// Tuple is a Python tuple.
type Tuple []any

// Bytes is Python bytes, which Python 2 calls str.
type Bytes string

// Nd is a NumPy array of row-major values.
type Nd struct {
	DType  string // such as u1 or f8, little-endian
	Dims   []int
	Values []float64
}

// Pickle writes a value as Python does under protocol 2: nil, bool, int, float64,
// string, Bytes, []any, Tuple, Dict and Nd.
func Pickle(v any) []byte { return append(pickled([]byte{0x80, 2}, v), '.') }

func pickled(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'N')
	case bool:
		return append(b, map[bool]byte{true: 0x88, false: 0x89}[v])
	case int:
		return binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(v))
	case float64:
		return append(b, fmt.Sprintf("F%v\n", v)...)
	case string:
		return append(binary.LittleEndian.AppendUint32(append(b, 'X'), uint32(len(v))), v...)
	case Bytes:
		return append(binary.LittleEndian.AppendUint32(append(b, 'T'), uint32(len(v))), v...)
	case []any:
		b = append(b, ']', '(')
		for _, one := range v {
			b = pickled(b, one)
		}
		return append(b, 'e')
	case Tuple:
		b = append(b, '(')
		for _, one := range v {
			b = pickled(b, one)
		}
		return append(b, 't')
	case Dict:
		b = append(b, '}', '(')
		for _, one := range v {
			b = pickled(b, one)
		}
		return append(b, 'u')
	case Nd:
		return pickledArray(b, v)
	}
	panic(fmt.Sprintf("no pickle of %T", v))
}

func pickledArray(b []byte, v Nd) []byte {
	b = append(b, "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"...)
	b = append(pickled(b, Tuple{0}), append(pickled(nil, Bytes("b")), 't', 'R', '(')...)
	dims := Tuple{}
	for _, d := range v.Dims {
		dims = append(dims, d)
	}
	b = pickled(pickled(b, 1), dims)
	b = append(b, "cnumpy\ndtype\n"...)
	b = append(pickled(b, Tuple{Bytes(strings.TrimLeft(v.DType, "<|")), 0, 1}), 'R')
	order := Bytes("<")
	if strings.HasSuffix(v.DType, "1") {
		order = "|"
	}
	b = append(pickled(b, Tuple{3, order, nil, nil, nil, -1, -1, 0}), 'b')
	return append(pickled(pickled(b, false), Bytes(Raw(v.DType, v.Values))), 't', 'b')
}
