// Package pickle reads plain values out of Python pickles, protocols 0 to 5,
// and executes nothing: names in a pickle are looked up in a closed table of
// containers and NumPy types, and every other name is an error. A second table,
// for the pickles of PyTorch files alone, adds plain tensors and their storages.
//
// Values arrive as nil, bool, int64, float64, string, []byte (bytes, bytearray
// and the str of Python 2), []any (list), Tuple, Set, *Dict, *Array and *Tensor.
//
// Pickles are untrusted. Their memory, depth of nesting, number of instructions
// and the size of expanded shared values are bounded.
package pickle

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// ErrObject is the cause of an Error about a pickle that holds code or objects
// of unknown classes.
var ErrObject = errors.New("holds code or an object; this reader executes nothing")

// Limits bound the cost of a pickle. A zero field means its default.
type Limits struct {
	// Bytes bounds the memory of all values together, and their size if every
	// shared value were written out; default 2 GiB.
	Bytes int64
	// Steps bounds the instructions of the pickle, about one per value and one
	// per shared value; default 2^25.
	Steps int
	// Depth bounds how deep containers are nested; default 64.
	Depth int
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = 2 << 30
	}
	if l.Steps == 0 {
		l.Steps = 1 << 25
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	return l
}

// Tuple is a Python tuple.
type Tuple []any

// Set is a Python set or frozenset, in the order of the pickle.
type Set []any

// Dict is a Python dict or OrderedDict: Values[i] belongs to Keys[i].
type Dict struct{ Keys, Values []any }

// Get returns the value of a key that is the string or the bytes of name. For a
// duplicate key the last value counts, as in Python.
func (d *Dict) Get(name string) (any, bool) {
	for i := len(d.Keys) - 1; i >= 0; i-- {
		switch k := d.Keys[i].(type) {
		case string:
			if k == name {
				return d.Values[i], true
			}
		case []byte:
			if string(k) == name {
				return d.Values[i], true
			}
		}
	}
	return nil, false
}

// Array is a NumPy array.
type Array struct {
	// Dims are its dimensions; none of an array of one value.
	Dims []int
	// DType is the type of a value as NumPy writes it: byte order, kind and size,
	// such as "|u1", "<i8", ">f4", "|S5" (bytes) or "<U3" (characters).
	DType string
	// Data are the values, in row-major order or, with Fortran, in column-major order.
	Data    []byte
	Fortran bool
}

// Width is the number of bytes of one value of Data.
func (a *Array) Width() int {
	_, size, _ := width(a.DType[1:])
	return size
}

// usual is the hint of errors about a damaged file.
const usual = "the file may be damaged or no pickle: compare its sha-256 with the source, or fetch it again"

// Decode reads one pickle and the end of r. Errors are of type *files.Error:
// they wrap ErrObject, files.ErrFormat, files.ErrTruncated, files.ErrTrailing,
// files.ErrTooLarge or what r answers. Memory grows with the bytes that are read.
func Decode(r io.Reader, limit Limits) (any, error) {
	m := &machine{r: bufio.NewReaderSize(r, 1<<16), limit: limit.orDefault(), memo: map[uint64]any{}}
	v, err := m.run()
	if err == nil {
		err = m.end()
	}
	if err == nil {
		v, err = m.result(v)
	}
	return v, m.failed(err)
}

// failed is an error as Decode returns it; nil for none.
func (m *machine) failed(err error) error {
	if err == nil {
		return nil
	}
	out := files.Error{Offset: m.offset, Hint: usual}
	var known *files.Error
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, files.ErrTooLarge) {
		out.Hint = "save less in one pickle: arrays rather than lists of numbers, and fewer samples"
	}
	return out.Because(err, out.Hint)
}

// tuple, list, dict and set are containers while a pickle is read; a container
// that is referenced twice is shared.
type (
	tuple struct{ items []any }
	list  struct{ items []any }
	dict  struct{ keys, values []any }
	set   struct {
		items  []any
		frozen bool
	}
)

// text is a name in a pickle, which Python 2 writes as bytes.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// latin1 is the bytes of a text of characters below 256.
func latin1(s string) ([]byte, bool) {
	out := bytes.NewBuffer(make([]byte, 0, len(s)))
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		out.WriteByte(byte(r))
	}
	return out.Bytes(), true
}
