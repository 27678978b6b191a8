package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/x448/float16"
)

// Element types, as safetensors names them.
const (
	DTypeF16 = "F16"
	DTypeF32 = "F32"
	DTypeF64 = "F64"
	DTypeU8  = "U8"
	DTypeU16 = "U16"
	DTypeI64 = "I64"
)

// widths are the bytes of one value of each element type known here.
var widths = map[string]int{DTypeF16: 2, DTypeF32: 4, DTypeF64: 8, DTypeU8: 1, DTypeU16: 2, DTypeI64: 8}

// Tensor is a named array, row-major, its values little-endian in Data.
type Tensor struct {
	Name  string
	DType string
	Shape []int
	Data  []byte
}

// Len is the number of values that the shape holds; a scalar has one.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// bytes is how many bytes the values take.
func (t Tensor) bytes() (int, error) {
	width, known := widths[t.DType]
	if !known {
		return 0, fmt.Errorf("%w: element type %q", ErrFormat, t.DType)
	}
	n, err := checkedLen(t.Shape, math.MaxInt/width)
	return n * width, err
}

// checkedLen is Len for an untrusted shape: no negative dimension and no more
// than limit values.
func checkedLen(shape []int, limit int) (int, error) {
	if slices.ContainsFunc(shape, func(d int) bool { return d < 0 }) {
		return 0, fmt.Errorf("%w: negative dimension in shape %v", ErrFormat, shape)
	}
	if slices.Contains(shape, 0) {
		return 0, nil
	}
	n := 1
	for _, d := range shape {
		if n > limit/d {
			return 0, fmt.Errorf("%w: shape %v", ErrTooLarge, shape)
		}
		n *= d
	}
	return n, nil
}

// F32 is a float32 tensor.
func F32(name string, shape []int, values []float32) Tensor {
	return build(name, DTypeF32, shape, values, func(b []byte, v float32) []byte {
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	})
}

// F64 is a float64 tensor.
func F64(name string, shape []int, values []float64) Tensor {
	return build(name, DTypeF64, shape, values, func(b []byte, v float64) []byte {
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	})
}

// F16 is a half-precision tensor of the values rounded to nearest even.
// Values beyond 65504 become infinite.
func F16(name string, shape []int, values []float32) Tensor {
	return build(name, DTypeF16, shape, values, func(b []byte, v float32) []byte {
		return binary.LittleEndian.AppendUint16(b, float16.Fromfloat32(v).Bits())
	})
}

// U8 is a tensor of bytes.
func U8(name string, shape []int, values []uint8) Tensor {
	return build(name, DTypeU8, shape, values, func(b []byte, v uint8) []byte { return append(b, v) })
}

// U16 is a tensor of 16-bit unsigned integers.
func U16(name string, shape []int, values []uint16) Tensor {
	return build(name, DTypeU16, shape, values, binary.LittleEndian.AppendUint16)
}

// I64 is a tensor of 64-bit integers.
func I64(name string, shape []int, values []int64) Tensor {
	return build(name, DTypeI64, shape, values, func(b []byte, v int64) []byte {
		return binary.LittleEndian.AppendUint64(b, uint64(v))
	})
}

func build[T any](name, dtype string, shape []int, values []T, add func([]byte, T) []byte) Tensor {
	data := make([]byte, 0, len(values)*widths[dtype])
	for _, v := range values {
		data = add(data, v)
	}
	return Tensor{Name: name, DType: dtype, Shape: slices.Clone(shape), Data: data}
}

// Float32s decodes an F32, F16 or F64 tensor; F64 values are rounded. It fails
// on integer tensors and on data that does not fill the shape.
func (t Tensor) Float32s() ([]float32, error) {
	switch t.DType {
	case DTypeF32:
		return values(t, DTypeF32, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case DTypeF16:
		return values(t, DTypeF16,
			func(b []byte) float32 { return float16.Frombits(binary.LittleEndian.Uint16(b)).Float32() })
	case DTypeF64:
		return values(t, DTypeF64,
			func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) })
	}
	return nil, fmt.Errorf("tensor %q: %w: %s, want floats", t.Name, ErrFormat, t.DType)
}

// Float64s decodes an F64 tensor.
func (t Tensor) Float64s() ([]float64, error) {
	return values(t, DTypeF64, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
}

// Uint8s decodes a U8 tensor.
func (t Tensor) Uint8s() ([]uint8, error) {
	return values(t, DTypeU8, func(b []byte) uint8 { return b[0] })
}

// Uint16s decodes a U16 tensor.
func (t Tensor) Uint16s() ([]uint16, error) { return values(t, DTypeU16, binary.LittleEndian.Uint16) }

// Int64s decodes an I64 tensor.
func (t Tensor) Int64s() ([]int64, error) {
	return values(t, DTypeI64, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
}

func values[T any](t Tensor, dtype string, read func([]byte) T) ([]T, error) {
	if t.DType != dtype {
		return nil, fmt.Errorf("tensor %q: %w: %s where %s is wanted", t.Name, ErrFormat, t.DType, dtype)
	}
	w := widths[dtype]
	n, err := checkedLen(t.Shape, len(t.Data)/w)
	if err != nil || n*w != len(t.Data) {
		return nil, fmt.Errorf("tensor %q: %w: shape %v in %d bytes of %s", t.Name, ErrFormat, t.Shape, len(t.Data), dtype)
	}
	out := make([]T, n)
	for i := range out {
		out[i] = read(t.Data[i*w:])
	}
	return out, nil
}

// ByName finds tensors by their names, which are distinct in a decoded file.
func ByName(tensors []Tensor) map[string]Tensor {
	out := make(map[string]Tensor, len(tensors))
	for _, t := range tensors {
		out[t.Name] = t
	}
	return out
}

// CheckFinite is an error that names the first NaN or infinity.
func CheckFinite(name string, values []float32) error {
	for i, x := range values {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return fmt.Errorf("%s: value %d is %v", name, i, x)
		}
	}
	return nil
}
