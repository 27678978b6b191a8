package array

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/x448/float16"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// values is one array in row-major order. One of the lists holds its elements.
type values struct {
	name    string
	dtype   string
	dims    []int
	bytes   []byte    // of uint8 and bool
	floats  []float32 // of half and single precision
	doubles []float64 // of all other numbers
	text    []string
	quad    bool // long doubles are in quadruple precision
}

func (v *values) len() int {
	return len(v.bytes) + len(v.floats) + len(v.doubles) + len(v.text)
}

// at is element i of an array of numbers.
func (v *values) at(i int) float64 {
	switch {
	case v.bytes != nil:
		return float64(v.bytes[i])
	case v.floats != nil:
		return float64(v.floats[i])
	}
	return v.doubles[i]
}

const shapesHint = "the first dimension counts samples: want N,F or N,H,W or N,H,W,C or N,C,H,W for samples and N " +
	"for labels, no dimension 0"

// maxDims bounds the dimensions of an array.
const maxDims = 8

// newValues checks the announced number and size of the elements of an array.
func newValues(h *header) (v *values, n, width int, err error) {
	fail := func(hint, format string, args ...any) (*values, int, int, error) {
		return nil, 0, 0, &files.Error{Err: fmt.Errorf(format, args...), Hint: hint}
	}
	if width = widthOf(h.dtype); width == 0 {
		hint := "save integers or floats, as with x.astype('float32')"
		switch {
		case strings.HasPrefix(h.dtype, "["):
			hint = "an array of records is a table: save it as CSV, or its fields as arrays of their own"
		case strings.HasSuffix(h.dtype, "O"):
			hint = "Python objects could hold code, which this reader never runs: save integers, floats or text, as with " +
				"x.astype('float32') or y.astype('U')"
		}
		return fail(hint, "%w: values of type %s, want integers, floats or text", files.ErrFormat, files.Quoted(h.dtype))
	}
	if len(h.dims) == 0 || len(h.dims) > maxDims {
		return fail(shapesHint, "%w: an array of %d dimensions, want 1 to %d", files.ErrFormat, len(h.dims), maxDims)
	}
	most := files.MaxValues
	if width == 1 {
		most = files.MaxBytes
	}
	n = 1
	for _, d := range h.dims {
		switch {
		case d < 1:
			return fail(shapesHint, "%w: an array of %v", files.ErrFormat, h.dims)
		case d > most/n:
			return fail("save fewer samples, or smaller ones", "%w: an array of %v, want at most %d values", files.ErrTooLarge,
				h.dims, most)
		}
		n *= d
	}
	return &values{dtype: h.dtype, dims: h.dims}, n, width, nil
}

// maxText bounds the characters of one element of text.
const maxText = 1 << 12

// widthOf is the number of bytes of an element of a type; 0 for a type that is
// not read.
func widthOf(dtype string) int {
	kind, size := kindOf(dtype)
	switch {
	case kind == 'U' && size >= 1 && size <= maxText:
		return 4 * size
	case kind == 'S' && size >= 1 && size <= maxText:
		return size
	case slices.Contains([]string{"b1", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8", "f12", "f16"},
		string(kind)+strconv.Itoa(size)):
		return size
	}
	return 0
}

// kindOf is the letter and the number of a type such as <f4; a is S.
func kindOf(dtype string) (kind byte, size int) {
	dtype = strings.TrimLeft(dtype, "<>=|")
	if dtype == "" {
		return 0, 0
	}
	size, err := strconv.Atoi(dtype[1:])
	if err != nil {
		return 0, 0
	}
	if dtype[0] == 'a' {
		return 'S', size
	}
	return dtype[0], size
}

// fill reads n elements of width bytes. Memory grows with the bytes that are read.
func (v *values) fill(r io.Reader, n, width int) error {
	kind, _ := kindOf(v.dtype)
	big := strings.HasPrefix(v.dtype, ">")
	each := max(1, 1<<16/width)
	chunk := make([]byte, min(n, each)*width)
	for done := 0; done < n; {
		chunk = chunk[:min(n-done, each)*width]
		if got, err := io.ReadFull(r, chunk); err != nil {
			return files.At(int64(done)*int64(width)+int64(got), files.OrTruncated(err))
		}
		if done == 0 && kind == 'f' && width == 16 {
			v.quad = !isX87(chunk, big)
		}
		if err := v.add(chunk, kind, width, big); err != nil {
			return err
		}
		done += len(chunk) / width
	}
	return nil
}

// add decodes some elements.
func (v *values) add(chunk []byte, kind byte, width int, big bool) error {
	order := orderOf(v.dtype)
	if kind == 'b' || kind == 'u' && width == 1 {
		v.bytes = append(v.bytes, chunk...)
		return nil
	}
	for ; len(chunk) > 0; chunk = chunk[width:] {
		one := chunk[:width]
		switch {
		case kind == 'U' || kind == 'S':
			text, err := textOf(one, kind, order)
			if err != nil {
				return &files.Error{Place: fmt.Sprintf("value %d", len(v.text)), Err: err}
			}
			v.text = append(v.text, text)
			continue
		case kind == 'f' && width <= 4:
			f := singleOf(one, order)
			if f-f != 0 {
				return v.notFinite(float64(f))
			}
			v.floats = append(v.floats, f)
			continue
		}
		f := v.doubleOf(one, kind, order, big)
		if f-f != 0 {
			return v.notFinite(f)
		}
		v.doubles = append(v.doubles, f)
	}
	return nil
}

// orderOf is the byte order of a type.
func orderOf(dtype string) binary.ByteOrder {
	if strings.HasPrefix(dtype, ">") {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// notFinite is the error of the next value.
func (v *values) notFinite(f float64) error {
	return &files.Error{Place: fmt.Sprintf("value %d", v.len()),
		Err:  fmt.Errorf("%w: %v is no finite number", files.ErrValue, f),
		Hint: "remove the samples with such values, or replace the values"}
}

func singleOf(one []byte, order binary.ByteOrder) float32 {
	if len(one) == 2 {
		return float16.Frombits(order.Uint16(one)).Float32()
	}
	return math.Float32frombits(order.Uint32(one))
}

// doubleOf decodes a whole number or a float of at least double precision.
func (v *values) doubleOf(one []byte, kind byte, order binary.ByteOrder, big bool) float64 {
	switch string(kind) + strconv.Itoa(len(one)) {
	case "i1":
		return float64(int8(one[0]))
	case "i2":
		return float64(int16(order.Uint16(one)))
	case "i4":
		return float64(int32(order.Uint32(one)))
	case "i8":
		return float64(int64(order.Uint64(one)))
	case "u2":
		return float64(order.Uint16(one))
	case "u4":
		return float64(order.Uint32(one))
	case "u8":
		return float64(order.Uint64(one))
	case "f8":
		return math.Float64frombits(order.Uint64(one))
	}
	return longDouble(littleEndian(one, big), v.quad)
}

func littleEndian(one []byte, big bool) []byte {
	if big {
		one = slices.Clone(one)
		slices.Reverse(one)
	}
	return one
}

// isX87 distinguishes x87's 80 bits, padded to 16 bytes, from quadruple precision:
// x87 stores the leading 1 of the mantissa, which quadruple precision leaves out,
// and its exponent is within the range of double precision.
func isX87(all []byte, big bool) bool {
	seen, blank := false, true
	for ; len(all) > 0; all = all[16:] {
		one := littleEndian(all[:16], big)
		mantissa, exponent := binary.LittleEndian.Uint64(one), int(binary.LittleEndian.Uint16(one[8:])&0x7fff)
		zero, finite := mantissa == 0 && exponent == 0, exponent > 16383-1100 && exponent < 16383+1024
		if !zero && (mantissa>>63 == 0 || !finite && exponent != 0x7fff) {
			return false
		}
		seen, blank = seen || !zero, blank && binary.LittleEndian.Uint64(one[8:]) == 0
	}
	return seen || blank
}

// longDouble decodes a little-endian long double of 12 or 16 bytes: x87's 80 bits,
// or quadruple precision.
func longDouble(b []byte, quad bool) float64 {
	mantissa, top := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint16(b[8:])
	if quad {
		top = binary.LittleEndian.Uint16(b[14:])
		// The 48 bits below the exponent and the next 15, behind the leading one.
		mantissa = 1<<63 | binary.LittleEndian.Uint64(b[8:])&(1<<48-1)<<15 | binary.LittleEndian.Uint64(b)>>49
	}
	exponent := int(top&0x7fff) - 16383
	switch exponent {
	case 16384:
		return math.Inf(1)
	case -16383: // zero, and what double precision takes for it
		mantissa = 0
	}
	f := math.Ldexp(float64(mantissa), exponent-63)
	if top>>15 == 1 {
		f = -f
	}
	return f
}

// textOf decodes one element of text without its padding of zeros.
func textOf(one []byte, kind byte, order binary.ByteOrder) (string, error) {
	if kind == 'S' {
		return textOfBytes([]byte(strings.TrimRight(string(one), "\x00")))
	}
	var out []rune
	for ; len(one) > 0; one = one[4:] {
		r := rune(order.Uint32(one))
		if !utf8.ValidRune(r) {
			return "", fmt.Errorf("%w: %#x is no character", files.ErrLabel, uint32(r))
		}
		out = append(out, r)
	}
	return strings.TrimRight(string(out), "\x00"), nil
}

func textOfBytes(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%w: %s is not in UTF-8", files.ErrLabel, files.Quoted(string(b)))
	}
	return string(b), nil
}

// rowMajor reorders values that are stored with the first dimension fastest.
func (v *values) rowMajor() {
	if len(v.dims) > 1 {
		v.bytes, v.floats = rowMajor(v.bytes, v.dims), rowMajor(v.floats, v.dims)
		v.doubles, v.text = rowMajor(v.doubles, v.dims), rowMajor(v.text, v.dims)
	}
}

func rowMajor[T any](x []T, dims []int) []T {
	if x == nil {
		return nil
	}
	strides := make([]int, len(dims))
	stride := 1
	for d, n := range dims {
		strides[d] = stride
		stride *= n
	}
	return permuted(x, dims, strides)
}

// permuted lists the elements of an array of some dimensions in row-major order,
// each dimension having a stride in x.
func permuted[T any](x []T, dims, strides []int) []T {
	out, place, from := make([]T, len(x)), make([]int, len(dims)), 0
	for i := range out {
		out[i] = x[from]
		for d := len(dims) - 1; d >= 0; d-- {
			from += strides[d]
			if place[d]++; place[d] < dims[d] {
				break
			}
			from -= dims[d] * strides[d]
			place[d] = 0
		}
	}
	return out
}

// transposed is the array with its axes in another order: axis i of the result
// is axis axes[i] of this one.
func (v *values) transposed(axes []int) *values {
	strides, dims, from := make([]int, len(axes)), make([]int, len(axes)), make([]int, len(axes))
	stride := 1
	for d := len(v.dims) - 1; d >= 0; d-- {
		strides[d] = stride
		stride *= v.dims[d]
	}
	for i, a := range axes {
		dims[i], from[i] = v.dims[a], strides[a]
	}
	out := &values{name: v.name, dtype: v.dtype, dims: dims}
	switch {
	case v.bytes != nil:
		out.bytes = permuted(v.bytes, dims, from)
	case v.floats != nil:
		out.floats = permuted(v.floats, dims, from)
	default:
		out.doubles = permuted(v.doubles, dims, from)
	}
	return out
}
