package filestest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Raw are values as NumPy stores them under a type such as <f4, |u1, >i8, <f12 and
// <f16 (x87) or <q16 (quadruple precision, which NumPy calls f16 too).
func Raw(dtype string, values []float64) (out []byte) {
	var order binary.AppendByteOrder = binary.LittleEndian
	if dtype[0] == '>' {
		order = binary.BigEndian
	}
	for _, v := range values {
		switch kind := strings.TrimLeft(dtype, "<>=|"); kind {
		case "u1", "i1", "b1":
			out = append(out, byte(int64(v)))
		case "u2", "i2":
			out = order.AppendUint16(out, uint16(int64(v)))
		case "u4", "i4":
			out = order.AppendUint32(out, uint32(int64(v)))
		case "u8", "i8":
			out = order.AppendUint64(out, uint64(int64(v)))
		case "f4":
			out = order.AppendUint32(out, math.Float32bits(float32(v)))
		case "f8":
			out = order.AppendUint64(out, math.Float64bits(v))
		case "f12", "f16", "q16":
			b := long(v, kind)
			if dtype[0] == '>' {
				slices.Reverse(b)
			}
			out = append(out, b...)
		default:
			panic("no type " + dtype)
		}
	}
	return out
}

// long is a long double, little-endian.
func long(v float64, kind string) []byte {
	fraction, exponent := math.Frexp(math.Abs(v)) // in [0.5, 1)
	sign := uint16(0)
	if math.Signbit(v) {
		sign = 1 << 15
	}
	top, mantissa := sign, uint64(0)
	if v != 0 {
		top, mantissa = sign|uint16(exponent+16382), uint64(math.Ldexp(fraction, 64))
	}
	if kind == "q16" {
		b := binary.LittleEndian.AppendUint64(nil, mantissa<<49)
		b = binary.LittleEndian.AppendUint64(b, mantissa>>15&(1<<48-1))
		binary.LittleEndian.PutUint16(b[14:], top)
		return b
	}
	b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint64(nil, mantissa), top)
	return append(b, make([]byte, map[string]int{"f12": 2, "f16": 6}[kind])...)
}

// FortranOrder reorders row-major values so that the first dimension is fastest.
func FortranOrder[T any](values []T, dims []int) []T {
	out := make([]T, 0, len(values))
	index := make([]int, len(dims))
	for range values {
		at := 0
		for d, i := range index {
			at = at*dims[d] + i
		}
		out = append(out, values[at])
		for d := range index {
			if index[d]++; index[d] < dims[d] {
				break
			}
			index[d] = 0
		}
	}
	return out
}

// ShapeText writes dimensions as a tuple.
func ShapeText(dims []int) string {
	words := make([]string, len(dims))
	for i, d := range dims {
		words[i] = fmt.Sprint(d)
	}
	if len(words) == 1 {
		return "(" + words[0] + ",)"
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// Array is a .npy file of row-major values.
func Array(dtype string, dims []int, values []float64) []byte {
	return NumPy(strings.Replace(dtype, "q16", "f16", 1), false, ShapeText(dims), Raw(dtype, values))
}

// Words is a .npy file of text.
func Words(words ...string) []byte {
	most := 1
	for _, w := range words {
		most = max(most, len([]rune(w)))
	}
	var b []byte
	for _, w := range words {
		runes := []rune(w)
		for i := range most {
			r := rune(0)
			if i < len(runes) {
				r = runes[i]
			}
			b = binary.LittleEndian.AppendUint32(b, uint32(r))
		}
	}
	return NumPy(fmt.Sprintf("<U%d", most), false, ShapeText([]int{len(words)}), b)
}

// Matrix is one numeric variable of a MATLAB file; its values are row-major.
type Matrix struct {
	Name   string
	Dims   []int
	Values []float64
}

// Mat is a MATLAB file of level 5 that holds doubles.
func Mat(all ...Matrix) []byte {
	out := bytes.Repeat([]byte(" "), 124)
	copy(out, "MATLAB 5.0 MAT-file")
	out = append(out, 0, 1, 'I', 'M')
	part := func(kind uint32, content []byte) []byte {
		b := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, kind), uint32(len(content)))
		return append(append(b, content...), make([]byte, -len(content)&7)...)
	}
	for _, m := range all {
		var dims []byte
		for _, d := range m.Dims {
			dims = binary.LittleEndian.AppendUint32(dims, uint32(d))
		}
		body := slices.Concat(part(6, []byte{6, 0, 0, 0, 0, 0, 0, 0}), part(5, dims), part(1, []byte(m.Name)),
			part(9, Raw("<f8", FortranOrder(m.Values, m.Dims))))
		out = append(out, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 14),
			uint32(len(body)))...)
		out = append(out, body...)
	}
	return out
}
