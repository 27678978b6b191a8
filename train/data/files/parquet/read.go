package parquet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Values are the values of a column, in the order of the rows. Those of a Number
// are Ints or, when they are no whole numbers, Floats; those of a Time Floats;
// of a Bool Bools; of Text and Bytes Bytes. The others are nil.
type Values struct {
	Ints   []int64
	Floats []float64
	Bools  []bool
	Bytes  [][]byte // those of equal content may share memory
	// Null says which rows have no value; nil when all have one. Their place
	// among the values holds zeros.
	Null []bool
	// Dims are the lengths of the lists that each row has, outermost first; the
	// values of a row follow each other. Empty of columns without lists.
	Dims []int
}

// Read reads a column. Of lists all rows must have the same lengths, and nothing
// in them may be null. Errors are of type *files.Error and wrap those of Open,
// or files.ErrValue of a number that this program cannot hold.
func (t *Table) Read(name string) (*Values, error) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil, explained(fmt.Errorf("%w: no column %q", files.ErrFormat, name), files.Whole)
	}
	where := fmt.Sprintf("column %q", name)
	if t.Columns[i].Kind == Unsupported {
		cause := fmt.Errorf("%w: %s are not supported", files.ErrFormat, t.Columns[i].Reason)
		return nil, &files.Error{Place: where, Err: cause, Hint: saveFlat}
	}
	v, err := t.read(i)
	if err != nil {
		return nil, explained(err, where)
	}
	return v, nil
}

// errPanic is the cause of a panic in a library, or at an index beyond 32 bits
// on machines of 32 bits.
var errPanic = fmt.Errorf("%w: a column that makes no sense", files.ErrFormat)

func (t *Table) read(i int) (v *Values, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, errPanic
		}
	}()
	l := t.leaves[i]
	a := &assembler{t: t, leaf: l, rows: t.Rows, count: make([]int, l.maxRep)}
	p := &pages{t: t, leaf: l, work: 4 * t.limit.Bytes}
	defer p.unpack.close()
	for n, g := range t.groups {
		c := g.chunks[i]
		if l.maxRep == 0 && c.values != int64(g.rows) {
			return nil, fmt.Errorf("%w: %d values in %d rows", files.ErrFormat, c.values, g.rows)
		}
		p.chunk, p.dictionary, p.hasDictionary = c, batch{}, false
		before := a.done
		for c.values > 0 {
			got, err := p.next(c.values)
			if err != nil {
				return nil, fmt.Errorf("row group %d: %w", n, err)
			}
			if err := a.add(got); err != nil {
				return nil, fmt.Errorf("row group %d: %w", n, err)
			}
			c.values -= int64(got.n)
		}
		if a.done-before != g.rows {
			return nil, fmt.Errorf("%w: row group %d has %d rows, want %d", files.ErrFormat, n, a.done-before, g.rows)
		}
	}
	return a.values()
}

// page is a part of a column: n values, of which those that are there lie in its
// batch.
type page struct {
	n        int
	rep, def []uint8 // levels; nil when all are 0 or the greatest
	batch
}

// pages reads the pages of one chunk after the other.
type pages struct {
	t             *Table
	leaf          leaf
	chunk         chunk
	dictionary    batch
	hasDictionary bool
	unpack        unpacker
	work          int64 // bytes that pages may still decompress to
}

// next reads the next page that has values, at most most.
func (p *pages) next(most int64) (page, error) {
	for {
		head, err := p.header()
		if err != nil {
			return page{}, err
		}
		data, err := p.data(head)
		if err != nil {
			return page{}, err
		}
		switch kind := head.int(1); kind {
		case 0, 3:
			sub := head.record(5)
			if kind == 3 {
				sub = head.record(8)
			}
			n := sub.int(1)
			if n < 0 || n > most {
				return page{}, fmt.Errorf("%w: a page of %d values, want at most %d", files.ErrFormat, n, most)
			}
			if n == 0 {
				continue
			}
			if err := p.t.chargeValues(n, p.leaf); err != nil {
				return page{}, err
			}
			if kind == 3 {
				return p.dataPage2(head, sub, data)
			}
			return p.dataPage(sub, data)
		case 2:
			if err := p.readDictionary(head.record(7), data); err != nil {
				return page{}, err
			}
		case 1: // an index
		default:
			return page{}, fmt.Errorf("%w: a page of type %d", files.ErrFormat, kind)
		}
	}
}

// cost is the memory of one value in bytes, about, without those it points to.
func (l leaf) cost() int64 {
	if l.physical == typeByteArray || l.physical == typeFixed || l.physical == typeInt96 {
		return 32
	}
	return 12
}

// costPage is the memory of one value besides, while its page is read.
const costPage = 16

// chargeValues counts the memory of n values.
func (t *Table) chargeValues(n int64, l leaf) error {
	if n > t.limit.Bytes {
		return t.charge(n)
	}
	if err := t.charge(n * (l.cost() + costPage)); err != nil {
		return err
	}
	t.used -= n * costPage
	return nil
}

// header reads the header of a page. It has no length, and texts in it may be
// long.
func (p *pages) header() (record, error) {
	const most = 1 << 24
	for window := int64(1 << 10); ; window *= 16 {
		size := min(window, p.chunk.end-p.chunk.start)
		buffer := make([]byte, size)
		if err := readAt(p.t.r, buffer, p.chunk.start); err != nil {
			return nil, err
		}
		head, used, err := decodeThrift(buffer)
		if err == nil {
			p.chunk.start += int64(used)
			return head, nil
		}
		if size < window || window >= most {
			return nil, fmt.Errorf("the header of a page: %w", err)
		}
	}
}

// data reads the bytes of a page and, unless only a part of them is compressed,
// decompresses them.
func (p *pages) data(head record) ([]byte, error) {
	size, full := head.int(3), head.int(2)
	switch left := p.chunk.end - p.chunk.start; {
	case size < 0 || full < 0 || size > left:
		return nil, fmt.Errorf("%w: a page of %d bytes where there are %d", files.ErrFormat, size, left)
	case full > p.work || size > p.work-full:
		return nil, fmt.Errorf("%w: pages that decompress to more than %d bytes", files.ErrTooLarge, 4*p.t.limit.Bytes)
	}
	p.work -= full + size
	if kept := p.leaf.physical == typeByteArray || p.leaf.physical == typeFixed; kept {
		if err := p.t.charge(full); err != nil {
			return nil, err
		}
	}
	if full > p.t.limit.Bytes || size > p.t.limit.Bytes {
		return nil, p.t.charge(p.t.limit.Bytes + 1)
	}
	raw := make([]byte, size)
	if err := readAt(p.t.r, raw, p.chunk.start); err != nil {
		return nil, err
	}
	p.chunk.start += size
	if head.has(4) && uint32(head.int(4)) != crc32.ChecksumIEEE(raw) {
		return nil, fmt.Errorf("%w: a page whose checksum is another", files.ErrFormat)
	}
	if head.int(1) == 3 {
		return raw, nil
	}
	return p.unpack.unpack(p.chunk.codec, raw, full)
}

func (p *pages) readDictionary(head record, data []byte) error {
	n := head.int(1)
	if p.hasDictionary || head == nil || n < 0 || head.int(2) != encodingPlain && head.int(2) != encodingPlainDictionary {
		return fmt.Errorf("%w: a dictionary that is none", files.ErrFormat)
	}
	if err := p.t.chargeValues(n, p.leaf); err != nil {
		return err
	}
	var err error
	p.dictionary, err = p.leaf.decodePlain(data, int(n))
	p.hasDictionary = true
	return err
}

// dataPage reads a page of the first form: levels after their lengths, values.
func (p *pages) dataPage(head record, data []byte) (page, error) {
	out := page{n: int(head.int(1))}
	for _, level := range []struct {
		into *[]uint8
		bits int
		form int64
	}{{&out.rep, p.leaf.repBits(), head.intOr(4, encodingRLE)}, {&out.def, p.leaf.defBits(), head.intOr(3, encodingRLE)}} {
		if level.bits == 0 {
			continue
		}
		if level.form != encodingRLE {
			return out, unsupported("levels", level.form)
		}
		if len(data) < 4 {
			return out, files.ErrTruncated
		}
		size := binary.LittleEndian.Uint32(data)
		if data = data[4:]; uint64(size) > uint64(len(data)) {
			return out, files.ErrTruncated
		}
		var err error
		if *level.into, err = decodeHybrid[uint8](data[:size], level.bits, out.n); err != nil {
			return out, err
		}
		data = data[size:]
	}
	return p.fill(out, head.int(2), data)
}

// dataPage2 reads a page of the second form: levels as they are, values that
// may be compressed.
func (p *pages) dataPage2(head, sub record, data []byte) (page, error) {
	out := page{n: int(sub.int(1))}
	rep, def := sub.int(6), sub.int(5)
	if rep < 0 || def < 0 || rep+def > int64(len(data)) || rep+def > head.int(2) {
		return out, fmt.Errorf("%w: levels of %d and %d bytes in a page of %d", files.ErrFormat, rep, def, len(data))
	}
	var err error
	if p.leaf.maxRep > 0 {
		if out.rep, err = decodeHybrid[uint8](data[:rep], p.leaf.repBits(), out.n); err != nil {
			return out, err
		}
	}
	if p.leaf.maxDef > 0 {
		if out.def, err = decodeHybrid[uint8](data[rep:rep+def], p.leaf.defBits(), out.n); err != nil {
			return out, err
		}
	}
	data = data[rep+def:]
	if compressed, told := sub.get(7).(bool); compressed || !told {
		if data, err = p.unpack.unpack(p.chunk.codec, data, head.int(2)-rep-def); err != nil {
			return out, err
		}
	}
	return p.fill(out, sub.int(4), data)
}

// fill decodes the values that are there.
func (p *pages) fill(out page, form int64, data []byte) (page, error) {
	there := out.n
	if p.leaf.maxDef > 0 {
		there = 0
		for _, level := range out.def {
			if int(level) > p.leaf.maxDef {
				return out, fmt.Errorf("%w: a level of %d, want at most %d", files.ErrFormat, level, p.leaf.maxDef)
			}
			if int(level) == p.leaf.maxDef {
				there++
			}
		}
	}
	for _, level := range out.rep {
		if int(level) > p.leaf.maxRep {
			return out, fmt.Errorf("%w: a level of %d, want at most %d", files.ErrFormat, level, p.leaf.maxRep)
		}
	}
	if there == 0 {
		return out, nil
	}
	var err error
	if form == encodingRLEDictionary || form == encodingPlainDictionary {
		if !p.hasDictionary {
			return out, fmt.Errorf("%w: a page without its dictionary", files.ErrFormat)
		}
		out.batch, err = p.dictionary.pick(data, there)
	} else {
		out.batch, err = p.decode(form, data, there)
	}
	return out, err
}
