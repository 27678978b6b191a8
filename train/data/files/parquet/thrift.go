package parquet

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// record is a struct of the metadata: values by number. The compact protocol of
// Thrift is read without a schema, so that memory is bounded by its bytes.
type record []field

type field struct {
	id    int16
	value any // bool, int64, float64, []byte, []any or record
}

func (r record) get(id int16) any {
	for _, f := range r {
		if f.id == id {
			return f.value
		}
	}
	return nil
}

func (r record) has(id int16) bool { return r.get(id) != nil }

func (r record) int(id int16) int64 {
	v, _ := r.get(id).(int64)
	return v
}

// intOr is a number that may be left out.
func (r record) intOr(id int16, other int64) int64 {
	if v, ok := r.get(id).(int64); ok {
		return v
	}
	return other
}

func (r record) bytes(id int16) []byte {
	v, _ := r.get(id).([]byte)
	return v
}

func (r record) list(id int16) []any {
	v, _ := r.get(id).([]any)
	return v
}

func (r record) record(id int16) record {
	v, _ := r.get(id).(record)
	return v
}

// maxNesting bounds structs and lists inside each other; Parquet needs 8.
const maxNesting = 24

// thrift reads the compact protocol.
type thrift struct {
	b    []byte
	used int
}

// decodeThrift reads one struct and says how many bytes it has.
func decodeThrift(b []byte) (record, int, error) {
	t := thrift{b: b}
	r, err := t.readRecord(0)
	return r, t.used, err
}

func (t *thrift) readByte() (byte, error) {
	if t.used == len(t.b) {
		return 0, files.ErrTruncated
	}
	t.used++
	return t.b[t.used-1], nil
}

func (t *thrift) readUint() (uint64, error) {
	v, n := binary.Uvarint(t.b[t.used:])
	if t.used += max(n, 0); n == 0 {
		return 0, files.ErrTruncated
	}
	if n < 0 {
		return 0, fmt.Errorf("%w: a number of more than 64 bits", files.ErrFormat)
	}
	return v, nil
}

func (t *thrift) readInt() (int64, error) {
	v, err := t.readUint()
	return zigzag(v), err
}

func zigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func (t *thrift) readRecord(depth int) (record, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("%w: the description nests more than %d deep", files.ErrFormat, maxNesting)
	}
	out, id := record{}, int16(0)
	for {
		head, err := t.readByte()
		if err != nil || head == 0 {
			return out, err
		}
		if delta := head >> 4; delta > 0 {
			id += int16(delta)
		} else {
			v, err := t.readInt()
			if err != nil {
				return nil, err
			}
			id = int16(v)
		}
		var value any
		if kind := head & 15; kind == 1 || kind == 2 {
			value = kind == 1
		} else if value, err = t.readValue(kind, depth); err != nil {
			return nil, err
		}
		out = append(out, field{id, value})
	}
}

// readValue reads a value as it lies in a list.
func (t *thrift) readValue(kind byte, depth int) (any, error) {
	switch kind {
	case 1, 2:
		b, err := t.readByte()
		return b == 1, err
	case 3:
		b, err := t.readByte()
		return int64(int8(b)), err
	case 4, 5, 6:
		return t.readInt()
	case 7:
		if len(t.b)-t.used < 8 {
			return nil, files.ErrTruncated
		}
		t.used += 8
		return math.Float64frombits(binary.LittleEndian.Uint64(t.b[t.used-8:])), nil
	case 8:
		n, err := t.readUint()
		if err != nil {
			return nil, err
		}
		if n > uint64(len(t.b)-t.used) {
			return nil, files.ErrTruncated
		}
		t.used += int(n)
		return t.b[t.used-int(n) : t.used : t.used], nil
	case 9, 10:
		return t.readList(depth + 1)
	case 12:
		return t.readRecord(depth + 1)
	}
	return nil, fmt.Errorf("%w: a value of type %d in the description", files.ErrFormat, kind)
}

func (t *thrift) readList(depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("%w: the description nests more than %d deep", files.ErrFormat, maxNesting)
	}
	head, err := t.readByte()
	if err != nil {
		return nil, err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = t.readUint(); err != nil {
			return nil, err
		}
	}
	if n > uint64(len(t.b)-t.used) { // a value has at least one byte
		return nil, files.ErrTruncated
	}
	out := []any{}
	for range n {
		v, err := t.readValue(head&15, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
