package parquet

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/x448/float16"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// assembler assigns the values of pages to their rows.
type assembler struct {
	t    *Table
	leaf leaf
	rows int
	done int // rows that have begun

	all   batch
	null  []bool // by row; nil while there is none
	dims  []int  // by list, outermost first; nil before the first row with a value
	count []int  // elements of the lists of the last row, so far
	open  bool   // the last row has lists that are not compared yet
}

// add takes the values of a page.
func (a *assembler) add(p page) error {
	if a.leaf.maxRep == 0 {
		return a.addPlain(p)
	}
	for i := range p.n {
		if err := a.addEntry(int(p.rep[i]), p.level(i, a.leaf)); err != nil {
			return err
		}
	}
	a.all.append(p.batch)
	return nil
}

// level is the definition level of a value.
func (p *page) level(i int, l leaf) int {
	if p.def == nil {
		return l.maxDef
	}
	return int(p.def[i])
}

// addPlain adds values that are no lists, with zeros for those that are not
// there.
func (a *assembler) addPlain(p page) error {
	if a.done+p.n > a.rows {
		return fmt.Errorf("%w: more values than rows", files.ErrFormat)
	}
	next := 0
	for i := 0; i < p.n; {
		from := i
		for i < p.n && p.level(i, a.leaf) == a.leaf.maxDef {
			i++
		}
		a.all.append(p.batch.slice(next, next+i-from))
		for next += i - from; i < p.n && p.level(i, a.leaf) < a.leaf.maxDef; i++ {
			a.setNull(a.done + i)
			a.all.appendZeros(a.leaf, 1)
		}
	}
	a.done += p.n
	return nil
}

func (a *assembler) setNull(row int) {
	if a.null == nil {
		a.null = make([]bool, a.rows)
	}
	a.null[row] = true
}

// addEntry counts one value of a list, or a list that is empty or not there. rep
// says in which list it is a further element; def, which of them it lies in.
func (a *assembler) addEntry(rep, def int) error {
	l := a.leaf
	if rep == 0 {
		if err := a.close(0); err != nil {
			return err
		}
		if a.done == a.rows {
			return fmt.Errorf("%w: more lists than rows", files.ErrFormat)
		}
		a.done++
		if l.listDef[0]-1 > def {
			a.setNull(a.done - 1)
			return nil
		}
		a.open = true
	} else {
		if !a.open || def < l.listDef[rep-1] || a.count[rep-1] == 0 {
			return fmt.Errorf("%w: an element of a list that has not begun", files.ErrFormat)
		}
		if err := a.close(rep); err != nil {
			return err
		}
		a.count[rep-1]++
	}
	for k := rep; k < l.maxRep; k++ {
		if a.count[k] = 0; def >= l.listDef[k] {
			a.count[k] = 1
		} else if k > 0 && def < l.listDef[k]-1 && def >= l.listDef[k-1] {
			return ragged(fmt.Errorf("%w: row %d has a list that is null in a list", files.ErrFormat, a.done-1))
		}
	}
	if def < l.maxDef && def >= l.listDef[l.maxRep-1] {
		return ragged(fmt.Errorf("%w: row %d has a null in a list", files.ErrFormat, a.done-1))
	}
	return nil
}

func ragged(err error) error {
	return &files.Error{Err: err, Hint: "leave this column out, or save lists of one length without nulls"}
}

// close compares the lengths of the lists in the list at a depth, all of which
// have ended.
func (a *assembler) close(depth int) error {
	if !a.open {
		return nil
	}
	if a.dims == nil {
		a.dims = slices.Repeat([]int{-1}, a.leaf.maxRep)
	}
	for k := a.leaf.maxRep - 1; k >= depth; k-- {
		if k > 0 && a.count[k-1] == 0 {
			continue // there is no such list
		}
		if a.dims[k] < 0 {
			a.dims[k] = a.count[k]
		}
		if a.dims[k] != a.count[k] {
			return ragged(fmt.Errorf("%w: row %d has a list of %d values, those before of %d",
				files.ErrFormat, a.done-1, a.count[k], a.dims[k]))
		}
	}
	if depth == 0 {
		a.open = false
	}
	return nil
}

// values are those of all rows, as they are meant.
func (a *assembler) values() (*Values, error) {
	if err := a.close(0); err != nil {
		return nil, err
	}
	if a.leaf.maxRep > 0 {
		if err := a.spread(); err != nil {
			return nil, err
		}
	}
	out := &Values{Null: a.null, Dims: a.dims}
	out.Ints, out.Floats, out.Bools, out.Bytes = a.all.ints, a.all.floats, a.all.bools, a.all.bytes
	err := a.leaf.convert(out)
	return out, err
}

// spread puts zeros at the places of rows without a list.
func (a *assembler) spread() error {
	size := 1
	for k := range a.leaf.maxRep {
		if a.dims == nil || a.dims[k] < 0 { // no row has a value
			a.dims = make([]int, a.leaf.maxRep)
		}
		size *= a.dims[k]
	}
	if want := int64(a.full()) * int64(size); int64(a.all.len()) != want {
		return fmt.Errorf("%w: %d values in lists of %d", files.ErrFormat, a.all.len(), want)
	}
	if a.null == nil || size == 0 {
		return nil
	}
	if int64(size) > a.t.limit.Bytes/int64(max(a.rows, 1)) {
		return a.t.charge(a.t.limit.Bytes + 1)
	}
	if err := a.t.charge(int64(size) * int64(a.rows) * a.leaf.cost()); err != nil {
		return err
	}
	var out batch
	next := 0
	for _, null := range a.null {
		if null {
			out.appendZeros(a.leaf, size)
			continue
		}
		out.append(a.all.slice(next, next+size))
		next += size
	}
	a.all = out
	return nil
}

// full is the number of rows with a list.
func (a *assembler) full() int {
	n := a.rows
	for _, null := range a.null {
		if null {
			n--
		}
	}
	return n
}

func (b *batch) len() int { return len(b.ints) + len(b.floats) + len(b.bools) + len(b.bytes) }

func (b *batch) append(more batch) {
	b.ints, b.floats = append(b.ints, more.ints...), append(b.floats, more.floats...)
	b.bools, b.bytes = append(b.bools, more.bools...), append(b.bytes, more.bytes...)
}

func (b *batch) appendZeros(l leaf, n int) {
	for range n {
		switch l.physical {
		case typeBoolean:
			b.bools = append(b.bools, false)
		case typeInt32, typeInt64:
			b.ints = append(b.ints, 0)
		case typeFloat, typeDouble:
			b.floats = append(b.floats, 0)
		default:
			b.bytes = append(b.bytes, nil)
		}
	}
}

func (b *batch) slice(from, to int) (out batch) {
	switch {
	case from == to:
	case b.ints != nil:
		out.ints = b.ints[from:to]
	case b.floats != nil:
		out.floats = b.floats[from:to]
	case b.bools != nil:
		out.bools = b.bools[from:to]
	default:
		out.bytes = b.bytes[from:to]
	}
	return out
}

// convert turns stored values into what they mean.
func (l leaf) convert(v *Values) error {
	if l.unsigned {
		for i, n := range v.Ints {
			if l.physical == typeInt32 {
				v.Ints[i] = int64(uint32(n))
			} else if n < 0 {
				cause := fmt.Errorf("%w: value %d, %d, is too large, the most is 2^63-1", files.ErrValue, i, uint64(n))
				return &files.Error{Err: cause, Hint: "save the column as signed integers or floats"}
			}
		}
	}
	if l.physical == typeInt96 || l.half || l.decimal {
		v.Floats = make([]float64, len(v.Bytes))
		for i, b := range v.Bytes {
			if b != nil {
				v.Floats[i] = l.float(b)
			}
		}
		v.Bytes = nil
	}
	if l.per != 0 && v.Ints != nil {
		v.Floats = make([]float64, len(v.Ints))
		for i, n := range v.Ints {
			v.Floats[i] = float64(n)
		}
		v.Ints = nil
	}
	if l.per != 0 {
		for i := range v.Floats {
			v.Floats[i] = v.Floats[i] * l.times / l.per
		}
	}
	return nil
}

// float is a number that is stored as bytes.
func (l leaf) float(b []byte) float64 {
	switch {
	case l.half:
		return float64(float16.Frombits(binary.LittleEndian.Uint16(b)).Float32())
	case l.physical == typeInt96: // nanoseconds of the day, and the Julian day
		const epoch, day = 2440588, 24 * 60 * 60
		return float64(int64(binary.LittleEndian.Uint32(b[8:]))-epoch)*day + float64(int64(binary.LittleEndian.Uint64(b)))/1e9
	}
	if len(b) == 0 {
		return 0
	}
	v := float64(int8(b[0])) // a whole number in two's complement, greatest byte first
	for _, c := range b[1:] {
		v = v*256 + float64(c)
	}
	return math.Max(-math.MaxFloat64, math.Min(v, math.MaxFloat64))
}
