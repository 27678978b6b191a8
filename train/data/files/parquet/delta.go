package parquet

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// varint reads a number of at most 64 bits.
func varint(data []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(data)
	if n <= 0 {
		return 0, nil, files.ErrTruncated
	}
	return v, data[n:], nil
}

// decodeDelta decodes n whole numbers as differences in blocks, each of which
// has a least difference and widths of the rest. It also returns what follows.
func decodeDelta(data []byte, n int) (out []int64, rest []byte, err error) {
	var head [4]uint64 // values and groups in a block, values, the first
	for i := range head {
		if head[i], data, err = varint(data); err != nil {
			return nil, nil, err
		}
	}
	block, groups := head[0], head[1]
	known := block > 0 && block <= 1<<20 && groups > 0 && groups <= block && block%groups == 0 && block/groups%8 == 0
	if !known || head[2] != uint64(n) {
		return nil, nil, fmt.Errorf("%w: differences of %d numbers in blocks of %d, want %d numbers", files.ErrFormat,
			head[2], block, n)
	}
	if n == 0 {
		return nil, data, nil
	}
	out = append(make([]int64, 0, n), zigzag(head[3]))
	size := int(block / groups)
	for len(out) < n {
		least, more, err := varint(data)
		if err != nil {
			return nil, nil, err
		}
		if uint64(len(more)) < groups {
			return nil, nil, files.ErrTruncated
		}
		widths := more[:groups]
		data = more[groups:]
		for _, width := range widths {
			if len(out) == n {
				break
			}
			if width > 64 {
				return nil, nil, fmt.Errorf("%w: differences of %d bits", files.ErrFormat, width)
			}
			take := min(size, n-len(out))
			if (take*int(width)+7)/8 > len(data) {
				return nil, nil, files.ErrTruncated
			}
			for i := range take {
				out = append(out, out[len(out)-1]+zigzag(least)+int64(unpackBits(data, i*int(width), int(width))))
			}
			data = data[min(size*int(width)/8, len(data)):]
		}
	}
	return out, data, nil
}

// decodeDeltaLength decodes n values after all their lengths.
func decodeDeltaLength(data []byte, n int) (out [][]byte, rest []byte, err error) {
	sizes, data, err := decodeDelta(data, n)
	if err != nil {
		return nil, nil, err
	}
	out = make([][]byte, n)
	for i, size := range sizes {
		if size < 0 || size > int64(len(data)) {
			return nil, nil, files.ErrTruncated
		}
		out[i], data = data[:size:size], data[size:]
	}
	return out, data, nil
}

// decodeDeltaBytes decodes n values that begin as the ones before. Short data may
// stand for many bytes, so that they are counted.
func (p *pages) decodeDeltaBytes(data []byte, n int) ([][]byte, error) {
	shared, data, err := decodeDelta(data, n)
	if err != nil {
		return nil, err
	}
	ends, _, err := decodeDeltaLength(data, n)
	if err != nil {
		return nil, err
	}
	var last []byte
	for i, size := range shared {
		if size < 0 || size > int64(len(last)) {
			return nil, fmt.Errorf("%w: %d bytes shared with a value of %d", files.ErrFormat, size, len(last))
		}
		if size > 0 {
			if err := p.t.charge(size + int64(len(ends[i]))); err != nil {
				return nil, err
			}
			ends[i] = slices.Concat(last[:size], ends[i])
		}
		last = ends[i]
	}
	return ends, nil
}
