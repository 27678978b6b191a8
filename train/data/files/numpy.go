package files

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/sbinet/npyio/npy"
)

// maxNumPyHeader bounds the header of an array; NumPy writes about 128 bytes.
const maxNumPyHeader = 1 << 16

// array is one NumPy array in row-major order.
type array struct {
	dims   []int
	bytes  []byte    // of uint8
	values []float32 // of any other type
}

// decodeNumPy reads one array and the end of its file. Values must be finite.
func decodeNumPy(r io.Reader) (*array, error) {
	b := bufio.NewReaderSize(cut{r}, maxNumPyHeader)
	reader, err := numPyHeader(b)
	if err != nil {
		return nil, at(0, err)
	}
	header := reader.Header.Descr
	n, size, err := numPySize(header.Shape, header.Type)
	if err != nil {
		return nil, &Error{Err: err, Hint: "save integers or floats: of labels in words the indices that np.unique(y, return_inverse=True) gives"}
	}
	a := &array{dims: header.Shape}
	if err := a.fill(reader, b, header.Type, n); err != nil {
		return nil, err
	}
	switch _, err := b.Peek(1); {
	case err == nil:
		return nil, at(int64(n*size), fmt.Errorf("%w of the array", ErrTrailing))
	case !errors.Is(err, errEnd): // a wrong checksum shows itself here
		return nil, at(int64(n*size), err)
	}
	if header.Fortran && len(a.dims) > 1 {
		a.bytes, a.values = rowMajor(a.bytes, a.dims), rowMajor(a.values, a.dims)
	}
	return a, nil
}

// cut makes the end of a file an error of its own: the library takes io.EOF in
// the middle of an array for zeros.
type cut struct{ io.Reader }

var errEnd = fmt.Errorf("%w", ErrTruncated)

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		return n, errEnd
	}
	return n, orTruncated(err)
}

// numPyHeader reads the header. The library trusts the length it announces, and
// panics on one that is malformed.
func numPyHeader(b *bufio.Reader) (r *npy.Reader, err error) {
	head, err := b.Peek(12)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(head, npy.Magic[:]) {
		return nil, fmt.Errorf("%w: no NumPy array", ErrFormat)
	}
	length := 10 + int64(binary.LittleEndian.Uint16(head[8:]))
	if head[6] > 1 {
		length = 12 + int64(binary.LittleEndian.Uint32(head[8:]))
	}
	if length > maxNumPyHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrTooLarge, length)
	}
	if _, err := b.Peek(int(length)); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the header makes no sense", ErrFormat)
		}
	}()
	if r, err = npy.NewReader(b); err != nil {
		err = fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return r, err
}

// numPySize checks what a header announces: how many values of how many bytes.
func numPySize(dims []int, dtype string) (n, size int, err error) {
	typ := npy.TypeFrom(dtype)
	if typ == nil || typ.Size() > 8 || !numeric(dtype) {
		return 0, 0, fmt.Errorf("%w: values of type %s, want integers or floats", ErrFormat, quoted(dtype))
	}
	if len(dims) == 0 || len(dims) > 4 {
		return 0, 0, fmt.Errorf("%w: an array of %d dimensions, want 1 to 4", ErrFormat, len(dims))
	}
	n = 1
	for _, d := range dims {
		switch {
		case d < 1:
			return 0, 0, fmt.Errorf("%w: an array of %v", ErrFormat, dims)
		case d > maxBytes/n:
			return 0, 0, fmt.Errorf("%w: an array of %v", ErrTooLarge, dims)
		}
		n *= d
	}
	if size = int(typ.Size()); dtype[len(dtype)-2:] != "u1" && n > maxValues {
		return 0, 0, fmt.Errorf("%w: an array of %v", ErrTooLarge, dims)
	}
	return n, size, nil
}

// numeric reports whether a type is of integers or floats.
func numeric(dtype string) bool {
	return slices.ContainsFunc([]string{"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"}, func(t string) bool {
		return dtype == t || len(dtype) == 3 && dtype[1:] == t
	})
}

// fill reads the values.
func (a *array) fill(r *npy.Reader, raw io.Reader, dtype string, n int) error {
	switch dtype[len(dtype)-2:] {
	case "u1":
		return a.fillBytes(raw, n)
	case "b1":
		return a.fillBools(raw, n)
	case "i1":
		return fillValues[int8](a, r, n)
	case "u2":
		return fillValues[uint16](a, r, n)
	case "i2":
		return fillValues[int16](a, r, n)
	case "u4":
		return fillValues[uint32](a, r, n)
	case "i4":
		return fillValues[int32](a, r, n)
	case "u8":
		return fillValues[uint64](a, r, n)
	case "i8":
		return fillValues[int64](a, r, n)
	case "f4":
		return fillValues[float32](a, r, n)
	}
	return fillValues[float64](a, r, n)
}

func (a *array) fillBytes(r io.Reader, n int) error {
	for chunk := make([]byte, min(n, 1<<16)); n > 0; n -= len(chunk) {
		chunk = chunk[:min(n, len(chunk))]
		if got, err := io.ReadFull(r, chunk); err != nil {
			return at(int64(len(a.bytes)+got), orTruncated(err))
		}
		a.bytes = append(a.bytes, chunk...)
	}
	return nil
}

func (a *array) fillBools(r io.Reader, n int) error {
	if err := a.fillBytes(r, n); err != nil {
		return err
	}
	for _, b := range a.bytes {
		a.values = append(a.values, float32(b))
	}
	a.bytes = nil
	return nil
}

// fillValues reads n values of one type, a few at a time, so that memory grows
// with what really arrives.
func fillValues[T int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64](a *array, r *npy.Reader, n int) error {
	for chunk := make([]T, min(n, 1<<12)); n > 0; n -= len(chunk) {
		chunk = chunk[:min(n, len(chunk))]
		if err := r.Read(&chunk); err != nil {
			return &Error{Place: fmt.Sprintf("values from %d on", len(a.values)), Err: orTruncated(err)}
		}
		for _, v := range chunk {
			f := float32(v)
			if f64 := float64(f); math.IsNaN(f64) || math.IsInf(f64, 0) {
				return &Error{Place: fmt.Sprintf("value %d", len(a.values)), Err: fmt.Errorf("%w: %v is no finite number", ErrValue, v),
					Hint: "remove the samples with such values, or replace the values"}
			}
			a.values = append(a.values, f)
		}
	}
	return nil
}

// rowMajor reorders values that are stored with the first dimension fastest.
func rowMajor[T any](x []T, dims []int) []T {
	if x == nil {
		return nil
	}
	out := make([]T, len(x))
	place := make([]int, len(dims))
	for i := range out {
		from, stride := 0, 1
		for d, p := range place {
			from += p * stride
			stride *= dims[d]
		}
		out[i] = x[from]
		for d := len(dims) - 1; d >= 0; d-- {
			if place[d]++; place[d] < dims[d] {
				break
			}
			place[d] = 0
		}
	}
	return out
}
