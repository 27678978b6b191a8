package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/x448/float16"
)

// dtype is numpy.dtype: its kind and size, such as u1, and its byte order.
type dtype struct {
	kind  string // "f8", "U3", "O"
	order byte   // '<', '>' or '|'; 0 until the order is built
}

func (d *dtype) String() string { return string(d.order) + d.kind }

// ndarray is numpy.ndarray while a pickle is read.
type ndarray struct {
	dims    []int
	dtype   *dtype // nil until the array is built
	data    []byte
	objects *list // of an array of objects
	fortran bool
}

// width is the size in bytes of a value of a type without its byte order.
// Objects have none.
func width(kind string) (letter byte, size int, ok bool) {
	switch kind {
	case "b1", "i1", "u1", "i2", "u2", "f2", "i4", "u4", "f4", "i8", "u8", "f8", "c8":
		return kind[0], int(kind[1] - '0'), true
	case "c16":
		return 'c', 16, true
	case "O", "O4", "O8":
		return 'O', 0, true
	}
	if kind == "" || kind[0] != 'S' && kind[0] != 'U' {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(kind[1:], 10, 20)
	if err != nil || strconv.FormatUint(n, 10) != kind[1:] {
		return 0, 0, false
	}
	if kind[0] == 'U' {
		n *= 4
	}
	return kind[0], int(n), true
}

// callDtype makes a type of ("u1", False, True).
func callDtype(_ *machine, args []any) (any, error) {
	if len(args) < 1 || len(args) > 3 {
		return nil, errArguments
	}
	kind, ok := text(args[0])
	if _, _, known := width(kind); !ok || !known {
		unknown := fmt.Errorf("%w: a NumPy array of type %s", files.ErrFormat, quoted(kind))
		return nil, &files.Error{Place: "the pickle", Err: unknown,
			Hint: "save arrays of integers, floats, bytes or text, as with x.astype('float32')"}
	}
	return &dtype{kind: kind}, nil
}

// callReconstruct makes an array to be built: (numpy.ndarray, (0,), b"b").
func callReconstruct(_ *machine, args []any) (any, error) {
	if len(args) != 3 {
		return nil, errArguments
	}
	if g, ok := args[0].(*global); !ok || g.name != "numpy.ndarray" {
		return nil, errArguments
	}
	return &ndarray{}, nil
}

// callFromBuffer makes an array as protocol 5 writes it: (bytes, dtype, shape,
// "C" or "F").
func callFromBuffer(m *machine, args []any) (any, error) {
	if len(args) != 4 {
		return nil, errArguments
	}
	order, _ := text(args[3])
	if order != "C" && order != "F" {
		return nil, errArguments
	}
	a := &ndarray{}
	return a, a.set(args[2], args[1], order == "F", args[0])
}

// build gives the object on the stack its state.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	target, err := m.top()
	if err != nil {
		return err
	}
	switch object := target.(type) {
	case *dtype:
		items, ok := state.(*tuple)
		if !ok {
			return errArguments
		}
		return object.build(items.items)
	case *ndarray:
		items, ok := state.(*tuple)
		if !ok || len(items.items) != 5 || object.dtype != nil {
			return errArguments
		}
		fortran, ok := truth(items.items[3])
		if !ok {
			return errArguments
		}
		return object.set(items.items[1], items.items[2], fortran, items.items[4])
	}
	return objectError("a value with a state of its own")
}

// truth is a bool, which old versions write as a number.
func truth(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case int64:
		return v != 0, v == 0 || v == 1
	}
	return false, false
}

// build reads (3, "<", subarray, names, fields, size, alignment, flags).
func (d *dtype) build(state []any) error {
	if len(state) < 8 || len(state) > 9 || d.order != 0 {
		return errArguments
	}
	for _, structured := range state[2:5] {
		if structured != nil {
			return &files.Error{Place: "the pickle", Err: fmt.Errorf("%w: a NumPy array of records", files.ErrFormat),
				Hint: "save each field as an array of its own"}
		}
	}
	order, ok := text(state[1])
	if !ok || len(order) != 1 || !strings.Contains("<>|=", order) {
		return errArguments
	}
	letter, size, _ := width(d.kind)
	d.order = order[0]
	switch {
	case size < 2 && letter != 'U' || letter == 'S' || letter == 'O':
		d.order = '|'
	case d.order == '|':
		return errArguments
	case d.order == '=': // the machine that wrote it; all of today are little-endian
		d.order = '<'
	}
	return nil
}

// set fills an array and checks that its parts belong together.
func (a *ndarray) set(shape, dtyped any, fortran bool, data any) error {
	dims, ok := shape.(*tuple)
	d, known := dtyped.(*dtype)
	if !ok || !known || d.order == 0 || len(dims.items) > 32 {
		return errArguments
	}
	letter, size, _ := width(d.kind)
	n := 1
	a.dims = make([]int, len(dims.items))
	for i, item := range dims.items {
		dim, ok := item.(int64)
		if !ok || dim < 0 || dim > math.MaxInt32 || int64(n)*max(dim, 1) > math.MaxInt32 {
			return fmt.Errorf("%w: an array whose dimension %d is no size", files.ErrFormat, i)
		}
		a.dims[i] = int(dim)
		n *= max(int(dim), 1)
	}
	for _, dim := range a.dims {
		n *= min(dim, 1) // 0 when a dimension is 0
	}
	a.dtype, a.fortran = d, fortran
	if letter == 'O' {
		objects, ok := data.(*list)
		if a.objects = objects; !ok || len(objects.items) != n || len(a.dims) != 1 {
			return fmt.Errorf("%w: an array of objects of %v, want one dimension", files.ErrFormat, a.dims)
		}
		return nil
	}
	if a.data, ok = data.([]byte); !ok || int64(len(a.data)) != int64(n)*int64(size) {
		return fmt.Errorf("%w: an array %s of %v with %d bytes", files.ErrFormat, d, a.dims, len(a.data))
	}
	return nil
}

// finishArray is the array of the result; of objects, the list of them.
func (f *finisher) finishArray(a *ndarray, depth int) (any, size, error) {
	if a.dtype == nil {
		return nil, size{}, fmt.Errorf("%w: an array without values", files.ErrFormat)
	}
	if a.objects != nil {
		items, s, err := f.finishAll(a.objects.items, depth)
		return items, s, err
	}
	out := &Array{Dims: a.dims, DType: a.dtype.String(), Data: a.data, Fortran: a.fortran && len(a.dims) > 1}
	return out, size{bytes: costContainer + int64(len(a.data))}, nil
}

// callScalar makes a Go value of a NumPy scalar: (dtype, bytes).
func callScalar(m *machine, args []any) (any, error) {
	if len(args) != 2 {
		return nil, errArguments
	}
	d, ok := args[0].(*dtype)
	b, also := args[1].([]byte)
	if !ok || !also || d.order == 0 {
		return nil, errArguments
	}
	letter, size, _ := width(d.kind)
	if len(b) != size {
		return nil, errArguments
	}
	if err := m.charge(int64(len(b))); err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if d.order == '>' {
		order = binary.BigEndian
	}
	switch letter {
	case 'b':
		return b[0] != 0, nil
	case 'S':
		return b, nil
	case 'U':
		return characters(b, order)
	case 'i', 'u':
		return whole(letter == 'u', b, order)
	case 'f':
		return floating(b, order), nil
	}
	return nil, fmt.Errorf("%w: a scalar of type %s", files.ErrFormat, d)
}

// bits is a word of 1, 2, 4 or 8 bytes.
func bits(b []byte, order binary.ByteOrder) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}

func whole(unsigned bool, b []byte, order binary.ByteOrder) (any, error) {
	u := bits(b, order)
	if !unsigned {
		shift := 64 - 8*len(b)
		return int64(u<<shift) >> shift, nil
	}
	if u > math.MaxInt64 {
		return nil, fmt.Errorf("%w: the whole number %d, want less than 2^63", files.ErrTooLarge, u)
	}
	return int64(u), nil
}

func floating(b []byte, order binary.ByteOrder) float64 {
	switch u := bits(b, order); len(b) {
	case 2:
		return float64(float16.Frombits(uint16(u)).Float32())
	case 4:
		return float64(math.Float32frombits(uint32(u)))
	default:
		return math.Float64frombits(u)
	}
}

// characters is the text of characters of four bytes, without the zeros that
// fill it up.
func characters(b []byte, order binary.ByteOrder) (any, error) {
	var out strings.Builder
	for ; len(b) > 0; b = b[4:] {
		r := rune(order.Uint32(b))
		if !utf8.ValidRune(r) {
			return nil, fmt.Errorf("%w: a text with characters that there are not", files.ErrFormat)
		}
		out.WriteRune(r)
	}
	return strings.TrimRight(out.String(), "\x00"), nil
}
