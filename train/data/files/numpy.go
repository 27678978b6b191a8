package files

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sbinet/npyio/npy"
	"github.com/x448/float16"
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
		return nil, err
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
	fail := func(hint, format string, args ...any) (int, int, error) {
		return 0, 0, &Error{Err: fmt.Errorf(format, args...), Hint: hint}
	}
	const shapes = "the first dimension counts samples: want N,F or N,H,W or N,H,W,C or N,C,H,W for samples and N for labels, no dimension 0"
	if size = width(dtype); size == 0 {
		hint := "save integers or floats, as with x.astype('float32')"
		if words(dtype) {
			hint = "save integers or floats: of labels in words the indices that np.unique(y, return_inverse=True) gives"
		}
		return fail(hint, "%w: values of type %s, want integers or floats", ErrFormat, quoted(dtype))
	}
	if len(dims) == 0 || len(dims) > 4 {
		return fail(shapes, "%w: an array of %d dimensions, want 1 to 4", ErrFormat, len(dims))
	}
	most := maxValues
	if strings.HasSuffix(dtype, "u1") {
		most = maxBytes
	}
	n = 1
	for _, d := range dims {
		switch {
		case d < 1:
			return fail(shapes, "%w: an array of %v", ErrFormat, dims)
		case d > most/n:
			return fail("save fewer samples, or smaller ones", "%w: an array of %v, want at most %d values", ErrTooLarge, dims, most)
		}
		n *= d
	}
	return n, size, nil
}

// width is how many bytes a value of a type of integers or floats has; 0 of any
// other type.
func width(dtype string) int {
	if len(dtype) == 3 {
		dtype = dtype[1:]
	}
	if !slices.Contains([]string{"b1", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"}, dtype) {
		return 0
	}
	return int(dtype[1] - '0')
}

// words reports whether a type is of text, or of Python's objects, as which
// words often arrive.
func words(dtype string) bool { return strings.ContainsAny(dtype, "USO") }

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
	case "f2":
		return a.fillHalves(raw, n, dtype[0] == '>')
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

// fillHalves reads floats of half precision.
func (a *array) fillHalves(r io.Reader, n int, big bool) error {
	var order binary.ByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	for chunk := make([]byte, min(2*n, 1<<16)); n > 0; n -= len(chunk) / 2 {
		chunk = chunk[:min(2*n, len(chunk))]
		if got, err := io.ReadFull(r, chunk); err != nil {
			return at(int64(2*len(a.values)+got), orTruncated(err))
		}
		for i := 0; i < len(chunk); i += 2 {
			v := float16.Frombits(order.Uint16(chunk[i:])).Float32()
			if !isFinite(v) {
				return a.notFinite(v)
			}
			a.values = append(a.values, v)
		}
	}
	return nil
}

// notFinite is the error of the next value.
func (a *array) notFinite(v any) error {
	what := "no finite number"
	if f, ok := v.(float64); ok && f-f == 0 {
		what = "too large, the most is " + mostValue
	}
	return &Error{Place: fmt.Sprintf("value %d", len(a.values)), Err: fmt.Errorf("%w: %v is %s", ErrValue, v, what),
		Hint: "remove the samples with such values, or replace the values"}
}

func isFinite(v float32) bool { return v-v == 0 }

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
			if !isFinite(f) {
				return a.notFinite(v)
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
