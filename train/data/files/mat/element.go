package mat

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// element is the rest of an element that contains others.
type element struct {
	d    *decoder
	r    io.Reader
	left int64
}

func (e *element) read(p []byte) error {
	if int64(len(p)) > e.left {
		return fmt.Errorf("%w: a part of an array is longer than the array", files.ErrFormat)
	}
	n, err := io.ReadFull(e.r, p)
	e.left -= int64(n)
	return orTruncated(err)
}

// drain reads and discards the rest.
func (e *element) drain() error { return e.skip(e.left) }

func (e *element) skip(n int64) error {
	got, err := io.CopyN(io.Discard, e.r, n)
	e.left -= got
	return orTruncated(err)
}

// readTag reads the type and size of the next part. A part of at most four
// bytes may be in the tag itself, at the end of small.
func (e *element) readTag() (kind uint32, size int64, small []byte, err error) {
	var tag [8]byte
	if err = e.read(tag[:]); err != nil {
		return 0, 0, nil, err
	}
	kind, n := e.d.order.Uint32(tag[:]), e.d.order.Uint32(tag[4:])
	if short := kind >> 16; short > 0 {
		if short > 4 {
			return 0, 0, nil, fmt.Errorf("%w: a small part of %d bytes", files.ErrFormat, short)
		}
		return kind & 0xffff, int64(short), tag[4 : 4+short], nil
	}
	return kind, int64(n), nil, nil
}

// readPart reads the next part, of at most limit bytes, and its padding to a
// multiple of eight. Memory grows with the bytes that are read.
func (e *element) readPart(limit int64) (kind uint32, data []byte, err error) {
	kind, size, small, err := e.readTag()
	switch {
	case err != nil || small != nil:
		return kind, small, err
	case size > e.left:
		return 0, nil, fmt.Errorf("%w: a part of an array is longer than the array", files.ErrFormat)
	case size > limit:
		return 0, nil, fmt.Errorf("%w: a part of %d bytes, want at most %d", files.ErrFormat, size, limit)
	}
	if err := e.d.charge(size); err != nil {
		return 0, nil, err
	}
	data = make([]byte, 0, min(size, 1<<16))
	for int64(len(data)) < size {
		if len(data) == cap(data) {
			data = append(make([]byte, 0, min(size, 4*int64(len(data)))), data...)
		}
		from := len(data)
		data = data[:cap(data)]
		if err := e.read(data[from:]); err != nil {
			return 0, nil, err
		}
	}
	return kind, data, e.skip(min(-size&7, e.left))
}

// readInts reads a part of whole numbers of 32 bits.
func (e *element) readInts(limit int) ([]int32, error) {
	kind, data, err := e.readPart(4 * int64(limit))
	if err != nil {
		return nil, err
	}
	if kind != typeInt32 && kind != typeUint32 || len(data)%4 != 0 {
		return nil, fmt.Errorf("%w: a part of type %d, want whole numbers", files.ErrFormat, kind)
	}
	out := make([]int32, len(data)/4)
	for i := range out {
		out[i] = int32(e.d.order.Uint32(data[4*i:]))
	}
	return out, nil
}

const (
	maxName  = 1 << 12
	maxDims  = 32
	maxNames = 1 << 20 // bytes of the names of a struct's fields
)

// readDims reads the dimensions and their product.
func (e *element) readDims() (dims []int, n int, err error) {
	ints, err := e.readInts(maxDims)
	if err != nil {
		return nil, 0, err
	}
	if len(ints) < 2 {
		return nil, 0, fmt.Errorf("%w: an array of %d dimensions, want at least 2", files.ErrFormat, len(ints))
	}
	n = 1
	for _, d := range ints {
		if d < 0 || d > 0 && n > math.MaxInt32/int(d) {
			return nil, 0, fmt.Errorf("%w: an array of %v", files.ErrFormat, ints)
		}
		n *= max(int(d), 1)
		dims = append(dims, int(d))
	}
	for _, d := range dims {
		n *= min(d, 1) // 0 when a dimension is 0
	}
	return dims, n, nil
}

func (e *element) readName() (string, error) {
	kind, data, err := e.readPart(maxName)
	if err == nil && kind != typeInt8 && kind != typeUint8 && kind != typeUTF8 {
		err = fmt.Errorf("%w: a name of type %d", files.ErrFormat, kind)
	}
	return printable(data), err
}

// printable is a name without its padding of zeros.
func printable(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(s, "?")
}
