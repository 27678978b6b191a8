package parquet

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Encodings of values.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingDelta           = 5
	encodingDeltaLength     = 6
	encodingDeltaBytes      = 7
	encodingRLEDictionary   = 8
	encodingSplit           = 9
)

var encodings = []string{"PLAIN", "1", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED",
	"DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"}

func unsupported(what string, form int64) error {
	name := fmt.Sprint(form)
	if form >= 0 && form < int64(len(encodings)) {
		name = encodings[form]
	}
	return &files.Error{Err: fmt.Errorf("%w: %s encoded as %s", files.ErrFormat, what, name), Hint: saveFlat}
}

// batch is stored values of one physical type: ints of int32 and int64, floats,
// bools, or bytes of byte arrays and of int96.
type batch struct {
	ints   []int64
	floats []float64
	bools  []bool
	bytes  [][]byte
}

// decode decodes n values.
func (p *pages) decode(form int64, data []byte, n int) (batch, error) {
	l := p.leaf
	ints := l.physical == typeInt32 || l.physical == typeInt64
	switch {
	case form == encodingPlain:
		return l.decodePlain(data, n)
	case form == encodingRLE && l.physical == typeBoolean:
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return batch{}, files.ErrTruncated
		}
		levels, err := decodeHybrid[uint8](data[4:4+binary.LittleEndian.Uint32(data)], 1, n)
		out := batch{bools: make([]bool, len(levels))}
		for i, v := range levels {
			out.bools[i] = v == 1
		}
		return out, err
	case form == encodingDelta && ints:
		v, _, err := decodeDelta(data, n)
		if l.physical == typeInt32 {
			for i := range v {
				v[i] = int64(int32(v[i]))
			}
		}
		return batch{ints: v}, err
	case form == encodingDeltaLength && l.physical == typeByteArray:
		v, _, err := decodeDeltaLength(data, n)
		return batch{bytes: v}, err
	case form == encodingDeltaBytes && (l.physical == typeByteArray || l.physical == typeFixed):
		v, err := p.decodeDeltaBytes(data, n)
		for _, b := range v {
			if err == nil && l.width > 0 && len(b) != l.width {
				err = fmt.Errorf("%w: a value of %d bytes, want %d", files.ErrFormat, len(b), l.width)
			}
		}
		return batch{bytes: v}, err
	case form == encodingSplit && l.width > 1 && l.physical != typeInt96:
		return l.decodeSplit(data, n)
	}
	return batch{}, unsupported("values", form)
}

// decodePlain decodes n values that follow each other.
func (l leaf) decodePlain(data []byte, n int) (batch, error) {
	need := int64(n) * int64(l.width)
	switch l.physical {
	case typeBoolean:
		need = (int64(n) + 7) / 8
	case typeByteArray:
		need = int64(n) * 4
	}
	if need > int64(len(data)) {
		return batch{}, files.ErrTruncated
	}
	var out batch
	switch l.physical {
	case typeBoolean:
		out.bools = make([]bool, n)
		for i := range out.bools {
			out.bools[i] = data[i/8]>>(i%8)&1 == 1
		}
	case typeInt32:
		out.ints = make([]int64, n)
		for i := range out.ints {
			out.ints[i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case typeInt64:
		out.ints = make([]int64, n)
		for i := range out.ints {
			out.ints[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
	case typeFloat:
		out.floats = make([]float64, n)
		for i := range out.floats {
			out.floats[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case typeDouble:
		out.floats = make([]float64, n)
		for i := range out.floats {
			out.floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
	case typeByteArray:
		return decodePlainBytes(data, n)
	default:
		out.bytes = make([][]byte, n)
		for i := range out.bytes {
			out.bytes[i] = data[i*l.width : (i+1)*l.width : (i+1)*l.width]
		}
	}
	return out, nil
}

// decodePlainBytes decodes values after their lengths.
func decodePlainBytes(data []byte, n int) (batch, error) {
	out := batch{bytes: make([][]byte, n)}
	for i := range out.bytes {
		if len(data) < 4 {
			return out, files.ErrTruncated
		}
		size := binary.LittleEndian.Uint32(data)
		if data = data[4:]; uint64(size) > uint64(len(data)) {
			return out, files.ErrTruncated
		}
		out.bytes[i], data = data[:size:size], data[size:]
	}
	return out, nil
}

// decodeSplit decodes values whose first bytes lie together, then their second
// bytes, and so on.
func (l leaf) decodeSplit(data []byte, n int) (batch, error) {
	if int64(len(data)) < int64(n)*int64(l.width) {
		return batch{}, files.ErrTruncated
	}
	plain := make([]byte, n*l.width)
	for i := range plain {
		plain[i] = data[i%l.width*n+i/l.width]
	}
	return l.decodePlain(plain, n)
}

// pick takes n values of a dictionary, by indices after their width in bits.
func (b batch) pick(data []byte, n int) (batch, error) {
	if n == 0 {
		return batch{}, nil
	}
	if len(data) == 0 {
		return batch{}, files.ErrTruncated
	}
	if data[0] > 32 {
		return batch{}, fmt.Errorf("%w: indices of %d bits", files.ErrFormat, data[0])
	}
	at, err := decodeHybrid[uint32](data[1:], int(data[0]), n)
	if err != nil {
		return batch{}, err
	}
	var out batch
	size := uint32(max(len(b.ints), len(b.floats), len(b.bools), len(b.bytes)))
	for _, i := range at {
		switch {
		case i >= size:
			return batch{}, fmt.Errorf("%w: value %d of a dictionary of %d", files.ErrFormat, i, size)
		case b.ints != nil:
			out.ints = append(out.ints, b.ints[i])
		case b.floats != nil:
			out.floats = append(out.floats, b.floats[i])
		case b.bools != nil:
			out.bools = append(out.bools, b.bools[i])
		default:
			out.bytes = append(out.bytes, b.bytes[i])
		}
	}
	return out, nil
}

// decodeHybrid decodes n numbers of a width in bits, at most that of T: runs of
// one number, and groups of eight packed ones.
func decodeHybrid[T uint8 | uint32](data []byte, width, n int) ([]T, error) {
	out := make([]T, 0, n)
	for len(out) < n {
		head, used := binary.Uvarint(data)
		if used <= 0 || used > 5 {
			return nil, files.ErrTruncated
		}
		data = data[used:]
		if head&1 == 0 {
			size := (width + 7) / 8
			if len(data) < size {
				return nil, files.ErrTruncated
			}
			var value uint32
			for i := range size {
				value |= uint32(data[i]) << (8 * i)
			}
			data = data[size:]
			if head == 0 {
				return nil, fmt.Errorf("%w: a run of no values", files.ErrFormat)
			}
			for range min(head>>1, uint64(n-len(out))) {
				out = append(out, T(value))
			}
			continue
		}
		count := min(int64(head>>1)*8, int64(n-len(out)))
		if count == 0 || (count*int64(width)+7)/8 > int64(len(data)) {
			return nil, files.ErrTruncated
		}
		for i := range int(count) {
			out = append(out, T(unpackBits(data, i*width, width)))
		}
		data = data[min(int64(head>>1)*int64(width), int64(len(data))):]
	}
	return out, nil
}

// unpackBits is the number of width bits from a bit on.
func unpackBits(data []byte, from, width int) uint64 {
	var v uint64
	for got := 0; got < width; {
		bit := from + got
		take := min(8-bit%8, width-got)
		v |= uint64(data[bit/8]>>(bit%8)&byte(1<<take-1)) << got
		got += take
	}
	return v
}
