package frequency

import "io"

// Binary arithmetic coding in integers: an interval of 32 bits is divided by each bit
// in proportion to its probability, and a byte is written whenever the width falls
// below narrow. The last byte makes the number the least multiple of 2^24 in the
// interval, and a zero byte closes the stream; so the length follows from the bits,
// every content has one stream, and a stream that lost its last byte is refused.
const (
	full   = 1<<32 - 1
	narrow = 1 << 24
	// one is the probability 1.
	one = 1 << 16
)

// binary codes one bit, of which a one has the probability p / one: an encoder writes
// the given bit, a decoder ignores it and reads one. Either returns the bit.
type binary interface {
	code(bit int, p uint32) int
	// failed reports whether the stream has ended before its content.
	failed() bool
}

// encoder writes a stream.
type encoder struct {
	low, width uint64
	out        []byte
}

func newEncoder() *encoder { return &encoder{width: full} }

func (e *encoder) code(bit int, p uint32) int {
	bound := e.width * uint64(p) >> 16
	if bit != 0 {
		e.width = bound
	} else {
		e.low += bound
		e.width -= bound
	}
	for e.width < narrow {
		e.emit()
		e.width <<= 8
	}
	return bit
}

// emit writes the highest byte of low and carries into the bytes before it.
func (e *encoder) emit() {
	if e.low > full {
		for i := len(e.out) - 1; ; i-- {
			e.out[i]++
			if e.out[i] != 0 {
				break
			}
		}
	}
	e.out = append(e.out, byte(e.low>>24))
	e.low = e.low << 8 & full
}

func (e *encoder) failed() bool { return false }

// close is the whole stream.
func (e *encoder) close() []byte {
	e.low += narrow - 1
	e.emit()
	return append(e.out, 0)
}

// decoder reads a stream.
type decoder struct {
	offset, width uint64 // of the number from the low end of the interval
	in            io.ByteReader
	size          int  // bytes of the stream
	read          int  // bytes, with those behind the end
	last          byte // of the stream, as far as it was read
	err           error
}

func newDecoder(in io.ByteReader, size int) *decoder {
	d := &decoder{in: in, size: size, width: full}
	for range 4 {
		d.next()
	}
	return d
}

func (d *decoder) next() {
	d.offset <<= 8
	if d.read < d.size && d.err == nil {
		d.last, d.err = d.in.ReadByte()
		d.offset |= uint64(d.last)
	}
	d.read++
}

func (d *decoder) code(_ int, p uint32) int {
	bound := d.width * uint64(p) >> 16
	bit := 0
	if d.offset < bound {
		d.width, bit = bound, 1
	} else {
		d.offset -= bound
		d.width -= bound
	}
	for d.width < narrow {
		d.next()
		d.width <<= 8
	}
	return bit
}

// surplus is how many bytes are read at the end of a stream behind its last byte.
const surplus = 2

func (d *decoder) failed() bool { return d.err != nil || d.read > d.size+surplus }

// whole reports whether the stream ended with its content, as an encoder ends it.
func (d *decoder) whole() bool {
	return d.err == nil && d.read == d.size+surplus && d.last == 0 && d.offset < narrow
}
